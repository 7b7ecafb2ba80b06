"""Spectra from files: checked, on one grid, normalised, with the classes and the lines that are known of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ceruleanml.errors import SelectionError
from ceruleanml.selection.spectra_columns import Column, read_columns
from ceruleanml.selection.spectra_grid import Grid, normalised, rebinned

Floats = NDArray[np.float64]

ID_COLUMNS = ("id", "targetid", "thing_id", "tile_id", "name")
LINE_PREFIX = "line_"


@dataclass(frozen=True, eq=False)
class Spectra:
    """Items in the file's order.

    `flux` is float32 (n, pixels), normalised and 0 where there is no data. `classes` are "" where not known. `lines`
    (n, lines) are wavelengths in angstrom, NaN where a line is not seen, and `lines_known` (n) says of which spectra
    lines are known at all.
    """

    path: Path
    ids: tuple[str, ...]
    groups: tuple[str, ...]
    flux: NDArray[np.float32]
    classes: tuple[str, ...]
    lines: Floats
    lines_known: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True)
class LineTable:
    """Names of lines with their rest wavelengths in angstrom, and the classes of which `z` tells where lines are."""

    rest: Mapping[str, float]
    classes: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Of the lines, in the given order."""
        return tuple(self.rest)


def read_spectra(
    path: Path, grid: Grid, lines: LineTable, id_column: str | None = None, group: str | None = None
) -> Spectra:
    """The spectra of a file, or of a folder of FITS files.

    Columns, in any case of letters: ids (text or whole numbers), `flux`, and if they are there `ivar` (weights; pixels
    of weight 0 or with a flux that is no number hold no data), `wavelength` or `loglam` (without them flux must have
    the grid's pixels), `class`, `z`, and `line_<name>` in angstrom. Without those columns lines of `lines.classes` lie
    at (1 + z) times their rest wavelengths, and other classes have none. Raises SelectionError, which names the row
    (1 is the first) or item.
    """
    columns = read_columns(path)
    if "flux" not in columns:
        raise SelectionError(f"{path}: has no column flux, but {', '.join(list(columns)[:12])}; name the fluxes so")
    ids = _ids(path, columns, id_column)
    classes = _texts(columns.get("class"), len(ids))
    known, places = _lines(columns, classes, lines)
    outside = ~((grid.shares(places) >= 0) & (grid.shares(places) <= 1))
    return Spectra(
        path, ids, _groups(path, columns, ids, group), _fluxes(path, columns, ids, grid), classes,
        np.where(outside, np.nan, places), known,
    )  # fmt: skip


def _ids(path: Path, columns: dict[str, Column], name: str | None) -> tuple[str, ...]:
    found = [one for one in ([name.lower()] if name else ID_COLUMNS) if one in columns]
    if not found:
        wanted = name or ", ".join(ID_COLUMNS)
        raise SelectionError(f"{path}: has no column of ids ({wanted}); name it in the setting id")
    ids: dict[str, int] = {}
    for row, value in enumerate(columns[found[0]], 1):
        is_whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
        if not is_whole and not isinstance(value, str):
            raise SelectionError(f"{path}: row {row}: the id {value} is no text; write ids as text")
        item_id = str(value).strip()
        if not item_id or item_id in ids:
            what = f"has the id {item_id} of row {ids[item_id]}" if item_id else "has no id"
            raise SelectionError(f"{path}: row {row} {what}; give each spectrum its own")
        ids[item_id] = row
    return tuple(ids)


def _groups(path: Path, columns: dict[str, Column], ids: tuple[str, ...], name: str | None) -> tuple[str, ...]:
    if name is None:
        return ids
    if name.lower() not in columns:
        raise SelectionError(f"{path}: has no column {name}; name the groups' column in the setting group")
    return _texts(columns[name.lower()], len(ids))


def _texts(column: Column | None, rows: int) -> tuple[str, ...]:
    if column is None:
        return ("",) * rows
    return tuple("" if value is None or value != value else str(value).strip() for value in column)


def _numbers(column: Column) -> Floats:
    return np.array([np.nan if value is None else value for value in column], np.float64)


def _lines(columns: dict[str, Column], classes: Sequence[str], table: LineTable) -> tuple[NDArray[np.bool_], Floats]:
    """Of which spectra lines are known, and where they are in angstrom, (n, lines)."""
    rows = len(classes)
    given = {name: columns[key] for name in table.names if (key := LINE_PREFIX + name.lower()) in columns}
    if given:
        nothing = np.full(rows, np.nan)
        places = [_numbers(given[name]) if name in given else nothing for name in table.names]
        labelled = np.array([name != "" for name in classes], np.bool_)
        return labelled, np.stack(places, axis=1)
    z = _numbers(columns["z"]) if "z" in columns else np.full(rows, np.nan)
    emitting = np.array([name in table.classes for name in classes], np.bool_)
    places_z = (1 + np.where(emitting, z, np.nan))[:, None] * np.array([*table.rest.values()])
    other = np.array([name not in ("", *table.classes) for name in classes], np.bool_)
    known = (emitting & np.isfinite(z)) | other if table.classes else np.zeros(rows, np.bool_)
    return known, places_z


def _fluxes(path: Path, columns: dict[str, Column], ids: tuple[str, ...], grid: Grid) -> NDArray[np.float32]:
    """All spectra on the grid, normalised."""
    found = np.zeros((len(ids), grid.pixels), np.float32)
    for row, item_id in enumerate(ids):
        where = f"{path}: row {row + 1} ({item_id})"
        flux, ivar = _one(where, {name: column[row] for name, column in columns.items()}, grid)
        if not ivar.any():
            raise SelectionError(
                f"{where} has no data from {grid.first_angstrom:g} to {grid.last_angstrom:g} angstrom; take it out"
            )
        found[row] = normalised(flux[None], ivar[None])[0]
    return found


def _one(where: str, row: dict[str, Any], grid: Grid) -> tuple[Floats, Floats]:
    flux = _pixels(where, "flux", row["flux"])
    ivar = np.ones(len(flux)) if row.get("ivar") is None else _pixels(where, "ivar", row["ivar"])
    if len(ivar) != len(flux):
        raise SelectionError(f"{where} has {len(flux)} fluxes and {len(ivar)} weights; give each flux its weight")
    ivar = np.where(np.isfinite(flux) & np.isfinite(ivar), ivar, 0)
    if (ivar < 0).any():
        raise SelectionError(f"{where} has a weight below 0; ivar is one over a variance")
    flux = np.where(ivar > 0, flux, 0)
    name = next((name for name in ("wavelength", "loglam") if row.get(name) is not None), None)
    if name is not None:
        wavelengths = _pixels(where, name, row[name])
        if len(wavelengths) != len(flux) or not np.isfinite(wavelengths).all():
            raise SelectionError(f"{where} has {len(flux)} fluxes and other or no {name}; give each flux its own")
        return rebinned(10**wavelengths if name == "loglam" else wavelengths, flux, ivar, grid)
    if len(flux) != grid.pixels:
        raise SelectionError(
            f"{where} has {len(flux)} fluxes for a grid of {grid.pixels} pixels; set pixels, or add a column wavelength"
        )
    return flux, ivar


def _pixels(where: str, name: str, value: Any) -> Floats:
    try:
        pixels = np.asarray(value, np.float64)
    except (TypeError, ValueError) as error:
        raise SelectionError(f"{where}: its {name} is no list of numbers; write it as one") from error
    if pixels.ndim != 1 or not len(pixels):
        raise SelectionError(f"{where}: its {name} is no list of numbers; write it as one")
    return pixels
