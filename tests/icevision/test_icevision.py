"""icevision on today's libraries: parsing, training, predicting and judging with it, and what it leaves behind."""

import json

import numpy as np
import pytest
import torch
from datasets_made import box_mask, make_dataset_folder, speckle

from ceruleanml.datasets.tile_io import read_tile
from ceruleanml.models.card import read_card
from ceruleanml.models.config import DataConfig
from ceruleanml.models.predictor import load_predictor
from ceruleanml.models.run_folder import read_config
from ceruleanml.models.segmenter import load_segmenter
from ceruleanml.models.tiles import open_training
from ceruleanml.models.weights import load_state

pytestmark = pytest.mark.filterwarnings("default")  # icevision and what it brings are of 2022
SIDE = 64
CHANNELS = ("vv", "infra_distance", "ship_density")
CLASSES = ("background", "infra_slick", "natural_seep")


def make_folder(root, bands=1, side=SIDE, labelled="abc", empty="abc"):
    """Scenes with a labelled tile, an infrastructure slick and a seep in two pieces, or with an empty one beside it."""
    size = (side, side)
    slick, above, below = (box_mask(rows, slice(8, 50), size) for rows in (slice(10, 20), slice(30, 36), slice(44, 50)))
    masks = [(1, "a", slick), (2, "b", above), (2, "b", below)]
    tiles = {}
    for name in labelled:
        first, second = (speckle(10 * ord(name) + tile, size, bands) for tile in (0, 1))
        for _, _, mask in masks:
            first[0][mask] //= 4
        tiles[f"scene_{name}"] = [((0, 0), first, masks), *([((0, side), second, ())] if name in empty else [])]
    return make_dataset_folder(root, tiles, channels=CHANNELS[:bands])


def opened(folder, share=0.4):
    return open_training(DataConfig(train=str(folder), validation_share=share), "mask_rcnn", seed=0)


@pytest.fixture(scope="session")
def home(tmp_path_factory):
    """icevision, imported for the first time by someone with an empty home and no network."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(home))
        for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
            patch.setenv(name, "http://127.0.0.1:9")
        from ice_bridge import load_icevision

        load_icevision()
    return home


@pytest.fixture(scope="session")
def folder(home, tmp_path_factory):
    return make_folder(tmp_path_factory.mktemp("sets") / "one")


@pytest.fixture(scope="session")
def learnt(home, tmp_path_factory):
    """Three tiles to learn from, one of them empty."""
    return make_folder(tmp_path_factory.mktemp("sets") / "learnt", labelled="ab", empty="a")


@pytest.fixture(scope="session")
def run(learnt, tmp_path_factory):
    """A run folder after an epoch of three steps."""
    from ice_trainer import config_of, parser, train

    run = tmp_path_factory.mktemp("runs") / "ice"
    judged = make_folder(tmp_path_factory.mktemp("sets") / "judged", labelled="d", empty="")
    words = [str(learnt), "--run", str(run), "--epochs", "1", "--batch-size", "1", "--device", "cpu"]
    config = config_of(parser().parse_args([*words, "--validation", str(judged)]))
    torch.set_num_threads(2)
    train(config)
    return run


@pytest.fixture(scope="session")
def images(folder):
    """The tiles as a network takes them, float32 (n, bands, height, width)."""
    data = opened(folder)
    tiles = [*data.train, *data.validation]
    return torch.stack([torch.from_numpy(tile.dataset.read(tile.record)) for tile in tiles[:2]]).float() / 255


def outspoken(network):
    """The network, telling of the ten likeliest slicks however unlikely they are: three steps have taught it little."""
    network.roi_heads.score_thresh, network.roi_heads.detections_per_img = 0.0, 10
    return network.eval()


def answers(network, images):
    """What a network finds, in torchvision's words."""
    outspoken(network)
    with torch.inference_mode():
        found = network(list(images))
    assert all(len(one["scores"]) > 0 for one in found)
    return found


def test_it_is_imported_without_a_download(home):
    font = home / ".icevision" / "fonts" / "SpaceGrotesk-Medium.ttf"
    assert font.read_bytes()[:4] == b"\0\1\0\0"  # a TrueType font, no error page


def test_sizes_are_those_of_the_upright_picture(home, tmp_path):
    from icevision.parsers.coco_parser import get_img_size
    from PIL import Image

    lying = Image.Exif()
    lying[274] = 6
    Image.new("L", (20, 10)).save(tmp_path / "lying.jpg", exif=lying)
    Image.new("L", (20, 10)).save(tmp_path / "plain.png")
    assert get_img_size(tmp_path / "lying.jpg") == (10, 20)
    assert get_img_size(tmp_path / "plain.png") == (20, 10)


