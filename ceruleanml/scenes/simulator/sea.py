"""The sea's radar brightness: a wind field with fronts, streaks, cells and lulls, and a CMOD-like model of it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ceruleanml.scenes.simulator.lattice import Field, Floats, Lattice, Texture, make_texture, power_law, waves

# ln sigma0 = BASE - FALL * (incidence - 30) + EXPONENT * ln(wind / 5 m/s) + upwind term, for VV in light to fresh
# winds: the form of the CMOD family, its numbers fitted to digital numbers of 40 to 120 over open sea.
BASE = math.log(10 ** (-17.8 / 10))
FALL = 0.36 / 10 * math.log(10)
EXPONENT = 1.5
UPWIND = 0.12
REFERENCE_M_S = 5.0
BRAGG_LN_WIND = (math.log(1.2), math.log(3.8))
"""Below the first wind no ripple scatters; above the second they all do."""


@dataclass(frozen=True)
class Sea:
    """A scene's sea. `ln_wind` is ln(wind / m/s) on the lattice, `wind_deg` where it blows to (from down to across).

    `film` crosses zero where natural films lie, `swell` and `chop` are fine textures of ln sigma nought.
    """

    ln_wind: Field
    film: Field | None
    wind_deg: float
    textures: tuple[tuple[Texture, float], ...]
    incidence_factor: Floats

    def sigma0(self, start: int, stop: int) -> Floats:
        """Sigma nought (linear) of rows start..stop without slicks, noise and speckle."""
        ln_wind = self.ln_wind.rows(start, stop)
        width = ln_wind.shape[1]
        for texture, strength in self.textures:
            ln_wind += np.float32(strength) * texture.rows(start, stop, width)
        result = scattering(ln_wind) * self.incidence_factor
        if self.film is not None:
            lines = np.abs(self.film.rows(start, stop))
            result *= 1 - np.float32(0.6) * np.clip(np.float32(1) - lines, 0, 1)
        return result


def scattering(ln_wind: Floats) -> Floats:
    """Sigma nought at the reference incidence, over its value at 5 m/s, of ln(wind / m/s)."""
    low, high = BRAGG_LN_WIND
    ripples = np.clip((ln_wind - np.float32(low)) / np.float32(high - low), 0, 1)
    ripples *= ripples * (3 - 2 * ripples)
    result = np.exp(np.float32(EXPONENT) * (ln_wind - np.float32(math.log(REFERENCE_M_S))))
    result *= np.float32(0.02) + np.float32(0.98) * ripples
    return np.asarray(result)


def incidence_factor(incidence_deg: NDArray[np.float64], wind_deg: float) -> Floats:
    """What scattering is multiplied by at each column: fall-off with incidence, and the wind's aspect."""
    aspect = 1 + UPWIND * math.cos(2 * math.radians(wind_deg - 90))
    return np.asarray(np.exp(BASE - FALL * (incidence_deg - 30)) * aspect, dtype=np.float32)


def make_sea(random: np.random.Generator, lattice: Lattice, incidence_deg: NDArray[np.float64], lee: Floats) -> Sea:
    """A sea under weather drawn at random; `lee` (nodes) lowers ln(wind) behind land."""
    wind_deg = random.uniform(0, 360)
    mean = random.normal(math.log(4.5), 0.2)
    ln_wind = mean + _weather(random, lattice) + _streaks(random, lattice, wind_deg) + _front(random, lattice)
    lull, film = _lulls(random, lattice)
    ln_wind = np.maximum(ln_wind - lull - lee, math.log(0.9))
    films = Field(lattice, _film_lines(film, ln_wind)) if random.random() < 0.6 else None
    return Sea(
        Field(lattice, ln_wind.astype(np.float32)),
        films,
        wind_deg,
        _textures(random, lattice.resolution_m, wind_deg),
        incidence_factor(incidence_deg, wind_deg),
    )


def _weather(random: np.random.Generator, lattice: Lattice) -> Floats:
    """Turbulent wind from 150 km down to the lattice, drawn out in places by stirring."""
    broad = lattice.noise(random, power_law(150_000, 2.5)) * random.uniform(0.1, 0.24)
    broad += lattice.noise(random, power_law(14_000, 2.1)) * random.uniform(0.02, 0.06)
    return np.asarray(stirred(random, lattice, broad, 5_000))


