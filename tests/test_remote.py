"""gs:// and s3:// through GDAL, against servers on this machine."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from rasterio.env import Env
from rasterio.session import DummySession
from safe_product import PRODUCT, make_safe, zip_safe
from scenes_made import pixels, write_tiff
from servers import S3Server, gcs_server, s3_server

from ceruleanml.datasets.build import make_dataset
from ceruleanml.datasets.options import BuildOptions
from ceruleanml.errors import SceneError, StorageError
from ceruleanml.scenes.reading import find_scenes
from ceruleanml.scenes.safe import open_safe
from ceruleanml.scenes.scene import Radiometry
from ceruleanml.vsi import VirtualFile, list_folder, read_file

DENOISED = Radiometry("sigma0_db", subtract_noise=True)


@pytest.fixture(scope="module")
def buckets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two buckets, `open` and `payer`, each with a product as folder, as zip and with the S3 bucket's names."""
    data = tmp_path_factory.mktemp("buckets")
    for bucket in ("open", "payer"):
        product = make_safe(data / bucket)
        zip_safe(product, data / bucket / f"{PRODUCT}.zip")
        make_safe(data / bucket / "GRD", bucket_names=True)
        write_tiff(data / bucket / "one.tif", pixels())
        (data / bucket / "lacking.SAFE").mkdir()
        (data / bucket / "lacking.SAFE" / "manifest.safe").write_bytes((product / "manifest.safe").read_bytes())
    return data


@pytest.fixture(scope="module")
def gcs(buckets: Path) -> Iterator[dict[str, str]]:
    with gcs_server(buckets) as environment:
        yield environment


@pytest.fixture(scope="module")
def s3(buckets: Path) -> Iterator[S3Server]:
    with s3_server(buckets) as server:
        yield server


@pytest.fixture(params=["gs", "s3"])
def remote(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The bucket's address, at each of the two servers."""
    server = request.getfixturevalue({"gs": "gcs", "s3": "s3"}[request.param])
    for name, value in (server if request.param == "gs" else server.environment).items():
        monkeypatch.setenv(name, value)
    return f"{request.param}://" + ("open" if request.param == "gs" else "payer")


@pytest.mark.parametrize("place", [f"{PRODUCT}.SAFE", f"{PRODUCT}.zip", f"GRD/{PRODUCT}"])
def test_a_product_in_a_bucket_is_the_local_one(remote, buckets, place):
    there = open_safe(f"{remote}/{place}", radiometry=DENOISED)
    here = open_safe(str(buckets / "open" / place), radiometry=DENOISED)
    assert there.scene_id == PRODUCT
    assert there.georeference == here.georeference
    assert np.array_equal(there.reader.rows(0, 24), here.reader.rows(0, 24))
    assert there.inputs[0].startswith(f"{remote}/{place}")


@pytest.mark.parametrize("place", ["one.tif", f"{PRODUCT}.SAFE", f"{PRODUCT}.zip"])
def test_a_data_set_of_a_bucket_has_the_tiles_of_a_local_one(remote, buckets, place, tmp_path):
    for name, location in (("there", f"{remote}/{place}"), ("here", str(buckets / "open" / place))):
        report = make_dataset([location], tmp_path / name, BuildOptions(tile_size=(32, 32)))
        assert report.failed == {} and report.tiles > 0
    there, here = (
        {p.name: p.read_bytes() for p in (tmp_path / name / "tiles").iterdir()} for name in ("there", "here")
    )
    assert there == here


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("*.SAFE", [f"{PRODUCT}.SAFE", "lacking.SAFE"]), ("*.tif", ["one.tif"]), ("?ne.[t]if", ["one.tif"]),
        ("*/S1A*", [f"GRD/{PRODUCT}"]), ("G*/*", [f"GRD/{PRODUCT}"]),
    ],
)  # fmt: skip
def test_a_pattern_names_scenes_of_a_bucket(remote, pattern, names):
    found = find_scenes([f"{remote}/{pattern}"])
    assert sorted(found) == sorted(f"{remote}/{name}" for name in names)


@pytest.mark.parametrize("pattern", ["*.png", "none/*.tif", "*/*.tif", "*.TIF"])
def test_a_pattern_that_names_none_is_told_as_one_of_files_here(remote, pattern):
    message = "no such file or folder, and as a pattern it matches no scene"
    for location in (f"{remote}/{pattern}", f"nowhere/{pattern}"):
        with pytest.raises(SceneError) as told:
            find_scenes([location])
        assert str(told.value) == f"{location}: {message}"
    with pytest.raises(SceneError, match="in a bucket write a . for each level"):
        find_scenes([f"{remote}/**/*.tif"])


def test_a_data_set_of_a_pattern_in_a_bucket(remote, buckets, tmp_path):
    make_dataset([f"{remote}/o*.tif"], tmp_path / "there", BuildOptions(tile_size=(32, 32)))
    record = json.loads((tmp_path / "there" / "dataset.json").read_text())
    assert record["arguments"]["scenes"] == [f"{remote}/one.tif"] and record["scenes"]["one"]["state"] == "built"


def test_what_is_not_in_the_bucket_is_named(remote):
    with pytest.raises(SceneError, match=f"^{remote}/nowhere.SAFE: is no Sentinel-1 product"):
        open_safe(f"{remote}/nowhere.SAFE")
    with pytest.raises(SceneError, match=f"^{remote}/nowhere.zip: cannot be read: "):
        open_safe(f"{remote}/nowhere.zip")


def test_names_come_from_the_manifest_where_folders_list_nothing(remote):
    with pytest.raises(SceneError, match=f"^{remote}/lacking.SAFE/annotation/s1a-.*-001.xml: cannot be read"):
        open_safe(f"{remote}/lacking.SAFE")


def test_bytes_and_names(remote, buckets):
    names = ["annotation", "manifest.safe", "measurement"]
    assert list_folder(f"{remote}/{PRODUCT}.SAFE") == names
    assert list_folder(f"{remote}/no/such/folder") == []
    local = buckets / "open" / f"{PRODUCT}.SAFE" / "manifest.safe"
    assert read_file(f"{remote}/{PRODUCT}.SAFE/manifest.safe") == local.read_bytes() == read_file(str(local))
    with pytest.raises(StorageError, match=f"^{remote}/no/such/file: cannot be read: "):
        read_file(f"{remote}/no/such/file")


def test_the_requester_pays_on_s3(s3, monkeypatch):
    for name, value in s3.environment.items():
        monkeypatch.setenv(name, value)
    (s3.data / "payer" / "paid").write_bytes(b"content")
    (s3.data / "payer" / "unpaid").write_bytes(b"content")
    asked = len(s3.requests)
    assert read_file("s3://payer/paid") == b"content"
    assert {payer for *_, payer in s3.requests[asked:]} == {"requester"}
    alone = Env(session=DummySession(), GDAL_DISABLE_READDIR_ON_OPEN="EMPTY_DIR")
    with alone, pytest.raises(StorageError, match="unpaid: cannot be read: requester must pay"):
        VirtualFile("s3://payer/unpaid")


def test_a_virtual_file_seeks_as_files_do(tmp_path):
    path = tmp_path / "letters"
    path.write_bytes(b"abcdefgh")
    for file in (VirtualFile(str(path)), path.open("rb")):
        with file:
            assert (file.seek(-3, 2), file.read(2)) == (5, b"fg")
            assert (file.seek(-2, 1), file.tell(), file.read()) == (5, 5, b"fgh")
            assert file.read(1) == b""
            with pytest.raises(OSError, match=r".+"):
                file.seek(-9, 2)
