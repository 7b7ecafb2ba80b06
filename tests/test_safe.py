"""Sentinel-1 products: folders and zips read exactly and within bounds, broken and hostile ones refused by name."""

import pickle
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pytest
import rasterio
from safe_product import PRODUCT, make_safe, ramp, write_measurement, zip_safe

from ceruleanml.errors import GeoreferenceError, SceneError, UsageError
from ceruleanml.scenes.safe import open_safe
from ceruleanml.scenes.scene import Radiometry

REAL_FOLDER = "S1B_IW_GRDH_1SDV_20210401T052623_20210401T052648_026269_032297_ECC8.SAFE"
REAL_ZIP = "S1A_IW_GRDH_1SDV_20210119T031653_20210119T031718_036201_043ED0_8255.zip"
SIGMA0 = Radiometry("sigma0_db", (-40.0, 0.0))
DENOISED = Radiometry("sigma0_db", (-40.0, 0.0), subtract_noise=True)


@pytest.fixture
def product(tmp_path: Path) -> Path:
    """A product of two polarisations."""
    return make_safe(tmp_path, polarisations=("vv", "vh"))


def measurement_of(product: Path, polarisation: str = "vv") -> Path:
    return next((product / "measurement").glob(f"*{polarisation}-*"))


def annotation_of(product: Path, polarisation: str = "vv") -> Path:
    return next((product / "annotation").glob(f"*{polarisation}-*.xml"))


def refusal(product: Path | str, polarisation: str = "vv", radiometry: Radiometry | None = None) -> str:
    """The one line with which a product is refused, which begins with where it is."""
    with pytest.raises(SceneError) as caught:
        open_safe(str(product), polarisation, radiometry)
    message = str(caught.value)
    assert message.startswith(str(product))
    assert "\n" not in message
    return message.removeprefix(str(product))


def test_a_product_is_a_scene(product):
    scene = open_safe(str(product))
    assert scene.scene_id == PRODUCT
    assert (scene.height_width, scene.nodata, scene.band) == ((24, 36), 0, "vv")
    assert f"{scene.sensing_time:%Y-%m-%d %H:%M:%S %Z}" == "2020-07-29 03:48:59 UTC"
    assert np.array_equal(scene.reader.rows(0, 24), np.minimum(ramp(), 255))
    assert np.array_equal(scene.reader.rows(5, 7), np.minimum(ramp()[5:7], 255))
    assert scene.inputs == (str(measurement_of(product)), str(annotation_of(product)))
    assert scene.georeference.row_col[:5] == ((0, 0), (0, 12), (0, 24), (0, 35), (12, 0))
    assert scene.georeference.lon_lat(np.array([[10.0, 20.0]])) == pytest.approx(np.array([[30.2, 43.9]]))


def test_the_other_polarisation_is_read_when_asked_for(product):
    scene = open_safe(f"{product}/", "VH")
    assert (scene.scene_id, scene.band) == (PRODUCT, "vh")
    assert (scene.reader.rows(0, 24) == 255).all()  # DN 1000 and more


def test_sigma0_is_calibrated_by_the_products_own_tables(product):
    scene = open_safe(str(product), radiometry=SIGMA0)
    dn = ramp().astype(float)
    a = np.linspace(1, 0.5, 36) * np.linspace(100, 300, 25)[:24, None]
    with np.errstate(divide="ignore"):
        expected = np.clip(np.rint(1 + 254 * (40 + 20 * np.log10(dn / a)) / 40), 1, 255)
    expected[0, 0] = 0
    assert np.array_equal(scene.reader.rows(0, 24), expected)
    assert [Path(name).name.split("-")[0] for name in scene.inputs] == ["s1a", "s1a", "calibration"]


@pytest.mark.parametrize(("noise_form", "right_half"), [("vectors", 800), ("old", 400)])
def test_noise_is_subtracted_from_the_power(tmp_path, noise_form, right_half):
    scene = open_safe(str(make_safe(tmp_path, noise_form=noise_form)), radiometry=DENOISED)
    dn = ramp().astype(float)
    a = np.linspace(1, 0.5, 36) * np.linspace(100, 300, 25)[:24, None]
    power = np.maximum(dn**2 - np.where(np.arange(36) < 18, 400, right_half), 1e-30)
    expected = np.clip(np.rint(1 + 254 * (40 + 10 * np.log10(power / a**2)) / 40), 1, 255)
    expected[0, 0] = 0
    pixels = scene.reader.rows(0, 24)
    assert np.array_equal(pixels, expected)
    assert pixels[0, 20] == 1  # DN 20 is no stronger than the noise: the lowest value, not nodata
    assert Path(scene.inputs[-1]).name.startswith("noise-")


