"""What a model's card and the options say of how a scene is laid out."""

import numpy as np
import pytest
from predictions_made import SPOT, ground, outline, picture, predict, predicted, two_scenes
from predictors_made import Boxes, Brightness, card
from scenes_made import NORTH, WEST, write_png
from shapely import box

from ceruleanml.errors import SceneError, UsageError
from ceruleanml.inference.options import PredictOptions
from ceruleanml.inference.preparing import open_for, service_grid
from ceruleanml.scenes.context import parse_context


@pytest.fixture
def scenes(tmp_path):
    return two_scenes(tmp_path)


def test_the_scene_is_laid_out_as_the_card_says(scenes):
    predict(scenes, model=Brightness(card(resolution_m=222.39)), out="coarse")
    coarse = predicted(scenes, out="coarse")["prediction"]
    assert coarse["grid"]["transform"][4] == pytest.approx(-0.002, rel=1e-6)  # twice the scene's own pixels
    predict(scenes, model=Brightness(card(grid="serving")), out="serving")
    serving = predicted(scenes, out="serving")["prediction"]["grid"]
    assert serving["name"] == "serving" and serving["transform"][0] == 0.3515625 / 512


def test_a_model_of_resized_tiles_of_unknown_ground_sees_the_scenes_pixels_resized_alike(scenes):
    predict(scenes, model=Brightness(card(grid="image")))
    predict(scenes, model=Brightness(card(scale=0.5, grid="image")), out="half")
    own, half = (predicted(scenes, out=out)["prediction"]["grid"]["transform"] for out in ("out", "half"))
    assert half[4] == pytest.approx(2 * own[4])


def test_a_model_of_resized_tiles_fails_for_an_unplaced_scene_alone(scenes):
    write_png(scenes / "in" / "c.png", picture())
    report = predict(scenes, model=Brightness(card(scale=0.5)))
    assert list(report.failed) == ["c"] and "give --georeference" in report.failed["c"]
    assert report.predicted_now == ("a", "b")


def test_the_models_channels_are_laid_out_in_its_order(scenes):
    seen = []

    class Looking(Brightness):
        def probabilities(self, images):
            seen.append(images[0, :, 0, 0])
            return super().probabilities(images)

    model = Looking(card(channels=("vv", "full", "zeros"), mean=(0.0,) * 3, deviation=(1.0,) * 3))
    predict(scenes, model=model)
    np.testing.assert_allclose(seen[0][1:], [1, 0])


@pytest.mark.parametrize(
    ("channels", "context", "message"),
    [
        (("vv", "ship_density"), [], "model toy takes vv, ship_density; add --context ship_density=FILE"),
        (("vv",), ["zeros"], "context zeros: model toy takes vv; leave it out"),
    ],
)
def test_channels_that_do_not_fit_the_model(scenes, channels, context, message):
    model = Brightness(card(channels=channels, mean=(0.0,) * len(channels), deviation=(1.0,) * len(channels)))
    with pytest.raises(UsageError, match=message):
        predict(scenes, model=model, context=tuple(parse_context(text) for text in context))
    assert not (scenes / "out").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tiling": "both"}, "tiling 'both' is not known; choose blended or service"),
        ({"overlap": 1.0}, "overlap 1 cannot be; give a share from 0 to 0.75"),
        ({"batch_size": 0}, "batch-size 0 cannot be; give 1 or more"),
        ({"min_area_km2": -1.0}, "min-area -1 cannot be"),
        ({"tiling": "service", "flips": True}, "--tiling service has neither --flips nor --probabilities"),
        ({"grid": "serving", "resolution_m": 10.0}, "the serving grid has its own resolution; leave --resolution out"),
        ({"thresholds": {"poly": 0.5}}, "threshold 'poly' is not known"),
    ],
)
def test_options_that_cannot_be(options, message):
    with pytest.raises(UsageError, match=message):
        PredictOptions(**options)


def test_no_workers_cannot_predict(scenes):
    with pytest.raises(UsageError, match="workers 0 cannot be; give 1 or more"):
        predict(scenes, scenes="in/a.tif", workers=0)
    assert not (scenes / "out").exists()


def test_an_area_in_km2_is_not_asked_of_an_image_without_georeference(tmp_path):
    write_png(tmp_path / "in" / "a.png", picture())
    with pytest.raises(SceneError, match=r"a.png: has no georeference, so nothing tells .* leave --min-area out"):
        predict(tmp_path, min_area_km2=1.0)


def test_options_that_do_not_fit_the_model(scenes):
    with pytest.raises(UsageError, match="model toy learned on the native grid; use --tiling blended"):
        predict(scenes, tiling="service")
    with pytest.raises(UsageError, match="leave --flips out"):
        predict(scenes, model=Boxes(), flips=True)


def serving_card(kind="unet", tile_px=64):
    return card(kind, grid="serving", tile_px=tile_px)


@pytest.mark.parametrize("model", [Brightness(serving_card()), Boxes(serving_card("mask_rcnn"))])
def test_the_services_tiles_find_the_spot_too(scenes, model):
    report = predict(scenes, model=model, tiling="service")
    assert report.slicks == {"a": 1, "b": 0}
    found = predicted(scenes)
    spot = ground(*SPOT)
    assert outline(found).intersection(spot).area / spot.area > 0.85
    assert found["prediction"]["seams"] is None and found["prediction"]["options"]["overlap"] == 0


def test_the_services_tiles_are_of_512_pixels_whatever_the_model_learned_on(scenes):
    sizes = set()

    class Looking(Brightness):
        def probabilities(self, images):
            sizes.add(images.shape[2:])
            return super().probabilities(images)

    predict(scenes, model=Looking(serving_card()), tiling="service")
    assert sizes == {(512, 512)}


def test_the_services_tile_sets_are_its_lattice_moved_east_and_north(scenes):
    opened = open_for(str(scenes / "in" / "a.tif"), serving_card(), PredictOptions())
    first, second, third = (service_grid(opened.scene, offset) for offset in (0.0, 0.33, 0.66))
    tile = 0.3515625
    assert ((first.transform.c + 180) / tile) % 1 == 0 and ((90 - first.transform.f) / tile) % 1 == 0
    assert second.transform.c - first.transform.c == pytest.approx(0.33 * tile)
    assert third.transform.f - first.transform.f == pytest.approx(0.66 * tile)
    for grid in (first, second, third):
        assert grid.height_width == (1024, 1024)
        west, north = grid.transform.c, grid.transform.f
        assert box(west, north - 2 * tile, west + 2 * tile, north).contains(box(WEST, NORTH - 0.1, WEST + 0.14, NORTH))
