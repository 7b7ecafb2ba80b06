"""Batches: the same ones whatever loads them, from any point of an epoch, on any number of ranks."""

import os
import random
import signal

import numpy as np
import pytest
import torch
from datasets_made import box_mask, make_dataset_folder
from tiles_made import INFRA, OLD, config, make, same, sea, slick

from ceruleanml.datasets.build import make_dataset
from ceruleanml.datasets.options import BuildOptions
from ceruleanml.errors import DatasetError, TrainingError
from ceruleanml.models.config import AugmentationConfig
from ceruleanml.models.loading import to_device, training_loader, validation_loader
from ceruleanml.models.targets import IGNORE
from ceruleanml.models.tiles import open_training

EVERYTHING = AugmentationConfig(rotate_degrees=20, scale=0.2, speckle_looks=4, gain_db=2, drop_channel=0.5)


@pytest.fixture
def root(tmp_path):
    """Twelve scenes of a tile each, of two classes and empty."""
    return make(tmp_path / "set", *[INFRA, OLD, None] * 4)


def loaders(root, kind="unet", seed=0, augmentation=EVERYTHING, rank=0, world=1, **data):
    whole = config(root, augmentation, **{"validation_share": 0.25, **data})
    found = open_training(whole.data, kind, seed)
    return training_loader(found, whole, rank=rank, world=world), validation_loader(
        found, whole, rank=rank, world=world
    )


@pytest.mark.parametrize("kind", ["unet", "mask_rcnn"])
def test_processes_give_the_very_same_batches_for_epochs_and_sizes_on_end(root, kind):
    here, _ = loaders(root, kind, batch_size=2)
    beside, _ = loaders(root, kind, batch_size=2, workers=2)
    try:
        for epoch, side in ((0, None), (1, 64)):
            assert same(list(here.seek(epoch, tile_px=side)), list(beside.seek(epoch, tile_px=side)))
    finally:
        beside.close()


def test_an_epoch_is_a_function_of_the_seed_and_its_number(root):
    batches = {
        (seed, epoch): list(loaders(root, seed=seed, batch_size=2)[0].seek(epoch))
        for seed in (0, 1)
        for epoch in (0, 1)
    }
    again, _ = loaders(root, batch_size=2)
    assert same(list(again.seek(1)), batches[0, 1]) and same(list(again.seek(0)), batches[0, 0])
    assert not same(batches[0, 0], batches[0, 1]) and not same(batches[0, 0], batches[1, 0])


@pytest.mark.parametrize("workers", [0, 2])
def test_an_epoch_goes_on_from_any_batch(root, workers):
    loader, _ = loaders(root, batch_size=2, workers=workers)
    try:
        whole = list(loader.seek(3))
        interrupted = iter(loader.seek(3))
        next(interrupted), next(interrupted)
        del interrupted
        assert same(list(loader.seek(3, start_batch=2)), whole[2:])
        assert len(loader) == len(whole) and same(list(loader), whole)
    finally:
        loader.close()


def test_the_batch_size_does_not_change_what_a_tile_looks_like(root):
    one, many = (torch.cat([images for images, _ in loaders(root, batch_size=size)[0]]) for size in (1, 4))
    assert torch.equal(one, many)


@pytest.mark.parametrize(("tiles", "batch", "sizes"), [(5, 4, [3, 2]), (9, 4, [3, 3, 3]), (1, 4, [1]), (8, 4, [4, 4])])
def test_every_tile_is_seen_and_none_is_left_over_alone(tmp_path, tiles, batch, sizes):
    train = make(tmp_path / "train", *[OLD] * tiles)
    judged = make_dataset_folder(tmp_path / "val", {"z": [((0, 0), sea(50), [slick(OLD)])]}, {"z": (150.0, 0.0)})
    loader, _ = loaders(train, validation=str(judged), batch_size=batch)
    assert [len(numbers) for numbers in loader.order()] == sizes
    assert sorted(sum(loader.order(), [])) == list(range(tiles))


@pytest.mark.parametrize("world", [2, 4])
def test_ranks_share_the_tiles_without_overlap(root, world):
    pairs = [loaders(root, batch_size=2, rank=rank, world=world) for rank in range(world)]
    learnt = [sum(loader.seek(1).order(), []) for loader, _ in pairs]
    judged = [sum(loader.order(), []) for _, loader in pairs]
    assert len({len(numbers) for numbers in learnt}) == 1 and len({len(loader) for loader, _ in pairs}) == 1
    assert len(set(sum(learnt, []))) == len(sum(learnt, [])) == 9 // world * world
    assert sorted(sum(judged, [])) == [0, 1, 2]
    assert [len(list(loader)) for _, loader in pairs] == [len(loader) for _, loader in pairs]


def test_more_ranks_than_tiles_still_get_one_each(tmp_path):
    root = make(tmp_path / "set", OLD, OLD)
    assert [loaders(root, validation_share=0.5, rank=rank, world=3)[0].order() for rank in range(3)] == [[[0]]] * 3


def test_validation_is_in_its_own_order_and_as_it_is(root):
    _, loader = loaders(root, batch_size=2)
    tiles = loader._tiles.tiles
    shown = torch.cat([images for images, _ in loader])
    assert np.array_equal(shown, np.stack([tile.dataset.read(tile.record) for tile in tiles]))
    maps = torch.cat([targets for _, targets in loader])
    expected = np.stack([np.isin(tile.dataset.mask(tile.record), [INFRA, OLD]) for tile in tiles])
    assert np.array_equal(maps.numpy() > 0, expected)


