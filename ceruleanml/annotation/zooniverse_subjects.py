"""The items of a prepared page as subjects for volunteers: a picture of each, and what its metadata says.

A picture shows the item's window in the scene's first stretch, at the finest of the page's levels that keeps it within
`MOST_PX` a side. What a volunteer draws is in pixels of the picture.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from affine import Affine
from numpy.typing import NDArray

from ceruleanml.annotation.importing_frames import SceneFrame, page_frames
from ceruleanml.annotation.png import gray_png
from ceruleanml.errors import LabelError, SceneError, StorageError
from ceruleanml.scenes.georeference import AffineGeoreference
from ceruleanml.scenes.grid import Window
from ceruleanml.scenes.raster import open_dataset
from ceruleanml.selection.zooniverse_export import ID_COLUMN
from ceruleanml.storage import make_folder, read_json, write_bytes

MOST_PX = 1536
MOST_BYTES = 1_000_000
"""Zooniverse takes files of up to a megabyte; larger pictures are sent as JPEG."""
JPEG_QUALITY = 90
MANIFEST_NAME = "manifest.csv"
Gray = NDArray[np.uint8]


@dataclass(frozen=True)
class Subject:
    """One item of the queue: its window in its scene's pixels, and where its picture lies.

    A pixel of the picture is `scale` pixels of the scene each way, the first one at `origin` (row, column).
    """

    id: str
    tile_id: str | None
    order: int
    key: str
    frame: SceneFrame
    window: Window
    scale: int
    origin: tuple[int, int]
    height_width: tuple[int, int]

    @property
    def metadata(self) -> dict[str, str]:
        """What the subject carries, hidden from volunteers, so that drawings find their way back."""
        place, transform = self.frame.georeference, None
        if isinstance(place, AffineGeoreference):
            row, col = self.origin
            transform = list(place.transform @ Affine.translation(col, row) @ Affine.scale(self.scale))[:6]
        return {
            ID_COLUMN: self.id,
            "#tile_id": self.tile_id or "",
            "#scene_id": self.frame.scene_id,
            "#window": json.dumps(self.window.as_list),
            "#transform": json.dumps(transform),
            "#order": str(self.order),
            "#scale": str(self.scale),
            "#origin": json.dumps(list(self.origin)),
            "#picture": json.dumps(list(self.height_width)),
        }

    def is_of(self, metadata: Mapping[str, Any]) -> bool:
        """Whether an export's metadata is of this very picture."""
        mine = self.metadata
        return all(str(metadata.get(name)) == mine[name] for name in ("#scene_id", "#scale", "#origin", "#picture"))


def subjects_of(page: Path) -> list[Subject]:
    """The subjects of a page that `annotate prepare` wrote, in the queue's order. Raises StorageError, LabelError."""
    frames = {Path(frame.source).parent.name: frame for frame in page_frames(page)}
    queue = page / "data" / "queue.json"
    try:
        items = sorted(read_json(queue)["items"], key=lambda item: int(item["order"]))
        found = [_subject(item, frames[Path(item["scene"]).name]) for item in items]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise LabelError(f"{queue}: is not a page's queue ({error}); prepare the page again") from error
    twice = next((one.id for number, one in enumerate(found) if one.id in {other.id for other in found[:number]}), None)
    if twice is not None:
        raise LabelError(f"{queue}: item {twice} stands twice; prepare the page again")
    return found


def picture_of(page: Path, subject: Subject) -> tuple[bytes, str]:
    """The subject's picture and its ending: PNG, or JPEG where that has more than MOST_BYTES. Raises StorageError."""
    folder = page / "data" / "scenes" / subject.key
    about: Any = read_json(folder / "scene.json")
    level = subject.scale.bit_length() - 1
    pixels = _pixels(folder / str(level), int(about["tile_px"]), subject)
    shown = _stretched(pixels, about["stretch"], about.get("nodata"))
    content = gray_png(shown)
    return (content, "png") if len(content) <= MOST_BYTES else (_jpeg(shown), "jpg")


