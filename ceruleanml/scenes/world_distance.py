"""The distance to the nearest infrastructure as one raster of the whole world, which make-dataset reads as context.

The world is cut into bands of tiles. Each band is a unit of work that writes its own file, so a killed run goes on, and
the same bytes come of any number of workers. Tiles with nothing within `CAP_M` are left out of the file; they read as
the nodata value, which is CAP_M.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import zlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from affine import Affine

from ceruleanml.errors import ContextError, StorageError
from ceruleanml.parallel import run_units
from ceruleanml.progress import Progress, Silent
from ceruleanml.scenes.cog import as_cog, cog_from_pieces
from ceruleanml.scenes.context_vectors import Floats, read_features, vector_path
from ceruleanml.scenes.nearest import earth_centred
from ceruleanml.scenes.world_lattice import CAP_M, TILE_PX, WHOLE_WORLD, WorldLattice, tile_metres
from ceruleanml.storage import check_local, make_folder, storage_error, write_bytes, writing

BAND_NAME = "infra_distance"
PLAN_TAG = "CERULEANML_PLAN"
VERSION = 1
"""Raised when the same points would give other bytes."""


@dataclass(frozen=True)
class Band:
    """One unit of work: a row of tiles, and the folder that holds the points and takes the band's file."""

    lattice: WorldLattice
    row: int
    parts: Path

    @property
    def path(self) -> Path:
        """The band's file."""
        return self.parts / f"band_{self.row:05d}.tif"


@dataclass(frozen=True)
class WorldReport:
    """What is there: the file, its pixels, points that count, bands; and what this run made: bands, the file or not."""

    out: Path
    height_width: tuple[int, int]
    points: int
    bands: int
    bands_now: int
    is_new: bool


def infrastructure_points(locations: Sequence[str]) -> Floats:
    """Longitudes and latitudes (n, 2) of the points of vector files, sorted, each once.

    Raises ContextError for files that cannot be read, hold lines or polygons, or hold no point at all.
    """
    found = []
    for location in locations:
        features = read_features(vector_path(location), WHOLE_WORLD, location)
        if len(features.edges):
            raise ContextError(f"{location}: holds lines or polygons; give points, one or several a platform")
        found.append(features.points)
    points = np.concatenate([np.empty((0, 2)), *found])
    if not len(points):
        raise ContextError(f"{', '.join(locations)}: no point in it; give the infrastructure's points")
    return np.asarray(np.unique(points, axis=0))


def world_distance(
    points: Floats,
    out: Path,
    lattice: WorldLattice,
    workers: int = 1,
    scheduler: str | None = None,
    progress: Progress | None = None,
) -> WorldReport:
    """Write the COG of metres to the nearest of the points (n, 2: longitude, latitude); what was made.

    uint16 on EPSG:4326, nodata CAP_M (60 km and beyond). A file at `out` that was made from the same points and lattice
    stays; any other is refused with ContextError. Raises StorageError for a full disk. Memory: 0.3 GB a worker,
    whatever the resolution.
    """
    check_local(out)
    progress = progress or Silent()
    plan = plan_of(points, lattice)
    bands_there = lattice.tile_rows_cols[0]
    if out.exists():
        if _plan_in(out) != plan:
            raise ContextError(f"{out}: is there already, made from something else; remove it or choose another name")
        return WorldReport(out, lattice.height_width, len(points), bands_there, 0, False)
    parts = make_folder(out.absolute().parent / f".{out.name}.{plan[:16]}.parts")
    _write_points(parts, points)
    bands = [Band(lattice, row, parts) for row in range(bands_there)]
    waiting = [band for band in bands if not band.path.is_file()]
    progress.start("bands", len(bands))
    progress.advance(len(bands) - len(waiting))
    try:
        for _ in run_units(make_band, waiting, workers, scheduler):
            progress.advance()
    finally:
        progress.finish()
    whole = parts / "whole.tif"
    _assemble(bands, whole, {PLAN_TAG: plan, "points": str(len(points)), "cap_m": str(CAP_M)})
    try:
        os.replace(whole, out)
    except OSError as error:
        raise storage_error(out, error) from error
    shutil.rmtree(parts, ignore_errors=True)
    return WorldReport(out, lattice.height_width, len(points), len(bands), len(waiting), True)