@pytest.mark.parametrize("radiometry", [Radiometry(), DENOISED])
def test_a_zip_is_the_same_scene(product, tmp_path, radiometry):
    archive = zip_safe(product, tmp_path / f"{PRODUCT}.zip")
    folder, zipped = (open_safe(str(path), radiometry=radiometry) for path in (product, archive))
    assert (zipped.scene_id, zipped.height_width) == (PRODUCT, folder.height_width)
    assert zipped.georeference == folder.georeference
    assert zipped.inputs == (str(archive),)
    assert np.array_equal(zipped.reader.rows(3, 20), folder.reader.rows(3, 20))


def test_a_reader_used_before_can_be_pickled(product):
    reader = open_safe(str(product), radiometry=DENOISED).reader
    before = reader.rows(0, 24)
    assert np.array_equal(pickle.loads(pickle.dumps(reader)).rows(0, 24), before)


def test_names_without_mission_as_in_the_s3_bucket(tmp_path):
    scene = open_safe(str(make_safe(tmp_path, bucket_names=True)), radiometry=SIGMA0)
    assert scene.scene_id == PRODUCT
    assert scene.reader.rows(23, 24)[0, -1] == 255


def test_a_missing_manifest_does_no_harm(product):
    (product / "manifest.safe").unlink()
    assert open_safe(str(product)).height_width == (24, 36)


def test_refused_polarisations_name_those_that_are_there(product):
    assert "holds no HH annotation; choose --polarisation from: vh, vv" in refusal(product, "hh")
    measurement_of(product, "vh").unlink()
    assert "holds no VH measurement; choose --polarisation from: vv" in refusal(product, "vh")
    with pytest.raises(UsageError, match="'xy' is not known; choose from vv, vh, hh, hv"):
        open_safe(str(product), "xy")


def test_an_empty_measurement_folder_is_refused(product):
    for polarisation in ("vv", "vh"):
        measurement_of(product, polarisation).unlink()
    assert "holds no measurement file; fetch the whole product again" in refusal(product)


def test_two_measurements_of_one_polarisation_are_refused(product):
    measurement_of(product).with_name("s1a-iw-grd-vv-again.tiff").write_bytes(b"")
    assert "holds 2 VV measurement files; one is right" in refusal(product)


@pytest.mark.parametrize("product_type", ["SLC", "OCN"])
def test_other_products_are_refused(tmp_path, product_type):
    message = refusal(make_safe(tmp_path, product_type=product_type))
    assert f"is a product of type {product_type}; only GRD products are read" in message


def test_complex_pixels_are_refused(product):
    write_measurement(measurement_of(product), np.ones((24, 36), np.complex64))
    assert "holds complex64 numbers; only GRD amplitudes (uint16) are read" in refusal(product)


def test_a_measurement_of_another_size_is_refused(product):
    write_measurement(measurement_of(product), ramp(24, 35))
    assert "is 24 x 35 pixels, its annotation says 24 x 36" in refusal(product)


