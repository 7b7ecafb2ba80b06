"""What a build would make, at most, without building it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ceruleanml.datasets.labelled import check_labels_match, label_scene
from ceruleanml.datasets.options import BuildOptions
from ceruleanml.datasets.unit import tile_grid
from ceruleanml.errors import CeruleanError, UsageError
from ceruleanml.progress import Progress, Silent
from ceruleanml.scenes.reading import find_scenes, scene_id_of
from ceruleanml.storage import gdal_environment


@dataclass(frozen=True)
class Estimate:
    """Tiles and uncompressed bytes at most, the labelled instances that were found, and the scenes that would fail."""

    scenes: int
    tiles: int
    instances: int
    raw_bytes: int
    failed: dict[str, str]
    notes: dict[str, list[str]]


def estimate(scenes: Sequence[str], options: BuildOptions, progress: Progress | None = None) -> Estimate:
    """What `make_dataset` would make of the scenes at most. Writes nothing.

    Headers, labels and context are read, imagery is not: tiles without data, which would be left out, are counted,
    and an image that is damaged within is not noticed.
    """
    progress = progress or Silent()
    locations = find_scenes(scenes)
    check_labels_match(locations, options)
    tiles = instances = pixels = 0
    failed, notes = {}, {}
    progress.start("Looking at scenes", len(locations))
    for location in locations:
        try:
            with gdal_environment():
                labelled = label_scene(location, options)
            grid = tile_grid(labelled.grid, options)
        except UsageError:
            raise
        except CeruleanError as error:
            failed[scene_id_of(location)] = str(error)
        else:
            tiles += len(grid)
            pixels += len(grid) * grid.tile_size[0] * grid.tile_size[1]
            instances += len(labelled.instances)
            if labelled.notes:
                notes[labelled.scene.scene_id] = list(labelled.notes)
        progress.advance()
    progress.finish()
    return Estimate(len(locations), tiles, instances, pixels * len(options.channels), failed, notes)
