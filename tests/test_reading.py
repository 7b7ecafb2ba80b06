"""Finding scenes, opening each form of them, and what is refused."""

import json
import pickle

import numpy as np
import pytest
import rasterio
from scenes_made import HEIGHT_WIDTH, gcps, pixels, write_gcps, write_photopea, write_png, write_tiff

from ceruleanml.errors import GeoreferenceError, SceneError, UsageError
from ceruleanml.scenes.georeference_files import load_georeference
from ceruleanml.scenes.reading import find_scenes, need_georeference, open_scene
from ceruleanml.scenes.scene import Radiometry, orbit_pass, sensing_time

PRODUCT = "S1A_IW_GRDH_1SDV_20200802T141646_20200802T141711_033729_03E8C7_E4F5"


def test_every_form_gives_the_same_scene(tmp_path):
    image = pixels()
    write_gcps(tmp_path / "gcps" / "one.json")
    forms = {
        "GeoTIFF": open_scene(str(write_tiff(tmp_path / "a" / "one.tif", image))),
        "16 bits": open_scene(str(write_tiff(tmp_path / "b" / "one.tif", image.astype(np.uint16)))),
        "Photopea": open_scene(
            str(write_photopea(tmp_path / "c" / "one", image, {})), georeference=f"{tmp_path}/gcps/{{scene_id}}.json"
        ),
        "RGB": open_scene(
            str(write_png(tmp_path / "d" / "one.png", np.stack([image] * 3))),
            georeference=f"{tmp_path}/gcps/{{scene_id}}.json",
        ),
    }
    for name, scene in forms.items():
        assert (scene.scene_id, scene.height_width, scene.nodata) == ("one", HEIGHT_WIDTH, 0), name
        np.testing.assert_array_equal(scene.reader.rows(10, 20), image[10:20], err_msg=name)
        np.testing.assert_allclose(scene.georeference.lon_lat(np.array([[60.0, 90.0]])), [[10.09, 39.94]], atol=1e-9)
        again = pickle.loads(pickle.dumps(scene))
        np.testing.assert_array_equal(again.reader.rows(0, 60), image)


def test_palette_background_is_read_through_its_colours(tmp_path):
    indices = np.arange(12, dtype=np.uint8).reshape(3, 4)
    path = tmp_path / "scene_Background.png"
    with rasterio.open(path, "w", driver="PNG", height=3, width=4, count=1, dtype="uint8") as file:
        file.write(indices, 1)
        file.write_colormap(1, {index: (20 * index, 20 * index, 20 * index) for index in range(12)})
    np.testing.assert_array_equal(open_scene(str(tmp_path)).reader.rows(0, 3), 20 * indices)


def test_dn_is_clipped_and_nodata_becomes_zero(tmp_path):
    image = np.array([[0, 254, 255], [256, 40_000, 9999]], dtype=np.uint16)
    scene = open_scene(str(write_tiff(tmp_path / "s.tif", image, nodata=9999)))
    np.testing.assert_array_equal(scene.reader.rows(0, 2), [[0, 254, 255], [255, 255, 0]])


def test_plain_image_has_no_georeference_and_every_pixel_counts(tmp_path):
    scene = open_scene(str(write_png(tmp_path / "s.png", pixels())))
    assert scene.georeference is None and scene.nodata is None
    with pytest.raises(GeoreferenceError, match=r"s\.png: has no georeference; name its companion file"):
        need_georeference(scene)


def test_product_names_tell_time_and_pass():
    assert sensing_time(PRODUCT).isoformat() == "2020-08-02T14:16:46+00:00"
    assert orbit_pass(PRODUCT) == "S1A/03E8C7"
    assert sensing_time("20941") is None and orbit_pass("20941") is None


# ---- finding


def make_scenes(folder):
    for name in ("b", "a"):
        write_png(folder / f"{name}.png", pixels())
    write_photopea(folder / "c", pixels(), {})
    return folder


def test_find_scenes_in_folders_globs_and_lists(tmp_path):
    folder = make_scenes(tmp_path / "in")
    expected = [str(folder / name) for name in ("a.png", "b.png", "c")]
    (tmp_path / "list.txt").write_text("# our scenes\nin/c\n\nin/a.png   # twice is once\nin/b.png\nin/a.png\n")
    assert find_scenes([str(folder)]) == expected
    assert find_scenes([str(folder / "*")]) == expected
    assert find_scenes([str(tmp_path / "list.txt")]) == expected
    assert find_scenes([expected[2], str(folder)]) == expected
    assert find_scenes(["gs://bucket/x.SAFE"]) == ["gs://bucket/x.SAFE"]


def test_find_scenes_refuses(tmp_path):
    folder = make_scenes(tmp_path / "in")
    write_png(tmp_path / "other" / "a.png", pixels())
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty.txt").write_text("# nothing\n")
    (tmp_path / "letter.txt").write_text("Dear all,\nthis is no list\n")
    for arguments, message in [
        ([str(tmp_path / "none")], "no such file or folder, and as a pattern it matches no scene"),
        ([str(tmp_path / "empty")], "holds no scene"),
        ([str(tmp_path / "empty.txt")], "no scenes were given"),
        ([str(tmp_path / "letter.txt")], "letter.txt: is no list of scenes: none of its lines names .*Dear all,"),
        ([str(folder), str(tmp_path / "other")], "scene a was given before"),
    ]:
        with pytest.raises(SceneError, match=message):
            find_scenes(arguments)


# ---- refused scenes


def truncated(path):
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    return path