def test_a_truncated_measurement_is_named(tmp_path):
    product = make_safe(tmp_path, dn=ramp(400, 600))
    measurement = measurement_of(product)
    whole = measurement.read_bytes()
    measurement.write_bytes(whole[: len(whole) // 2])
    scene = open_safe(str(product))
    assert scene.reader.rows(0, 100).shape == (100, 600)
    with pytest.raises(SceneError, match=f"^{measurement}: is truncated or damaged near row"):
        scene.reader.rows(0, 400)


@pytest.mark.parametrize("content", [b"", b"II*\0", b"no image at all", b"<VRTDataset rasterXSize='36'/>"])
def test_a_measurement_that_is_no_tiff_is_named(product, content):
    measurement_of(product).write_bytes(content)
    message = refusal(product)
    assert measurement_of(product).name in message
    assert "cannot be read as a GeoTIFF" in message


def test_another_raster_in_the_measurements_place_is_not_followed(product, tmp_path):
    secret = tmp_path / "secret.tif"
    write_measurement(secret, ramp())
    measurement_of(product).write_text(
        "<VRTDataset rasterXSize='36' rasterYSize='24'><VRTRasterBand dataType='UInt16' band='1'><SimpleSource>"
        f"<SourceFilename>{secret}</SourceFilename></SimpleSource></VRTRasterBand></VRTDataset>"
    )
    with rasterio.Env(), rasterio.open(measurement_of(product)) as followed:
        assert followed.driver == "VRT"
    assert "cannot be read as a GeoTIFF" in refusal(product)


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("<longitude>", "<longitud>", "damaged XML"),
        ("geolocationGridPoint>", "point>", "0 ground control points; at least 3 are needed"),
        ("<latitude>4.4", "<latitude>8.8", "beyond 84 degrees"),
        ("<latitude>4.4", "<latitude>x4.4", "latitude holds what is no number"),
        ("<numberOfLines>24", "<numberOfLines>", "lacks imageAnnotation/imageInformation/numberOfLines"),
        ("<product>", "<!DOCTYPE product [<!ENTITY a 'aaaa'>]><product>", "document type"),
    ],
)
def test_a_broken_annotation_is_named(product, old, new, fault):
    annotation = annotation_of(product)
    text = annotation.read_text()
    assert old in text
    annotation.write_text(text.replace(old, new))
    message = refusal(product)
    assert annotation.name in message
    assert fault in message


def test_without_ground_control_points_the_error_is_a_georeference_error(product):
    annotation_of(product).write_text(annotation_of(product).read_text().replace("geolocationGridPoint>", "point>"))
    with pytest.raises(GeoreferenceError, match="ground control points"):
        open_safe(str(product))


def test_calibration_is_needed_only_for_sigma0(product):
    for file in (product / "annotation" / "calibration").iterdir():
        file.unlink()
    assert open_safe(str(product)).height_width == (24, 36)
    assert "holds no calibration file; fetch the whole product again" in refusal(product, radiometry=SIGMA0)


def test_missing_noise_is_named(product):
    for file in (product / "annotation" / "calibration").glob("noise-*"):
        file.unlink()
    assert "holds no noise file" in refusal(product, radiometry=DENOISED)


def test_what_is_no_product_is_refused(tmp_path):
    assert refusal(tmp_path / "nowhere.SAFE") == ": no such file or folder"
    (tmp_path / "empty.SAFE").mkdir()
    assert "is no Sentinel-1 product" in refusal(tmp_path / "empty.SAFE")
    (tmp_path / "file.SAFE").write_bytes(b"text")
    assert "is no Sentinel-1 product" in refusal(tmp_path / "file.SAFE")


@pytest.mark.parametrize(
    "member",
    ["../out.tiff", "/etc/out.tiff", "C:/out.tiff", "x\\..\\out.tiff", f"{PRODUCT}.SAFE/measurement/../../../out.tiff"],
)
def test_a_zip_member_that_leaves_its_folder_is_named(product, tmp_path, member):
    archive = zip_safe(product, tmp_path / "hostile.zip")
    with ZipFile(archive, "a") as opened:
        opened.writestr(member, b"")
    assert f": its member {member!r} leaves the product's folder; do not use this file" in refusal(archive)


def test_a_manifest_that_leaves_its_folder_is_named(tmp_path):
    product = tmp_path / "hostile.SAFE"
    product.mkdir()
    (product / "manifest.safe").write_text("<x><fileLocation href='../other.SAFE/measurement/iw-vv.tiff'/></x>")
    assert "its member '../other.SAFE/measurement/iw-vv.tiff' leaves the product's folder" in refusal(product)


def test_a_zip_holds_exactly_one_product(product, tmp_path):
    archive = zip_safe(product, tmp_path / "two.zip")
    with ZipFile(archive, "a") as opened:
        opened.writestr("other.SAFE/manifest.safe", b"")
    assert "holds 2 .SAFE folders" in refusal(archive)
    with ZipFile(tmp_path / "none.zip", "w") as opened:
        opened.writestr("readme.txt", b"")
    assert "holds 0 .SAFE folders" in refusal(tmp_path / "none.zip")


