"""QGIS: the styles that are shipped and written, what it saves again, and QGIS itself where it is installed."""

import json
import shutil
import subprocess
from pathlib import Path

import pyogrio
import pytest
from datasets_made import make_dataset_folder, speckle
from imports_made import only, take
from label_states import write
from processes import finished

from ceruleanml.classes import load_classes
from ceruleanml.labels.gis_styles import files_in, shipped, write_styles
from ceruleanml.storage import read_json

ROOT = Path(__file__).parents[1]
CLASSES = load_classes()


def dataset_of(folder):
    return make_dataset_folder(folder / "data", {"s": [((0, 0), speckle(1), [])]})


def test_geojson_that_qgis_saved_again_comes_in(tmp_path):
    """GDAL, which QGIS saves by, drops `scene_id`, adds a name and a crs, and gives new features empty properties."""
    features = [
        {"type": "Feature", "properties": {"class": "natural_seep", "slick_id": name, "source": source},
         "geometry": {"type": "Polygon", "coordinates": [[[x, 0], [x + 1, 0], [x + 1, 1], [x, 0]]]}}
        for x, name, source in ((0, "s/1", "drawn"), (3, None, None))
    ]  # fmt: skip
    ours = write(tmp_path / "ours.geojson", {"type": "FeatureCollection", "scene_id": "s", "features": features})
    about, _, shapes, fields = pyogrio.raw.read(ours)
    saved = tmp_path / "s.geojson"
    pyogrio.raw.write(
        saved, shapes, fields, about["fields"], driver="GeoJSON", geometry_type="Polygon", crs="OGC:CRS84", layer="s"
    )
    assert read_json(saved)["name"] == "s" and "scene_id" not in read_json(saved)
    one = only(take(tmp_path, saved, annotator="ann"))
    assert (one.scene_id, one.slicks) == ("s", 2) and "taken as s, its own name" in one.notes[0]


def test_the_shipped_styles_are_those_of_the_class_table():
    folder = ROOT / "data-processing" / "qgis"
    assert {path.name: path.read_text() for path in folder.glob("*.qml")} == shipped(CLASSES)
    for one in list(CLASSES)[1:]:
        colour = ",".join(str(int(one.display[at : at + 2], 16)) for at in (1, 3, 5))
        text = shipped(CLASSES)["slicks.qml"]
        assert (
            f'value="{one.name}" label="{one.title}"' in text and f'name="outline_color" value="{colour},255"' in text
        )


def outlines(path, number=1):
    square = [[10.001, 19.999], [10.02, 19.999], [10.02, 19.98], [10.001, 19.999]]
    features = [
        {"type": "Feature", "properties": {"class": name}, "geometry": {"type": "Polygon", "coordinates": [square]}}
        for name in CLASSES.slick_names[:number]
    ]
    return write(path, {"type": "FeatureCollection", "features": features})


def test_styles_are_written_beside_files_and_never_over_ones_own(tmp_path):
    root = dataset_of(tmp_path)
    outlines(root / "tiles" / "p.geojson")
    write(root / "platforms.geojson", {"type": "FeatureCollection", "features": [{"properties": {"name": "x"}}]})
    files = files_in([root])
    assert {path.suffix for path in files} == {".tif", ".geojson"} and len(files) == 2
    written, left = write_styles(files, CLASSES, band="infra_distance")
    assert len(written) == 2 and left == []
    (tile,) = (path for path in written if path.stem != "p")
    assert 'type="singlebandpseudocolor" band="2"' in tile.read_text()
    tile.write_text("my own")
    assert write_styles(files, CLASSES) == ([], written) and tile.read_text() == "my own"
    assert write_styles([files[0], files[1]], CLASSES, replace=True) == (written, [])
    assert 'type="singlebandgray" grayBand="1"' in tile.read_text()


IN_QGIS = """
import json, sys
from qgis.core import QgsApplication, QgsRasterLayer, QgsVectorLayer
QgsApplication([], False).initQgis()
vector, raster = QgsVectorLayer(sys.argv[1], "v", "ogr"), QgsRasterLayer(sys.argv[2], "r")
colours = {one.value(): one.symbol().color().name() for one in vector.renderer().categories()}
print(json.dumps([colours, vector.labelsEnabled(), raster.renderer().type(), raster.isValid(), raster.bandCount()]))
"""


def test_qgis_takes_the_styles_by_itself(tmp_path):
    """One file of both kinds, as beside outlines and probabilities of one name."""
    python = shutil.which("python3", path="/usr/bin")
    if python is None or subprocess.run([python, "-c", "import qgis.core"], capture_output=True, timeout=60).returncode:
        pytest.skip("QGIS is not here: apt-get install python3-qgis")
    outlines(tmp_path / "p.geojson", 6)
    root = dataset_of(tmp_path)
    shutil.copy(next((root / "tiles").iterdir()), tmp_path / "p.tif")
    write_styles(files_in([tmp_path / "p.geojson", tmp_path / "p.tif"]), CLASSES)
    environment = {"QT_QPA_PLATFORM": "offscreen", "HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path)}
    ended = finished([python, "-c", IN_QGIS, tmp_path / "p.geojson", tmp_path / "p.tif"], env=environment)
    assert ended.returncode == 0, ended.stderr
    colours, labelled, renderer, valid, bands = json.loads(ended.stdout.splitlines()[-1])
    assert colours == {one.name: one.display for one in list(CLASSES)[1:]} and labelled
    assert (renderer, valid, bands) == ("singlebandgray", True, 2)
