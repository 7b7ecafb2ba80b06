"""A whole evaluation, from a data set folder to its files, by models whose answers are known."""

import json
import re
import warnings

import numpy as np
import pytest
from datasets_made import box_mask, make_dataset_folder, speckle
from evaluations_made import CLASSES, Recites, card, judged, recorded, shifted, two_scenes, written

from ceruleanml.datasets.folder import open_dataset
from ceruleanml.errors import DatasetError, ModelError, StorageError, UsageError, WriteError
from ceruleanml.evaluation.class_map import class_map
from ceruleanml.evaluation.counts import read_counts
from ceruleanml.evaluation.evaluate import evaluate, update_card
from ceruleanml.evaluation.streaming import EvaluateOptions
from ceruleanml.models.card import read_card, write_card

PIXEL_KM2 = 100 * 80 / 1e6


@pytest.fixture
def data(tmp_path):
    return two_scenes(tmp_path / "data")


def test_a_model_that_knows_the_labels_is_perfect(data, tmp_path):
    content = judged(data, Recites(data, card()))
    slick = content["all"]["figures"]["slick"]
    for name in ("iou", "dice", "precision", "recall", "boundary_iou", "tolerant_f1", "instance_f1", "detection_rate",
                 "instance_f1_soft_dice", "ap", "ap_50"):  # fmt: skip
        assert slick[name]["value"] == pytest.approx(1), name
    assert slick["false_alarms_per_10000_km2"]["value"] == 0 and slick["area_bias_km2"]["value"] == 0
    assert content["all"]["figures"]["mean_of_classes"]["macro_f1"] == {"value": 1, "low": 1, "high": 1}
    pixels = content["confusion"]["pixel"]
    assert np.sum(pixels["raw"]) == 4 * 32 * 32
    assert pixels["rows"] == [*CLASSES, "not_in_model"]
    assert content["confusion"]["instance_iou"]["raw"] == [[0, 0, 0], [0, 2, 0], [0, 0, 1], [0, 0, 0]]
    assert content["all"]["area_km2"] == pytest.approx(4 * 32 * 32 * PIXEL_KM2)


def test_one_row_aside(data, tmp_path):
    """Each of the two 8 x 10 slicks shares 7 rows of 9, the 4 x 20 one 3 of 5."""
    content = judged(data, Recites(data, card(), shifted))
    figures = content["all"]["figures"]
    assert figures["infra_slick"]["iou"]["value"] == pytest.approx(70 / 90)
    assert figures["natural_seep"]["iou"]["value"] == pytest.approx(60 / 100)
    assert figures["slick"]["iou"]["value"] == pytest.approx((140 + 60) / (180 + 100), rel=1e-6)
    assert figures["slick"]["tolerant_f1"]["value"] == 1
    assert figures["natural_seep"]["ap_50"]["value"] == pytest.approx(1)
    assert figures["natural_seep"]["ap_75"]["value"] == 0
    assert content["average_precision"]["natural_seep"] == pytest.approx([1.0] * 12 + [0.0] * 7)
    assert figures["slick"]["area_bias_share"]["value"] == 0


def test_scenes_and_regions_are_judged_alone(data, tmp_path):
    content = judged(data, Recites(data, card(), lambda rows: rows * (rows == 1)))
    scenes = content["by_scene"]
    assert {name: scene["figures"]["slick"]["iou"] for name, scene in scenes.items()} == {"a": 1, "b": 0.5, "c": None}
    assert scenes["b"]["slicks"]["natural_seep"] == {
        "labelled": 1, "detected": 0, "predicted": 0, "false_alarms": 0, "labelled_px": 80, "predicted_px": 0,
        "labelled_km2": 0.64, "predicted_km2": 0.0,
    }  # fmt: skip
    assert scenes["b"]["figures"]["natural_seep"]["area_bias_km2"] == -0.64
    assert [(name, region["scenes"]) for name, region in content["by_region"].items()] == [
        ("10N 010E", 1), ("10N 020E", 1), ("10N 030E", 1)
    ]  # fmt: skip
    assert content["by_region"]["10N 020E"]["figures"]["slick"]["iou"] == {"value": 0.5, "low": None, "high": None}
    iou = content["all"]["figures"]["slick"]["iou"]
    assert iou["value"] == pytest.approx(160 / 240) and iou["low"] == 0.5 and iou["high"] == 1


