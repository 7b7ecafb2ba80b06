"""Embedding a pool: which pixels count, what is left out, and the same bytes however it is run."""

import csv
import json

import numpy as np
import pytest
import torch
from datasets_made import box_mask, change, make_dataset_folder, speckle
from models_made import card_of, network_of, run_of
from narrow import DEEPEST
from narrow import encoder as encoder_of
from torch import nn

import ceruleanml.selection.embedding as embedding_module
from ceruleanml.datasets.folder import open_dataset
from ceruleanml.datasets.tile_io import encode_tile
from ceruleanml.errors import DatasetError, ModelError, SelectionError, UsageError
from ceruleanml.models.tile_reading import Statistics
from ceruleanml.models.weights import save_state
from ceruleanml.selection.embedding import EmbedOptions, embed_pool
from ceruleanml.selection.embedding_encoder import SELF_TAUGHT, Encoder, EncoderSource, load_encoder
from ceruleanml.selection.embedding_files import read_embeddings
from ceruleanml.selection.pool_tiles import tile_classes

pytestmark = pytest.mark.usefixtures("narrow_networks", "warm_workers")
SIDE = 48
CPU = torch.device("cpu")


def tile(seed, col=0, masks=()):
    return ((0, col), speckle(seed, (SIDE, SIDE)), masks)


@pytest.fixture
def pool(tmp_path):
    """Two scenes, the later one first in the folder, three tiles and two."""
    one = [tile(1), tile(2, 48, [(1, "a", box_mask(slice(2, 6), slice(4, 20), (SIDE, SIDE)))]), tile(3, 96)]
    return make_dataset_folder(tmp_path / "pool", {"one": one, "Two": [tile(4), tile(5, 48)]})


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return run_of(tmp_path_factory.mktemp("models") / "run", card_of())


def rewrite(pool, tile_id, pixels):
    (pool / "tiles" / f"{tile_id}.tif").write_bytes(encode_tile(pixels, None, None, ["vv", "infra_distance"], 0))


def averaging(scale=1.0):
    """An encoder whose features are the means of cells of 32 pixels."""
    return Encoder(nn.AvgPool2d(32), None, scale, "weights", "means", CPU)


def test_only_pixels_that_hold_data_count():
    images = np.full((1, 2, 64, 96), 9, np.float32)
    images[0, :, :, :32] = [[[0.5]], [[0.1]]]
    images[0, :, :32, 32:64] = [[[0.8]], [[0.7]]]
    valid = np.zeros((1, 64, 96), bool)
    valid[0, :, :32] = True
    assert np.allclose(averaging().pooled(images, valid), [[0.5, 0.1]])
    valid[0, :16, 32:64] = True  # half a cell beside two whole ones
    assert np.allclose(averaging().pooled(images, valid), [[(2 * 0.5 + 0.5 * 0.8) / 2.5, (2 * 0.1 + 0.5 * 0.7) / 2.5]])
    assert np.isnan(averaging().pooled(images, np.zeros_like(valid))).all()


def test_sides_are_padded_and_padding_does_not_count():
    images, valid = np.full((1, 1, 40, 33), 0.5, np.float32), np.ones((1, 40, 33), bool)
    cells = np.array([[32 * 32, 32 * 1], [8 * 32, 8 * 1]]) / 32**2  # shares of data, which the means are of, too
    assert np.allclose(averaging().pooled(images, valid), 0.5 * (cells * cells).sum() / cells.sum())


def test_tiles_are_resized_to_the_scale_that_the_encoder_learned_at():
    rows = np.linspace(0, 1, 64 * 64, dtype=np.float32).reshape(1, 1, 64, 64)
    halved = rows.reshape(1, 1, 32, 2, 32, 2).mean(axis=(3, 5))
    found = averaging(0.5).pooled(rows, np.ones((1, 64, 64), bool))
    assert np.allclose(found, averaging().pooled(halved, np.ones((1, 32, 32), bool)))


def by_hand(pool, network, card, features):
    """The vectors of whole tiles by the network itself, by tile id."""
    dataset, vectors = open_dataset(pool), {}
    for one in dataset.tiles:
        image = torch.from_numpy(dataset.read(one)[:1].astype(np.float32) / 255)[None]
        image = (nn.functional.pad(image, (0, 16, 0, 16)) - card.mean[0]) / card.deviation[0]
        shares = nn.functional.pad(torch.ones(1, 1, SIDE, SIDE), (0, 16, 0, 16))
        with torch.inference_mode():
            found = features(network, image)
            weights = nn.functional.adaptive_avg_pool2d(shares, found.shape[-2:])
            vector = ((found * weights).sum((2, 3)) / weights.sum()).numpy()[0]
        vectors[one.tile_id] = vector / np.linalg.norm(vector)
    return vectors


