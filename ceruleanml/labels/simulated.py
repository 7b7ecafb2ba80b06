"""Simulated scenes on disk: imagery, labels, ground control points and context layers, whole and resumable."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ceruleanml.classes import ClassTable
from ceruleanml.errors import UsageError, WriteError
from ceruleanml.labels.simulated_labels import feature_collection, layer_strips
from ceruleanml.progress import Progress
from ceruleanml.scenes.georeference import check_lon_lat
from ceruleanml.scenes.readback import check_read_back, checksum
from ceruleanml.scenes.simulator.campaign import (
    class_plan,
    infrastructure,
    lanes_lon_lat,
    platforms_lon_lat,
    ship_density,
)
from ceruleanml.scenes.simulator.geometry import check_size
from ceruleanml.scenes.simulator.identity import identities
from ceruleanml.scenes.simulator.png import write_png
from ceruleanml.scenes.simulator.product import BLOCK_ROWS, SimulatedScene, make_scene
from ceruleanml.storage import make_folder, read_json, storage_error, write_json, writing

IMAGERY_FORMATS = ("photopea", "geotiff")
LABEL_FORMATS = ("photopea", "geojson")


@dataclass(frozen=True)
class _Campaign:
    out: Path
    seed: int
    height_width: tuple[int, int]
    resolution_m: float
    imagery_format: str
    label_format: str
    slick_free_share: float
    classes: ClassTable

    def imagery(self, scene_id: str) -> Path:
        """The scene's folder or file."""
        return self.out / "scenes" / (scene_id if self.imagery_format == "photopea" else f"{scene_id}.tif")

    def outputs(self, scene_id: str) -> list[Path]:
        """All that a finished scene has, the imagery last: it is written last."""
        found = []
        if self.label_format == "geojson":
            found.append(self.out / "labels" / f"{scene_id}.geojson")
        elif self.imagery_format != "photopea":
            found.append(self.out / "labels" / scene_id)
        if self.imagery_format == "photopea":
            found.append(self.out / "georeference" / f"{scene_id}.json")
        return [*found, self.imagery(scene_id)]

    def arguments(self) -> dict[str, Any]:
        """What the scenes depend on, as JSON; their number is not among it."""
        return {
            "seed": self.seed,
            "height_width": list(self.height_width),
            "resolution_m": self.resolution_m,
            "imagery_format": self.imagery_format,
            "label_format": self.label_format,
            "slick_free_share": self.slick_free_share,
            "classes": self.classes.as_rows(),
        }