def test_sizes_are_of_the_slicks(data, tmp_path):
    """80 pixels of 8,000 m² are 0.64 km², in the third of the four sizes."""
    content = judged(data, Recites(data, card(), lambda rows: rows * (rows == 1)))
    sizes = content["by_size"]["sizes"]
    assert [(one["labelled_slicks"], one["predicted_slicks"]) for one in sizes.values()] == [
        (0, 0),
        (0, 0),
        (3, 2),
        (0, 0),
    ]
    third = sizes["0.24 to 0.66 km²"]
    assert third["detection_rate"]["value"] == pytest.approx(2 / 3, rel=1e-6)
    assert third["pixel_recall"]["value"] == pytest.approx(2 / 3, rel=1e-6)
    assert third["instance_precision"]["value"] == 1
    assert third["ap"]["value"] == pytest.approx(67 / 101, rel=1e-6)
    assert sizes["below 0.10 km²"]["detection_rate"]["value"] is None


def test_false_alarms_are_counted_by_area(data, tmp_path):
    def everywhere(rows):
        rows = rows.copy()
        rows[0:2, 28:32] = 2
        return rows

    content = judged(data, Recites(data, card(), everywhere))
    area = 4 * 32 * 32 * PIXEL_KM2
    slick = content["all"]["figures"]["slick"]["false_alarms_per_10000_km2"]
    assert slick["value"] == pytest.approx(4 / area * 10_000, rel=1e-6)
    assert content["all"]["figures"]["infra_slick"]["false_alarms_per_10000_km2"]["value"] == 0
    assert content["confusion"]["instance_soft_dice"]["raw"][0] == [0, 0, 4]


def test_a_mask_rcnn_is_judged_by_what_it_gives(data, tmp_path):
    sure = judged(data, Recites(data, card(kind="mask_rcnn"), sure=0.8))
    assert sure["all"]["figures"]["slick"]["iou"]["value"] == 1
    assert sure["proposed_thresholds"].keys() == {"bbox_score_thresh"}
    assert sure["calibration"]["temperature"] is None
    unsure = judged(data, Recites(data, card(kind="mask_rcnn"), sure=0.25))
    assert unsure["all"]["figures"]["slick"]["iou"]["value"] == 0  # .25 is under the threshold of .3
    assert unsure["all"]["figures"]["slick"]["ap"]["value"] == pytest.approx(1)  # which ranks, whatever the threshold
    assert 0 < unsure["proposed_thresholds"]["bbox_score_thresh"] <= 0.25


def test_classes_are_merged_and_dropped_as_in_the_training(data, tmp_path):
    merging = card(("background", "infra_slick"), dataset={"merge_classes": {"natural_seep": "infra_slick"}})
    merged = judged(data, Recites(data, merging, lambda rows: rows))
    assert merged["all"]["slicks"]["infra_slick"]["labelled"] == 3
    dropping = card(("background", "infra_slick"), dataset={"drop_classes": ["natural_seep"]})
    dropped = judged(data, Recites(data, dropping))
    assert dropped["about"]["dataset"]["tiles_left_out"] == 1
    assert dropped["all"]["tiles"] == 3 and list(dropped["by_scene"]) == ["a", "c"]


def test_a_class_that_the_model_does_not_know_is_missed_not_forgotten(data, tmp_path):
    content = judged(data, Recites(data, card(("background", "infra_slick"))))
    assert content["confusion"]["pixel"]["raw"][2] == [80, 0]
    assert content["confusion"]["instance_iou"]["raw"] == [[0, 0], [0, 2], [1, 0]]
    assert content["all"]["figures"]["slick"]["recall"]["value"] == pytest.approx(160 / 240)
    assert "natural_seep" in content["about"]["dataset"]["classes_not_in_model"]
    assert any("1 labelled slicks are of classes that the model does not know" in note for note in content["notes"])


def test_absent_classes_are_null(data, tmp_path):
    classes = (*CLASSES, "old_vessel")
    content = judged(data, Recites(data, card(classes)))
    assert content["all"]["figures"]["old_vessel"]["iou"] == {"value": None, "low": None, "high": None}
    assert content["all"]["figures"]["mean_of_classes"]["iou"]["value"] == 1
    assert content["confusion"]["pixel"]["by_row"][3] == [None] * 4


