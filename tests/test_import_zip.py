"""ZIP files of labels: taken whole, or refused in a line that names the file within."""

import json
import zipfile

import pytest
from label_states import box, feature, save

from ceruleanml.annotation import importing_zip
from ceruleanml.annotation.importing import import_files
from ceruleanml.labels.store import files_of


def state(scene_id):
    return save(feature(box(2, 3, 4, 5)), scene_id=scene_id)


def zipped(path, members, how=zipfile.ZIP_STORED):
    path.parent.mkdir(exist_ok=True)
    with zipfile.ZipFile(path, "w", how) as archive:
        for name, content in members.items():
            archive.writestr(name, content if isinstance(content, str) else json.dumps(content))
    return path


@pytest.mark.parametrize("how", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_each_scene_within_is_a_state_also_in_a_folder_of_zips(tmp_path, how):
    members = {"in/b.geojson": state("b"), "A.GEOJSON": state("a"), "readme.txt": "hello"}
    path = zipped(tmp_path / "mail" / "labels_ann.zip", members, how)
    for given, is_new in ((path, True), (path.parent, False)):
        report = import_files([given], tmp_path / "store")
        assert [(one.scene_id, one.slicks, one.is_new) for one in report.taken] == [("a", 1, is_new), ("b", 1, is_new)]


@pytest.mark.parametrize(
    ("content", "message"), [("{", "x.zip/a.geojson: is not JSON"), ({"type": "Feature"}, "x.zip/a.geojson: ")]
)
def test_one_wrong_file_within_refuses_all_of_it(tmp_path, content, message):
    path = zipped(tmp_path / "x.zip", {"0.geojson": state("b"), "a.geojson": content})
    report = import_files([path], tmp_path / "store")
    assert message in report.refused[str(path)] and not report.taken
    assert not files_of(tmp_path / "store", "b")


def test_what_is_no_zip_of_labels_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "x.zip"

    def refusal():
        return import_files([path], tmp_path / "store").refused[str(path)]

    whole = zipped(path, {"a.geojson": state("a")}).read_bytes()
    for content in (b"PK", whole[:-30], whole.replace(b'"type"', b'"tape"', 1)):
        path.write_bytes(content)
        assert "x.zip: cannot be read as a ZIP file" in refusal()
    zipped(path, {"layer.png": "no picture"})
    assert "x.zip: holds no GeoJSON; unpack it and name the folders of layers" in refusal()
    monkeypatch.setattr(importing_zip, "MAX_ALL_BYTES", 1000)
    zipped(path, {"a.geojson": " " * 2000}, zipfile.ZIP_DEFLATED)
    assert "unpack it and name its files" in refusal()
