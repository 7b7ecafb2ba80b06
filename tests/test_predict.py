"""Whole scenes: what is bright becomes a polygon where it lies; runs go on, refuse to mix, and report failures."""

import json

import numpy as np
import pytest
import rasterio
from predictions_made import BRIGHT, SPOT, ground, outline, picture, predict, predicted, two_scenes
from predictors_made import Boxes, Brightness, card
from scenes_made import NORTH, STEP, WEST, write_png, write_tiff
from shapely import box

from ceruleanml.errors import SceneError, UsageError
from ceruleanml.inference.options import PredictOptions
from ceruleanml.inference.preparing import open_for
from ceruleanml.inference.scanning import Scan, probability_rows
from ceruleanml.inference.windows import SceneWindows
from ceruleanml.scenes.scene import NODATA


@pytest.fixture
def scenes(tmp_path):
    return two_scenes(tmp_path)


def test_a_bright_spot_is_found_where_it_lies(scenes):
    report = predict(scenes)
    assert report.slicks == {"a": 1, "b": 0} and report.predicted_now == ("a", "b") and report.failed == {}
    found = predicted(scenes)
    spot = ground(*SPOT)
    assert outline(found).intersection(spot).area / outline(found).union(spot).area > 0.9
    about = found["features"][0]["properties"]
    assert (about["class"], about["inf_idx"]) == ("infra_slick", 1)
    assert about["machine_confidence"] == pytest.approx(BRIGHT / 255, abs=1e-4)
    prediction = found["prediction"]
    assert prediction["model"]["name"] == "toy" and prediction["grid"]["crs"] == "EPSG:4326"
    assert prediction["options"]["thresholds"]["pixel_score_thresh"] == 0.9
    assert prediction["seams"]["ratio"] is not None and "crs" not in found


@pytest.mark.parametrize("overlap", [0.0, 0.25, 0.5])
def test_windows_and_batches_change_nothing_for_a_model_that_looks_at_pixels(scenes, overlap):
    predict(scenes, out="one", overlap=0.25, batch_size=1)
    predict(scenes, out="two", overlap=overlap, batch_size=7)
    one, two = (predicted(scenes, out=name)["features"] for name in ("one", "two"))
    assert one == two


def test_flips_change_nothing_for_a_model_that_looks_at_pixels_and_even_out_one_that_leans(scenes):
    predict(scenes, out="one")
    predict(scenes, out="two", flips=True)
    assert predicted(scenes, out="one")["features"] == predicted(scenes, out="two")["features"]
    leaning = Brightness(card(classes=("background", "infra_slick", "natural_seep")))
    opened = open_for(str(scenes / "in" / "a.tif"), leaning.card, PredictOptions())
    scan = Scan(opened.prepared(opened.grid), SceneWindows(opened.grid.height_width, 32, 0.0))
    for rows in probability_rows(scan, leaning, flips=True):
        np.testing.assert_allclose(rows.probabilities[0], rows.probabilities[1], atol=1e-6)


def test_probabilities_are_a_cog_that_says_what_it_is(scenes):
    predict(scenes, probabilities=True)
    with rasterio.open(scenes / "out" / "a.tif") as file:
        assert file.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG" and file.descriptions == ("infra_slick",)
        assert file.crs.to_epsg() == 4326 and file.nodata == 0 and file.tags()["model"] == "toy"
        pixels = file.read(1)
        values = pixels * file.scales[0] + file.offsets[0]
    assert values.max() == pytest.approx(BRIGHT / 255, abs=1 / 254)
    assert np.median(values[pixels > 0]) == pytest.approx(10 / 255, abs=1 / 254)
    assert {path.name for path in (scenes / "out").iterdir()} == {
        "a.geojson", "a.tif", "b.geojson", "b.tif", "prediction.json",
    }  # fmt: skip
    (scenes / "out" / "b.tif").unlink()
    assert predict(scenes, probabilities=True).predicted_now == ("b",)


def test_nodata_is_never_slick(tmp_path):
    pixels = picture([(slice(40, 52), slice(60, 90))])
    pixels[:, :60] = NODATA
    write_tiff(tmp_path / "in" / "a.tif", pixels)

    class Sure(Brightness):
        def probabilities(self, images):
            return np.stack([np.zeros_like(images[:, 0]), np.ones_like(images[:, 0])], axis=1)

    predict(tmp_path, model=Sure())
    west = outline(predicted(tmp_path)).bounds[0]
    assert west > WEST + STEP * 59