def test_nodata_counts_nowhere(tmp_path):
    mask = box_mask(slice(4, 12), slice(4, 12))
    half = speckle(1)
    half[:, :, :8] = 0
    tiles = {
        "a": [((0, 0), half, [(1, "a/1", mask)])],
        "b": [((0, 0), np.zeros((2, 32, 32), np.uint8), [(1, "b/1", mask)])],
    }
    folder = make_dataset_folder(tmp_path / "data", tiles)
    content = judged(folder, Recites(folder, card(), lambda rows: np.ones_like(rows)))
    assert np.sum(content["confusion"]["pixel"]["raw"]) == 32 * 24
    assert content["all"]["slicks"]["infra_slick"]["labelled_px"] == 32
    assert content["all"]["slicks"]["infra_slick"]["labelled"] == 1  # the one under nodata alone cannot be found
    empty = content["by_scene"]["b"]["figures"]["slick"]
    assert empty["iou"] is None and empty["false_alarms_per_10000_km2"] is None and empty["ece"] is None


def test_nothing_labelled(tmp_path):
    folder = make_dataset_folder(tmp_path / "data", {"a": [((0, 0), speckle(1), [])]})
    content = judged(folder, Recites(folder, card()))
    slick = content["all"]["figures"]["slick"]
    assert slick["iou"]["value"] is None and slick["detection_rate"]["value"] is None and slick["ap"]["value"] is None
    assert content["proposed_thresholds"] == {} and content["worst_tiles"] == []
    assert [note.split(":")[0] for note in content["notes"][1:]] == [
        "one scene", "nothing is labelled", "no temperature is fitted"
    ]  # fmt: skip


def test_without_georeference_areas_are_null_unless_told(tmp_path):
    folder = two_scenes(tmp_path / "data", georeferenced=False)
    content = judged(folder, Recites(folder, card()))
    assert content["by_size"] is None and list(content["by_region"]) == ["unplaced"]
    slick = content["all"]["figures"]["slick"]
    assert slick["area_bias_km2"]["value"] is None and slick["false_alarms_per_10000_km2"]["value"] is None
    assert any("--pixel-m" in note for note in content["notes"])
    told = judged(folder, Recites(folder, card()), pixel_m=100.0)
    assert told["all"]["slicks"]["natural_seep"]["labelled_km2"] == pytest.approx(0.8)
    assert told["by_size"]["sizes"]["0.66 km² and more"]["labelled_slicks"] == 3


def test_tiles_of_any_size_are_padded_and_cut_again(tmp_path):
    pixels, mask = speckle(1, (40, 50)), box_mask(slice(30, 40), slice(30, 50), (40, 50))
    folder = make_dataset_folder(tmp_path / "data", {"a": [((0, 0), pixels, [(1, "a/1", mask)])]})

    class Corner:
        card = card()

        def probabilities(self, images):
            assert images.shape[2:] == (64, 64)
            found = np.zeros((len(images), 3, 64, 64), np.float32)
            found[:, 0], found[:, :, 30:, 30:] = 1, np.array([0, 1, 0], np.float32)[:, None, None]
            return found

    assert judged(folder, Corner())["all"]["figures"]["slick"]["iou"]["value"] == 1


def test_the_same_evaluation_is_the_same_bytes_and_batches_change_nothing(data, tmp_path):
    predictor = Recites(data, card(), shifted)
    first, again = tmp_path / "first", tmp_path / "again"
    written(data, predictor, first)
    written(data, predictor, again, batch_size=1)
    names = sorted(str(path.relative_to(first)) for path in first.rglob("*") if path.is_file())
    assert {"counts.npz", "evaluation.json", "report.html", "plots/worst_02.png", "plots/sizes.png"} <= set(names)
    for name in names:
        assert (again / name).read_bytes() == (first / name).read_bytes(), name


def test_the_report_is_one_page_that_loads_nothing_and_escapes_names(data, tmp_path):
    written(data, Recites(data, card(), shifted), tmp_path / "out")
    page = (tmp_path / "out" / "report.html").read_text()
    assert "a &lt;toy&gt; model" in page and "<toy>" not in page
    assert set(re.findall(r'(?:src|href)="([^"]{0,22})', page)) == {"data:image/png;base64,"}
    assert "://" not in page
    assert page.count("data:image/png") == 9 + 2  # plots and the two worst tiles
    json.loads((tmp_path / "out" / "evaluation.json").read_text())


def test_evaluating_again_leaves_no_picture_of_before(data, tmp_path):
    written(data, Recites(data, card(), shifted), tmp_path / "out", worst=2)
    written(data, Recites(data, card(), shifted), tmp_path / "out", worst=1)
    assert [path.name for path in (tmp_path / "out" / "plots").glob("worst*")] == ["worst_01.png"]


def test_no_warning_comes_of_undefined_figures(tmp_path):
    folder = make_dataset_folder(tmp_path / "data", {"a": [((0, 0), np.zeros((2, 32, 32), np.uint8), [])]})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        content = written(folder, Recites(folder, card()), tmp_path / "out")
    assert content["all"]["area_km2"] == 0


