"""Columns of files of spectra: Parquet, NumPy's .npz, a FITS table, or a folder of FITS files, one a spectrum."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ceruleanml.errors import SelectionError, UsageError
from ceruleanml.selection.arrow_files import open_parquet
from ceruleanml.storage import storage_error

Column = Any
"""A value a row: a number, text, an array, or None."""
FORMATS = "Parquet, .npz, a FITS table or a folder of FITS files"


def read_columns(path: Path) -> dict[str, Column]:
    """The columns of a file by their names in small letters, all equally long. Raises SelectionError, StorageError."""
    if path.is_dir():
        columns = _folder(path)
    elif path.name.lower().endswith(".npz"):
        columns = _npz(path)
    elif path.name.lower().endswith((".fits", ".fit", ".fits.gz")):
        columns = _fits_table(path)
    else:
        columns = _parquet(path)
    lengths = {name: len(column) for name, column in columns.items()}
    if len(set(lengths.values())) > 1:
        listed = ", ".join(f"{name} {length}" for name, length in sorted(lengths.items()))
        raise SelectionError(f"{path}: its columns are of different lengths ({listed}); give one row a spectrum")
    return columns


def _parquet(path: Path) -> dict[str, Column]:
    import pyarrow

    try:
        with open_parquet(path) as file:
            table = file.read(use_threads=False)
    except OSError as error:
        raise storage_error(path, error, "read") from error
    except pyarrow.ArrowException as error:
        raise SelectionError(f"{path}: holds no spectra; give {FORMATS}") from error
    return {name.lower(): _arrow_column(table.column(name).combine_chunks()) for name in table.column_names}


def _arrow_column(column: Any) -> Column:
    """Lists of equal length without gaps become the rows of one array; that is a hundred times faster than Python's."""
    from pyarrow import types

    if not (types.is_list(column.type) or types.is_large_list(column.type) or types.is_fixed_size_list(column.type)):
        return list(column.to_pylist())
    lengths = np.asarray(column.value_lengths().fill_null(-1).to_numpy(zero_copy_only=False))
    if len(column) and lengths[0] > 0 and (lengths == lengths[0]).all():
        flat = column.flatten().to_numpy(zero_copy_only=False)
        return np.asarray(flat).reshape(len(column), -1)
    return [None if row is None else np.asarray(row) for row in column.to_pylist()]


def _npz(path: Path) -> dict[str, Column]:
    import zipfile

    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name.lower(): file[name] for name in file.files}
    except OSError as error:
        raise storage_error(path, error, "read") from error
    except (ValueError, EOFError, AttributeError, zipfile.BadZipFile) as error:
        reason = " ".join(str(error).split())[:120]
        raise SelectionError(f"{path}: cannot be read as .npz of plain arrays ({reason}); write it again") from error
    return _shared_wavelengths(arrays)


def _shared_wavelengths(arrays: dict[str, NDArray[Any]]) -> dict[str, Column]:
    """One row of wavelengths for all spectra becomes one a spectrum, without copies."""
    rows = len(arrays["flux"]) if "flux" in arrays and arrays["flux"].ndim == 2 else 0
    columns: dict[str, Column] = {}
    for name, values in arrays.items():
        shared = name in ("wavelength", "loglam") and values.ndim == 1
        columns[name] = np.broadcast_to(values, (rows, len(values))) if shared else np.atleast_1d(values)
    return columns


def _fits_table(path: Path) -> dict[str, Column]:
    """The first table that has a column of flux."""
    for columns, _ in _tables(path):
        if "flux" in columns:
            return columns
    raise SelectionError(f"{path}: holds no table with a column flux; give {FORMATS}")


def _folder(path: Path) -> dict[str, Column]:
    """A row a FITS file, named as the file, as the Sloan survey writes spectra.

    Its first table holds flux, ivar and loglam or wavelength by pixel; class, z and what else is single stand in a
    second table of one row, or in headers.
    """
    files = sorted(file for file in path.iterdir() if file.name.lower().endswith((".fits", ".fits.gz")))
    if not files:
        raise SelectionError(f"{path}: holds no FITS file; give {FORMATS}")
    rows = [_one_spectrum(file) for file in files]
    names = sorted(set().union(*rows))
    columns: dict[str, Column] = {name: [row.get(name) for row in rows] for name in names}
    columns["id"] = [file.name.split(".fit")[0] for file in files]
    return columns


def _one_spectrum(path: Path) -> dict[str, Any]:
    row: dict[str, Any] = {}
    for columns, header in _tables(path):
        if "flux" in columns:
            row |= {name: np.asarray(values) for name, values in columns.items()}
        elif all(len(values) == 1 for values in columns.values()):
            row |= {name: values[0] for name, values in columns.items()}
        row |= {name.lower(): header[name] for name in ("CLASS", "Z") if name in header and name.lower() not in row}
    if "flux" not in row:
        raise SelectionError(f"{path}: holds no table with a column flux; take it out of the folder")
    return row


def _tables(path: Path) -> list[tuple[dict[str, Column], Any]]:
    """The columns and headers of all units of a FITS file, from the first on."""
    try:
        from astropy.io import fits
    except ImportError as error:
        raise UsageError(f"{path}: FITS needs astropy; pip install 'ceruleanml[fits]'") from error
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # headers that bend the standard say so at length
            with fits.open(path, memmap=False) as units:
                return [(_unit_columns(unit), dict(unit.header)) for unit in units]
    except OSError as error:
        if error.strerror:
            raise storage_error(path, error, "read") from error
        raise SelectionError(f"{path}: is no FITS file ({error}); write it again") from error
    except (ValueError, TypeError, KeyError, IndexError) as error:
        raise SelectionError(f"{path}: is a broken FITS file ({' '.join(str(error).split())[:120]})") from error


def _unit_columns(unit: Any) -> dict[str, Column]:
    if not hasattr(unit, "columns") or unit.data is None:
        return {}
    return {name.lower(): _native(np.asarray(unit.data[name])) for name in unit.columns.names}


def _native(values: NDArray[Any]) -> NDArray[Any]:
    """In this machine's order of bytes, which FITS is not in, and text without its padding."""
    if values.dtype.kind in "SU":
        return np.char.strip(values.astype(np.str_))
    return values.astype(values.dtype.newbyteorder("="))
