"""Catalogues and spectra made from a seed, for tests and notebooks: galaxies with votes, and spectra with lines."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ceruleanml.errors import UsageError
from ceruleanml.seeds import generator
from ceruleanml.storage import make_folder, write_bytes, writing

SIDE_PX = 64
IMAGE_FORMATS = ("png", "jpeg", "fits")
FIELDS = 8
"""Fields of the sky that galaxies and spectra are shared out to."""
MOST_VOTES = 40

CLASSES = ("galaxy", "quasar", "star")
CLASS_SHARES = (0.4, 0.3, 0.3)
LINES = {
    "LYA": 1215.67, "CIV": 1549.06, "CIII": 1908.73, "MGII": 2798.75, "OII": 3728.48, "HBETA": 4862.68,
    "OIII": 5008.24, "HALPHA": 6564.61,
}  # fmt: skip
"""Rest wavelengths in vacuum, in angstrom. Source: Vanden Berk et al. 2001."""
EMITTED = {"quasar": ("LYA", "CIV", "CIII", "MGII", "HBETA"), "galaxy": ("OII", "OIII", "HALPHA"), "star": ()}
WIDTHS = {"quasar": 0.016, "galaxy": 0.004}
"""Of lines, in log wavelength: broad ones of quasars, narrow ones of galaxies."""
FIRST_ANGSTROM, LAST_ANGSTROM, PIXELS = 3600.0, 9800.0, 256

Floats = NDArray[np.float64]


def simulate_catalogue(
    folder: Path, n: int, seed: int = 0, formats: tuple[str, ...] = ("png", "fits"), unlabelled_share: float = 0.0
) -> Path:
    """The path of `folder/catalogue.csv`, of n galaxies, smooth to featured, with the votes of 5 to 40 volunteers.

    Columns: id_str ("000", "001", …), file_loc (relative), field, k (who saw features) of N, and featured, the true
    share that k is drawn from. Formats of images take turns. Raises UsageError for a format that is not known.
    """
    if strange := sorted(set(formats) - set(IMAGE_FORMATS)):
        raise UsageError(f"format {strange[0]} is not known; there are {', '.join(IMAGE_FORMATS)}")
    images = make_folder(folder / "images")
    digits = max(3, len(str(n - 1)))
    rows = []
    for number in range(n):
        item_id = f"{number:0{digits}d}"
        random = generator(seed, "galaxy", number)
        featured = float(random.beta(0.7, 0.7))
        kind = formats[number % len(formats)]
        path = images / f"{item_id}.{kind}"
        write_image(path, galaxy(featured, random))
        votes = int(random.integers(5, MOST_VOTES + 1))
        k = int(random.binomial(votes, featured))
        cells = ("", "") if random.random() < unlabelled_share else (str(k), str(votes))
        rows.append((item_id, f"images/{path.name}", f"field_{number % FIELDS}", *cells, f"{featured:.4f}"))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("id_str", "file_loc", "field", "k", "N", "featured"))
    writer.writerows(rows)
    write_bytes(folder / "catalogue.csv", text.getvalue().encode())
    return folder / "catalogue.csv"


def galaxy(featured: float, random: np.random.Generator, side_px: int = SIDE_PX) -> NDArray[np.uint8]:
    """A galaxy (rows, columns): a smooth spheroid at featured 0, a disc with two clumpy spiral arms at 1, and noise."""
    rows, columns = np.mgrid[:side_px, :side_px] - (side_px - 1) / 2 - random.normal(0, 1.5, (2, 1, 1))
    angle, flat = random.uniform(0, np.pi), random.uniform(0.55, 1.0)
    along = columns * np.cos(angle) + rows * np.sin(angle)
    across = (rows * np.cos(angle) - columns * np.sin(angle)) / flat
    radius, azimuth = np.hypot(along, across), np.arctan2(across, along)
    scale = side_px * random.uniform(0.1, 0.16)
    spheroid = np.exp(-2 * np.sqrt(radius / (0.5 * scale + 1e-9)))
    disc = 0.6 * np.exp(-radius / scale)
    turn = random.choice([-1, 1])
    arms = np.cos(2 * azimuth + turn * 5.5 * np.log1p(radius / scale) + random.uniform(0, 2 * np.pi))
    clumps = 1 + 0.5 * np.sin(azimuth * 9 + radius)
    spiral = disc * np.clip(arms, 0, 1) ** 2 * clumps * np.clip(radius / scale, 0, 1)
    light = (1 - featured) * (spheroid + 0.4 * disc) + featured * (0.6 * spheroid + 0.5 * disc + 2.5 * spiral)
    seen = light / light.max() + random.normal(0, 0.03, light.shape) + 0.06
    stretched = np.arcsinh(np.clip(seen, 0, None) / 0.1) / np.arcsinh(1.06 / 0.1)
    return np.asarray(np.clip(np.rint(255 * stretched), 0, 255), np.uint8)


def write_image(path: Path, pixels: NDArray[np.uint8]) -> None:
    """Write gray pixels (rows, columns) as PNG, JPEG or FITS, by the suffix; FITS with its lowest row first."""
    if path.suffix == ".png":
        from ceruleanml.scenes.simulator.png import write_png

        with writing(path) as temporary:
            write_png(temporary, (pixels.shape[0], pixels.shape[1]), 1, [pixels])
    elif path.suffix == ".jpeg":
        write_bytes(path, _jpeg(pixels))
    else:
        from astropy.io import fits

        content = io.BytesIO()
        fits.PrimaryHDU(np.ascontiguousarray(pixels[::-1])).writeto(content)
        write_bytes(path, content.getbuffer())


def simulate_spectra(path: Path, n: int, seed: int = 0, prefix: str = "") -> Path:
    """The path of a file of n spectra of galaxies, quasars and stars, as Parquet, .npz or .fits by its suffix.

    Columns: id (text: `prefix` and a number), flux and ivar (float32, 256 pixels on a logarithmic grid from 3600 to
    9800 angstrom), class, z, field, and `line_<name>`, the wavelength in angstrom at which that line of LINES is seen,
    else NaN. A spectrum is the same in each format.
    """
    columns: dict[str, Any] = spectra_columns(n, seed, prefix)
    if path.suffix == ".npz":
        with writing(path) as temporary, temporary.open("wb") as file:
            np.savez(file, **columns)
    elif path.suffix == ".parquet":
        _write_parquet(path, columns)
    elif path.suffix == ".fits":
        from astropy.table import Table

        content = io.BytesIO()
        Table(columns).write(content, format="fits")
        write_bytes(path, content.getbuffer())
    else:
        raise UsageError(f"{path}: spectra are not written as {path.suffix}; name it .parquet, .npz or .fits")
    return path


def spectra_columns(n: int, seed: int = 0, prefix: str = "") -> dict[str, NDArray[Any]]:
    """The columns of `simulate_spectra` as arrays by name."""
    wavelengths = np.geomspace(FIRST_ANGSTROM, LAST_ANGSTROM, PIXELS)
    flux, ivar = np.empty((2, n, PIXELS), np.float32)
    names, redshifts = [], np.empty(n)
    for number in range(n):
        random = generator(seed, "spectrum", number)
        name = str(random.choice(CLASSES, p=CLASS_SHARES))
        z = {"quasar": random.uniform(0.6, 3.2), "galaxy": random.uniform(0.03, 0.8), "star": 0.0}[name]
        light = spectrum(name, z, wavelengths, random)
        noise = random.uniform(0.05, 0.2)
        flux[number] = light + random.normal(0, noise, PIXELS)
        ivar[number] = 1 / noise**2
        names.append(name)
        redshifts[number] = z
    digits = max(3, len(str(n - 1)))
    return {
        "id": np.array([f"{prefix}{number:0{digits}d}" for number in range(n)], dtype=np.str_),
        "flux": flux,
        "ivar": ivar,
        "class": np.array(names, dtype=np.str_),
        "z": redshifts,
        "field": np.array([f"field_{number % FIELDS}" for number in range(n)], dtype=np.str_),
        **{f"line_{line}": _seen(line, names, redshifts) for line in LINES},
    }


def spectrum(name: str, z: float, wavelengths: Floats, random: np.random.Generator) -> Floats:
    """The light of a galaxy, quasar or star at redshift z, about 1 in the mean, at these wavelengths in angstrom."""
    rest = wavelengths / (1 + z)
    if name == "quasar":
        light = (rest / 3000) ** random.uniform(-1.8, -0.8)
        light *= np.where(rest < LINES["LYA"], 0.6, 1.0)
        return _normal(light) + _emission(rest, name, random.uniform(0.8, 2.5, len(EMITTED[name])))
    if name == "galaxy":
        light = np.where(rest < 4000, 0.55, 1.0) * (rest / 4000) ** random.uniform(-0.3, 0.6)
        return _normal(light) + _emission(rest, name, random.uniform(0.4, 2.0, len(EMITTED[name])))
    kelvin = random.uniform(3500, 9000)
    light = _normal(rest**-5.0 / np.expm1(1.4388e8 / (rest * kelvin)))
    depths = random.uniform(0.2, 0.6) * np.array([1.0, 0.8, 0.6, 0.5])
    return light * (1 - _lines(rest, np.array([6564.6, 4862.7, 4341.7, 4102.9]), 0.005, depths))


def _seen(line: str, names: list[str], redshifts: Floats) -> Floats:
    places = LINES[line] * (1 + redshifts)
    emitted = np.array([line in EMITTED[name] for name in names], np.bool_)
    return np.where(emitted & (places >= FIRST_ANGSTROM) & (places <= LAST_ANGSTROM), places, np.nan)


def _emission(rest: Floats, name: str, heights: Floats) -> Floats:
    return _lines(rest, np.array([LINES[line] for line in EMITTED[name]]), WIDTHS[name], heights)


def _lines(rest: Floats, centres: Floats, width: float, heights: Floats) -> Floats:
    """Gaussians in log wavelength, summed."""
    distances = np.log(rest)[:, None] - np.log(centres)
    return np.asarray((heights * np.exp(-0.5 * (distances / width) ** 2)).sum(axis=1))


def _normal(light: Floats) -> Floats:
    return np.asarray(light / light.mean())


def _jpeg(pixels: NDArray[np.uint8]) -> bytes:
    import warnings

    import rasterio
    from rasterio.io import MemoryFile

    height, width = pixels.shape
    with warnings.catch_warnings(), MemoryFile() as memory:
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        shape = {"height": height, "width": width, "count": 1, "dtype": "uint8"}
        with memory.open(driver="JPEG", quality=95, **shape) as target:
            target.write(pixels, 1)
        return bytes(memory.read())


def _write_parquet(path: Path, columns: dict[str, NDArray[Any]]) -> None:
    import pyarrow
    from pyarrow import parquet

    arrays = {}
    for name, values in columns.items():
        if values.ndim == 2:
            arrays[name] = pyarrow.FixedSizeListArray.from_arrays(pyarrow.array(values.ravel()), values.shape[1])
        else:
            arrays[name] = pyarrow.array(values.tolist())
    with writing(path) as temporary:
        parquet.write_table(pyarrow.table(arrays), temporary)