def test_the_floor_judges_itself_on_any_data_set(data, tmp_path):
    content = evaluate("floor", data, tmp_path / "out", EvaluateOptions(bootstrap=0, worst=0)).content
    assert content["classes"] == ["background", "slick"]
    assert content["all"]["slicks"]["slick"]["labelled"] == 3
    iou = content["all"]["figures"]["slick"]["iou"]
    assert iou["value"] is not None and iou["low"] is None


def test_the_card_takes_thresholds_and_the_product_of_temperatures(tmp_path):
    write_card(
        tmp_path / "model.json", card(temperature=2.0, thresholds={"poly_score_thresh": 0.5, "poly_nms_thresh": 0.3})
    )
    figures = {"dice": {"value": 0.8}, "instance_f1": {"value": None}}
    update_card(tmp_path, {"poly_score_thresh": 0.4, "pixel_score_thresh": 0.7}, 1.5, figures)
    found = read_card(tmp_path)
    assert found.temperature == 3
    assert found.thresholds == {"poly_score_thresh": 0.4, "poly_nms_thresh": 0.3, "pixel_score_thresh": 0.7}


def test_the_class_map(data):
    table = open_dataset(data).classes
    changed = {"merge_classes": {"old_vessel": "recent_vessel"}, "drop_classes": ["ambiguous"]}
    found = class_map(card(("background", "recent_vessel", "infra_slick"), dataset=changed), table)
    rows = dict(zip(table.names, found.row_of, strict=True))
    assert rows == {"background": 0, "infra_slick": 2, "natural_seep": 3, "coincident_vessel": 3, "recent_vessel": 1,
                    "old_vessel": 1, "ambiguous": -1}  # fmt: skip


class TestErrors:
    def test_a_data_set_of_which_the_model_knows_no_class(self, data, tmp_path):
        with pytest.raises(ModelError, match="knows ship, whale and none of the data set's classes"):
            judged(data, Recites(data, card(("background", "ship", "whale"))))

    def test_a_channel_that_the_data_set_lacks(self, data, tmp_path):
        with pytest.raises(ModelError, match=r"takes the channel ship_density, .* has vv, infra_distance; .*--context"):
            judged(data, Recites(data, card(channels=("vv", "ship_density"))))

    def test_a_folder_that_holds_something_else(self, data, tmp_path):
        (tmp_path / "out").mkdir()
        (tmp_path / "out" / "thesis.txt").write_text("mine")
        with pytest.raises(WriteError, match="out: exists and is no evaluation; choose another --out"):
            evaluate("floor", data, tmp_path / "out")

    @pytest.mark.parametrize(
        ("changed", "message"),
        [
            ({"boundary_px": 0}, "--boundary-px 0 cannot be; give 1 or more"),
            ({"bootstrap": -1}, "--bootstrap -1 cannot be"),
            ({"pixel_m": 0.0}, "--pixel-m 0 cannot be; give the side of a pixel in metres"),
            ({"thresholds": {"outline": 0.5}}, "threshold 'outline' is not known; there are bbox_score_thresh"),
        ],
    )
    def test_options_that_cannot_be(self, data, tmp_path, changed, message):
        with pytest.raises(UsageError, match=re.escape(message)):
            evaluate("floor", data, tmp_path / "out", EvaluateOptions(**changed))
        assert not (tmp_path / "out").exists()

    def test_every_tile_left_out(self, data, tmp_path):
        with pytest.raises(DatasetError, match="dropped; choose another"):
            tiles = {"a": [((0, 0), speckle(1), [(2, "a/1", box_mask(slice(4, 8), slice(4, 8)))])]}
            folder = make_dataset_folder(tmp_path / "seeps", tiles)
            dropping = card(("background", "infra_slick"), dataset={"drop_classes": ["natural_seep"]})
            judged(folder, Recites(folder, dropping))

    def test_the_floor_has_no_card(self, data, tmp_path):
        with pytest.raises(UsageError, match="--write-card: floor is no run folder"):
            evaluate("floor", data, tmp_path / "out", EvaluateOptions(write_card=True))

    def test_broken_counts(self, data, tmp_path):
        recorded(data, Recites(data, card()), tmp_path / "out")
        path = tmp_path / "out" / "counts.npz"
        path.write_bytes(path.read_bytes()[:500])
        with pytest.raises(StorageError, match=r"counts\.npz: is truncated or corrupt; evaluate again"):
            read_counts(path)
