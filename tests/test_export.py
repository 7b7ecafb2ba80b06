"""Exports: each file against the network it came from, called as those call it who will."""

import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision  # noqa: F401 # brings the operators of a scripted Mask R-CNN
from datasets_made import box_mask, make_dataset_folder, speckle
from models_made import card_of, network_of, run_of
from processes import finished

from ceruleanml.errors import DatasetError, ModelError, UsageError, WriteError
from ceruleanml.models.agreement import check_agreement, trial_tiles
from ceruleanml.models.card import read_card
from ceruleanml.models.export import export
from ceruleanml.models.predictor import load_predictor
from ceruleanml.models.service_classes import ServiceClasses
from ceruleanml.models.weights import load_state

pytestmark = pytest.mark.usefixtures("narrow_networks")
SIDE = (64, 64)
VESSELS = ("background", "recent_vessel", "old_vessel", "infra_slick")


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """A folder with the data set `tiles`, of one slick on one tile."""
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("export")
    slick = [(3, "a/1", box_mask(slice(20, 24), slice(4, 60), SIDE))]
    make_dataset_folder(folder / "tiles", {"a": [((0, 0), speckle(1, SIDE), slick)]})
    return folder


def trained(folder, kind, name=None, **changes):
    """A run that was trained on the data set `tiles` of the folder."""
    data = {"train": {"path": str(folder / "tiles"), "sha256": "0" * 64}}
    return run_of(folder / (name or kind), card_of(kind, dataset=data, **changes))


def network_in(run, **changes):
    """The network of a run as it would be with another card."""
    network = network_of(read_card(run).with_(**changes))
    network.load_state_dict(load_state(run / "weights.pt"))
    return network


@pytest.fixture(scope="module")
def served_unet(work):
    run = trained(work, "unet", classes=VESSELS, temperature=2.5)
    return run, export(run, "cerulean-cloud")


@pytest.fixture(scope="module")
def served_mask_rcnn(work):
    run = trained(work, "mask_rcnn", classes=VESSELS, channels=("vv", "infra_distance"))
    return run, export(run, "cerulean-cloud")


def served(tile_u8):
    """What the service makes of the bytes it is sent."""
    return torch.from_numpy(tile_u8.astype(np.float32) / np.float32(255))


class Service:
    """The service's side of the contract: it reads the record, loads the file on the CPU and knows nothing else."""

    def __init__(self, folder):
        self.record = json.loads((folder / "record.json").read_text())
        self.module = torch.jit.load(folder / Path(self.record["file_path"]).name, map_location="cpu")
        self.module.eval()

    def slicks(self, tiles_u8):
        return self.module([served(tile) for tile in tiles_u8])[1]

    def probabilities(self, tiles_u8):
        logits = self.module(torch.stack([served(tile) for tile in tiles_u8]))
        return torch.softmax(logits, dim=1).detach()


def test_the_service_gets_the_unets_probabilities_in_its_own_classes(served_unet):
    run, report = served_unet
    service = Service(report.out)
    tiles = np.stack([speckle(5, (96, 64), 1), np.zeros((1, 96, 64), np.uint8)])
    found = service.probabilities(tiles)
    with torch.inference_mode():
        own = network_in(run).probabilities(torch.stack([served(tile) for tile in tiles]), 2.5)
    names = [service.record["cls_map"][str(number)] for number in range(4)]
    assert names == ["BACKGROUND", "INFRA", "NATURAL", "VESSEL"]
    assert found.shape == (2, 4, 96, 64)
    torch.testing.assert_close(found[:, 0], own[:, 0], rtol=0, atol=1e-6)
    torch.testing.assert_close(found[:, 1], own[:, 3], rtol=0, atol=1e-6)
    torch.testing.assert_close(found[:, 3], own[:, 1] + own[:, 2], rtol=0, atol=1e-6)
    assert not found[:, 2].any()
    assert own[:, 1].std() > 1e-4  # else every permutation would pass


def test_the_service_gets_the_slicks_of_mask_rcnn_with_its_own_labels(served_mask_rcnn):
    run, report = served_mask_rcnn
    service = Service(report.out)
    tiles = [speckle(6, SIDE), speckle(7, SIDE)]
    found = service.slicks(tiles)
    with torch.inference_mode():
        own = network_in(run).detections(torch.stack([served(tile) for tile in tiles]))
    for one, other in zip(own, found, strict=True):
        assert len(one["boxes"]) > 0
        assert other["labels"].tolist() == [(0, 3, 3, 1)[label] for label in one["labels"]]
        assert other["labels"].dtype == torch.int64
        assert other["masks"].shape == (len(one["boxes"]), 1, *SIDE)
        for key in ("boxes", "scores", "masks"):
            torch.testing.assert_close(other[key], one[key], rtol=0, atol=1e-5)
    assert service.record["layers"] == ["VV", "INFRA"]


