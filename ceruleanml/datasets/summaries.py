"""What partitioning needs of scenes, read from their headers and labels; no imagery is read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from ceruleanml.datasets.grouping import SceneSummary
from ceruleanml.datasets.options import BuildOptions
from ceruleanml.errors import CeruleanError
from ceruleanml.labels.finding import labels_of
from ceruleanml.progress import Progress, Silent
from ceruleanml.scenes.grid import footprint
from ceruleanml.scenes.reading import open_scene, scene_id_of
from ceruleanml.storage import gdal_environment

OUTLINE_POINTS = 9
"""Points on each side of a footprint, both corners counted."""


@dataclass(frozen=True)
class Summaries:
    """The scenes that could be read, their locations by scene id, and the error of each that could not."""

    scenes: tuple[SceneSummary, ...]
    locations: dict[str, str]
    failed: dict[str, str]


def summarise_scenes(
    locations: Sequence[str],
    options: BuildOptions,
    progress: Progress | None = None,
) -> Summaries:
    """Where, when and with which slicks the scenes at these locations are; the options are those of make-dataset.

    A scene that cannot be read is left out and stands in `failed`.
    """
    progress = progress or Silent()
    scenes, placed, failed = [], {}, {}
    progress.start("Looking at scenes", len(locations))
    try:
        for location in locations:
            try:
                summary = summarise(location, options)
            except CeruleanError as error:
                failed[scene_id_of(location)] = str(error)
            else:
                scenes.append(summary)
                placed[summary.scene_id] = location
            progress.advance()
    finally:
        progress.finish()
    return Summaries(tuple(scenes), placed, failed)


def summarise(location: str, options: BuildOptions) -> SceneSummary:
    """Where, when and with which slicks one scene is. Raises SceneError, GeoreferenceError, LabelError."""
    with gdal_environment():
        scene = open_scene(location, options.polarisation, georeference=options.georeference)
        found = labels_of(
            scene.scene_id, location, options.labels_folder, scene.height_width,
            options.classes, options.mask_class_id, options.mask_threshold,
        )  # fmt: skip
    counts = Counter(options.classes[instance.class_id].name for instance in found.instances)
    outline = None
    if scene.georeference is not None:
        points = footprint(scene.georeference, scene.height_width, OUTLINE_POINTS)
        outline = tuple((float(lon), float(lat)) for lon, lat in points)
    return SceneSummary(scene.scene_id, dict(counts), outline, scene.sensing_time)
