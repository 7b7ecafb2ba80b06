"""A tile's pixels together with its target, cut, resized, warped and padded as one."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from PIL.Image import Image

Bytes = NDArray[np.uint8]
Affine2x3 = tuple[float, float, float, float, float, float]


@dataclass(frozen=True)
class Sample:
    """What a network sees and what it is to answer.

    `pixels` is uint8 (bands, rows, columns). `layers` is uint8 (k, rows, columns): one map of class ids, or one mask a
    slick, whose class is in `labels` (k,). `outside` is the layers' value where a warp or padding brings in ground
    beyond the edges; pixels are 0 there.
    """

    pixels: Bytes
    layers: Bytes
    outside: int
    labels: NDArray[np.int64] | None = None

    @property
    def height_width(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.pixels.shape[1], self.pixels.shape[2]


def resized(sample: Sample, longer_px: int) -> Sample:
    """The sample with its longer side of that many pixels and its shape kept.

    Pixels are averaged over the area that they take in when shrunk, and interpolated bilinearly when enlarged; layers
    take the nearest value.
    """
    height, width = sample.height_width
    factor = longer_px / max(height, width)
    if factor == 1:
        return sample
    from PIL.Image import Resampling

    height_width = max(1, round(height * factor)), max(1, round(width * factor))
    smooth = Resampling.BOX if factor < 1 else Resampling.BILINEAR
    return replace(
        sample,
        pixels=_each(sample.pixels, height_width, lambda _, band: band.resize(height_width[::-1], smooth)),
        layers=_each(sample.layers, height_width, lambda _, one: one.resize(height_width[::-1], Resampling.NEAREST)),
    )


def warped(sample: Sample, to_source: Affine2x3, smooth: Collection[int]) -> Sample:
    """The sample seen through an affine map from its new to its old pixel positions (x, y), in its own size.

    `to_source` (a, b, c, d, e, f) means x = a x' + b y' + c and y = d x' + e y' + f. Bands whose number is in `smooth`
    are interpolated bilinearly, fractions cut off; the others, and layers, take the nearest value, at an eighth of the
    time.
    """
    from PIL.Image import Resampling, Transform

    def warp(image: Image, way: Resampling, fill: int) -> Image:
        return image.transform(image.size, Transform.AFFINE, to_source, way, fillcolor=fill)

    def warp_band(number: int, band: Image) -> Image:
        return warp(band, Resampling.BILINEAR if number in smooth else Resampling.NEAREST, 0)

    return replace(
        sample,
        pixels=_each(sample.pixels, sample.height_width, warp_band),
        layers=_each(
            sample.layers, sample.height_width, lambda _, layer: warp(layer, Resampling.NEAREST, sample.outside)
        ),
    )


def padded(sample: Sample, height_width: tuple[int, int]) -> Sample:
    """The sample made at least that large, below and at the right."""
    rows, cols = (max(0, wanted - has) for wanted, has in zip(height_width, sample.height_width, strict=True))
    if not rows and not cols:
        return sample
    around = ((0, 0), (0, rows), (0, cols))
    layers = np.pad(sample.layers, around, constant_values=sample.outside)
    return replace(sample, pixels=np.pad(sample.pixels, around), layers=layers)


def padded_to_multiple(sample: Sample, side: int = 32) -> Sample:
    """The sample made so large that both sides are multiples of `side`: networks halve their input five times."""
    height, width = sample.height_width
    return padded(sample, (-(-height // side) * side, -(-width // side) * side))


def _each(bands: Bytes, height_width: tuple[int, int], change: Callable[[int, Image], Image]) -> Bytes:
    """Each band changed by a function of its number and image; PIL works on bytes, without a copy as float."""
    from PIL.Image import fromarray

    out = np.empty((len(bands), *height_width), np.uint8)
    for number, band in enumerate(bands):
        out[number] = np.asarray(change(number, fromarray(band)))
    return out
