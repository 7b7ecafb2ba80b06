"""Scoring a pool: what is written, that it goes on after a kill, and that nothing is mixed."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from datasets_made import make_dataset_folder, speckle
from models_made import card_of, run_of
from scorings_made import SIDE, ensemble_of, parts_of, pool_of, score

from ceruleanml.cli.score import score as verb
from ceruleanml.errors import DatasetError, ModelError, SelectionError, UsageError
from ceruleanml.progress import Silent
from ceruleanml.selection.score_files import check_fresh, read_scores
from ceruleanml.selection.scoring import ScoreOptions, model_sha256, score_pool
from ceruleanml.storage import read_json, sha256_of

pytestmark = pytest.mark.usefixtures("narrow_networks", "warm_workers")
MEASURES = ("least_confidence", "margin", "entropy")
CLASSES = ("infra_slick", "natural_seep")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A pool of two scenes and a run folder, only read."""
    folder = tmp_path_factory.mktemp("made")
    pool_of(folder / "pool")
    run_of(folder / "run", card_of())
    return folder


@pytest.fixture
def here(tmp_path, made):
    """A folder with links to both, to write beside them."""
    for name in ("pool", "run"):
        (tmp_path / name).symlink_to(made / name)
    return tmp_path


class KilledAfter(Silent):
    """A progress that ends everything after so many steps."""

    def __init__(self, steps):
        self.left = steps

    def advance(self, steps=1):
        self.left -= steps
        if self.left == 0:
            raise KeyboardInterrupt


def test_a_row_a_tile_sorted_with_all_columns(here):
    report = score(here)
    assert report.tiles == {"a": 2, "b": 2} and report.scored_now == ("a", "b") and report.failed == {}
    table = read_scores(here / "scores")
    assert table.ids == tuple(f"{scene}_00000_{col:05d}" for scene in "ab" for col in (0, SIDE))
    assert table.texts["scene_id"] == ("a", "a", "b", "b") and table.notes == ()
    measures = {f"{name}_{how}" for name in MEASURES for how in ("mean", "window", "top")}
    slicks = {"foreground", *(f"{what}_{name}" for what in ("foreground", "uncertain") for name in CLASSES)}
    assert set(table.columns) == measures | slicks
    assert all(np.isfinite(column).all() for column in table.columns.values())
    assert np.all(table.columns["entropy_top"] >= table.columns["entropy_mean"])
    manifest = read_json(here / "scores" / "scores.json")
    assert manifest["model"] == model_sha256(here / "run") == sha256_of(here / "run" / "weights.pt")
    assert manifest["pool"] == sha256_of(here / "pool" / "dataset.json")
    check_fresh(table, manifest["model"], manifest["pool"])


def test_a_killed_scoring_goes_on_where_it_stopped(here):
    score(here, out="whole")
    with pytest.raises(KeyboardInterrupt):
        score_pool(here / "run", here / "pool", here / "scores", progress=KilledAfter(1))
    (first,) = (here / "scores" / "parts").iterdir()
    written = first.stat().st_mtime_ns
    assert read_scores(here / "scores").notes == (
        f"{here / 'scores'}: 1 of 2 scenes have no scores; run the same score again",
    )
    assert score(here).scored_now == ("b",)
    assert first.stat().st_mtime_ns == written
    assert parts_of(here / "scores") == parts_of(here / "whole")
    assert score(here).scored_now == ()


def test_a_part_that_is_cut_off_is_made_again(here):
    score(here)
    before = parts_of(here / "scores")
    part = here / "scores" / "parts" / "a.parquet"
    part.write_bytes(part.read_bytes()[:500])
    assert score(here).scored_now == ("a",)
    assert parts_of(here / "scores") == before


def test_neither_workers_nor_threads_nor_batches_change_a_bit(here):
    import torch

    score(here, out="one")
    score(here, out="workers", workers=2, batch_size=1)
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        score(here, out="threads")
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)
    assert parts_of(here / "one") == parts_of(here / "workers") == parts_of(here / "threads")


def test_another_model_pool_or_option_is_refused(here, tmp_path):
    score(here)
    run_of(here / "other", card_of(), seed=1)
    with pytest.raises(UsageError, match="scores: holds scores of another model; choose another --out"):
        score(here, model="other")
    run_of(here / "warmer", card_of(temperature=2.0))
    with pytest.raises(UsageError, match="holds scores of another temperature"):
        score(here, model="warmer")
    with pytest.raises(UsageError, match="holds scores of another window or top share; choose another --out"):
        score(here, window_px=16)
    with pytest.raises(UsageError, match="holds scores of another seed"):
        score(here, seed=1)
    pool_of(tmp_path / "more", scenes="abc")
    with pytest.raises(UsageError, match="holds scores of another pool"):
        score_pool(here / "run", tmp_path / "more", here / "scores")
    with pytest.raises(UsageError, match="pool: exists and holds no scores; choose another --out"):
        score(here, out="pool")


def test_some_tiles_alone_get_the_same_scores(here):
    score(here)
    table = read_scores(here / "scores")
    wanted = [table.ids[3], table.ids[0]]
    report = score_pool(here / "run", here / "pool", here / "some", tile_ids=wanted)
    assert report.tiles == {"a": 1, "b": 1}
    some = read_scores(here / "some")
    assert some.ids == (table.ids[0], table.ids[3])
    assert {name: column[[0, 3]].tolist() for name, column in table.columns.items()} == {
        name: column.tolist() for name, column in some.columns.items()
    }
    with pytest.raises(UsageError, match="holds scores of another choice of tiles"):
        score_pool(here / "run", here / "pool", here / "some", tile_ids=wanted[:1])
    with pytest.raises(SelectionError, match="pool: has no tile nowhere"):
        score_pool(here / "run", here / "pool", here / "none", tile_ids=["nowhere"])