def simulate_scenes(
    out: Path,
    count: int,
    seed: int,
    height_width: tuple[int, int],
    resolution_m: float,
    imagery_format: str,
    label_format: str,
    slick_free_share: float,
    progress: Progress,
    classes: ClassTable,
) -> list[str]:
    """The ids of `count` simulated scenes, written under `out` unless they are there.

    `imagery_format` photopea writes `scenes/<scene_id>/Background.png` (amplitude DN clipped to 0..255) and
    `georeference/<scene_id>.json`, geotiff `scenes/<scene_id>.tif` (uint16 DN, ground control points, nodata 0).
    `label_format` photopea writes a layer a slick, `<class>_<n>.png`, beside Background.png (or into
    `labels/<scene_id>/` for geotiff), geojson `labels/<scene_id>.geojson`. `context/` holds the platforms and the ship
    density of all scenes, `simulation.json` the arguments. Peak memory for a full product is below 1 GiB. Raises
    UsageError for arguments that cannot be and for a folder of scenes made with others, StorageError.
    """
    campaign = _Campaign(out, seed, height_width, resolution_m, imagery_format, label_format, slick_free_share, classes)
    _check(campaign, count)
    _claim(campaign)
    scenes = []
    blocks = -(-height_width[0] // BLOCK_ROWS)
    progress.start("simulate scenes", count * blocks)
    try:
        for identity in identities(seed, count, height_width, resolution_m):
            plan = class_plan(seed, identity.index, slick_free_share, classes.slick_names)
            scene = make_scene(identity, seed, plan)
            if campaign.imagery(scene.scene_id).exists():
                progress.advance(blocks)
            _write_scene(campaign, scene, progress)
            scenes.append(_Surroundings.of(scene, seed))
        _write_context(out / "context", scenes)
    finally:
        progress.finish()
    return [scene.scene_id for scene in scenes]


@dataclass(frozen=True)
class _Surroundings:
    """What stays of a scene when its pixels are written."""

    scene_id: str
    platforms: NDArray[np.float64]
    lanes: NDArray[np.float64]
    outline: NDArray[np.float64]

    @classmethod
    def of(cls, scene: SimulatedScene, seed: int) -> _Surroundings:
        outline = np.asarray(scene.geometry.control_points().lon_lat_points)
        check_lon_lat(outline)
        return cls(scene.scene_id, platforms_lon_lat(scene, seed), lanes_lon_lat(scene), outline)


def _check(campaign: _Campaign, count: int) -> None:
    check_size(campaign.height_width, campaign.resolution_m)
    if count < 1:
        raise UsageError(f"--scenes {count}: at least one scene must be asked for")
    if not 0 <= campaign.slick_free_share <= 1:
        raise UsageError(f"--slick-free {campaign.slick_free_share:g}: must be a share from 0 to 1")
    if campaign.seed < 0:
        raise UsageError(f"--seed {campaign.seed}: must be 0 or more")
    if campaign.imagery_format not in IMAGERY_FORMATS:
        raise UsageError(f"--format {campaign.imagery_format!r} is not known; choose {' or '.join(IMAGERY_FORMATS)}")
    if campaign.label_format not in LABEL_FORMATS:
        raise UsageError(f"--labels {campaign.label_format!r} is not known; choose {' or '.join(LABEL_FORMATS)}")


def _claim(campaign: _Campaign) -> None:
    """Make the folders, and refuse to mix scenes of other arguments into them."""
    record = campaign.out / "simulation.json"
    make_folder(campaign.out / "scenes")
    for path in (path.parent for path in campaign.outputs("any")):
        make_folder(path)
    if not record.exists():
        write_json(record, campaign.arguments())
        return
    there = read_json(record)
    differing = [
        key for key, value in campaign.arguments().items() if not isinstance(there, dict) or there.get(key) != value
    ]
    if differing:
        raise UsageError(
            f"{campaign.out}: holds scenes simulated with another {', '.join(differing)}; choose another folder"
        )


def _write_scene(campaign: _Campaign, scene: SimulatedScene, progress: Progress) -> None:
    """Write those of the scene's outputs that are not there; what is there, a person may have worked on."""
    for path in campaign.outputs(scene.scene_id):
        if not path.exists():
            _write_output(campaign, scene, path, progress)


def _write_output(campaign: _Campaign, scene: SimulatedScene, path: Path, progress: Progress) -> None:
    if path.suffix == ".geojson":
        write_json(path, feature_collection(scene, campaign.seed))
    elif path.suffix == ".json":
        write_json(path, _control_points(scene))
    elif path.suffix == ".tif":
        _write_geotiff(path, scene, progress)
    elif path.parent.name == "labels":
        _write_folder(path, lambda part: _write_layers(campaign, scene, part))
    else:
        _write_folder(path, lambda part: _write_photopea(campaign, scene, part, progress))


def _write_photopea(campaign: _Campaign, scene: SimulatedScene, folder: Path, progress: Progress) -> None:
    strips = (np.minimum(pixels, 255).astype(np.uint8) for pixels in _blocks(scene, progress))
    write_png(folder / "Background.png", scene.height_width, 1, strips)
    if campaign.label_format == "photopea":
        _write_layers(campaign, scene, folder)


def _blocks(scene: SimulatedScene, progress: Progress) -> Iterator[NDArray[np.uint16]]:
    height = scene.height_width[0]
    for start in range(0, height, BLOCK_ROWS):
        yield scene.rows(start, min(start + BLOCK_ROWS, height))
        progress.advance()


def _write_layers(campaign: _Campaign, scene: SimulatedScene, folder: Path) -> None:
    numbers: dict[str, int] = {}
    for slick in scene.slicks:
        numbers[slick.class_name] = numbers.get(slick.class_name, 0) + 1
        colour = campaign.classes[campaign.classes.id_of(slick.class_name)].photopea
        name = f"{slick.class_name}_{numbers[slick.class_name]}.png"
        write_png(folder / name, scene.height_width, 4, layer_strips(slick, scene.height_width, colour))


def _write_folder(target: Path, write: Callable[[Path], None]) -> None:
    """A folder that appears whole: filled under a hidden name beside it, which a run cut short leaves to the next."""
    part = target.parent / f".{target.name}.part"
    try:
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir()
        write(part)
        part.rename(target)
    except OSError as error:
        raise storage_error(target, error) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _write_geotiff(target: Path, scene: SimulatedScene, progress: Progress) -> None:
    from rasterio.control import GroundControlPoint

    points = scene.geometry.control_points()
    gcps = [
        GroundControlPoint(row=row, col=col, x=x, y=y, z=0.0)
        for (row, col), (x, y) in zip(points.row_col, points.lon_lat_points, strict=True)
    ]
    profile = {"dtype": "uint16", "nodata": 0, "gcps": gcps}
    _write_strips(target, "vv", scene.height_width, _blocks(scene, progress), **profile)


def _write_strips(
    target: Path, band: str, height_width: tuple[int, int], strips: Iterable[NDArray[Any]], **profile: Any
) -> None:
    """Write strips of BLOCK_ROWS rows as a GeoTIFF of that one band in EPSG:4326, whole or not. Raises WriteError."""
    import rasterio
    from rasterio._err import CPLE_BaseError

    tiles = {"tiled": True, "blockxsize": 256, "blockysize": 256, "compress": "zstd", "zstd_level": 1}
    shape = {"height": height_width[0], "width": height_width[1], "count": 1, "crs": "EPSG:4326"}
    row = written = 0
    try:
        with writing(target) as part:
            with rasterio.open(part, "w", driver="GTiff", **shape, **tiles, **profile) as dataset:
                dataset.descriptions = (band,)
                for strip in strips:
                    dataset.write(strip, 1, window=((row, row + len(strip)), (0, height_width[1])))
                    row += len(strip)
                    written = checksum(strip, written)
            check_read_back(part, written, BLOCK_ROWS)
    except CPLE_BaseError as error:
        raise WriteError(f"{target}: cannot be written: {error}") from error


def _control_points(scene: SimulatedScene) -> dict[str, Any]:
    points = scene.geometry.control_points()
    rows = [
        {"row": row, "col": col, "lon": round(x, 9), "lat": round(y, 9)}
        for (row, col), (x, y) in zip(points.row_col, points.lon_lat_points, strict=True)
    ]
    return {"height_width": list(scene.height_width), "gcps": rows}


def _write_context(folder: Path, scenes: list[_Surroundings]) -> None:
    make_folder(folder)
    write_json(folder / "infrastructure.geojson", infrastructure(np.concatenate([scene.platforms for scene in scenes])))
    lanes, outlines = (np.concatenate(parts) for parts in zip(*((s.lanes, s.outline) for s in scenes), strict=True))
    density, transform = ship_density(lanes, outlines)
    strips = (density[row : row + BLOCK_ROWS] for row in range(0, density.shape[0], BLOCK_ROWS))
    _write_strips(
        folder / "ship_density.tif", "ship_density", density.shape, strips, dtype="float32", transform=transform
    )