def test_images_become_floats_between_zero_and_one_and_classes_whole_numbers(root):
    loader, _ = loaders(root, batch_size=2)
    raw = next(iter(loader))
    images, targets = to_device(raw, "cpu", channels_last=True)
    assert raw[0].dtype == raw[1].dtype == torch.uint8
    assert images.dtype == torch.float32 and targets.dtype == torch.int64
    assert torch.equal(images, raw[0].float() / 255) and images.is_contiguous(memory_format=torch.channels_last)


def test_instances_are_as_torchvision_wants_them(root):
    loader, judged = loaders(root, "mask_rcnn", batch_size=3)
    images, targets = to_device(next(iter(judged)), "cpu")
    assert [tuple(image.shape) for image in images] == [(2, 32, 32)] * 3
    for target in targets:
        count = len(target["labels"])
        assert target["boxes"].shape == (count, 4) and target["boxes"].dtype == torch.float32
        assert target["masks"].shape == (count, 32, 32) and target["masks"].dtype == torch.uint8
        assert target["labels"].dtype == torch.int64
    assert sorted(len(target["labels"]) for target in targets) == [0, 1, 1]
    found = next(target for target in targets if len(target["labels"]))
    assert found["boxes"].tolist() == [[6, 4, 26, 12]] and found["masks"].sum() == 8 * 20
    for _, varied in loader:
        assert all((one["boxes"][:, 2:] > one["boxes"][:, :2]).all() for one in varied)


def test_uneven_tiles_are_padded_to_multiples_of_32_and_ignored_there(tmp_path):
    root = make_dataset_folder(
        tmp_path / "set", {name: [((0, 0), sea(n, 40), [slick(OLD, size=40)])] for n, name in enumerate("abcd")}
    )
    for loader in loaders(root, batch_size=2):
        images, targets = next(iter(loader))
        assert images.shape[2:] == targets.shape[1:] == (64, 64)
        assert (
            (targets[:, 40:] == IGNORE).all() and (targets[:, :, 40:] == IGNORE).all() and not images[:, :, 40:].any()
        )


def test_crops_are_cut_and_resized_and_small_tiles_padded(tmp_path):
    mask = box_mask(slice(10, 90), slice(10, 90), (96, 96))
    tiles = {name: [((0, 0), sea(n, 96), [(OLD, "s", mask)])] for n, name in enumerate("abcd")}
    root = make_dataset_folder(tmp_path / "set", tiles)
    calm = AugmentationConfig(flips=False)
    learnt, judged = loaders(root, augmentation=calm, crop_px=64, tile_px=32, batch_size=4)
    assert next(iter(learnt))[0].shape == (3, 2, 32, 32)
    assert len(judged._tiles.tiles) == 4
    last = list(judged)[0][1][3]
    assert (last[:16, :16] != IGNORE).all() and (last[16:] == IGNORE).all() and (last[:, 16:] == IGNORE).all()
    large, _ = loaders(root, augmentation=calm, crop_px=128, batch_size=4)
    assert (next(iter(large))[1][:, 96:] == IGNORE).all()


def test_tiles_of_several_sizes_need_a_size_for_all(tmp_path):
    both = [((0, 0), sea(0), [slick(OLD)]), ((0, 64), sea(1, 64), [slick(OLD, size=64)])]
    root = make_dataset_folder(tmp_path / "set", {"a": both, "b": both})
    with pytest.raises(DatasetError, match="has tiles of 32 x 32 and 64 x 64 pixels.*as in data.tile_px=256"):
        loaders(root, validation_share=0.5)
    learnt, _ = loaders(root, validation_share=0.5, tile_px=64)
    assert next(iter(learnt))[0].shape[2:] == (64, 64)


@pytest.mark.parametrize("workers", [0, 1])
def test_a_broken_tile_is_named_in_one_line(root, workers):
    loader, _ = loaders(root, workers=workers)
    path = loader._tiles.tiles[0].dataset.path(loader._tiles.tiles[0].record)
    path.write_bytes(path.read_bytes()[:300])
    try:
        with pytest.raises(DatasetError, match="is truncated or corrupt; make the data set again") as caught:
            list(loader)
        assert str(path) in str(caught.value) and "\n" not in str(caught.value)
    finally:
        loader.close()


def test_a_dead_process_is_said_in_one_line(root):
    loader, _ = loaders(root, batch_size=1, workers=1)
    try:
        batches = iter(loader)
        next(batches)
        os.kill(loader._loader._iterator._workers[0].pid, signal.SIGKILL)
        with pytest.raises(TrainingError, match="a process that loads tiles died.*smaller data.workers"):
            for _ in range(3):
                list(loader)
    finally:
        loader.close()


def test_loading_leaves_the_random_state_of_others_alone(root):
    torch.manual_seed(1)
    before = torch.get_rng_state(), random.getstate()
    list(loaders(root)[0])
    assert torch.equal(torch.get_rng_state(), before[0]) and random.getstate() == before[1]


def test_real_pairs_become_batches_whose_slicks_are_darker_than_the_sea(shared_data, tmp_path):
    pairs = sorted((shared_data / "sos-sentinel1" / "images").glob("*.jpg"))[:60:2]
    masks = BuildOptions(labels=str(shared_data / "sos-sentinel1" / "masks"), tile_size=(256, 256))
    make_dataset([str(path) for path in pairs], tmp_path / "sos", masks)
    learnt, judged = loaders(tmp_path / "sos", augmentation=EVERYTHING, tile_px=64, batch_size=5)
    darker = []
    for images, targets in [*learnt, *judged]:
        assert images.shape[1:] == (1, 64, 64) and set(targets.unique().tolist()) <= {0, 1, IGNORE}
        for image, target in zip(images[:, 0].float(), targets, strict=True):
            darker.append((image[target == 1].mean() < image[target == 0].mean()).item())
    assert len(darker) == 30 and np.mean(darker) > 0.8
