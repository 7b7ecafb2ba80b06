"""Whole builds from real Sentinel-1 data; the figures asserted are those one sees in the pictures."""

import json
import zipfile

import numpy as np
import pyproj
import pytest
import rasterio
from pycocotools.coco import COCO
from rasterio.control import GroundControlPoint
from scenes_made import write_png
from scipy.ndimage import binary_dilation
from shapely.geometry import LineString, MultiPolygon, mapping

from ceruleanml.datasets.build import make_dataset
from ceruleanml.datasets.folder import open_dataset
from ceruleanml.datasets.options import BuildOptions
from ceruleanml.scenes.context import parse_context
from ceruleanml.scenes.grid import SERVING_DEGREES_PER_PX
from ceruleanml.scenes.reading import open_scene
from ceruleanml.scenes.scene import Radiometry

HATTERAS_SLICK = [
    (626, 762), (629, 755), (636, 748), (645, 744), (652, 738), (665, 725), (675, 718), (684, 713), (684, 706),
    (690, 698), (697, 690), (712, 688), (713, 682), (725, 676), (745, 664), (763, 658), (763, 654), (759, 648),
    (759, 643), (766, 638), (785, 633),
]  # fmt: skip
"""Rows and columns along the thin slick off Cape Hatteras, read off the picture."""
GULF_SCENE = "S1A_IW_GRDH_1SDV_20200802T141646_20200802T141711_033729_03E8C7_E4F5"


@pytest.fixture
def hatteras(shared_data, tmp_path):
    """The scene's path and a folder with a label drawn around its slick, two pixels wide."""
    path = shared_data / "hatteras" / "iw-vv.tiff"
    georeference = open_scene(str(path)).georeference
    outline = LineString([(col + 0.5, row + 0.5) for row, col in HATTERAS_SLICK]).buffer(1.0)
    ring = georeference.lon_lat(np.array([(y, x) for x, y in outline.exterior.coords]))
    feature = {
        "type": "Feature",
        "properties": {"class": "recent_vessel", "annotator": "test", "source": "drawn"},
        "geometry": mapping(MultiPolygon([(ring.tolist(), [])])),
    }
    (tmp_path / "labels").mkdir()
    collection = {"type": "FeatureCollection", "complete": True, "features": [feature]}
    (tmp_path / "labels" / "iw-vv.geojson").write_text(json.dumps(collection))
    return path, tmp_path


@pytest.mark.parametrize("grid", ["native", "serving"])
def test_hatteras_slick_is_dark_under_its_label(hatteras, grid):
    path, folder = hatteras
    options = BuildOptions(labels=str(folder / "labels"), grid=grid, empty_tiles=0)
    report = make_dataset([str(path)], folder / grid, options)
    assert report.failed == {} and report.annotations == report.tiles >= 1
    dataset, coco = open_dataset(folder / grid), COCO(folder / grid / "instances.json")
    inside, beside, area_m2 = [], [], 0.0
    metres = dataset.manifest["scenes"]["iw-vv"]["metres_per_pixel"]
    step = max(1, round(600 / metres[0]))
    for annotation, tile in zip(coco.dataset["annotations"], dataset.tiles, strict=True):
        mask = coco.annToMask(annotation).astype(bool)
        around = binary_dilation(mask, iterations=2 * step) & ~binary_dilation(mask, iterations=step)
        vv = dataset.read(tile)[0]
        inside.append(vv[mask & (vv > 0)])
        beside.append(vv[around & (vv > 0)])
        area_m2 += annotation["area"] * metres[0] * metres[1]
    ratio = np.concatenate(inside).mean() / np.concatenate(beside).mean()
    assert ratio < 0.83, "the label does not lie on the slick"
    assert area_m2 / 1e6 == pytest.approx(0.4 * 50, rel=0.25)  # two pixels of 200 m along about 50 km


def test_serving_tiles_are_web_tiles(hatteras):
    """Every tile's corner is a corner of WorldCRS84Quad at zoom 9."""
    path, folder = hatteras
    make_dataset([str(path)], folder / "out", BuildOptions(grid="serving"))
    for tile in open_dataset(folder / "out").tiles:
        for offset in ((tile.transform.c + 180) / 0.3515625, (90 - tile.transform.f) / 0.3515625):
            assert offset == pytest.approx(round(offset), abs=1e-9)
        assert tile.transform.a == SERVING_DEGREES_PER_PX


@pytest.fixture
def gulf(shared_data, tmp_path):
    """The real layer over a blank background, and its control points, which are in the frame of the full product."""
    folder = shared_data / "gulf-of-oman"
    scene = tmp_path / "scenes" / GULF_SCENE
    write_png(scene / "Background.png", np.full((4181, 6458), 60, np.uint8))
    (scene / "ambiguous_1.png").symlink_to(folder / "ambiguous_1.png")
    points = [{"row": p.row, "col": p.col, "lon": p.x, "lat": p.y} for p in read_control_points(folder / "gcps_s1.xyz")]
    (tmp_path / "gcps.json").write_text(json.dumps(points))
    (tmp_path / f"{GULF_SCENE}.json").symlink_to(tmp_path / "gcps.json")
    return scene, folder, tmp_path


