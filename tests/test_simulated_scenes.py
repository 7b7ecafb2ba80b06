"""Simulated scenes on disk: every format reads back, labels lie on the dark, runs continue and never mix."""

import json
import tempfile
from pathlib import Path

import numpy as np
import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from ceruleanml.classes import load_classes
from ceruleanml.cli.simulate_scenes import simulate_scenes as verb
from ceruleanml.errors import StorageError, UsageError
from ceruleanml.labels.geojson import read_label_file
from ceruleanml.labels.simulated import simulate_scenes
from ceruleanml.progress import Silent
from ceruleanml.scenes.reading import open_scene
from ceruleanml.scenes.simulator.campaign import class_plan, is_slick_free
from ceruleanml.scenes.simulator.png import write_png

CLASSES = load_classes()


def simulate(out: Path, count: int = 2, **changed: object) -> list[str]:
    arguments = {
        "seed": 3,
        "height_width": (260, 300),
        "resolution_m": 40.0,
        "imagery_format": "photopea",
        "label_format": "photopea",
        "slick_free_share": 1 / 3,
        "progress": Silent(),
        "classes": CLASSES,
        **changed,
    }
    return simulate_scenes(out, count, **arguments)


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.fixture(scope="module")
def photopea(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    out = tmp_path_factory.mktemp("photopea")
    return out, simulate(out, 6)


@pytest.fixture(scope="module")
def geotiff(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    out = tmp_path_factory.mktemp("geotiff")
    return out, simulate(out, 2, imagery_format="geotiff", label_format="geojson")


def read_gray(path: Path) -> np.ndarray:
    from PIL import Image

    with Image.open(path) as image:
        return np.asarray(image)


def test_photopea_scenes_read_back_with_their_ground(photopea: tuple[Path, list[str]]):
    out, scene_ids = photopea
    points = str(out / "georeference" / "{scene_id}.json")
    for scene_id in scene_ids[:2]:
        scene = open_scene(str(out / "scenes" / scene_id), georeference=points)
        assert scene.scene_id == scene_id and scene.height_width == (260, 300)
        assert scene.sensing_time is not None and scene.georeference is not None
        pixels = scene.reader.rows(0, 260)
        assert 20 < np.median(pixels) < 150 and not pixels[0].any()


def test_each_class_is_shown_and_a_third_of_scenes_shows_none(photopea: tuple[Path, list[str]]):
    out, scene_ids = photopea
    layers = {
        scene_id: [path.stem for path in (out / "scenes" / scene_id).iterdir() if path.stem != "Background"]
        for scene_id in scene_ids
    }
    assert {name.rsplit("_", 1)[0] for names in layers.values() for name in names} == set(CLASSES.slick_names)
    assert sum(not names for names in layers.values()) == 2
    assert max(len(names) for names in layers.values()) <= 5


def test_layers_are_class_colour_with_a_soft_edge_over_dark_pixels(photopea: tuple[Path, list[str]]):
    out, scene_ids = photopea
    alphas, contrasts = set(), []
    for path in sorted(out.glob("scenes/*/*_[0-9].png")):
        layer = read_gray(path)
        background = read_gray(path.parent / "Background.png").astype(float)
        assert layer.shape == (260, 300, 4) and layer.dtype == np.uint8
        drawn = layer[..., 3] > 0
        colour = CLASSES[CLASSES.id_of(path.stem.rsplit("_", 1)[0])].photopea
        assert (layer[drawn][:, :3] == colour).all() and not layer[~drawn].any()
        alphas |= set(np.unique(layer[..., 3]).tolist())
        label = layer[..., 3] >= 128
        assert label.any()
        contrasts.append(np.median(background[label]) / _beside(background, label))
    assert len(alphas) > 20
    assert np.median(contrasts) == pytest.approx(0.65, abs=0.15)


def _beside(background: np.ndarray, label: np.ndarray) -> float:
    from scipy.ndimage import binary_dilation

    return float(np.median(background[binary_dilation(label, iterations=14) & ~binary_dilation(label, iterations=5)]))


def test_geotiff_scenes_have_16_bits_control_points_and_nodata(geotiff: tuple[Path, list[str]]):
    import rasterio

    out, scene_ids = geotiff
    with rasterio.open(out / "scenes" / f"{scene_ids[0]}.tif") as dataset:
        assert (dataset.dtypes, dataset.nodata, dataset.count) == (("uint16",), 0, 1)
        points, crs = dataset.gcps
        assert len(points) == 210 and crs.to_epsg() == 4326
        assert dataset.read(1).max() > 255
    assert open_scene(str(out / "scenes" / f"{scene_ids[0]}.tif")).height_width == (260, 300)


def test_geojson_outlines_cover_the_pixels_of_the_layers(
    photopea: tuple[Path, list[str]], geotiff: tuple[Path, list[str]]
):
    """The same seed written both ways: outlines on the ground, taken back to pixels, are the layers' labels."""
    from rasterio.features import rasterize
    from shapely import transform
    from shapely.geometry import shape

    out, scene_ids = geotiff
    seen = 0
    for scene_id in scene_ids:
        points = open_scene(str(out / "scenes" / f"{scene_id}.tif")).georeference
        read = read_label_file(out / "labels" / f"{scene_id}.geojson", CLASSES, scene_id)
        assert read.complete and not read.notes
        collection = json.loads((out / "labels" / f"{scene_id}.geojson").read_text())
        assert collection["type"] == "FeatureCollection" and collection["complete"] is True
        numbers: dict[str, int] = {}
        for feature in collection["features"]:
            properties, ground = feature["properties"], shape(feature["geometry"])
            assert ground.geom_type == "MultiPolygon" and ground.is_valid
            assert all(
                part.exterior.is_ccw and not any(hole.is_ccw for hole in part.interiors) for part in ground.geoms
            )
            assert properties["source"] == "drawn" and properties["model"] is None
            assert properties["started"] < properties["finished"]
            name = properties["class"]
            numbers[name] = numbers.get(name, 0) + 1
            pixels = transform(ground, lambda xy, points=points: _cols_rows(points, xy))
            burnt = rasterize([pixels], out_shape=(260, 300)) > 0
            label = read_gray(photopea[0] / "scenes" / scene_id / f"{name}_{numbers[name]}.png")[..., 3] >= 128
            from scipy.ndimage import binary_dilation, binary_erosion

            assert not (burnt & ~binary_dilation(label)).any() and not (binary_erosion(label) & ~burnt).any()
            assert burnt.sum() == pytest.approx(label.sum(), rel=0.1, abs=4)
            seen += 1
    assert seen >= 3


def _cols_rows(points, lon_lat: np.ndarray) -> np.ndarray:
    """Pixel columns and rows of longitudes and latitudes (n, 2), one at a time."""
    found = [points.source_row_col(x, y) for x, y in zip(lon_lat[:, :1], lon_lat[:, 1:], strict=True)]
    return np.array([[cols[0, 0], rows[0, 0]] for rows, cols in found])


def test_context_layers_cover_the_scenes(photopea: tuple[Path, list[str]]):
    import rasterio

    out, scene_ids = photopea
    platforms = json.loads((out / "context" / "infrastructure.geojson").read_text())["features"]
    assert len(platforms) >= 2 * len(scene_ids)
    with rasterio.open(out / "context" / "ship_density.tif") as dataset:
        density, bounds = dataset.read(1), dataset.bounds
    assert density.dtype == np.float32 and 5 < density.max() < 150 and (density == 0).mean() > 0.5
    for scene_id in scene_ids:
        for point in json.loads((out / "georeference" / f"{scene_id}.json").read_text())["gcps"]:
            assert bounds.left < point["lon"] < bounds.right and bounds.bottom < point["lat"] < bounds.top


def test_the_same_seed_writes_the_same_bytes_and_another_does_not(photopea: tuple[Path, list[str]], tmp_path: Path):
    out, _ = photopea
    first = simulate(tmp_path / "one", 1)
    again, before = files_of(tmp_path / "one" / "scenes" / first[0]), files_of(out / "scenes" / first[0])
    assert again == before and len(again) > 1
    assert simulate(tmp_path / "two", 1, seed=4) != first


def test_a_run_continues_where_it_stood_and_more_scenes_are_added(tmp_path: Path):
    first = simulate(tmp_path, 1)
    whole = files_of(tmp_path)
    background = tmp_path / "scenes" / first[0] / "Background.png"
    stamp = background.stat().st_mtime_ns
    (tmp_path / "scenes" / f".{first[0]}.part").mkdir()
    assert simulate(tmp_path, 1) == first and files_of(tmp_path) == whole
    grown = simulate(tmp_path, 2)
    assert grown[:1] == first and (tmp_path / "scenes" / grown[1] / "Background.png").exists()
    assert background.stat().st_mtime_ns == stamp
    (tmp_path / "georeference" / f"{first[0]}.json").unlink()
    simulate(tmp_path, 1)
    assert files_of(tmp_path)[f"georeference/{first[0]}.json"] == whole[f"georeference/{first[0]}.json"]


def test_layers_of_geotiffs_lie_in_the_labels_folder(tmp_path: Path):
    scene_ids = simulate(tmp_path, 1, imagery_format="geotiff")
    assert (tmp_path / "scenes" / f"{scene_ids[0]}.tif").exists()
    assert list((tmp_path / "labels" / scene_ids[0]).glob("*_1.png"))
    assert not list(tmp_path.rglob("*.part"))


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"count": 0}, "--scenes 0: at least one"),
        ({"slick_free_share": 1.5}, "--slick-free 1.5: must be a share"),
        ({"seed": -1}, "--seed -1: must be 0 or more"),
        ({"imagery_format": "jpeg"}, "--format 'jpeg' is not known; choose photopea or geotiff"),
        ({"label_format": "xml"}, "--labels 'xml' is not known; choose photopea or geojson"),
        ({"height_width": (20, 300)}, "--height 20 --width 300: a simulated scene needs at least 64"),
    ],
)
def test_arguments_that_cannot_be_are_refused_before_anything_is_written(tmp_path: Path, changed, words: str):
    with pytest.raises(UsageError, match=words):
        simulate(tmp_path / "out", **changed)
    assert not (tmp_path / "out").exists()