def write_subjects(page: Path, folder: Path) -> list[Path]:
    """Write pictures and, last, a manifest, as the project's own page for uploads takes them; the pictures' paths."""
    make_folder(folder)
    rows, paths = [], []
    for subject in subjects_of(page):
        content, ending = picture_of(page, subject)
        paths.append(folder / f"{subject.order:05d}.{ending}")
        write_bytes(paths[-1], content)
        rows.append({"filename": paths[-1].name, **subject.metadata})
    buffer = io.StringIO()
    table = csv.DictWriter(buffer, rows[0] if rows else ["filename", ID_COLUMN], lineterminator="\n")
    table.writeheader()
    table.writerows(rows)
    write_bytes(folder / MANIFEST_NAME, buffer.getvalue().encode())
    return paths


def _subject(item: Mapping[str, Any], frame: SceneFrame) -> Subject:
    window = Window(0, 0, *frame.height_width)
    if item["window"] is not None:
        asked = Window(*(int(value) for value in item["window"]))
        shared = asked.intersection(window)
        if shared is None:
            raise ValueError(f"item {item['id']} lies beside its scene")
        window = shared
    scale = 1
    while max(window.height, window.width) > MOST_PX * scale:
        scale *= 2
    row, col = window.row // scale, window.col // scale
    bottom, right = -(-(window.row + window.height) // scale), -(-(window.col + window.width) // scale)
    tile_id = None if item["tile_id"] is None else str(item["tile_id"])
    key = Path(frame.source).parent.name
    origin, size = (row * scale, col * scale), (bottom - row, right - col)
    return Subject(str(item["id"]), tile_id, int(item["order"]), key, frame, window, scale, origin, size)


def _pixels(folder: Path, tile_px: int, subject: Subject) -> NDArray[Any]:
    """The picture's samples, put together from the tiles of its level."""
    top, left = (first // subject.scale for first in subject.origin)
    whole = Window(top, left, *subject.height_width)
    out: NDArray[Any] | None = None
    for row in range(top // tile_px, -(-(top + whole.height) // tile_px)):
        for col in range(left // tile_px, -(-(left + whole.width) // tile_px)):
            samples = _tile(folder / f"{row}_{col}.png")
            part = Window(row * tile_px, col * tile_px, *samples.shape).intersection(whole)
            if out is None:
                out = np.zeros(subject.height_width, dtype=samples.dtype)
            if part is not None:
                inside = samples[part.row - row * tile_px :, part.col - col * tile_px :][: part.height, : part.width]
                out[part.row - top :, part.col - left :][: part.height, : part.width] = inside
    return np.zeros(subject.height_width, dtype=np.uint8) if out is None else out


def _tile(path: Path) -> NDArray[Any]:
    from rasterio.errors import RasterioIOError

    try:
        with open_dataset(str(path)) as file:
            return np.asarray(file.read(1))
    except (SceneError, RasterioIOError) as error:
        raise StorageError(f"{path}: cannot be read as a tile; prepare the page again") from error


def _stretched(samples: NDArray[Any], stretch: Any, nodata: Any) -> Gray:
    """Samples as 8 bits, the stretch's first value black and its second white; nodata is black."""
    low, high = float(stretch[0]), float(stretch[1])
    shown = np.clip((samples.astype(np.float32) - low) * np.float32(255 / max(high - low, 1e-9)), 0, 255)
    shown = np.rint(shown).astype(np.uint8)
    return shown if nodata is None else np.where(samples == nodata, np.uint8(0), shown)


def _jpeg(pixels: Gray) -> bytes:
    import warnings

    from rasterio.errors import NotGeoreferencedWarning
    from rasterio.io import MemoryFile

    height, width = pixels.shape
    with warnings.catch_warnings(), MemoryFile(ext=".jpg") as memory:
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with memory.open(
            driver="JPEG", height=height, width=width, count=1, dtype="uint8", quality=JPEG_QUALITY
        ) as file:
            file.write(pixels, 1)
        return bytes(memory.read())