@pytest.mark.parametrize(("kind", "encoder"), [("unet", "mobilenet_v2"), ("mask_rcnn", "resnet18")])
def test_a_models_deepest_features_at_unit_length_sorted(pool, tmp_path, kind, encoder):
    card, dimensions = card_of(kind, encoder, mean=(0.2,), deviation=(0.15,)), DEEPEST[encoder]
    run = run_of(tmp_path / "run", card)
    report = embed_pool(EncoderSource(run), pool, tmp_path / "e.parquet")
    found = read_embeddings(report.out)
    assert (report.tiles, report.dimensions, report.removed, report.made_now) == (5, dimensions, {}, True)
    names = ["Two_00000_00000", "Two_00000_00048", "one_00000_00000", "one_00000_00048", "one_00000_00096"]
    assert found.ids == tuple(names) and found.groups == ("Two",) * 2 + ("one",) * 3
    layers = {"unet": lambda net, x: net.encoder(x), "mask_rcnn": lambda net, x: list(net.encoder(x).values())[-1]}
    expected = by_hand(pool, network_of(card), card, layers[kind])
    assert np.allclose(found.vectors, [expected[name] for name in names], atol=1e-5)
    assert np.allclose(np.linalg.norm(found.vectors, axis=1), 1, atol=1e-6)
    assert (found.about["method"], found.about["channels"]) == ("model", ["vv"])


def test_torchvisions_weights_see_the_radar_normalised_by_the_pool(pool, tmp_path):
    torch.manual_seed(3)
    network = encoder_of("mobilenet_v2").eval()
    save_state(tmp_path / "imagenet.pth", network.state_dict())
    found = read_embeddings(embed_pool(EncoderSource(tmp_path / "imagenet.pth"), pool, tmp_path / "e.parquet").out)
    dataset = open_dataset(pool)
    values = np.concatenate([dataset.read(one)[0].ravel() for one in dataset.tiles]) / 255
    card = card_of(mean=(values.mean(),), deviation=(values.std(),))
    expected = by_hand(pool, network, card, lambda net, x: net.features[:-1](x.expand(-1, 3, -1, -1)))
    assert np.allclose(found.vectors, [expected[name] for name in found.ids], atol=1e-4)
    assert found.about["method"] == "weights" and found.about["channels"] == ["vv"]


def test_the_same_bytes_whatever_workers_batches_and_threads(pool, run, tmp_path):
    def made(name, threads=1, workers=1, batch_size=32):
        before = torch.get_num_threads()
        torch.set_num_threads(threads)
        out = embed_pool(EncoderSource(run), pool, tmp_path / name, EmbedOptions(batch_size=batch_size), workers).out
        torch.set_num_threads(before)
        return out.read_bytes()

    first = made("a")
    assert made("b", workers=2, batch_size=3) == first
    assert made("c", threads=2, batch_size=1) == first


def test_a_killed_run_goes_on_with_the_scenes_that_are_missing(pool, run, tmp_path, monkeypatch):
    whole = embed_pool(EncoderSource(run), pool, tmp_path / "whole.parquet").out.read_bytes()
    embedded = []

    def stops(scene, work):
        if embedded == ["Two"]:
            raise KeyboardInterrupt
        embedded.append(embed_scene(scene, work))

    embed_scene = embedding_module.embed_scene
    monkeypatch.setattr(embedding_module, "embed_scene", stops)
    with pytest.raises(KeyboardInterrupt):
        embed_pool(EncoderSource(run), pool, tmp_path / "e.parquet")
    assert not (tmp_path / "e.parquet").exists()
    with pytest.raises(UsageError, match="unfinished embedding by other settings; finish that or remove it"):
        embed_pool(EncoderSource(run), pool, tmp_path / "e.parquet", EmbedOptions(keep_duplicates=True))
    monkeypatch.setattr(embedding_module, "embed_scene", lambda scene, work: embedded.append(embed_scene(scene, work)))
    report = embed_pool(EncoderSource(run), pool, tmp_path / "e.parquet")
    assert embedded == ["Two", "one"] and report.out.read_bytes() == whole
    assert sorted(path.name for path in tmp_path.glob(".*")) == []
    again = embed_pool(EncoderSource(run), pool, tmp_path / "e.parquet")
    assert not again.made_now and (again.tiles, again.dimensions) == (5, DEEPEST["mobilenet_v2"]) and len(embedded) == 2