def read_control_points(path):
    """A pickle of rasterio's GroundControlPoint and nothing else."""
    import pickle

    class Restricted(pickle.Unpickler):
        def find_class(self, module, name):
            if (module, name) != ("rasterio.control", "GroundControlPoint"):
                raise pickle.UnpicklingError(f"{module}.{name} is not allowed")
            return GroundControlPoint

    with path.open("rb") as file:
        return Restricted(file).load()


def test_gulf_of_oman_layer_with_its_points_infrastructure_and_density(gulf):
    scene, folder, out = gulf
    density = next(folder.glob("MLXF_ais*.zip"))
    options = BuildOptions(
        georeference=f"{out}/{{scene_id}}.json",
        context=(
            parse_context(f"infra_distance={folder}/infra_locations_clip.geojson"),
            parse_context(f"ship_density={density}@55.9,23.9,58.9,26.2"),
        ),
        resolution_m=40, tile_size=(512, 512), empty_tiles=0,
    )  # fmt: skip
    report = make_dataset([str(scene)], out / "d", options)
    assert report.failed == {} and report.annotations == report.tiles >= 1
    dataset = open_dataset(out / "d")
    coco = json.loads((out / "d" / "instances.json").read_text())
    assert {a["slick_id"] for a in coco["annotations"]} == {f"{GULF_SCENE}/ambiguous_1"}
    assert {a["category_id"] for a in coco["annotations"]} == {6}
    grid_pixels = sum(a["area"] for a in coco["annotations"]) * 40 * 40
    with rasterio.open(folder / "ambiguous_1.png") as file:
        indices, colours = file.read(1), file.colormap(1)
    opaque = np.array([colours.get(i, (0, 0, 0, 0))[3] >= 128 for i in range(256)])[indices].sum() * 40.36**2
    assert grid_pixels == pytest.approx(opaque, rel=0.02)
    assert list(dataset.channels) == ["vv", "infra_distance", "ship_density"]
    platforms = [
        point
        for feature in json.loads((folder / "infra_locations_clip.geojson").read_text())["features"]
        for point in feature["geometry"]["coordinates"]
    ]
    with rasterio.open(f"/vsizip/{density}/{zipfile.ZipFile(density).namelist()[0]}") as file:
        ships = file.read(1)
    for tile in dataset.tiles:
        vv, distance, density_255 = dataset.read(tile)
        assert set(np.unique(vv)) <= {0, 60}
        longitude, latitude = tile.transform @ (256.5, 256.5)
        metres = min(pyproj.Geod(ellps="WGS84").inv(longitude, latitude, *place[:2])[2] for place in platforms)
        assert abs(float(distance[256, 256]) - min(metres, 60_000) * 255 / 60_000) < 1
        row, col = (26.2 - latitude) / 2.3 * ships.shape[0], (longitude - 55.9) / 3.0 * ships.shape[1]
        around = ships[max(0, int(row) - 1) : int(row) + 2, max(0, int(col) - 1) : int(col) + 2] * 255 / 100
        assert np.floor(around.min()) <= density_255[256, 256] <= min(255, np.ceil(around.max()))


def test_all_sos_pairs_become_one_data_set(shared_data, tmp_path):
    folder = shared_data / "sos-sentinel1"
    pairs = sorted(path.stem for path in (folder / "images").iterdir())
    options = BuildOptions(labels=str(folder / "masks"), tile_size=(256, 256))
    report = make_dataset([str(folder / "images")], tmp_path / "sos", options)
    assert (report.scenes, report.tiles, report.failed) == (1381, 1381, {}) and len(pairs) == 1381
    dataset = open_dataset(tmp_path / "sos")
    for tile in dataset.tiles[::97]:
        with rasterio.open(folder / "masks" / f"{tile.scene_id}.png") as file:
            truth = file.read(1) > 127
        np.testing.assert_array_equal(dataset.mask(tile) == 1, truth)


def test_full_size_safe_product_on_both_grids(shared_data, tmp_path):
    """The measurement is a placeholder of ones, so what is asserted is its place and that all of it is there."""
    product = next((shared_data / "safe").glob("*.SAFE"))
    for name, changed in {"native": {"resolution_m": 160.0}, "serving": {"grid": "serving"}}.items():
        report = make_dataset([str(product)], tmp_path / name, BuildOptions(**changed))
        assert report.failed == {} and report.scenes == 1
        dataset = open_dataset(tmp_path / name)
        metres = dataset.manifest["scenes"][product.name.removesuffix(".SAFE")]["metres_per_pixel"]
        valid_km2 = sum(np.count_nonzero(dataset.read(tile)[0]) for tile in dataset.tiles) * metres[0] * metres[1] / 1e6
        assert valid_km2 == pytest.approx(16_685 * 25_788 * 1e-4, rel=0.03)


def test_safe_zip_without_measurement_is_named(shared_data, tmp_path):
    from ceruleanml.errors import SceneError

    product = next((shared_data / "safe").glob("*.zip"))
    with pytest.raises(SceneError, match=product.name):
        open_scene(str(product), "vv", Radiometry())
