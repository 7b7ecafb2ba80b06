"""The demo on real data, run on made-up data in the same layout."""

import re
from pathlib import Path

import numpy as np
import pytest
import rasterio
from builds_made import contents
from PIL import Image
from processes import finished
from rasterio.control import GroundControlPoint

from ceruleanml.storage import read_json, write_json

ROOT = Path(__file__).parents[1]
OUTLINE = ROOT / "tests" / "data_hatteras_outline.geojson"
WEST, NORTH, DEGREES = -74.85, 36.38, (0.0022, 0.0018)
"""Where the made-up scene lies, around the outline that the demo brings, and its pixel."""
TINY = {"pairs": 8, "epochs": 1, "labels": 2, "round-epochs": 1, "scenes": 3, "scene-epochs": 1, "workers": 1}


@pytest.fixture
def demo(warm_cli):
    """Runs the demo."""
    options = [word for name, value in TINY.items() for word in (f"--{name}", value)]
    return lambda *words: finished([warm_cli / "python", ROOT / "scripts" / "demo_real.py", *words, *options])


def write_scene(path):
    """Bright sea of 200 m pixels, dark where the outline lies."""
    from rasterio.features import rasterize

    image = np.random.default_rng(0).normal(80, 5, (220, 220)).astype(np.uint16)
    transform = rasterio.Affine(DEGREES[0], 0, WEST, 0, -DEGREES[1], NORTH)
    shapes = [feature["geometry"] for feature in read_json(OUTLINE)["features"]]
    image[rasterize(shapes, image.shape, transform=transform) == 1] //= 2
    places = [(row, col) for row in (0, 110, 220) for col in (0, 110, 220)]
    gcps = [GroundControlPoint(row=r, col=c, x=WEST + DEGREES[0] * c, y=NORTH - DEGREES[1] * r) for r, c in places]
    path.parent.mkdir(parents=True)
    with rasterio.open(
        path, "w", driver="GTiff", height=220, width=220, count=1, dtype="uint16", nodata=0, gcps=gcps, crs="EPSG:4326"
    ) as file:
        file.write(image, 1)


@pytest.fixture
def data(tmp_path):
    """A folder in the layout of the real data: pairs with a dark square each, the scene, the sea."""
    folder = tmp_path / "data"
    for name in ("images", "masks"):
        (folder / "sos-sentinel1" / name).mkdir(parents=True)
    random = np.random.default_rng(1)
    for number in range(20):
        mask = np.zeros((256, 256), np.uint8)
        row, col = random.integers(0, 160, 2)
        mask[row : row + 96, col : col + 96] = 255
        image = np.clip(random.normal(150, 20, mask.shape) - 0.4 * mask, 1, 255).astype(np.uint8)
        Image.fromarray(image).save(folder / "sos-sentinel1" / "images" / f"{number}.jpg")
        Image.fromarray(mask).save(folder / "sos-sentinel1" / "masks" / f"{number}.png")
    write_scene(folder / "hatteras" / "iw-vv.tiff")
    ring = [[-180, -80], [180, -80], [180, 80], [-180, 80], [-180, -80]]
    sea = {"type": "Feature", "properties": {}, "geometry": {"type": "Polygon", "coordinates": [ring]}}
    (folder / "skytruth").mkdir()
    write_json(folder / "skytruth" / "ocean_lowres.geojson", {"type": "FeatureCollection", "features": [sea]})
    return folder


def test_pairs_and_scene_go_the_whole_way_and_a_second_run_changes_nothing(demo, data, tmp_path):
    done = demo(data, tmp_path / "out")
    assert done.returncode == 0, done.stderr
    report = (tmp_path / "out" / "report.html").read_text()
    assert report.count("data:image/png") == 4 and "http" not in report.replace("http-equiv", "")
    for link in re.findall('href="([^"]+)"', report):
        assert (tmp_path / "out" / link).exists(), link
    labelled = read_json(tmp_path / "out/hatteras/labelled/instances.json")["annotations"]
    assert sum(one["area"] for one in labelled) * 0.2**2 == pytest.approx(18.2, rel=0.05), "km² of the outline"
    curves = read_json(tmp_path / "out/sos/rounds/report/curves.json")["strategies"]
    assert {name: one["labels"] for name, one in curves.items()} == {"default": [2, 4, 6], "random": [2, 4, 6]}
    assert "Off Cape Hatteras: " in done.stdout
    before = contents(tmp_path / "out")
    again = demo(data, tmp_path / "out")
    assert again.returncode == 0 and again.stdout.count("is there already") == 9
    assert contents(tmp_path / "out") == before


def test_a_folder_that_is_not_there_or_not_whole_is_told_in_a_line(demo, data, tmp_path):
    (data / "hatteras" / "iw-vv.tiff").unlink()
    for folder, said in ((tmp_path / "none", "holds no real data"), (data, "hatteras/iw-vv.tiff missing")):
        done = demo(folder, tmp_path / "out")
        assert done.returncode == 2 and said in done.stderr and done.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()
