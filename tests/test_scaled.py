"""Models that learned on resized tiles, asked about tiles as they are."""

import numpy as np
import pytest

from ceruleanml.models.card import Card
from ceruleanml.models.predictor import Detections
from ceruleanml.models.scaled import at_tile_scale


class Bright:
    """Takes what is bright for slick, and remembers the size it was asked at."""

    def __init__(self, scale: float) -> None:
        self.card = Card("bright", "unet", "none", ("background", "slick"), ("vv",), 32, (0.0,), (1.0,), scale=scale)
        self.sizes: list[tuple[int, ...]] = []

    def probabilities(self, images: np.ndarray) -> np.ndarray:
        self.sizes.append(images.shape)
        return np.concatenate([1 - images, images], axis=1)

    def detections(self, images: np.ndarray) -> list[Detections]:
        height, width = images.shape[-2:]
        box = np.array([[width / 4, height / 2, width, height]], np.float32)
        return [Detections(box, np.array([1]), np.ones(1, np.float32), image[:1]) for image in images]


def half_bright(height: int = 64, width: int = 128) -> np.ndarray:
    images = np.zeros((1, 1, height, width), np.float32)
    images[..., width // 2 :] = 1
    return images


def test_a_model_that_learned_at_the_tiles_scale_is_left_alone():
    model = Bright(1.0)
    assert at_tile_scale(model) is model


@pytest.mark.parametrize(("scale", "size"), [(0.5, (32, 64)), (2.0, (128, 256))])
def test_images_are_resized_to_what_was_learned_and_answers_back(scale, size):
    model, images = Bright(scale), half_bright()
    found = at_tile_scale(model).probabilities(images)
    assert model.sizes == [(1, 1, *size)]
    assert found.shape == (1, 2, 64, 128)
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-6)
    np.testing.assert_array_equal(found[0, 1, :, :60], 0)
    np.testing.assert_array_equal(found[0, 1, :, 68:], 1)


def test_the_scale_is_kept_for_sides_that_are_no_multiples():
    model = Bright(0.48)
    at_tile_scale(model).probabilities(half_bright(200, 200))
    assert model.sizes == [(1, 1, 96, 96)]
    model = Bright(0.5)
    found = at_tile_scale(model).probabilities(half_bright(96, 96))
    assert model.sizes == [(1, 1, 64, 64)]  # 48 pixels, and zeros
    np.testing.assert_array_equal(found[0, 1, :, :46], 0)
    np.testing.assert_array_equal(found[0, 1, :, 50:], 1)


def test_shrinking_takes_the_mean_of_what_a_pixel_covers():
    stripes = np.zeros((1, 1, 64, 64), np.float32)
    stripes[..., ::2] = 1
    np.testing.assert_array_equal(at_tile_scale(Bright(0.5)).probabilities(stripes)[0, 1], 0.5)


def test_boxes_and_masks_come_back_in_the_tiles_pixels():
    (found,) = at_tile_scale(Bright(0.5)).detections(half_bright())
    np.testing.assert_allclose(found.boxes, [[32, 32, 128, 64]])
    assert found.masks.shape == (1, 64, 128)


def test_no_detection_stays_none():
    class Blind(Bright):
        def detections(self, images: np.ndarray) -> list[Detections]:
            none = np.zeros(0, np.float32)
            return [Detections(none.reshape(0, 4), none.astype(int), none, np.zeros((0, 32, 64), np.float32))]

    (found,) = at_tile_scale(Blind(0.5)).detections(half_bright())
    assert found.masks.shape == (0, 64, 128)
