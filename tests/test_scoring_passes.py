"""What several passes and several members say of tiles: how far they disagree, and who votes for what."""

import numpy as np
import pytest
import torch
from datasets_made import make_dataset_folder, speckle
from models_made import card_of, run_of
from scorings_made import SIDE, ensemble_of, everywhere, member, no_detections, pool_of

from ceruleanml.datasets.folder import open_dataset
from ceruleanml.errors import SelectionError, UsageError
from ceruleanml.models.predictor import Detections
from ceruleanml.seeds import generator
from ceruleanml.selection.passes import check_samples, copies, load_members
from ceruleanml.selection.score_files import read_scores
from ceruleanml.selection.score_tiles import ScoreOptions, score_tiles
from ceruleanml.selection.scoring import score_pool
from ceruleanml.selection.uncertainty import entropy, mutual_information

HOWS = ("mean", "window", "top")


@pytest.fixture(scope="module")
def pool(tmp_path_factory):
    """Two tiles of sea, the right half of the second without data."""
    whole, half = speckle(0, (SIDE, SIDE)), speckle(1, (SIDE, SIDE))
    half[:, :, SIDE // 2 :] = 0
    tiles = [((0, 0), whole, []), ((0, SIDE), half, [])]
    return open_dataset(make_dataset_folder(tmp_path_factory.mktemp("passes") / "pool", {"a": tiles}))


@pytest.fixture(scope="module")
def thinned(tmp_path_factory):
    """The members of a run folder whose network was trained with dropout."""
    return load_members(run_of(tmp_path_factory.mktemp("thinned") / "run", card_of(dropout=0.3)), "cpu")


def scored(pool, *members, **options):
    return score_tiles(members, pool, pool.tiles, ScoreOptions(**options))


def images(seed=0, count=2):
    return np.random.default_rng(seed).random((count, 1, SIDE, SIDE)).astype(np.float32)


def test_a_model_that_predicts_nothing_is_sure_of_it(pool):
    columns = scored(pool, member(everywhere(1, 0, 0)))
    assert all(column.tolist() == [0, 0] for column in columns.values())


def test_a_model_that_knows_nothing_is_wholly_unsure(pool):
    columns = scored(pool, member(everywhere(1 / 3, 1 / 3, 1 / 3)))
    for name, column in columns.items():
        expected = {"fore": 1 / 3, "unce": 1 / 3}.get(name[:4], 1.0) if name != "foreground" else 2 / 3
        assert column == pytest.approx([expected] * 2, abs=1e-6), name


def test_pixels_without_data_do_not_count(pool):
    def unsure_right(images):
        p = everywhere(0.9, 0.1, 0)(images).copy()
        p[..., SIDE // 2 :] = np.array([0, 0.5, 0.5])[:, None, None]
        return p

    columns = scored(pool, member(unsure_right))
    sure = float(entropy([0.9, 0.1, 0]))
    assert columns["entropy_mean"] == pytest.approx([(sure + float(entropy([0, 0.5, 0.5]))) / 2, sure], abs=1e-6)
    assert columns["entropy_top"][1] == pytest.approx(sure, abs=1e-6)
    assert columns["foreground"] == pytest.approx([1, 0.1], abs=1e-6)


def test_a_model_that_gives_no_number_is_told_of(pool):
    with pytest.raises(SelectionError, match="model small: gives no number on tile a_00000_00000; train it again"):
        scored(pool, member(everywhere(np.nan, 0.5, 0.5)))


def test_sure_members_that_disagree(pool):
    columns = scored(pool, member(everywhere(1, 0, 0)), member(everywhere(0, 0, 1)))
    for name in ("mutual_information", "soft_mutual_information", "vote_entropy"):
        for how in HOWS:
            assert columns[f"{name}_{how}"] == pytest.approx([np.log(2)] * 2, abs=1e-5)
    votes = [columns[f"vote_share_{name}"].tolist() for name in ("background", "infra_slick", "natural_seep")]
    assert votes == [[0.5, 0.5], [0, 0], [0.5, 0.5]]


def test_unsure_members_that_agree(pool):
    columns = scored(pool, *[member(everywhere(0.4, 0.3, 0.3))] * 3)
    for name in ("mutual_information", "soft_mutual_information", "vote_entropy"):
        assert columns[f"{name}_top"] == pytest.approx([0, 0], abs=1e-6)
    assert columns["entropy_mean"] == pytest.approx([float(entropy([0.4, 0.3, 0.3]))] * 2)
    assert columns["vote_share_infra_slick"].tolist() == [1, 1]  # 0.6 of slick reaches the threshold of 0.5


def test_a_tile_is_voted_for_the_slick_with_most_pixels_over_the_threshold(pool):
    def spots(images):
        p = everywhere(1, 0, 0)(images).copy()
        p[:, :, 3, :4] = np.array([0.1, 0.9, 0])[:, None]
        p[:, :, 5, :6] = np.array([0.6, 0, 0.4])[:, None]
        return p

    columns = scored(pool, member(spots), member(spots, thresholds={"poly_score_thresh": 0.3}))
    assert columns["vote_share_infra_slick"].tolist() == [0.5, 0.5]
    assert columns["vote_share_natural_seep"].tolist() == [0.5, 0.5]


def test_passes_with_dropout_differ_by_tile_and_seed_and_not_by_batch(pool, thinned):
    one = score_tiles(thinned, pool, pool.tiles, ScoreOptions(samples=4))
    assert np.all(one["mutual_information_mean"] > 0)
    alone = score_tiles(thinned, pool, pool.tiles[1:], ScoreOptions(samples=4))
    assert {name: column[1] for name, column in one.items()} == {name: column[0] for name, column in alone.items()}
    other = score_tiles(thinned, pool, pool.tiles, ScoreOptions(samples=4, seed=1))
    assert not np.array_equal(one["mutual_information_mean"], other["mutual_information_mean"])


def test_passes_are_those_of_the_whole_network_leaving_out_features(thinned):
    (thin,) = thinned
    draws = [[generator(0, tile, number) for tile in "ab"] for number in range(3)]
    found = list(thin.probabilities(images(), draws))
    again = [[generator(0, tile, number) for tile in "ab"] for number in range(3)]
    for p, draw in zip(found, again, strict=True):
        with thin._thinned(draw):
            whole = torch.from_numpy(thin.predictor.probabilities(images()))
        assert torch.allclose(p, whole, atol=1e-6)
    plain = torch.from_numpy(thin.predictor.probabilities(images()))
    assert not torch.allclose(found[0], plain, atol=1e-4) and not torch.allclose(found[0], found[1], atol=1e-4)
    (untouched,) = thin.probabilities(images(), [None])
    assert torch.equal(untouched, plain)


def test_features_are_left_out_as_often_as_in_training_and_the_mean_stays(thinned):
    (thin,) = thinned
    layer = next(one for one in thin.network.modules() if isinstance(one, torch.nn.Dropout2d))
    with thin._thinned([np.random.default_rng(0)]):
        left = layer(torch.ones(1, 20_000, 2, 2))[0]
    assert left.mean() == pytest.approx(1, abs=0.02)
    assert (left == 0).float().mean() == pytest.approx(0.3, abs=0.02)
    assert torch.equal(left[:, 0, 0], left[:, 1, 1])
    assert torch.equal(layer(torch.ones(1, 5, 2, 2)), torch.ones(1, 5, 2, 2))


def test_members_with_dropout_tell_what_differs_within_and_between(pool, tmp_path):
    members = load_members(ensemble_of(tmp_path / "ensemble", dropout=0.3), "cpu")
    columns = score_tiles(members, pool, pool.tiles[:1], ScoreOptions(samples=2))
    pixels = torch.from_numpy(pool.read(pool.tiles[0])[None, :1].astype(np.float32) / 255).numpy()
    tile_id = pool.tiles[0].tile_id
    stacked = []
    for number, one in enumerate(members):
        draws = [[generator(0, "dropout", tile_id, 2 * number + k)] for k in range(2)]
        stacked += [p[0].movedim(0, -1).numpy() for p in one.probabilities(pixels, draws)]
    information = mutual_information(np.stack(stacked))
    assert columns["mutual_information_mean"][0] == pytest.approx(information.mean(), abs=1e-6)
    between = mutual_information(np.stack([np.mean(stacked[:2], axis=0), np.mean(stacked[2:], axis=0)]))
    assert columns["soft_mutual_information_mean"][0] == pytest.approx(between.mean(), abs=1e-6)


def test_copies_for_threads_share_their_weights_and_answer_alike(thinned):
    first, second = copies(thinned, 2)
    assert first is thinned and second[0].network is not first[0].network
    pairs = zip(first[0].network.parameters(), second[0].network.parameters(), strict=True)
    assert all(one.data_ptr() == other.data_ptr() for one, other in pairs)
    (one,), (other,) = (list(copy[0].probabilities(images(), [None])) for copy in (first, second))
    assert torch.equal(one, other)


def test_an_exported_model_has_no_dropout():
    with pytest.raises(UsageError, match="--samples 3: an exported model has no dropout; give the run folder"):
        check_samples([member(everywhere(1, 0, 0))], 3)


def test_a_model_learned_on_resized_tiles_is_asked_at_its_scale(pool, tmp_path):
    members = load_members(run_of(tmp_path / "run", card_of(scale=0.5, dropout=0.3)), "cpu")
    columns = score_tiles(members, pool, pool.tiles, ScoreOptions(samples=3))
    assert np.all(columns["mutual_information_mean"] > 0)


def spot(score):
    """One slick in the upper left corner."""

    def detections(image):
        mask = np.zeros((1, *image.shape[1:]), np.float32)
        mask[0, :8, :8] = 1
        return Detections(
            np.array([[0, 0, 8, 8]], np.float32), np.array([1]), np.array([score], np.float32), mask
        )  # fmt: skip

    return detections


def test_detections_tell_what_lightly_and_maskal_take(pool):
    columns = scored(pool, member(detections=spot(0.8)))
    assert columns["object_count"].tolist() == [1, 1]
    assert columns["objectness_least_confidence"] == pytest.approx([0.2, 0.2])
    assert columns["classification_least_confidence"] == pytest.approx([0.4, 0.4])
    assert columns["foreground_infra_slick"] == pytest.approx([0.8 * 64 / 32**2] * 2)
    assert "mask_uncertainty" not in columns
    several = scored(pool, member(detections=spot(1.0)), member(detections=no_detections))
    assert several["mask_uncertainty"].tolist() == [0.5, 0.5]
    assert several["object_count"].tolist() == [0.5, 0.5]
    nothing = scored(pool, member(detections=no_detections))
    assert all(column.tolist() == [0, 0] for column in nothing.values())


def test_mask_rcnn_asked_twice_with_dropout(tmp_path):
    pool_of(tmp_path / "pool", scenes="a", tiles=1)
    run_of(tmp_path / "run", card_of("mask_rcnn", dropout=0.3))
    score_pool(tmp_path / "run", tmp_path / "pool", tmp_path / "scores", ScoreOptions(samples=2))
    table = read_scores(tmp_path / "scores")
    assert 0 < table.columns["mask_uncertainty"][0] <= 1 and table.columns["mutual_information_mean"][0] > 0
    assert table.columns["object_frequency"].tolist() == [1]