def flipped(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    return path


def write_jpeg(path, image):
    with rasterio.open(
        path, "w", driver="JPEG", height=image.shape[0], width=image.shape[1], count=1, dtype="uint8"
    ) as file:
        file.write(image, 1)
    return path


def test_truncated_png_and_tiff_are_named(tmp_path):
    rough = np.random.default_rng(0).integers(0, 256, (300, 300), dtype=np.uint8)
    for path in (
        truncated(write_png(tmp_path / "cut.png", rough)),
        truncated(write_tiff(tmp_path / "cut.tif", rough, compress="zstd")),
        truncated(write_tiff(tmp_path / "plain.tif", rough)),
        truncated(write_jpeg(tmp_path / "cut.jpg", rough)),
        flipped(write_png(tmp_path / "flipped.png", rough)),
    ):
        with pytest.raises(SceneError, match=rf"{path.name}: (is truncated|cannot be read)"):
            open_scene(str(path)).reader.rows(0, 300)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda f: f / "none.tif", "none.tif: no such file or folder"),
        (lambda f: (f / "text.png").write_text("hello") and f / "text.png", "cannot be read as an image"),
        (lambda f: write_tiff(f / "db.tif", pixels().astype(np.float32)), "holds float32 numbers; give amplitude DN"),
        (lambda f: f, "holds no Background.png"),
    ],
)
def test_unreadable_scenes(tmp_path, make, message):
    with pytest.raises(SceneError, match=message):
        open_scene(str(make(tmp_path)))


def test_two_backgrounds_and_foreign_radiometry(tmp_path):
    write_png(tmp_path / "Background.png", pixels())
    with pytest.raises(SceneError, match="only SAFE products carry calibration"):
        open_scene(str(tmp_path), radiometry=Radiometry("sigma0_db"))
    write_png(tmp_path / "x_Background.png", pixels())
    with pytest.raises(SceneError, match="several backgrounds, Background.png and x_Background.png"):
        open_scene(str(tmp_path))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("db",), "choose dn or sigma0_db"),
        (("sigma0_db", (0.0, -35.0)), "is empty"),
        (("dn", (-35.0, 0.0), True), "only from calibrated pixels"),
    ],
)
def test_refused_radiometry(arguments, message):
    with pytest.raises(UsageError, match=message):
        Radiometry(*arguments)


# ---- companion files


def test_companions_in_every_form_agree(tmp_path):
    points = gcps()
    (tmp_path / "list.json").write_text(json.dumps([*points, {**points[-1], "row": 59, "lat": 40 - 0.059}]))
    (tmp_path / "p.csv").write_text(
        "lon,lat,row,col\n" + "".join(f"{p['lon']},{p['lat']},{p['row']},{p['col']}\n" for p in points)
    )
    features = [
        {
            "type": "Feature",
            "geometry": {"type": "Point", "coordinates": [p["lon"], p["lat"], 3.0]},
            "properties": {"row": p["row"], "col": p["col"]},
        }
        for p in points
    ]
    (tmp_path / "p.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    write_gcps(tmp_path / "framed.json")
    write_tiff(tmp_path / "raster.tif", pixels())
    for name in ("list.json", "p.csv", "p.geojson", "framed.json", "raster.tif"):
        found = load_georeference(str(tmp_path / name), HEIGHT_WIDTH)
        np.testing.assert_allclose(found.lon_lat(np.array([[30.0, 45.0]])), [[10.045, 39.97]], atol=1e-9, err_msg=name)


def test_points_of_a_larger_frame_are_scaled_by_the_whole_factor(tmp_path):
    """A product of 242 x 363 pixels, reduced to a quarter with its remainder cut off, is 60 x 90."""
    write_gcps(tmp_path / "g.json", (242, 363))
    found = load_georeference(str(tmp_path / "g.json"), (60, 90))
    np.testing.assert_allclose(found.lon_lat(np.array([[60.0, 90.0]])), [[10.36, 39.76]], atol=1e-9)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("g.json", None, "g.json: is missing; each scene needs one"),
        ("g.json", "{", "g.json: cannot be read"),
        ("g.json", '{"a": 1}', "must be a list of"),
        ("g.json", '{"gcps": [], "height_width": [0, 4]}', r"height_width must be \[rows, columns\]"),
        ("g.json", '[{"row": 1}]', "needs row, col, lon and lat as numbers"),
        ("g.json", '[{"row": 0, "col": 0, "lon": "NaN", "lat": 1}]', "at least 3"),
        ("g.json", json.dumps([{**p, "lat": "nan"} for p in gcps()]), "not a number"),
        ("g.json", json.dumps({"gcps": gcps(), "height_width": [60, 30]}), "of another shape than 60 x 90"),
        ("g.csv", "x,y\n1,2\n", "needs row, col, lon and lat"),
        ("g.geojson", '{"type": "FeatureCollection", "features": [{}]}', "each feature must be a point"),
        ("g.tif", "no tiff", "g.tif: cannot be read as an image"),
    ],
)
def test_refused_companions(tmp_path, name, content, message):
    if content is not None:
        (tmp_path / name).write_text(content)
    with pytest.raises((GeoreferenceError, SceneError), match=message) as caught:
        load_georeference(str(tmp_path / name), HEIGHT_WIDTH)
    assert name in str(caught.value)


def test_a_raster_without_georeference_is_no_companion(tmp_path):
    write_tiff(tmp_path / "g.tif", pixels(), with_gcps=False)
    with pytest.raises(GeoreferenceError, match=r"g\.tif: holds neither"):
        load_georeference(str(tmp_path / "g.tif"), HEIGHT_WIDTH)


def test_a_pattern_needs_its_place(tmp_path):
    path = write_png(tmp_path / "s.png", pixels())
    with pytest.raises(UsageError, match="must hold {scene_id}"):
        open_scene(str(path), georeference="one.json")
