"""A scene with its grid, its context and what is labelled on it, before any imagery is read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ceruleanml.datasets.options import BuildOptions
from ceruleanml.errors import GeoreferenceError, LabelError
from ceruleanml.labels.finding import label_files, labels_of
from ceruleanml.labels.instances import GridInstance
from ceruleanml.labels.on_grid import gone_through, laid
from ceruleanml.scenes.context import ContextChannel, open_context
from ceruleanml.scenes.grid import Grid, Window, make_grid, source_resolution_m
from ceruleanml.scenes.reading import need_georeference, open_scene, scene_id_of
from ceruleanml.scenes.scene import Scene

OUTSIDE = "lies outside the scene (in GeoJSON longitude comes first)"
NO_GEOREFERENCE = "no georeference: its tiles are cut in the image's own pixels"


@dataclass(frozen=True)
class LabelledScene:
    """A scene, its grid, the context channels on it and its instances; `inputs` are the files all this came from.

    `location` is where the user said it is, `label_inputs` the label files among the inputs. `gone_through` are the
    windows that somebody looked at for slicks; None: all of the grid.
    """

    location: str
    scene: Scene
    grid: Grid
    context: tuple[ContextChannel, ...]
    instances: tuple[GridInstance, ...]
    label_inputs: tuple[str, ...]
    inputs: tuple[str, ...]
    notes: tuple[str, ...]
    gone_through: tuple[Window, ...] | None

    def was_seen(self, window: Window) -> bool:
        """Whether somebody went through all of a window that lies on the grid."""
        inside = window.intersection(Window(0, 0, *self.grid.height_width))
        seen = self.gone_through
        return seen is None or any(one.intersection(inside) == inside for one in seen if inside)


def label_scene(location: str, options: BuildOptions) -> LabelledScene:
    """The scene at a location, opened, laid on its grid and labelled. Raises CeruleanError subclasses."""
    scene = open_scene(location, options.polarisation, options.radiometry, options.georeference)
    if options.grid is not None or options.resolution_m is not None:
        need_georeference(scene)
    try:
        grid = make_grid(scene, options.grid or "native", options.resolution_m)
    except GeoreferenceError as error:
        raise GeoreferenceError(f"{location}: {error}") from error
    labels = labels_of(
        scene.scene_id, location, options.labels_folder, scene.height_width,
        options.classes, options.mask_class_id, options.mask_threshold,
    )  # fmt: skip
    instances, outside = laid(labels, scene.scene_id, grid, scene.georeference, scene.height_width)
    context = tuple(open_context(spec, grid, scene.scene_id) for spec in options.context)
    notes = [*labels.notes, *(f"{slick_id}: {OUTSIDE}" for slick_id in outside)]
    if scene.georeference is None:
        notes.append(NO_GEOREFERENCE)
    elif options.grid == "serving":
        notes += _coarser_than_served(scene, grid)
    return LabelledScene(
        location=location,
        scene=scene,
        grid=grid,
        context=context,
        instances=tuple(instances),
        label_inputs=labels.inputs,
        inputs=(*scene.inputs, *labels.inputs, *(path for channel in context for path in channel.inputs)),
        notes=tuple(notes),
        gone_through=gone_through(labels, grid, scene.georeference),
    )


def _coarser_than_served(scene: Scene, grid: Grid) -> list[str]:
    """A note where the image is so coarse that the service, which reads full products, would see another picture."""
    if scene.georeference is None or grid.metres_per_pixel is None:
        return []
    own, served = source_resolution_m(scene.georeference, scene.height_width), grid.metres_per_pixel[0]
    return (
        [f"its pixels of {own:.0f} m are repeated on the serving grid of {served:.0f} m"] if own > 1.5 * served else []
    )


def check_labels_match(locations: Sequence[str], options: BuildOptions) -> None:
    """Raise LabelError where a folder of labels was given that labels none of the scenes: its names must be wrong."""
    if options.labels is None:
        return
    for location in locations:
        try:
            if label_paths(location, scene_id_of(location), options):
                return
        except LabelError:  # of this scene, which will say so itself
            return
    first = scene_id_of(locations[0])
    raise LabelError(f"{options.labels}: labels none of the scenes; files are named after them, as in {first}.geojson")


def label_paths(location: str, scene_id: str, options: BuildOptions) -> list[str]:
    """The files that label the scene now, sorted; none is opened."""
    return sorted(label_files(scene_id, location, options.labels_folder))
