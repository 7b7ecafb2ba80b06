"""How training tiles are varied: a table of small named transforms, each a pure function of a sample and its draws.

Radar in `dn` is amplitude, whose square is intensity. Speckle multiplies intensity, so amplitude is multiplied by the
square root of a gamma variate; a gain of g dB multiplies intensity by 10^(g/10) and amplitude by 10^(g/20). Radar in
`sigma0_db` is the logarithm of intensity, so both are added. The value 0 is nodata and stays 0; measured values stay
between 1 and 255.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from ceruleanml.models.config import AugmentationConfig
from ceruleanml.models.samples import Affine2x3, Bytes, Sample, warped

QUANTILES = 4096
"""Speckle is drawn from so many equally likely values, four times as fast as from the distribution itself."""


@dataclass(frozen=True)
class Bands:
    """What the bands of a sample are.

    `radar` is the number of the radar band, None where it is not among them; `radiometry` and `db_range` say what it
    measures (`Radiometry` of scenes); `blank` is the value of each band that tells nothing: its mean.
    """

    radar: int | None
    radiometry: str
    db_range: tuple[float, float]
    blank: tuple[int, ...]

    @property
    def steps_per_db(self) -> float:
        """Grey steps of one decibel in `sigma0_db`, which lays its range on 1 to 255."""
        return 254 / (self.db_range[1] - self.db_range[0])


Apply = Callable[[Sample, np.random.Generator, AugmentationConfig, Bands], Sample]


@dataclass(frozen=True)
class Transform:
    """One way to vary a sample: how likely it is under a configuration (0: off), and what it does."""

    chance: Callable[[AugmentationConfig], float]
    apply: Apply


def augment(sample: Sample, config: AugmentationConfig, bands: Bands, rng: np.random.Generator) -> Sample:
    """The sample varied by each transform that is on, in the table's order."""
    for transform in TRANSFORMS.values():
        chance = transform.chance(config)
        if chance > 0 and rng.random() < chance:
            sample = transform.apply(sample, rng, config, bands)
    return sample


def flip(sample: Sample, rng: np.random.Generator, config: AugmentationConfig, bands: Bands) -> Sample:
    """The sample mirrored with probability one half, and with one half turned by one to three quarter turns.

    Samples that are not square are turned by half turns only.
    """
    mirror, turn, turns = rng.random() < 0.5, rng.random() < 0.5, int(rng.integers(1, 4))
    square = sample.height_width[0] == sample.height_width[1]

    def moved(array: Bytes) -> Bytes:
        array = array[:, :, ::-1] if mirror else array
        array = np.rot90(array, turns if square else 2, axes=(1, 2)) if turn else array
        return np.ascontiguousarray(array)

    return replace(sample, pixels=moved(sample.pixels), layers=moved(sample.layers))


def turn_and_scale(sample: Sample, rng: np.random.Generator, config: AugmentationConfig, bands: Bands) -> Sample:
    """The sample turned about its centre and enlarged or shrunk, in one warp.

    The radar band is interpolated. Context channels change slowly from pixel to pixel, so the nearest one is taken.
    """
    angle = math.radians(rng.uniform(-config.rotate_degrees, config.rotate_degrees))
    factor = rng.uniform(1 - config.scale, 1 + config.scale)
    smooth = range(len(sample.pixels)) if bands.radar is None else [bands.radar]
    return warped(sample, about_centre(sample.height_width, angle, factor), smooth)


def about_centre(height_width: tuple[int, int], angle: float, factor: float) -> Affine2x3:
    """The map from new to old (x, y) of a turn clockwise by `angle` radians and an enlargement about the centre."""
    y, x = height_width[0] / 2, height_width[1] / 2
    along, across = math.cos(angle) / factor, math.sin(angle) / factor
    return along, across, x - along * x - across * y, -across, along, y + across * x - along * y


def speckle(sample: Sample, rng: np.random.Generator, config: AugmentationConfig, bands: Bands) -> Sample:
    """The sample with its radar band's intensity multiplied by gamma variates of mean 1 and the looks asked for.

    Each pixel is drawn by itself; real speckle at 10 m is correlated over about two pixels.
    """
    if bands.radar is None:
        return sample
    radar = sample.pixels[bands.radar]
    draws = np.frombuffer(rng.bytes(2 * radar.size), "<u2") >> 4
    intensity = gamma_quantiles(config.speckle_looks)
    if bands.radiometry == "dn":
        grainy = np.sqrt(intensity).take(draws).reshape(radar.shape)
        grainy *= radar
    else:
        grainy = (10 * bands.steps_per_db * np.log10(intensity)).take(draws).reshape(radar.shape)
        grainy += radar
    return _with_radar(sample, bands.radar, _measured(grainy, radar))


@lru_cache(maxsize=8)
def gamma_quantiles(looks: float) -> NDArray[np.float32]:
    """QUANTILES equally likely values of a gamma variate with mean 1 and variance 1 / looks, float32, ascending."""
    from scipy.special import gammaincinv

    values = gammaincinv(looks, (np.arange(QUANTILES) + 0.5) / QUANTILES) / looks
    quantiles: NDArray[np.float32] = np.maximum(values, 1e-12).astype(np.float32)
    quantiles.setflags(write=False)
    return quantiles


def drift_gain(sample: Sample, rng: np.random.Generator, config: AugmentationConfig, bands: Bands) -> Sample:
    """The sample with its whole radar band raised or lowered by the same number of decibels."""
    if bands.radar is None:
        return sample
    gain_db = rng.uniform(-config.gain_db, config.gain_db)
    values = np.arange(256)
    changed = values * 10 ** (gain_db / 20) if bands.radiometry == "dn" else values + gain_db * bands.steps_per_db
    return _with_radar(sample, bands.radar, _measured(changed, values)[sample.pixels[bands.radar]])


def drop_channels(sample: Sample, rng: np.random.Generator, config: AugmentationConfig, bands: Bands) -> Sample:
    """The sample with each context band blanked to its mean, with the probability asked for."""
    dropped = rng.random(len(sample.pixels)) < config.drop_channel
    if bands.radar is not None:
        dropped[bands.radar] = False
    pixels = sample.pixels.copy()
    pixels[dropped] = np.array(bands.blank, np.uint8)[dropped, None, None]
    return replace(sample, pixels=pixels)


TRANSFORMS: dict[str, Transform] = {
    "flips": Transform(lambda config: float(config.flips), flip),
    "turn_and_scale": Transform(
        lambda config: config.probability if config.rotate_degrees or config.scale else 0.0, turn_and_scale
    ),
    "speckle": Transform(lambda config: config.probability if config.speckle_looks else 0.0, speckle),
    "gain": Transform(lambda config: config.probability if config.gain_db else 0.0, drift_gain),
    "drop_channels": Transform(lambda config: float(config.drop_channel > 0), drop_channels),
}
"""Every transform by name, in the order in which they are applied."""


def _measured(changed: NDArray[np.floating], before: NDArray[np.integer]) -> Bytes:
    """Changed grey values, which are overwritten, as bytes: 1 to 255 where something was measured, 0 elsewhere."""
    np.rint(changed, out=changed)
    whole: Bytes = np.clip(changed, 1, 255, out=changed).astype(np.uint8)
    whole *= before != 0
    return whole


def _with_radar(sample: Sample, band: int, radar: Bytes) -> Sample:
    pixels = sample.pixels.copy()
    pixels[band] = radar
    return replace(sample, pixels=pixels)