def test_a_broken_scene_is_reported_and_the_others_are_done(tmp_path, made, capsys):
    pool_of(tmp_path / "pool")
    (tmp_path / "pool" / "tiles" / f"a_00000_{SIDE:05d}.tif").write_bytes(b"II*")
    assert verb(made / "run", tmp_path / "pool", tmp_path / "scores") == 3
    said = capsys.readouterr()
    assert "failed: " in said.err and "a_00000_00064.tif: the tile is truncated or corrupt" in said.err
    assert said.out == f"{tmp_path / 'scores'} made scores of 2 tiles in 1 of 2 scenes\n"
    assert list(parts_of(tmp_path / "scores")) == ["b.parquet"]
    pool_of(tmp_path / "mended" / "pool")
    (tmp_path / "mended" / "pool" / "tiles").rename(tmp_path / "pool" / "whole")
    (tmp_path / "pool" / "tiles").rename(tmp_path / "pool" / "broken")
    (tmp_path / "pool" / "whole").rename(tmp_path / "pool" / "tiles")
    assert verb(made / "run", tmp_path / "pool", tmp_path / "scores", quiet=True) == 0
    assert list(parts_of(tmp_path / "scores")) == ["a.parquet", "b.parquet"]


def test_where_no_scene_can_be_scored_it_ends_in_one_sentence(tmp_path, made):
    pool_of(tmp_path / "pool")
    for tile in (tmp_path / "pool" / "tiles").iterdir():
        tile.write_bytes(b"II*")
    with pytest.raises(SelectionError, match=r"no scene could be scored: .*a_00000_00000.tif.* \(and 1 more failed\)"):
        score_pool(made / "run", tmp_path / "pool", tmp_path / "scores")


def test_an_empty_pool_ends_in_one_sentence(tmp_path, made):
    make_dataset_folder(tmp_path / "pool", {})
    with pytest.raises(SelectionError, match="pool: holds no tile"):
        score_pool(made / "run", tmp_path / "pool", tmp_path / "scores")
    assert not (tmp_path / "scores").exists()


def test_a_scene_whose_name_leaves_the_folder_is_refused(tmp_path, made):
    pool = pool_of(tmp_path / "pool", scenes="a")
    text = (pool / "instances.json").read_text().replace('"scene_id": "a"', '"scene_id": "../../a"')
    (pool / "instances.json").write_text(text)
    with pytest.raises(SelectionError, match=r"scene '\.\./\.\./a': its id is no name of a file"):
        score_pool(made / "run", pool, tmp_path / "scores")


def test_a_model_of_a_channel_that_the_pool_lacks_is_refused(tmp_path, made):
    run_of(tmp_path / "run", card_of(channels=("vv", "ship_density")))
    with pytest.raises(ModelError, match="takes the channel ship_density"):
        score_pool(tmp_path / "run", made / "pool", tmp_path / "scores")
    with pytest.raises(DatasetError, match="no such data set folder"):
        score_pool(made / "run", tmp_path / "nowhere", tmp_path / "scores")
    with pytest.raises(ModelError, match="nowhere: no such model"):
        score_pool(tmp_path / "nowhere", made / "pool", tmp_path / "scores")


def test_a_tile_without_data_has_no_scores(tmp_path, made):
    empty = np.zeros((2, SIDE, SIDE), np.uint8)
    tiles = [((0, 0), speckle(0, (SIDE, SIDE)), []), ((0, SIDE), empty, [])]
    make_dataset_folder(tmp_path / "pool", {"a": tiles})
    score_pool(made / "run", tmp_path / "pool", tmp_path / "scores")
    columns = read_scores(tmp_path / "scores").columns
    assert all(np.isfinite(column[0]) and np.isnan(column[1]) for column in columns.values())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"samples": 0}, "--samples 0 cannot be; give 1 or more"),
        ({"window_px": 0}, "--window 0 cannot be"),
        ({"batch_size": 0}, "--batch-size 0 cannot be"),
        ({"top_percent": 0.0}, "--top 0 cannot be; give a percentage above 0 and up to 100"),
        ({"top_percent": float("nan")}, "--top nan cannot be"),
        ({"seed": -1}, "--seed -1 cannot be"),
        ({"votes": "xlsx"}, "--votes xlsx is not known; choose csv or parquet"),
        ({"device": "abacus"}, "device abacus: is not there"),
        ({"samples": 5}, "--samples 5: model small has no dropout, .* with model.dropout=0.2, or give an ensemble"),
        ({"embeddings": Path("e.parquet")}, "--embeddings places tiles in the table of votes, which needs an ensemble"),
    ],
)
def test_options_that_cannot_be(here, options, message):
    with pytest.raises(UsageError, match=message):
        score_pool(here / "run", here / "pool", here / "scores", replace(ScoreOptions(), **options))
    assert not (here / "scores").exists()


def test_no_workers_cannot_score(here):
    with pytest.raises(UsageError, match="--workers 0 cannot be; give 1 or more"):
        score(here, workers=0)


def test_members_of_other_classes_are_no_ensemble(tmp_path, made):
    ensemble_of(tmp_path / "ensemble")
    run_of(tmp_path / "ensemble" / "member_01", card_of(classes=("background", "infra_slick")))
    with pytest.raises(ModelError, match="member_01: has other classes than .*member_00"):
        score_pool(tmp_path / "ensemble", made / "pool", tmp_path / "scores")