def test_its_own_parser_reads_the_boxes_of_a_data_set_folder(folder):
    from icevision.all import SingleSplitSplitter, parsers

    parser = parsers.COCOBBoxParser(folder / "instances.json", folder)
    (records,) = parser.parse(SingleSplitSplitter(), show_pbar=False)
    assert len(records) == 3  # images without annotations are lost on it
    assert records[0].detection.label_ids == [1, 2, 2]
    assert tuple(records[0].detection.bboxes[0].xyxy) == (8, 10, 50, 20)
    assert (records[0].width, records[0].height) == (SIDE, SIDE)


@pytest.mark.parametrize("bands", [1, 2, 3])
def test_records_hold_every_tile_with_its_bands_and_slicks(home, tmp_path, bands):
    from ice_records import records_of
    from icevision.all import Dataset

    data = opened(make_folder(tmp_path / "set", bands))
    loaded = list(Dataset(records_of(data.train, data)))
    assert len(loaded) == len(data.train) and data.classes == CLASSES
    for record, tile in zip(loaded, data.train, strict=True):
        assert (record.img == tile.dataset.read(tile.record).transpose(1, 2, 0)).all()
        assert record.detection.label_ids == ([1, 2] if tile.pieces else [])
    labelled = next(record for record, tile in zip(loaded, data.train, strict=True) if tile.pieces)
    slick, seep = labelled.detection.mask_array.data
    assert (slick == box_mask(slice(10, 20), slice(8, 50), (SIDE, SIDE))).all()
    assert seep.sum() == 2 * 6 * 42  # two pieces, one slick
    assert tuple(labelled.detection.bboxes[1].xyxy) == (8, 30, 50, 50)


def test_transforms_turn_pixels_boxes_and_masks_together(folder):
    from ice_records import records_of
    from icevision.all import Dataset, tfms

    data = opened(folder)
    records = records_of(data.train, data)
    plain, turned = Dataset(records)[0], Dataset(records, tfms.A.Adapter([tfms.A.HorizontalFlip(p=1)]))[0]
    assert (turned.img == plain.img[:, ::-1]).all()
    assert (turned.detection.mask_array.data == plain.detection.mask_array.data[:, :, ::-1]).all()
    assert tuple(turned.detection.bboxes[0].xyxy) == pytest.approx((SIDE - 50, 10, SIDE - 8, 20))


def test_it_draws_slicks_in_given_colours(home, tmp_path):
    from ice_records import records_of
    from icevision.all import Dataset, draw_sample

    data = opened(make_folder(tmp_path / "set", bands=3))
    record = Dataset(records_of(data.train, data))[0]
    colours = {"infra_slick": np.array([255.0, 0, 0]), "natural_seep": np.array([0, 255.0, 0])}
    drawn = draw_sample(record, data.classes, color_map=colours, display_label=True, display_bbox=False, mask_blend=1)
    assert (drawn[18, 48, :3] == (255, 0, 0)).all() and (drawn[48, 48, :3] == (0, 255, 0)).all()


def test_loading_by_a_process_beside_gives_the_same_batch(folder):
    from ice_records import records_of
    from icevision.all import Dataset
    from icevision.models.torchvision import mask_rcnn

    data = opened(folder)
    tiles = Dataset(records_of(data.train, data))
    here, beside = (
        next(iter(mask_rcnn.train_dl(tiles, batch_size=2, num_workers=workers, shuffle=False)))[0] for workers in (0, 1)
    )
    assert all(torch.equal(one, other) for one, other in zip(here[0], beside[0], strict=True))
    assert torch.equal(here[1][0]["masks"], beside[1][0]["masks"]) and here[1][0]["masks"].any()
    assert here[1][1]["boxes"].shape == (0, 4)


def test_three_steps_make_a_run_folder(run, learnt):
    from ice_learning import icevision_network

    card = read_card(run)
    assert (card.kind, card.encoder, card.classes, card.channels) == ("mask_rcnn", "resnet18", CLASSES, ("vv",))
    assert (card.tile_px, card.epochs, card.dataset["train"]["tiles"]) == (SIDE, 1, 3)
    pixels = np.concatenate([read_tile(path) for path in learnt.glob("tiles/*.tif")]) / 255
    assert (card.mean[0], card.deviation[0]) == pytest.approx((pixels[pixels > 0].mean(), pixels[pixels > 0].std()))
    assert {"box_ap", "mask_ap", "mask_ap_50"} <= card.metrics.keys()
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert [(line["epoch"], line["step"]) for line in lines] == [(1, 3)] and np.isfinite(lines[0]["train"]["loss"])
    assert "icevision 0.12.0" in (run / "config.yaml").read_text() and read_config(run).trainer.epochs == 1
    state = load_state(run / "weights.pt")
    torch.manual_seed(0)
    first = icevision_network(card).state_dict()
    assert state.keys() == first.keys() and all(value.isfinite().all() for value in state.values())
    assert not torch.equal(state["backbone.body.conv1.weight"], first["backbone.body.conv1.weight"])
    assert state["backbone.body.bn1.num_batches_tracked"] == 3  # and validation is not among them


