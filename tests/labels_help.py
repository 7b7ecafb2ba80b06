"""Small label files for tests, written by Pillow, which knows nothing of the code under test."""

from pathlib import Path

import numpy as np
from PIL import Image

from ceruleanml.classes import load_classes

CLASSES = load_classes()
RED, BLUE, WHITE = (255, 0, 0), (0, 0, 255), (255, 255, 255)
L_SHAPE = np.array([[0, 0, 0, 0, 0], [0, 1, 0, 0, 0], [0, 1, 0, 0, 0], [0, 1, 1, 1, 0]], dtype=bool)


def rgba(mask, colour, alpha=255):
    """(rows, columns, 4): the colour, opaque where the mask is set, on transparent black."""
    pixels = np.zeros((*mask.shape, 4), dtype=np.uint8)
    pixels[mask] = (*colour, alpha)
    return pixels


def save(path: Path, pixels) -> Path:
    """Write gray (2 axes), gray + alpha, RGB or RGBA (3 axes) pixels."""
    Image.fromarray(np.asarray(pixels, dtype=np.uint8)).save(path)
    return path


def save_palette(path: Path, indices, colours, alphas=None) -> Path:
    """Write palette indices with a table of colours and, if given, one alpha for each."""
    image = Image.frombytes("P", np.shape(indices)[::-1], np.asarray(indices, dtype=np.uint8).tobytes())
    image.putpalette([value for colour in colours for value in colour])
    image.save(path, **({} if alphas is None else {"transparency": bytes(alphas)}))
    return path


def noisy_layer(path: Path) -> Path:
    """A layer of 64 x 80 pixels that does not compress to next to nothing, so that cutting it cuts pixels."""
    alpha = np.random.default_rng(1).integers(0, 256, (64, 80), dtype=np.uint8)
    return save(path, np.dstack([*np.broadcast_to(np.reshape(RED, (3, 1, 1)), (3, 64, 80)), alpha]))
