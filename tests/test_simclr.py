"""An encoder that teaches itself: its views and its loss by eye, and the same bits whether killed or not."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from datasets_made import make_dataset_folder, speckle

from ceruleanml.datasets.folder import open_dataset
from ceruleanml.errors import SelectionError, UsageError
from ceruleanml.models.augmentation import Bands
from ceruleanml.progress import Silent
from ceruleanml.selection.embedding_encoder import EncoderSource, load_encoder
from ceruleanml.selection.simclr import SslOptions, nt_xent, rate, train_simclr
from ceruleanml.selection.ssl_views import random_crop, two_views

OPTIONS = SslOptions(epochs=3, batch_size=2, side=32, device="cpu")
BANDS = Bands(0, "sigma0_db", (-35.0, 0.0), (120,))
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def pool(tmp_path_factory):
    tiles = [((0, 32 * number), speckle(number, (32, 32), level=80 + 30 * number), []) for number in range(4)]
    return make_dataset_folder(tmp_path_factory.mktemp("ssl") / "pool", {"one": tiles})


@pytest.fixture(scope="module")
def taught(pool):
    return train_simclr(pool, pool.parent / "whole", OPTIONS)


class Stops(Silent):
    """Stops the work after so many steps, as a killed process does."""

    def __init__(self, steps):
        self.left = steps

    def start(self, description, total):
        self.counts = description == "Training the encoder"

    def advance(self, steps=1):
        self.left -= steps if self.counts else 0
        if self.counts and self.left <= 0:
            raise KeyboardInterrupt


def test_partners_that_agree_and_differ_from_the_rest_cost_least():
    far = torch.tensor([[1.0, 0], [0, 1], [1, 0], [0, 1]])
    # each row: its partner at cosine 1 against two others at 0, at temperature 1
    assert float(nt_xent(far, 1.0)) == pytest.approx(math.log(math.e + 2) - 1)
    assert float(nt_xent(7 * far, 1.0)) == pytest.approx(float(nt_xent(far, 1.0)))  # length is nothing
    assert nt_xent(far, 0.1) < nt_xent(far, 1.0) < nt_xent(far[[0, 1, 3, 2]], 1.0)


def test_the_learning_rate_rises_and_falls_to_nothing():
    assert [rate(share) for share in (0, 0.05, 0.1, 0.55, 1)] == pytest.approx([0, 0.5, 1, 0.5, 0])


def test_a_crop_shows_a_good_part_of_the_tile_in_its_own_shades():
    ramp = np.tile(np.arange(64, dtype=np.uint8), (48, 1))
    for seed in range(20):
        cut = random_crop(ramp, 32, np.random.Generator(np.random.PCG64(seed)))
        assert cut.shape == (32, 32) and np.all(np.diff(cut.astype(int), axis=1) >= 0)
        assert int(cut[0, -1]) - int(cut[0, 0]) > 63 * math.sqrt(0.3 * 3 / 4) * 48 / 64 - 4


def test_two_views_differ_and_come_again_from_the_same_draws():
    radar = speckle(0, (48, 64))[0]
    first = two_views(radar, 32, BANDS, np.random.Generator(np.random.PCG64(1)))
    assert first.shape == (2, 32, 32) and first.dtype == np.uint8 and not np.array_equal(*first)
    assert np.array_equal(two_views(radar, 32, BANDS, np.random.Generator(np.random.PCG64(1))), first)


def test_an_encoder_learns_and_says_itself_what_it_is(pool, taught):
    assert taught.made_now and len(taught.losses) == 3 and taught.losses[-1] < taught.losses[0]
    encoder = load_encoder(EncoderSource(taught.weights), None, CPU)
    assert (encoder.method, encoder.name, encoder.channels) == ("self-supervised", "resnet18", ("vv",))
    assert encoder.places(open_dataset(pool)) == [0]
    assert sorted(path.name for path in taught.weights.parent.iterdir()) == ["ssl.json", "weights.pt"]
    again = train_simclr(pool, taught.weights.parent, OPTIONS)
    assert not again.made_now and again.losses == taught.losses


def test_a_killed_training_ends_in_the_same_bytes(pool, taught, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        train_simclr(pool, tmp_path / "out", OPTIONS, Stops(3))  # in the middle of the second epoch
    assert not (tmp_path / "out" / "ssl.json").exists()
    found = train_simclr(pool, tmp_path / "out", OPTIONS)
    assert found.losses == taught.losses
    for name in ("weights.pt", "ssl.json"):
        assert (tmp_path / "out" / name).read_bytes() == (taught.weights.parent / name).read_bytes()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"encoder": "vgg"}, "encoder vgg is not known"),
        ({"side": 16}, "views of 16 pixels: give at least 1, 2 and 32"),
        ({"batch_size": 1}, "1 tiles a step"),
        ({"temperature": 0.0}, "temperature 0.0 .* give numbers above 0"),
        ({"seed": -1}, "seed -1 cannot be; give 0 or more"),
    ],
)
def test_options_that_cannot_be(pool, tmp_path, changes, message):
    with pytest.raises(UsageError, match=message):
        train_simclr(pool, tmp_path / "out", replace(OPTIONS, **changes))
    assert not (tmp_path / "out").exists()


def test_another_training_in_the_folder_and_a_single_tile_are_refused(pool, taught, tmp_path):
    with pytest.raises(UsageError, match="holds an encoder trained with another seed; choose another --ssl-out"):
        train_simclr(pool, taught.weights.parent, replace(OPTIONS, seed=1))
    one = open_dataset(pool).tiles[0].tile_id
    with pytest.raises(SelectionError, match="1 of its tiles can be read; an encoder needs two to learn"):
        train_simclr(pool, tmp_path / "out", OPTIONS, tile_ids=[one])