def test_a_member_that_is_there_twice_is_refused(product, tmp_path):
    archive = zip_safe(product, tmp_path / "twice.zip")
    name = annotation_of(product).relative_to(product.parent)
    with ZipFile(archive, "a") as opened, pytest.warns(UserWarning, match="Duplicate name"):
        opened.writestr(str(name), b"")
    assert "holds a member twice" in refusal(archive)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_a_truncated_zip_is_named(product, tmp_path, share):
    archive = zip_safe(product, tmp_path / "cut.zip")
    content = archive.read_bytes()
    archive.write_bytes(content[: int(len(content) * share)])
    assert "is no whole zip file" in refusal(archive)


def test_a_damaged_zip_member_is_named(tmp_path):
    product = make_safe(tmp_path, dn=ramp(400, 600))
    archive = zip_safe(product, tmp_path / "damaged.zip")
    content = bytearray(archive.read_bytes())
    with ZipFile(archive) as opened:
        info = next(info for info in opened.infolist() if info.filename.endswith(".tiff"))
    middle = info.header_offset + info.compress_size // 2
    content[middle : middle + 200] = b"\xff" * 200
    archive.write_bytes(content)
    with pytest.raises(SceneError, match=r"damaged\.zip/measurement/s1a-.*\.tiff: .*(truncated|damaged)"):
        open_safe(str(archive)).reader.rows(0, 400)


def test_the_real_zip_lacks_its_measurement_and_says_so(shared_data):
    assert "holds no measurement file" in refusal(shared_data / "safe" / REAL_ZIP, radiometry=DENOISED)


def test_the_real_folder_is_georeferenced_by_its_annotation(shared_data):
    product = shared_data / "safe" / REAL_FOLDER
    scene = open_safe(str(product))
    assert scene.height_width == (16685, 25788)
    assert len(scene.georeference.row_col) == 210
    text = annotation_of(product).read_text()
    assert scene.georeference.lon_lat_points[0][1] == float(text.split("<latitude>")[1].split("<")[0])
    assert (scene.reader.rows(16684, 16685) == 1).all()
    fitted = scene.georeference.lon_lat(np.array(scene.georeference.row_col))
    assert np.abs(fitted - np.array(scene.georeference.lon_lat_points)).max() < 0.03  # mountains shift its points
    assert "holds no VH measurement; choose --polarisation from: vv" in refusal(product, "vh")


MEASURE = """
import sys
from ceruleanml.scenes.safe import open_safe
scene = open_safe(sys.argv[1])
total = sum(int(scene.reader.rows(row, min(row + 512, 16685)).sum()) for row in range(0, 16685, 512))
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM:"))
print(total, int(peak.split()[1]) // 1024)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="a process's own peak (VmHWM) is told by Linux only")
def test_a_full_product_is_read_in_bounded_memory(shared_data):
    product = shared_data / "safe" / REAL_FOLDER
    done = subprocess.run([sys.executable, "-c", MEASURE, product], capture_output=True, text=True, check=True)
    total, peak_mib = map(int, done.stdout.split())
    assert total == 16685 * 25788  # all ones
    assert peak_mib < 200


@pytest.mark.parametrize("radiometry", [Radiometry(), Radiometry("sigma0_db", (-60.0, 40.0))])
def test_blocks_are_averaged_before_they_become_bytes(tmp_path, radiometry):
    """Amplitude for dn; for sigma0_db power, so the mean of the four pixels' powers tells the value."""
    dn = np.full((4, 6), 100, np.uint16)
    dn[0, 0], dn[2:, 2:4] = 500, 0
    scene = open_safe(str(make_safe(tmp_path, dn=dn)), "vv", radiometry)
    means, fine = scene.reader.rows(0, 4, 2), scene.reader.rows(0, 4)
    assert means.shape == (2, 3) and means[1, 1] == 0
    if radiometry.name == "dn":
        assert means.tolist() == [[200, 100, 100], [100, 0, 100]]
    else:
        powers = 10 ** ((-60 + (fine[:2, :2] - 1.0) * 100 / 254) / 10)
        expected = 1 + (10 * np.log10(powers.mean()) + 60) * 254 / 100
        assert abs(int(means[0, 0]) - expected) <= 1
