"""Training tiles drawn with replacement, and what stays the same whatever was drawn."""

from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from training_made import config_for, make_tiles

from ceruleanml.models.loading import training_loader
from ceruleanml.models.tile_cutting import resampled
from ceruleanml.models.tiles import open_training


def ids(tiles):
    return [tile.tile_id for tile in tiles]


def made(*sizes):
    """Scenes of so many tiles."""
    return tuple(
        SimpleNamespace(tile_id=f"{scene}_{number}", scene_id=f"{scene}")
        for scene, size in enumerate(sizes)
        for number in range(size)
    )


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return make_tiles(tmp_path_factory.mktemp("tiles") / "tiles", scenes=6)


def opened(dataset, seed, **data):
    config = config_for(Path("unused"), dataset)
    for name, value in data.items():
        setattr(config.data, name, value)
    return open_training(config.data, "unet", seed)


@given(sizes=st.lists(st.integers(1, 5), min_size=1, max_size=8), seed=st.integers(0, 99))
def test_by_tile_there_are_as_many_as_before_in_their_own_order(sizes, seed):
    tiles = made(*sizes)
    drawn = resampled(tiles, "tile", seed)
    assert len(drawn) == len(tiles)
    assert drawn == tuple(sorted(drawn, key=tiles.index))
    assert resampled(tiles, "tile", seed) == drawn


@given(sizes=st.lists(st.integers(1, 5), min_size=1, max_size=8), seed=st.integers(0, 99))
def test_by_scene_as_many_scenes_are_drawn_each_with_all_of_its_tiles(sizes, seed):
    tiles = made(*sizes)
    times = Counter(ids(resampled(tiles, "scene", seed)))
    by_scene = {scene: {times[one.tile_id] for one in tiles if one.scene_id == scene} for scene in ids_of_scenes(tiles)}
    assert all(len(different) == 1 for different in by_scene.values())
    assert sum(number for (number,) in by_scene.values()) == len(sizes)


def ids_of_scenes(tiles):
    return {tile.scene_id for tile in tiles}


def test_nothing_is_drawn_unless_asked_for():
    tiles = made(2, 3)
    assert resampled(tiles, None, 0) is tiles


@pytest.mark.parametrize("by", ["tile", "scene"])
def test_each_item_is_drawn_as_often_as_chance_has_it(by):
    tiles = made(*[1] * 100)
    times = [Counter(ids(resampled(tiles, by, seed))) for seed in range(50)]
    left_out = sum(one not in drawn for drawn in times for one in ids(tiles)) / 5000
    assert left_out == pytest.approx((1 - 1 / 100) ** 100, abs=0.02)


@pytest.mark.parametrize("by", ["tile", "scene"])
def test_seeds_draw_differently_and_hold_out_the_same_with_one_split_seed(dataset, by):
    first, second = (opened(dataset, seed, bootstrap=by, split_seed=0, negative_ratio=0.5) for seed in (3, 4))
    assert ids(first.drawn) != ids(second.drawn)
    assert first.validation == second.validation
    assert first.train == second.train
    assert (first.mean, first.deviation, first.classes) == (second.mean, second.deviation, second.classes)
    assert first.about == second.about


def test_without_a_split_seed_the_seed_holds_out(dataset):
    same = opened(dataset, 5)
    assert ids(opened(dataset, 9, split_seed=5).validation) == ids(same.validation)
    assert same.drawn is same.train
    assert len({tuple(ids(opened(dataset, seed).validation)) for seed in range(8)}) > 1


def test_what_was_drawn_is_noted(dataset):
    data = opened(dataset, 1, bootstrap="tile")
    (note,) = [note for note in data.notes if note.startswith("bootstrap")]
    different = len(set(ids(data.drawn)))
    assert note.startswith(f"bootstrap: {len(data.train)} tiles drawn, {different} of {len(data.train)} different ones")
    assert data.about["bootstrap"] == "tile"


def test_copies_of_a_tile_are_varied_each_in_its_own_way(dataset):
    config = config_for(Path("unused"), dataset)
    config.data.bootstrap, config.augmentation.gain_db, config.augmentation.probability = "tile", 6.0, 1.0
    data = open_training(config.data, "unet", 2)
    twice = next(name for name, times in Counter(ids(data.drawn)).items() if times > 1)
    loader = training_loader(data, config)
    images = {}
    for batch, numbers in zip(loader, loader.order(), strict=True):
        images |= dict(zip(numbers, batch[0], strict=True))
    copies = [images[number] for number, name in enumerate(ids(data.drawn)) if name == twice]
    assert not torch.equal(copies[0].float().sort().values.mean(), copies[1].float().sort().values.mean())
    config.data.bootstrap = None
    plain = open_training(config.data, "unet", 2)
    loader = training_loader(plain, config)
    (place,) = [number for number, name in enumerate(ids(plain.drawn)) if name == twice]
    alone = next(b[0][n.index(place)] for b, n in zip(loader, loader.order(), strict=True) if place in n)
    assert torch.equal(alone, copies[0])