def test_a_folder_of_other_scenes_is_refused(tmp_path: Path):
    simulate(tmp_path, 1)
    with pytest.raises(UsageError, match=r"holds scenes simulated with another seed, resolution_m; choose another"):
        simulate(tmp_path, 1, seed=9, resolution_m=50.0)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="file/scenes: cannot be written"):
        simulate(tmp_path / "file", 1)


@pytest.mark.parametrize("share", [0.0, 1 / 3, 0.5, 0.9])
def test_the_plan_shows_every_class_in_six_scenes_and_keeps_the_slick_free_share(share: float):
    plans = [class_plan(1, index, share, CLASSES.slick_names) for index in range(60)]
    assert {name for plan in plans[:6] for name in plan} == set(CLASSES.slick_names)
    assert sum(not plan for plan in plans) == pytest.approx(60 * share, abs=1)
    assert all(is_slick_free(index, share) == (not plan) for index, plan in enumerate(plans))


def test_without_slicks_no_layer_is_drawn(tmp_path: Path):
    simulate(tmp_path, 2, slick_free_share=1.0, height_width=(64, 96))
    assert {path.name for path in tmp_path.glob("scenes/*/*")} == {"Background.png"}


@given(height=st.integers(1, 9), width=st.integers(1, 9), cut=st.integers(0, 9), fill=st.integers(0, 255))
def test_png_strips_make_one_image(height: int, width: int, cut: int, fill: int):
    pixels = (np.arange(height * width * 4) * 7 + fill).astype(np.uint8).reshape(height, width, 4)
    for channels, image in ((4, pixels), (1, pixels[..., 0])):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "image.png"
            write_png(path, (height, width), channels, [part for part in (image[:cut], image[cut:]) if len(part)])
            assert np.array_equal(read_gray(path), image)


def test_the_verb_writes_scenes_and_explains_every_option(tmp_path: Path):
    app = typer.Typer()
    app.command()(verb)
    options = ["--scenes", "1", "--height", "80", "--width", "96", "--resolution", "80", "--seed", "5"]
    done = CliRunner().invoke(app, [str(tmp_path / "made"), *options], catch_exceptions=False)
    assert done.exit_code == 0 and "1 scene of 80 x 96 pixels at 80 m" in done.output
    assert len(list((tmp_path / "made" / "scenes").iterdir())) == 1
    shown = CliRunner().invoke(app, ["--help"], env={"COLUMNS": "200"}).output
    for option in ("--scenes", "--height", "--width", "--resolution", "--format", "--labels", "--seed", "--quiet"):
        assert option in shown
