"""A scene laid out for a model exactly as its training tiles were: same grid, radiometry, channels and order."""

from __future__ import annotations

from dataclasses import dataclass

from affine import Affine

from ceruleanml.errors import GeoreferenceError
from ceruleanml.inference.ground import UNPLACED_PIXEL_M, Ground
from ceruleanml.inference.options import PredictOptions, context_of, resolution_of
from ceruleanml.inference.thresholds import DISTANCES
from ceruleanml.models.card import Card
from ceruleanml.scenes.context import open_context
from ceruleanml.scenes.grid import (
    METRES_PER_DEGREE,
    SERVING_DEGREES_PER_PX,
    SERVING_TILE_PX,
    Grid,
    footprint,
    make_grid,
    source_resolution_m,
)
from ceruleanml.scenes.prepared import PreparedScene
from ceruleanml.scenes.reading import need_georeference, open_scene
from ceruleanml.scenes.scene import Radiometry, Scene

OFFSETS = (0.0, 0.33, 0.66)
"""By how much of a tile the service shifts its three sets."""


@dataclass(frozen=True)
class OpenScene:
    """A scene, the options it was opened with and the files it came from."""

    scene: Scene
    options: PredictOptions
    card: Card

    def prepared(self, grid: Grid) -> PreparedScene:
        """The scene on a grid with the model's context channels, in the model's order."""
        specs = context_of(self.options, self.card)
        return PreparedScene(self.scene, grid, [open_context(spec, grid, self.scene.scene_id) for spec in specs])

    @property
    def grid(self) -> Grid:
        """The grid of the card or the options."""
        name = self.options.grid or self.card.grid
        try:
            return make_grid(self.scene, "serving" if name == "serving" else "native", self._resolution())
        except GeoreferenceError as error:
            raise GeoreferenceError(f"{self.scene.source}: {error}") from error

    def _resolution(self) -> float | None:
        """The ground size of a pixel in metres.

        Where training tiles had none, the scene's own pixels are taken to be as large as theirs, and resized alike.
        """
        georeference = self.scene.georeference
        if georeference is None:
            return None
        asked = resolution_of(self.options, self.card)
        if asked is None and self.card.scale != 1 and (self.options.grid or self.card.grid) != "serving":
            return source_resolution_m(georeference, self.scene.height_width) / self.card.scale
        return asked

    @property
    def ground(self) -> Ground:
        """How its grid's coordinates become metres."""
        if self.scene.georeference is not None:
            return Ground()
        return Ground(self.options.resolution_m or self.card.resolution_m or UNPLACED_PIXEL_M)

    @property
    def rim(self) -> float:
        """The width of the nodata edge in the grid's coordinates."""
        degrees = DISTANCES.edge_degrees
        return degrees if self.ground.pixel_m is None else degrees * METRES_PER_DEGREE / self.ground.pixel_m


def open_for(location: str, card: Card, options: PredictOptions) -> OpenScene:
    """The scene at a location, read as the model's training scenes were. Raises CeruleanError subclasses."""
    db_range = card.db_range or Radiometry().db_range
    radiometry = Radiometry(card.radiometry, (float(db_range[0]), float(db_range[1])), card.subtract_noise)
    scene = open_scene(location, card.polarisation, radiometry, options.georeference)
    if card.scale != 1 and scene.georeference is None:
        raise GeoreferenceError(
            f"{location}: has no georeference, and {card.name} learned at {card.scale:g} x the pixels of its tiles; "
            "give --georeference, or train without resizing"
        )
    if options.min_area_km2 and scene.georeference is None:
        raise GeoreferenceError(
            f"{location}: has no georeference, so nothing tells its slicks' km²; give --georeference, or leave "
            "--min-area out"
        )
    asked = options.grid or options.resolution_m or options.tiling == "service" or card.grid == "serving"
    return OpenScene(need_georeference(scene) if asked else scene, options, card)


def service_grid(scene: Scene, offset: float) -> Grid:
    """The lattice of one of the service's tile sets, cut into its tiles of 512 pixels from its corner.

    The tiles over the scene's outline, one more column to the west and one more row to the south; then all of it moved
    by `offset` of a tile to the east and to the north.
    """
    if scene.georeference is None:
        raise GeoreferenceError(f"{scene.source}: has no georeference; name its companion file with --georeference")
    step = SERVING_DEGREES_PER_PX
    tile = step * SERVING_TILE_PX
    outline = footprint(scene.georeference, scene.height_width)
    (west, south), (east, north) = outline.min(axis=0), outline.max(axis=0)
    left, right = int((west + 180) // tile) - 1, int((east + 180) // tile) + 1
    top, bottom = int((90 - north) // tile), int((90 - south) // tile) + 2
    corner = Affine(step, 0, (left + offset) * tile - 180, 0, -step, 90 - (top - offset) * tile)
    return Grid("serving", corner, ((bottom - top) * SERVING_TILE_PX, (right - left) * SERVING_TILE_PX))