def removed(out):
    with out.with_name(f"{out.stem}_removed_samples.csv").open() as file:
        return {(row["tile_id"], row["reason"]): row["detail"] for row in csv.DictReader(file)}


def test_what_cannot_be_read_is_empty_or_stands_twice_is_left_out(pool, run, tmp_path):
    path = pool / "tiles" / "Two_00000_00000.tif"
    path.write_bytes(path.read_bytes()[:-300])
    rewrite(pool, "Two_00000_00048", np.full((2, SIDE, SIDE), 7, np.uint8))
    rewrite(pool, "one_00000_00048", speckle(1, (SIDE, SIDE)))
    rewrite(pool, "one_00000_00096", (speckle(1, (SIDE, SIDE)) * 0.8 + 9).astype(np.uint8))
    report = embed_pool(EncoderSource(run), pool, tmp_path / "e.parquet")
    assert report.removed == {"corrupt": 1, "empty": 1, "exact_duplicate": 1, "near_duplicate": 1}
    assert read_embeddings(report.out).ids == ("one_00000_00000",)
    details = removed(report.out)
    assert list(details) == [
        ("Two_00000_00000", "corrupt"), ("Two_00000_00048", "empty"),
        ("one_00000_00048", "exact_duplicate"), ("one_00000_00096", "near_duplicate"),
    ]  # fmt: skip
    assert details["Two_00000_00048", "empty"] == "all 2,304 valid pixels are 7"
    assert details["one_00000_00048", "exact_duplicate"] == f"same pixels as {pool}: one_00000_00000"
    kept = embed_pool(EncoderSource(run), pool, tmp_path / "kept.parquet", EmbedOptions(keep_duplicates=True))
    assert kept.removed == {"corrupt": 1, "empty": 1} and kept.tiles == 3
    chosen = ["one_00000_00048", "Two_00000_00048"]
    some = embed_pool(EncoderSource(run), pool, tmp_path / "some.parquet", tile_ids=chosen)
    assert read_embeddings(some.out).ids == ("one_00000_00048",) and some.removed == {"empty": 1}


def test_a_tile_of_which_the_encoder_makes_nothing_is_left_out(pool, tmp_path):
    network = encoder_of("resnet18")
    nn.init.constant_(network.layer4[-1].bn2.weight, float("nan"))
    save_state(tmp_path / "broken.pth", network.state_dict())
    with pytest.raises(SelectionError, match="no tile is left to embed: 5 no_features; see .*e_removed_samples.csv"):
        embed_pool(EncoderSource(tmp_path / "broken.pth", "resnet18"), pool, tmp_path / "e.parquet")
    assert len(removed(tmp_path / "e.parquet")) == 5 and not (tmp_path / "e.parquet").exists()


def test_pools_without_tiles_end_in_a_sentence(pool, run, tmp_path):
    for one in open_dataset(pool).tiles:
        rewrite(pool, one.tile_id, np.zeros((2, SIDE, SIDE), np.uint8))
    with pytest.raises(SelectionError, match=r"pool: no tile is left to embed: 5 empty; see"):
        embed_pool(EncoderSource(run), pool, tmp_path / "e.parquet")
    none = make_dataset_folder(tmp_path / "none", {})
    with pytest.raises(SelectionError, match="none: holds no tile; make the pool from more scenes"):
        embed_pool(EncoderSource(run), none, tmp_path / "e.parquet")
    with pytest.raises(SelectionError, match="has no tile 007; name tiles by the tile_id"):
        embed_pool(EncoderSource(run), pool, tmp_path / "e.parquet", tile_ids=["007"])
    with pytest.raises(SelectionError, match="is asked for no tile at all"):
        embed_pool(EncoderSource(run), pool, tmp_path / "e.parquet", tile_ids=[])