def test_weights_interchange_with_torchvision_and_answers_are_the_same_bits(run, images):
    from ice_learning import icevision_network
    from torchvision.models.detection import MaskRCNN
    from torchvision.models.detection.backbone_utils import resnet_fpn_backbone

    card, ours = load_segmenter(run)
    state = load_state(run / "weights.pt")
    theirs = icevision_network(card)
    theirs.load_state_dict(state)
    backbone = resnet_fpn_backbone(
        backbone_name="resnet18", weights=None, norm_layer=torch.nn.BatchNorm2d, trainable_layers=5
    )
    backbone.body.conv1 = torch.nn.Conv2d(1, 64, 7, 2, 3, bias=False)
    about = {"min_size": SIDE, "max_size": SIDE, "image_mean": card.mean, "image_std": card.deviation}
    plain = MaskRCNN(backbone, len(card.classes), **about)
    plain.load_state_dict(state)
    expected = answers(theirs, images)
    for network in (ours, plain):
        for one, other in zip(answers(network, images), expected, strict=True):
            assert all(torch.equal(one[name], other[name]) for name in ("boxes", "labels", "scores", "masks"))


def test_its_prediction_of_records_is_that_of_the_run(run, folder):
    from ice_learning import icevision_network
    from ice_records import records_of
    from icevision.all import Dataset
    from icevision.models.torchvision import mask_rcnn

    data = opened(folder)
    network = icevision_network(read_card(run))
    network.load_state_dict(load_state(run / "weights.pt"))
    found = mask_rcnn.predict(outspoken(network), Dataset(records_of(data.train[:1], data)), detection_threshold=0.0)[
        0
    ].detection
    predictor = load_predictor(run, "cpu")
    outspoken(predictor._segmenter)
    pixels = data.train[0].dataset.read(data.train[0].record)
    (expected,) = predictor.detections(pixels[None].astype(np.float32) / 255)
    assert len(expected.scores) > 0
    assert (found.scores == expected.scores).all() and list(found.label_ids) == expected.labels.tolist()
    assert (np.array([box.xyxy for box in found.bboxes], np.float32) == expected.boxes).all()
    assert (found.mask_array.data == (expected.masks > 0.5)).all()


def test_normalisation_among_its_transforms_comes_to_the_same_as_inside(run, folder):
    """The way of icevision's own guides, so that weights trained there can be given a card."""
    from ice_records import records_of
    from icevision.all import Dataset, tfms
    from icevision.models.torchvision import mask_rcnn
    from icevision.models.torchvision.utils import remove_internal_model_transforms

    data = opened(folder)
    card, network = load_segmenter(run)
    records = records_of(data.train, data)
    (plain,), _ = mask_rcnn.build_infer_batch(Dataset(records))
    normalise = tfms.A.Normalize(mean=card.mean, std=card.deviation, max_pixel_value=255)
    (normalised,), _ = mask_rcnn.build_infer_batch(Dataset(records, tfms.A.Adapter([normalise])))
    inside = answers(network, plain[:2])
    assert not torch.allclose(plain, normalised, atol=0.1)
    remove_internal_model_transforms(network)
    for one, other in zip(answers(network, normalised[:2]), inside, strict=True):
        torch.testing.assert_close(one["scores"], other["scores"], atol=1e-4, rtol=0)
        torch.testing.assert_close(one["boxes"], other["boxes"], atol=1e-2, rtol=0)


def test_coco_metric_is_one_for_the_truth_and_less_for_half_of_it(folder):
    from ice_records import records_of
    from icevision.all import COCOMetric, COCOMetricType, Dataset, Prediction, ScoresRecordComponent

    data = opened(folder)
    records = records_of(data.train, data)

    def precision(kept):
        told = []
        for record in Dataset(records):
            guess = record.load()
            guess.add_component(ScoresRecordComponent())
            guess.detection.set_scores(np.ones(len(record.detection.label_ids)))
            if record.detection.label_ids:
                guess.detection.mask_array.data *= kept
            told.append(Prediction(pred=guess, ground_truth=record))
        metric = COCOMetric(COCOMetricType.mask)
        metric.accumulate(told)
        return metric.finalize()["AP (IoU=0.50:0.95) area=all"]

    whole, left = np.ones((2, SIDE, SIDE), np.uint8)
    left[:, SIDE // 2 - 8 :] = 0
    assert precision(whole) == pytest.approx(1)
    assert precision(left) < 0.5


def test_tiles_of_other_shapes_are_refused_in_one_line(home, tmp_path):
    from ice_trainer import config_of, parser, train

    from ceruleanml.errors import UsageError

    folder = make_folder(tmp_path / "set", side=72)
    config = config_of(parser().parse_args([str(folder), "--run", str(tmp_path / "run")]))
    with pytest.raises(UsageError, match="has tiles of 72 x 72 pixels; icevision takes squares .* --tile-size"):
        train(config)
    assert not (tmp_path / "run").exists()