def test_windows_without_data_are_not_asked(tmp_path):
    pixels = picture([])
    pixels[:, 64:] = NODATA
    write_tiff(tmp_path / "a.tif", pixels)
    asked = []

    class Counting(Brightness):
        def probabilities(self, images):
            asked.append(images.max(axis=(1, 2, 3)))
            return super().probabilities(images)

    predict(tmp_path, model=Counting(), scenes="a.tif", overlap=0.0)
    assert np.concatenate(asked).min() > 0
    assert 0 < sum(map(len, asked)) < predicted(tmp_path)["prediction"]["windows"] / 1.5


def sea_up_to(folder, col):
    """A file of sea west of a column of the picture."""
    sea = box(WEST, NORTH - 1, WEST + STEP * col, NORTH + 1)
    path = folder / f"sea_{col}.geojson"
    path.write_text(json.dumps({"type": "Feature", "properties": {}, "geometry": sea.__geo_interface__}))
    return path


def test_land_is_skipped(scenes):
    predict(scenes)
    predict(scenes, ocean=sea_up_to(scenes, 100), out="far")
    assert predicted(scenes, out="far")["features"] == predicted(scenes)["features"]
    predict(scenes, ocean=sea_up_to(scenes, 75), out="half")  # what lies on land is no slick
    assert outline(predicted(scenes, out="half")).bounds[2] == pytest.approx(WEST + STEP * 75, abs=STEP)
    predict(scenes, ocean=sea_up_to(scenes, 66), out="near")  # the rest lies in the rim of 0.005 degrees
    assert predicted(scenes, out="near")["features"] == []
    predict(scenes, ocean=sea_up_to(scenes, -50), out="none")
    assert predicted(scenes, out="none")["features"] == []


def test_sea_that_cannot_be(scenes):
    with pytest.raises(UsageError, match="--ocean .*none.geojson: there is no such file"):
        PredictOptions(ocean=scenes / "none.geojson")
    (scenes / "text.geojson").write_text("no")
    with pytest.raises(SceneError, match="--ocean .*text.geojson: cannot be read as polygons"):
        predict(scenes, ocean=scenes / "text.geojson")


def test_an_image_without_georeference_gives_pixels_and_says_so(tmp_path):
    write_png(tmp_path / "in" / "a.png", picture())
    predict(tmp_path)
    found = predicted(tmp_path)
    assert outline(found).bounds == (60, 40, 90, 52)
    assert found["crs"] is None and "no georeference" in found["prediction"]["coordinates"]
    assert found["features"][0]["properties"]["area_px"] == 12 * 30
    assert found["features"][0]["properties"]["area_km2"] is None


def test_probabilities_of_an_image_without_georeference_are_written_without_a_warning(tmp_path):
    write_png(tmp_path / "in" / "a.png", picture())
    predict(tmp_path, probabilities=True)
    with pytest.warns(rasterio.errors.NotGeoreferencedWarning), rasterio.open(tmp_path / "out" / "a.tif") as file:
        assert file.crs is None and file.read(1)[SPOT].min() > 200


def test_a_scene_smaller_than_a_window(tmp_path):
    write_png(tmp_path / "in" / "a.png", picture()[40:60, 60:80])
    predict(tmp_path)
    assert outline(predicted(tmp_path)).bounds == (0, 0, 20, 12)


def test_mask_rcnn_joins_what_windows_cut(scenes):
    report = predict(scenes, model=Boxes(), probabilities=True)
    assert report.slicks == {"a": 1, "b": 0}
    found = predicted(scenes)
    assert outline(found).buffer(0.0015).contains(ground(*SPOT)) and outline(found).area < 1.5 * ground(*SPOT).area
    assert found["features"][0]["properties"]["machine_confidence"] == pytest.approx(BRIGHT / 255, abs=1e-4)
    with rasterio.open(scenes / "out" / "a.tif") as file:
        expected = (BRIGHT / 255) ** 2  # score times mask
        assert file.read(1).max() * file.scales[0] + file.offsets[0] == pytest.approx(expected, abs=1 / 254)