def test_a_served_tile_is_not_resized_whatever_the_training_tiles_measured(served_mask_rcnn):
    """A window of 64 pixels answers as it does when the model is told that its tiles have 96."""
    run, report = served_mask_rcnn
    tile = speckle(8, (96, 96))
    with torch.inference_mode():
        own = network_in(run, tile_px=96).detections(served(tile)[None])[0]
    assert len(own["boxes"]) > 0
    found = Service(report.out).slicks([tile])[0]
    torch.testing.assert_close(found["boxes"], own["boxes"], rtol=0, atol=1e-4)
    torch.testing.assert_close(found["masks"], own["masks"], rtol=0, atol=1e-4)


def test_an_export_is_whole_and_its_card_speaks_of_the_file(served_unet):
    run, report = served_unet
    assert report.out == run / "export" / "cerulean-cloud"
    assert report.files == ("README.md", "model.json", "record.json", "stac.json", "tracing_cpu_model.pt")
    assert sorted(path.name for path in report.out.parent.iterdir()) == ["cerulean-cloud"]
    card = read_card(report.out)
    assert (card.classes, card.temperature) == (("background", "infra", "natural", "vessel"), 1.0)
    assert report.agreement.real_tiles == 1
    assert report.agreement.probability < 1e-5


@pytest.mark.parametrize(("target", "file"), [("onnx", "model.onnx"), ("torch-export", "model.pt2")])
def test_the_unet_for_others_answers_for_any_number_and_size_of_tiles(work, target, file):
    run = trained(work, "unet", target, channels=("infra_distance", "vv"), temperature=0.5)
    report = export(run, target, work / "out" / target)
    assert report.files == ("README.md", "model.json", file, "stac.json")
    images = np.random.default_rng(0).random((3, 2, 96, 160), np.float32)
    found = load_predictor(report.out).probabilities(images)
    np.testing.assert_allclose(found, load_predictor(run, "cpu").probabilities(images), rtol=0, atol=1e-5)


def test_mask_rcnn_for_onnxruntime_answers_as_the_network(work):
    run = trained(work, "mask_rcnn", "onnx_rcnn")
    report = export(run, "onnx")
    assert report.files == ("README.md", "model.json", "model.onnx", "stac.json")
    assert report.agreement.box_px < 0.01
    exported = load_predictor(report.out)
    with pytest.raises(ModelError, match=r"model.onnx: takes tiles of \d+ x \d+ pixels alone, these have 224 x 224"):
        exported.detections(np.zeros((1, exported.card.bands, 224, 224), np.float32))


def test_mask_rcnn_cannot_become_a_program(work):
    with pytest.raises(ModelError, match=r"torch.export takes no Mask R-CNN.*; take --target cerulean-cloud or onnx$"):
        export(trained(work, "mask_rcnn", "program"), "torch-export")
    assert not (work / "program" / "export").exists()


def test_real_tiles_come_first_those_with_slicks_before_others(tmp_path):
    slick = [(1, "a/1", box_mask(slice(70, 72), slice(70, 72), (96, 96)))]
    large, small = speckle(1, (96, 96)), speckle(2, (40, 40))
    root = make_dataset_folder(tmp_path / "d", {"a": [((0, 0), small, []), ((0, 200), large, slick)]})
    _, images = trial_tiles(tmp_path, card_of(channels=("infra_distance", "vv")), root)
    assert images.shape == (4, 2, 64, 64)
    np.testing.assert_array_equal(images[0], large[::-1, 32:, 32:] / np.float32(255))
    np.testing.assert_array_equal(images[1, :, :40, :40], small[::-1] / np.float32(255))
    assert not images[1, :, 40:].any()
    assert 0.4 < images[2].mean() < 0.6  # noise
    assert not images[3].any()