def _streaks(random: np.random.Generator, lattice: Lattice, wind_deg: float) -> Floats:
    """Rolls along the wind and cells, each as strong as patches of their own allow."""
    length = random.uniform(900, 2_200)
    rolls = lattice.noise(random, waves(length, wind_deg + 90 + random.uniform(-12, 12), 0.35, 16))
    cells = lattice.noise(random, waves(random.uniform(700, 1_800), wind_deg + 90, 0.45, 80))
    gusts = lattice.noise(random, power_law(900, 1.6))
    patches = [np.clip(0.7 + 0.6 * lattice.noise(random, power_law(40_000, 2.5)), 0.1, 2) for _ in range(2)]
    strengths = random.uniform((0.01, 0.02, 0.03), (0.05, 0.09, 0.05))
    return np.asarray(strengths[0] * rolls * patches[0] + strengths[1] * cells * patches[1] + strengths[2] * gusts)


def _front(random: np.random.Generator, lattice: Lattice) -> Floats:
    """A sharp, meandering edge with stronger or weaker wind behind it, in about half of the scenes."""
    down, across = lattice.metres()
    angle, where = random.uniform(0, 2 * math.pi), random.uniform(0.2, 0.8, 2)
    strength = random.choice([-1, 1]) * random.uniform(0.15, 0.5) * (random.random() < 0.5)
    distance = (down - where[0] * down.max()) * math.cos(angle) + (across - where[1] * across.max()) * math.sin(angle)
    distance = distance + 6_000 * lattice.noise(random, power_law(60_000, 2.6))
    distance = stirred(random, lattice, distance.astype(np.float32), 2_500)
    sharpness = random.uniform(200, 1_500)
    step = 0.5 * (1 + np.tanh(np.clip(distance / sharpness, -20, 20)))
    return np.asarray(strength * step * np.exp(-np.maximum(distance, 0) / random.uniform(10_000, 40_000)))


def _lulls(random: np.random.Generator, lattice: Lattice) -> tuple[Floats, Floats]:
    """How much ln(wind) sinks in patches of calm (none in half of the scenes), and noise for films there."""
    calm = lattice.noise(random, power_law(60_000, 2.8)) + 0.15 * lattice.noise(random, power_law(12_000, 2.3))
    calm = stirred(random, lattice, calm.astype(np.float32), 9_000)
    share = max(0.0, random.uniform(-0.3, 0.3))
    threshold = np.quantile(calm, 1 - share) if share > 0 else np.inf
    depth = random.uniform(0.6, 1.5)
    lull = depth * np.clip((calm - threshold) / random.uniform(0.5, 1.4), 0, 1) ** 0.8 if share > 0 else 0 * calm
    film = stirred(random, lattice, lattice.noise(random, power_law(11_000, 2.8)), 9_000)
    return np.asarray(lull, dtype=np.float32), film


def _film_lines(noise: Floats, ln_wind: Floats) -> Floats:
    """A field below about 1 on thin lines where the wind is light, far above 1 elsewhere."""
    light = np.clip((math.log(4.2) - ln_wind) / 0.5, 0.02, 1)
    return np.asarray(np.clip(noise / (0.05 * light), -30, 30) + 6 * (1 - light), dtype=np.float32)


def _textures(random: np.random.Generator, resolution_m: float, wind_deg: float) -> tuple[tuple[Texture, float], ...]:
    """Swell where the pixels are fine enough to show it, and choppy patches."""
    chop = make_texture(random, resolution_m, power_law(max(300.0, 2.2 * resolution_m), 1.5), (750, 882))
    wavelength, strength = random.uniform(170, 380), random.uniform(0.0, 0.05)
    textures = [(chop, float(random.uniform(0.02, 0.035)))]
    if wavelength > 3 * resolution_m:
        swell = waves(wavelength, wind_deg + random.uniform(-40, 40), 0.16, 11)
        textures.append((make_texture(random, resolution_m, swell, (1000, 1078)), float(strength)))
    return tuple(textures)


def stirred(random: np.random.Generator, lattice: Lattice, values: Floats, reach_m: float) -> Floats:
    """The field displaced by eddies of that reach, which draw it out into filaments."""
    from scipy.ndimage import map_coordinates

    reach = reach_m / lattice.spacing_m
    rows, cols = np.indices(lattice.nodes, dtype=np.float32)
    for axis in (rows, cols):
        axis += reach * lattice.noise(random, power_law(22_000, 2.7))
    return np.asarray(map_coordinates(values, [rows, cols], order=1, mode="nearest"), dtype=np.float32)
