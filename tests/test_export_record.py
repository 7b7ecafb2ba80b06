"""What the service is told of a model: classes, layers, ground and thresholds, as truth tables."""

import math
import re

import pytest
import torch
from models_made import card_of
from torch import nn

from ceruleanml.classes import ClassTable, load_classes
from ceruleanml.errors import ModelError
from ceruleanml.evaluation.class_map import class_map
from ceruleanml.models.agreement import Agreement
from ceruleanml.models.model_card import model_card
from ceruleanml.models.record import record_of, served_resolution_m, serving_notes, thresholds_of, zoom_and_scale
from ceruleanml.models.service_classes import served_card, service_classes, service_layers
from ceruleanml.models.service_modules import CalibratedUNet, ServedUNet
from ceruleanml.models.stac import MLM_SCHEMA, stac_item

ALL_FIVE = ("background", "infra_slick", "natural_seep", "coincident_vessel", "recent_vessel", "old_vessel")


class Fixed(nn.Module):
    """A network that answers the same logits whatever it is shown."""

    def __init__(self, logits):
        super().__init__()
        self.logits = logits

    def forward(self, images):
        return self.logits


@pytest.mark.parametrize(
    ("classes", "ids", "members"),
    [
        (ALL_FIVE, (0, 1, 2, 3, 3, 3), ((0,), (1,), (2,), (3, 4, 5))),
        (("background", "infra_slick"), (0, 1), ((0,), (1,), (), ())),
        (("background", "old_vessel", "natural_seep"), (0, 3, 2), ((0,), (), (2,), (1,))),
    ],
)
def test_classes_become_the_services(classes, ids, members):
    found = service_classes(card_of(classes=classes))
    assert (found.ids, found.members) == (ids, members)


@pytest.mark.parametrize("strange", ["ambiguous", "algae"])
def test_a_class_that_the_service_lacks_is_refused_with_what_to_do(strange):
    mend = re.escape(f"'data.drop_classes=[{strange}]', or merge it: 'data.merge_classes={{{strange}: recent_vessel}}'")
    with pytest.raises(ModelError, match=f"model small: its class '{strange}' is none of the service's.*{mend}$"):
        service_classes(card_of(classes=("background", "infra_slick", strange)))


def test_channels_become_the_services_layers_in_their_order():
    channels = ("vv", "zeros", "ship_density", "full", "infra_distance")
    layers = service_layers(card_of("mask_rcnn", channels=channels))
    assert layers == ("VV", "ALL_ZEROS", "VESSEL", "ALL_255", "INFRA")


@pytest.mark.parametrize(
    ("card", "message"),
    [
        (card_of("mask_rcnn", channels=("vv", "depth")), "makes no channel 'depth'; train on vv, infra_distance"),
        (card_of("mask_rcnn", channels=("full", "vv")), "its first channel is full .* begin"),
        (card_of("mask_rcnn", polarisation="vh"), "its first channel is vv of polarisation vh"),
        (card_of("mask_rcnn", radiometry="sigma0_db"), "trained on sigma0_db .* --radiometry dn"),
        (card_of("unet", channels=("vv", "full")), r"a U-Net of 2 channels cannot be served.*'data.channels=\[vv\]'"),
    ],
)
def test_input_that_the_service_cannot_send_is_refused(card, message):
    with pytest.raises(ModelError, match=message):
        record_of(card)


def test_the_record_holds_what_the_service_reads():
    card = card_of(
        "mask_rcnn", "resnet50", ("vv", "full", "ship_density"), grid="serving", resolution_m=76.354, epochs=12.4,
        thresholds={"bbox_score_thresh": 0.45}, metrics={"mean_dice": 0.5, "instance_f1": 0.25, "loss": 1.0},
    )  # fmt: skip
    assert record_of(card) == {
        "type": "MASKRCNN",
        "name": "small",
        "file_path": "experiments/small/scripting_cpu_model.pt",
        "layers": ["VV", "ALL_255", "VESSEL"],
        "cls_map": {"0": "BACKGROUND", "1": "INFRA", "2": "NATURAL", "3": "VESSEL"},
        "tile_width_m": 40844,
        "tile_width_px": 512,
        "epochs": 12,
        "thresholds": {
            "bbox_score_thresh": 0.45,
            "pixel_score_thresh": 0.5,
            "pixel_nms_thresh": 0.4,
            "poly_score_thresh": 0.1,
            "poly_nms_thresh": 0.2,
            "groundtruth_dice_thresh": 0.0,
        },
        "backbone_size": 50,
        "pixel_f1": 0.5,
        "instance_f1": 0.25,
    }
    assert zoom_and_scale(record_of(card)) == (9, 2)
    assert served_resolution_m(record_of(card)) == pytest.approx(180 / 2**9 / 512 * 111_195)


def test_a_unets_own_thresholds_are_taken_where_the_card_is_silent():
    found = thresholds_of(card_of())
    assert (found["bbox_score_thresh"], found["poly_score_thresh"], found["pixel_score_thresh"]) == (0.0001, 0.5, 0.9)
    assert record_of(card_of())["type"] == "FASTAIUNET"