def test_ids_that_look_like_numbers_stay_text(pool, run, tmp_path):
    for number, name in enumerate(["007", "7", "1e3", "08", "NA"]):
        change(pool / "instances.json", "images", number, "tile_id", to=name)
    found = read_embeddings(embed_pool(EncoderSource(run), pool, tmp_path / "e.parquet").out)
    assert found.ids == ("007", "08", "1e3", "7", "NA")


def test_an_ensembles_first_member_embeds(pool, run, tmp_path):
    ensemble = tmp_path / "ensemble"
    for number in range(2):
        run_of(ensemble / f"member_{number:02d}", card_of(), number)
    about = {"format_version": 1, "members": ["member_00", "member_01"], "bootstrap": None, "seed": 0}
    (ensemble / "ensemble.json").write_text(json.dumps(about))
    first = embed_pool(EncoderSource(ensemble / "member_00"), pool, tmp_path / "a").out.read_bytes()
    assert embed_pool(EncoderSource(ensemble), pool, tmp_path / "b").out.read_bytes() == first


def test_a_file_of_other_embeddings_is_not_written_over(pool, run, tmp_path):
    out = embed_pool(EncoderSource(run), pool, tmp_path / "e.parquet").out
    other = run_of(tmp_path / "other", card_of(), 1)
    with pytest.raises(UsageError, match="holds embeddings with another model; choose another --out"):
        embed_pool(EncoderSource(other), pool, out)
    change(pool / "dataset.json", "seed", to=1)
    with pytest.raises(UsageError, match="holds embeddings with another pool"):
        embed_pool(EncoderSource(run), pool, out)
    with pytest.raises(UsageError, match="is a folder; name a file"):
        embed_pool(EncoderSource(run), pool, tmp_path)


@pytest.mark.parametrize(("source", "error"), [
    (lambda folder: EncoderSource(folder), "holds no model"),
    (lambda folder: EncoderSource(folder / "no.pt"), "no such file of weights"),
    (lambda folder: EncoderSource(run_of(folder / "a", card_of(channels=("vv", "ships")))), "takes the channel ships"),
    (lambda folder: EncoderSource(_saved(folder, {"a": 1})), "is no state dict; give one of torchvision's"),
    (lambda folder: EncoderSource(_saved(folder, {"fc.weight": torch.zeros(1)})), "do not fit mobilenet_v2"),
    (lambda folder: EncoderSource(_saved(folder, {}), "vgg"), "encoder vgg is not known; there are mobilenet_v2"),
    (lambda folder: EncoderSource(_saved(folder, {"format": SELF_TAUGHT})), "holds a broken self-supervised encoder"),
])  # fmt: skip
def test_what_is_no_encoder_is_named(pool, tmp_path, source, error):
    with pytest.raises(ModelError, match=error):
        embed_pool(source(tmp_path), pool, tmp_path / "out" / "e.parquet")
    assert not (tmp_path / "out").exists()


def _saved(folder, state):
    save_state(folder / "weights.pth", state)
    return folder / "weights.pth"


def test_tiles_too_large_for_an_encoder_are_refused(run, tmp_path):
    wide = speckle(1, (2, 4100))
    pool = make_dataset_folder(tmp_path / "pool", {"one": [((0, 0), wide, [])]})
    with pytest.raises(DatasetError, match="2 x 4100 pixels, more than an encoder takes at once"):
        embed_pool(EncoderSource(run), pool, tmp_path / "e.parquet")


def test_the_class_of_a_tile_is_the_one_with_most_pixels(tmp_path):
    def box(rows, cols):
        return box_mask(slice(0, rows), slice(0, cols), (SIDE, SIDE))

    tiles = [
        tile(1, 0, [(3, "a", box(2, 2)), (1, "b", box(3, 3)), (3, "c", box(2, 3))]),
        tile(2, 48, [(2, "d", box(2, 2)), (1, "e", box(2, 2))]),
        tile(3, 96),
    ]
    classes = tile_classes(open_dataset(make_dataset_folder(tmp_path / "pool", {"one": tiles})))
    assert list(classes.values()) == [3, 1, 0]


def test_an_encoder_knows_the_statistics_it_was_given(tmp_path):
    save_state(tmp_path / "net.pth", encoder_of("resnet18").state_dict())
    encoder = load_encoder(EncoderSource(tmp_path / "net.pth", "resnet18"), Statistics((0.25,), (0.5,)), CPU)
    assert encoder.network[0](torch.full((1, 1, 1, 1), 0.75)).item() == 1.0