def plan_of(points: Floats, lattice: WorldLattice) -> str:
    """What says that two runs make the same file: the sha256 of points, lattice and version."""
    digest = hashlib.sha256(np.ascontiguousarray(points, dtype="<f8").tobytes())
    digest.update(json.dumps({"version": VERSION, **asdict(lattice)}, sort_keys=True).encode())
    return digest.hexdigest()


def make_band(band: Band) -> int:
    """Write a band's file, a sparse GeoTIFF of one row of tiles; its row. Points are read from the parts' folder."""
    import rasterio
    from rasterio.errors import RasterioError

    places = _read_points(band.parts)
    try:
        with writing(band.path) as temporary, rasterio.open(temporary, "w", **_profile(band.lattice, band.row)) as file:
            for col in range(band.lattice.tile_rows_cols[1]):
                window = band.lattice.tile(band.row, col)
                metres = tile_metres(places, *band.lattice.longitudes_latitudes(window))
                if metres is not None:
                    file.write(metres, 1, window=((0, window.height), (window.col, window.col + window.width)))
    except RasterioError as error:
        raise storage_error(band.path, OSError(str(error))) from error
    return band.row


def _assemble(bands: Sequence[Band], out: Path, tags: dict[str, str]) -> None:
    """Put the bands together as a COG and read back every tile that holds something."""
    import rasterio

    lattice = bands[0].lattice
    with cog_from_pieces(out) as plain:
        held = []
        with rasterio.open(plain, "w", **_profile(lattice)) as file:
            file.update_tags(**tags)
            file.set_band_description(1, BAND_NAME)
            file.units = ("metre",)
            for band in bands:
                with rasterio.open(band.path) as source:
                    for col in range(lattice.tile_rows_cols[1]):
                        window = lattice.tile(band.row, col)
                        across = (window.col, window.col + window.width)
                        metres = source.read(1, window=((0, window.height), across))
                        if (metres < CAP_M).any():
                            place = ((window.row, window.row + window.height), across)
                            file.write(metres, 1, window=place)
                            held.append((place, zlib.crc32(metres)))
        as_cog(plain, out, sparse_ok="TRUE", predictor="STANDARD", blocksize=str(TILE_PX))
        with rasterio.open(out) as file:
            if any(zlib.crc32(file.read(1, window=place)) != written for place, written in held):
                raise OSError("what was written cannot be read back")


def _profile(lattice: WorldLattice, row: int | None = None) -> dict[str, Any]:
    """The plain raster of the whole lattice, or of one row of its tiles."""
    window = lattice.tile(row, 0) if row is not None else None
    height = lattice.height_width[0] if window is None else window.height
    transform = lattice.transform if window is None else lattice.transform @ Affine.translation(0, window.row)
    return {
        "driver": "GTiff", "dtype": "uint16", "count": 1, "height": height, "width": lattice.height_width[1],
        "crs": "EPSG:4326", "transform": transform, "nodata": CAP_M, "tiled": True, "blockxsize": TILE_PX,
        "blockysize": TILE_PX, "compress": "zstd", "zstd_level": 1, "predictor": 2, "sparse_ok": True,
        "bigtiff": "if_safer",
    }  # fmt: skip


def _plan_in(path: Path) -> str | None:
    import rasterio
    from rasterio.errors import RasterioError

    try:
        with rasterio.open(path) as file:
            plan: str | None = file.tags().get(PLAN_TAG)
            return plan
    except RasterioError:
        return None


def _write_points(parts: Path, points: Floats) -> None:
    buffer = io.BytesIO()
    np.save(buffer, earth_centred(points[:, 0], points[:, 1]))
    write_bytes(parts / "points.npy", buffer.getvalue())


def _read_points(parts: Path) -> Floats:
    try:
        return np.asarray(np.load(parts / "points.npy", allow_pickle=False))
    except (OSError, ValueError) as error:
        raise StorageError(
            f"{parts}: its points cannot be read ({error}); remove the folder and start again"
        ) from error
