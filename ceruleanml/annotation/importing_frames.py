"""Where the pixels of scenes lie, for labels that come in: from the scenes themselves, or from a prepared page."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import numpy as np
from affine import Affine
from numpy.typing import NDArray

from ceruleanml.datasets.folder import TileRecord, open_dataset
from ceruleanml.errors import LabelError, StorageError
from ceruleanml.scenes.georeference import AffineGeoreference, Georeference
from ceruleanml.scenes.grid import Window, footprint
from ceruleanml.scenes.reading import find_scenes, open_scene, scene_id_of
from ceruleanml.storage import read_json

if TYPE_CHECKING:
    from shapely import Polygon

Floats = NDArray[np.float64]
UPLOADED = re.compile(r"^[0-9a-f]{8}-")
"""What Label Studio puts before the name of an uploaded file."""


@dataclass(frozen=True)
class SceneFrame:
    """The pixels that labels of a scene may be drawn in, and where they lie.

    `georeference` is None for a plain image. `tiles` are the windows, by tile_id, of what the page's queue asked for.
    """

    scene_id: str
    height_width: tuple[int, int]
    georeference: Georeference | None
    source: str
    tiles: Mapping[str, Window] = field(default_factory=dict)

    @property
    def to_ground(self) -> Callable[[Floats], Floats] | None:
        """Takes (column, row) to longitude and latitude, both (n, 2); None for a plain image."""
        georeference = self.georeference
        return None if georeference is None else lambda col_row: georeference.lon_lat(col_row[:, ::-1])

    def outline(self) -> Polygon:
        """The scene's outline in longitude and latitude, or in (column, row) of a plain image."""
        import shapely

        height, width = self.height_width
        if self.georeference is None:
            return shapely.box(0, 0, width, height)
        return shapely.make_valid(shapely.Polygon(footprint(self.georeference, self.height_width)))

    def bounds(self, window: Window) -> list[float]:
        """[west, south, east, north] of a window, or its first and last column and row as [x0, y0, x1, y1]."""
        rows, cols = [window.row, window.row + window.height], [window.col, window.col + window.width]
        corners = np.array([[row, col] for row in rows for col in cols], dtype=np.float64)
        places = corners[:, ::-1] if self.georeference is None else self.georeference.lon_lat(corners)
        return [round(float(value), 9) for value in (*places.min(axis=0), *places.max(axis=0))]


@dataclass(frozen=True)
class Frames:
    """The frames of scenes by id: of a prepared page, and of scenes that are opened when they are asked for.

    `tiles` are those of data sets by tile_id: images of other tools are told by their file names which tile they are.
    """

    pages: Mapping[str, SceneFrame] = field(default_factory=dict)
    tiles: Mapping[str, TileRecord] = field(default_factory=dict)
    locations: Mapping[str, str] = field(default_factory=dict)
    georeference: str | None = None
    opened: dict[str, SceneFrame] = field(default_factory=dict, compare=False)

    def __bool__(self) -> bool:
        """Whether any scene was given."""
        return bool(self.pages or self.locations)

    def tile_of(self, file_name: str) -> TileRecord | None:
        """The tile that an image file shows, whatever folder, address, suffix or upload's prefix stands around it."""
        stem = PurePosixPath(re.split(r"[/\\\\=]", unquote(file_name))[-1]).stem
        return self.tiles.get(stem) or self.tiles.get(UPLOADED.sub("", stem))

    def of(self, scene_id: str) -> list[SceneFrame]:
        """The grid that the page showed of a scene, then its own image. Raises SceneError, GeoreferenceError."""
        if scene_id in self.locations and scene_id not in self.opened:
            scene = open_scene(self.locations[scene_id], georeference=self.georeference)
            self.opened[scene_id] = SceneFrame(scene_id, scene.height_width, scene.georeference, scene.source)
        return [frames[scene_id] for frames in (self.pages, self.opened) if scene_id in frames]


def frames_of(
    scenes: Sequence[str] = (),
    page: Path | None = None,
    georeference: str | None = None,
    datasets: Sequence[Path] = (),
) -> Frames:
    """The frames of scenes, named as `find_scenes` takes them, of those of a prepared page, and of tiles of data sets.

    Raises SceneError, StorageError, LabelError, DatasetError.
    """
    shown = {frame.scene_id: frame for frame in page_frames(page)} if page else {}
    locations = {scene_id_of(location): location for location in find_scenes(scenes)} if scenes else {}
    tiles = {tile.tile_id: tile for root in datasets for tile in open_dataset(root).tiles}
    return Frames(shown, tiles, locations, georeference)


def page_frames(page: Path) -> list[SceneFrame]:
    """The frame of each scene in a folder that `ceruleanml annotate prepare` wrote. Raises StorageError, LabelError."""
    data = page / "data"
    queue = data / "queue.json"
    if not queue.is_file():
        raise StorageError(f"{page}: holds no data/queue.json; name a folder that ceruleanml annotate prepare wrote")
    try:
        windows: dict[str, dict[str, Window]] = {}
        for item in read_json(queue)["items"]:
            tiles = windows.setdefault(str(item["scene"]), {})
            if item["tile_id"] is not None and item["window"] is not None:
                tiles[str(item["tile_id"])] = Window(*(int(value) for value in item["window"]))
        return [_page_frame(data / "scenes" / Path(key).name / "scene.json", windows[key]) for key in sorted(windows)]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise LabelError(f"{queue}: is not a page's queue ({error}); prepare the page again") from error


def _page_frame(path: Path, tiles: Mapping[str, Window]) -> SceneFrame:
    about: Any = read_json(path)
    height, width = (int(value) for value in about["height_width"])
    transform = about.get("transform")
    place = None
    if transform is not None:
        place = AffineGeoreference(Affine(*(float(value) for value in transform)), "EPSG:4326")
        if not all(math.isfinite(value) for value in place.transform):
            raise ValueError("its transform holds a number that is none")
    return SceneFrame(str(about["scene_id"]), (height, width), place, str(path), tiles)