def test_a_file_that_answers_otherwise_is_refused(work, served_unet):
    run, _ = served_unet
    network = load_predictor(run, "cpu")
    other = load_predictor(run_of(work / "other", card_of(classes=VESSELS), seed=1), "cpu")
    same = ServiceClasses((0, 1, 2, 3), ((0,), (1,), (2,), (3,)))
    _, images = trial_tiles(run, network.card, None)
    with pytest.raises(ModelError, match=r"differs from the network by 0\.\d+ in probability .* on tiles of d"):
        check_agreement(network, other, same, images, Path("d"))
    shifted = ServiceClasses((0, 1, 2, 3), ((1,), (0,), (2,), (3,)))
    with pytest.raises(ModelError, match="differs from the network"):
        check_agreement(network, network, shifted, images, Path("d"))
    assert check_agreement(network, network, same, images, Path("d")).probability == 0


def test_an_earlier_export_is_replaced_and_anything_else_is_not(work):
    run = trained(work, "unet", "again")
    out = work / "placed"
    out.mkdir()
    (out / "thesis.txt").write_text("mine")
    with pytest.raises(UsageError, match=r"placed: exists and is no export; choose another --out"):
        export(run, "cerulean-cloud", out)
    assert (out / "thesis.txt").read_text() == "mine"
    (out / "thesis.txt").unlink()
    export(run, "cerulean-cloud", out)
    (out / "README.md").write_text("old")
    export(run, "cerulean-cloud", out)
    assert (out / "README.md").read_text().startswith("# small")
    with pytest.raises(UsageError, match="again: exists and is no export"):
        export(run, "cerulean-cloud", run)
    assert not list(work.glob(".placed*"))


def test_without_a_data_set_to_try_it_on_nothing_is_exported(work):
    run = run_of(work / "lost", card_of(dataset={"train": {"path": "gone/tiles"}}))
    with pytest.raises(UsageError, match=r"lost: the data set gone/tiles .* is not here .*; name one with --tiles"):
        export(run, "cerulean-cloud")
    assert export(run, "cerulean-cloud", tiles=work / "tiles").agreement.dataset == str(work / "tiles")
    wider = run_of(work / "wider", card_of("mask_rcnn", channels=("vv", "ship_density")))
    with pytest.raises(
        DatasetError, match=r"tiles: has no channel ship_density, .* name a data set of vv, ship_density"
    ):
        export(wider, "cerulean-cloud", tiles=work / "tiles")


@pytest.mark.parametrize(
    ("changes", "target", "error", "message"),
    [
        ({}, "tensorrt", UsageError, "--target tensorrt is not known; choose cerulean-cloud, onnx, torch-export"),
        ({"classes": ("background", "ambiguous")}, "cerulean-cloud", ModelError, "class 'ambiguous' is none"),
        ({"channels": ("vv", "infra_distance")}, "cerulean-cloud", ModelError, "a U-Net of 2 channels cannot be"),
    ],
)
def test_what_cannot_be_exported_is_said_and_nothing_is_written(work, changes, target, error, message):
    run = trained(work, "unet", "bad", **changes)
    with pytest.raises(error, match=message):
        export(run, target)
    assert not (run / "export").exists()


def test_missing_packages_are_named(work, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    with pytest.raises(UsageError, match=r"^--target onnx needs onnxscript; pip install 'ceruleanml\[onnx\]'$"):
        export(trained(work, "unet", "bare"), "onnx")


def test_a_place_that_cannot_be_written_is_said(work, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(WriteError, match="file/out|file: cannot be written"):
        export(trained(work, "unet", "placeless"), "cerulean-cloud", tmp_path / "file" / "out")


VERB = """
from ceruleanml.cli.export import export
from narrow import make_narrow
import typer
make_narrow()
typer.run(export)
"""


def test_the_verb_says_what_it_wrote_and_writes_the_same_bytes_again(work):
    run = trained(work, "unet", "verb")
    for name in ("one", "two"):
        start = [
            sys.executable,
            "-W",
            "error",
            "-W",
            "ignore:`torch.jit",
            "-c",
            VERB,
            run,
            "--target",
            "cerulean-cloud",
            "--out",
            work / name,
        ]
        done = finished(start, env={**os.environ, "PYTHONPATH": str(Path(__file__).parent)})
        assert (done.returncode, done.stderr) == (0, "")
        assert f"{name} holds README.md, model.json, record.json, stac.json, tracing_cpu_model.pt" in done.stdout
        assert "compared on 1 tile of" in done.stdout
    for path in (work / "one").iterdir():
        assert path.read_bytes() == (work / "two" / path.name).read_bytes(), path.name