@pytest.mark.parametrize(
    ("resolution_m", "grid", "zoom", "note"),
    [
        (76.35, "serving", 9, None),
        (76.35, "native", 9, "trained on the native grid, served on the WorldCRS84Quad grid at zoom 9"),
        (40.0, "native", 10, "served on"),
        (20.0, "native", 11, "served on"),
        (55.0, "native", 9, r"trained on pixels of 55.0 m, the service will send 76.4 m \(zoom 9\); .* --grid serving"),
        (None, "image", 9, "is not known; the service will send 76.4 m"),
    ],
)
def test_the_ground_of_a_served_tile_fits_the_training_pixels(resolution_m, grid, zoom, note):
    card = card_of(resolution_m=resolution_m, grid=grid)
    record = record_of(card)
    assert zoom_and_scale(record) == (zoom, 2)
    if resolution_m:
        assert abs(math.log2(served_resolution_m(record) / resolution_m)) <= 0.5  # no other zoom would be nearer
    notes = serving_notes(card, record)
    assert len(notes) == (note is not None)
    assert note is None or re.search(note, notes[0])


def test_probabilities_of_merged_classes_add_up_and_those_never_learnt_are_zero():
    logits = torch.tensor([1.0, -2.0, 0.5, 30.0, -40.0]).view(1, 5, 1, 1)
    own = torch.softmax(logits / 2, dim=1)
    served = ServedUNet(CalibratedUNet(Fixed(logits), 2.0), ((0,), (), (1, 2), (3, 4)))
    found = torch.softmax(served(torch.zeros(1, 1, 1, 1)), dim=1).flatten()
    expected = torch.tensor([own[0, 0], 0, own[0, 1] + own[0, 2], own[0, 3] + own[0, 4]])
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-7)
    assert found[1] == 0


def test_a_class_never_learnt_does_not_win_against_the_coldest_logits():
    served = ServedUNet(Fixed(torch.full((1, 2, 1, 1), -1e6)), ((0,), (1,), (), ()))
    found = torch.softmax(served(torch.zeros(1, 1, 1, 1)), dim=1).flatten()
    assert found.tolist() == [0.5, 0.5, 0.0, 0.0]


def test_the_served_card_is_judged_by_labels_of_ours():
    before = {"merge_classes": {"ambiguous": "old_vessel"}, "drop_classes": ["coincident_vessel"]}
    card = served_card(card_of(classes=("background", "infra_slick", "old_vessel"), dataset=before))
    found = class_map(card, load_classes())
    rows = dict(zip(load_classes().names, found.row_of, strict=True))
    assert rows == {"background": 0, "infra_slick": 1, "natural_seep": 4, "coincident_vessel": -1, "recent_vessel": 4,
                    "old_vessel": 3, "ambiguous": 3}  # fmt: skip


def test_the_served_card_has_the_services_classes_and_a_table_of_them():
    card = served_card(card_of(temperature=1.7, classes=ALL_FIVE))
    assert card.classes == ("background", "infra", "natural", "vessel")
    assert card.temperature == 1
    assert ClassTable.from_rows(list(card.class_rows), "card").names == list(card.classes)


@pytest.mark.parametrize(
    ("kind", "file", "channels"),
    [("unet", "model.pt2", ("vv",)), ("mask_rcnn", "model.onnx", ("vv", "full")), ("unet", "model.onnx", ("vv",))],
)
def test_the_stac_item_is_valid(kind, file, channels):
    from pystac.validation.stac_validator import JsonSchemaSTACValidator
    from stac_model.schema import MLModelProperties

    card = card_of(kind, channels=channels, name="größe 1", class_rows=tuple(served_card(card_of()).class_rows))
    item = stac_item(card, file, 5, 7, "2.15.0+cpu", "CC-BY-4.0")
    assert item["id"] == "gr-e-1"  # the extension's names are plain letters
    assert MLM_SCHEMA in item["stac_extensions"]
    JsonSchemaSTACValidator().validate_core(item, "Feature", "1.1.0", None)
    properties = {name: value for name, value in item["properties"].items() if name.startswith("mlm:")}
    model = MLModelProperties.model_validate({name.removeprefix("mlm:"): value for name, value in properties.items()})
    assert model.input[0].bands == list(channels)
    assert [one["name"] for one in item["properties"]["bands"]] == list(channels)
    assert "mlm:model" in item["assets"]["model"]["roles"]
    assert item["assets"]["model"]["href"] == f"./{file}"


def test_the_readme_says_what_one_must_know():
    card = card_of(
        thresholds={"pixel_score_thresh": 0.8}, metrics={"pixel_f1": 0.614}, code_version="1.2", epochs=3, seed=5,
        dataset={"train": {"tiles": 1200, "tiles_with_slicks": 300, "scenes": ["a", "b"], "label_snapshot": "f" * 64}},
    )  # fmt: skip
    text = model_card(card, "tracing_cpu_model.pt", Agreement("d", 3, 2e-7, 0.0), ("pixels differ",), "CC-BY-4.0")
    for words in (
        "# small", "ceruleanml 1.2", "`vv`", "| 2 | natural_seep |", "| train | 1,200 | 300 | 2 | `ffffffffffff` |",
        "3 epochs, seed 5", "| pixel_f1 | 0.614 |", "| pixel_score_thresh | 0.8 |", "torch.jit.load", "2.0e-07",
        "- Pixels differ", "CC-BY-4.0.",
    ):  # fmt: skip
        assert words in text, words
