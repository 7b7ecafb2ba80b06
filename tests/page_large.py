"""Two large scenes on pages of their own, full-size simulated and real, and what tests know of them by themselves."""

from __future__ import annotations

import base64
import contextlib
import fcntl
import json
import os
import pickle
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from affine import Affine
from page_driven import Hand
from page_engine_bridge import ask
from page_expected import Ids, Mask, Way, inside, swept
from page_made import TRANSFORM, make_page, predictions, sea, served, write_json, write_queue
from PIL import Image
from scipy.ndimage import gaussian_filter

from ceruleanml.annotation.options import PageOptions
from ceruleanml.annotation.prepare import prepare_page
from ceruleanml.scenes.grid import make_grid
from ceruleanml.scenes.reading import open_scene

STRAIGHT = [("full", "http"), ("hatteras", "file")]
CROSSED = [("full", "file"), ("hatteras", "http")]
"""Scenes and ways to open their pages. How a page is opened says where tiles and kept work come from, and no more: what
reads samples is tested in all four cases, other tools and files in the straight ones, what is kept in the crossed."""
VIEWPORT = {"width": 1300, "height": 900}
WAND_SIDE, FOLLOW_SIDE = 1024, 1536
CALM = "calm"
WAIT_MS = 60_000
"""Seven layers of 37 million pixels take their time on a machine that does other work too."""


@dataclass(frozen=True, eq=False)
class Large:
    """A page of a large scene and of one that is calm, both of the same size.

    `centre` is the corner of tiles, (column, row), around which tests draw; what they draw lies in the window `area`,
    which is what masks are of. `dark` is a place for the wand, `thin` the ends of a thin slick. `said` are the model's
    outlines by slick_id, in the order that they are offered in; the last lies in the `blind` window alone.
    """

    page: Path
    scene_id: str
    calm_id: str
    samples: np.ndarray
    transform: Affine
    centre: tuple[int, int]
    area: list[int]
    dark: tuple[float, float]
    thin: tuple[tuple[float, float], ...]
    said: dict[str, Mask]
    blind: list[int]

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.samples.shape

    @property
    def empty(self) -> Ids:
        """The area with nothing drawn on it."""
        return np.zeros(self.area[2:], np.uint16)

    def at(self, *offsets: tuple[float, float]) -> list[tuple[float, float]]:
        """Places at these columns and rows from the centre."""
        return [(self.centre[0] + across, self.centre[1] + down) for across, down in offsets]

    def here(self, way: Way) -> list[tuple[float, float]]:
        """Places of the scene as columns and rows of the area."""
        return [(x - self.area[1], y - self.area[0]) for x, y in way]

    def swept(self, way: Way, radius: float) -> Mask:
        """The pixels of the area whose centres lie within the radius of a way."""
        return swept(self.area[2:], self.here(way), radius)

    def inside(self, vertices: Way) -> Mask:
        """The pixels of the area whose centres lie in a polygon."""
        return inside(self.area[2:], self.here(vertices))

    def window(self, place: tuple[float, float], side: int) -> list[int]:
        """The window of that side around a place, pushed into the scene: row, column, height, width."""
        sizes = [min(side, size) for size in self.shape]
        ends = zip(place[::-1], sizes, self.shape, strict=True)
        first = [int(np.floor(min(max(0, at - size / 2), whole - size) + 0.5)) for at, size, whole in ends]
        return [*first, *sizes]

    def engine(self, task: str, window: list[int], **given: object) -> Mask:
        """The union of the masks that the engine makes of the scene's samples in a window, outside of any browser."""
        row, col, height, width = window
        part = np.ascontiguousarray(self.samples[row : row + height, col : col + width])
        samples = {"row": row, "col": col, "height": height, "width": width, "bits": 8 * part.itemsize}
        samples["bytes"] = base64.b64encode(part.tobytes()).decode()
        (back,) = ask((task, {"samples": samples, **given}))
        whole = np.zeros(self.area[2:], bool)
        for one in back if isinstance(back, list) else [back]:
            rows, columns = np.nonzero(np.reshape(one["data"], (one["height"], one["width"])))
            rows, columns = rows + one["row"] - self.area[0], columns + one["col"] - self.area[1]
            assert min(rows.min(initial=0), columns.min(initial=0)) >= 0  # beyond the other end is an error by itself
            whole[rows, columns] = True
        return whole


@contextlib.contextmanager
def opened(browser: object, large: Large, way: str):
    """A hand on the page, from its folder or from a web server."""
    with served(large.page) as address:
        hand = Hand(browser, viewport=VIEWPORT)
        hand.context.set_default_timeout(WAIT_MS)
        hand.area = large.area
        yield hand.open(large.page if way == "file" else address)
        hand.close()


def painted(before: Ids, mask: Mask, slick: int) -> Ids:
    """The map with the mask's free pixels given to a slick."""
    return np.where(mask & (before == 0), np.uint16(slick), before)


def look(hand: Hand, place: tuple[float, float], scale: float = 1) -> Hand:
    """Show a place in the middle of the screen, at that many pixels of the screen a pixel."""
    hand.of("(([x, y, scale]) => { desk.view.scale = scale; desk.view.centreOn(x, y); })(given)", [*place, scale])
    return hand.frame()


def large(name: str, folders: object, request: object) -> Large:
    """The scene of that name; its page is prepared once, for all processes of a run. `folders` is tmp_path_factory."""
    own = folders.getbasetemp()
    folder = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / f"large_{name}"
    folder.mkdir(exist_ok=True)
    known, samples = folder / "known.pickle", folder / "samples.npy"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not known.exists():
            made = full(folder) if name == "full" else hatteras(folder, request.getfixturevalue("shared_data"))
            np.save(samples, made.samples)
            known.write_bytes(pickle.dumps(replace(made, samples=None)))
    return replace(pickle.loads(known.read_bytes()), samples=np.load(samples, mmap_mode="r"))


def full(folder: Path) -> Large:
    """A simulated scene of 5,048 x 7,416 pixels of 8 bits, with a dark disc and a dark streak, both sharp."""
    shape, area = (5048, 7416), [3900, 5200, 1148, 2216]
    calm = np.tile(sea(512, 512), (10, 15))[: shape[0], : shape[1]]
    centre, streak = (7168, 4608), [(5400 + 10 * n, 4200 + 60 * np.sin(n / 25)) for n in range(171)]
    samples = calm.copy()
    known = Large(folder / "page", "full", CALM, samples, TRANSFORM, centre, area, (7080.5, 4700.5), (), {}, [])
    dark = known.swept([(7080.0, 4700.0), (7080.1, 4700.0)], 70) | known.swept(streak, 2.5)
    part = samples[area[0] :, area[1] :]
    part[dark] = (part[dark] * 0.4).astype(np.uint8).clip(1)
    said, features = outlines(known)
    windows = [("full", around(centre, 400), False), ("full", blind_beside(centre), True), (CALM, None, False)]
    offered = {"full": predictions(*features, scene_id="full")}
    make_page(folder, {"full": samples, CALM: calm}, windows, said=offered)
    return replace(known, thin=tuple(streak[::10]), said=said, blind=windows[1][1])


def hatteras(folder: Path, shared_data: Path) -> Large:
    """The real scene off Cape Hatteras, 1,184 x 1,415 pixels of 16 bits; its other polarisation is the calm one."""
    locations = [str(shared_data / "hatteras" / f"iw-{name}.tiff") for name in ("vv", "vh")]
    grid, centre = make_grid(open_scene(locations[0])), (768, 512)
    dark, ends = (1105.5, 825.5), ((655.5, 288.5), (810.5, 425.5))
    area = [0, 0, *grid.height_width]
    samples = np.zeros(grid.height_width, np.uint16)
    known = Large(folder / "page", "iw-vv", "iw-vh", samples, grid.transform, centre, area, dark, ends, {}, [])
    said, features = outlines(known)
    write_json(folder / "said" / "iw-vv.geojson", predictions(*features, scene_id="iw-vv"))
    options = PageOptions(predictions=(str(folder / "said"),), blind_share=0)
    page = prepare_page(locations, known.page, options).out
    key = next(item["scene"] for item in items_of(page) if item["scene_id"] == "iw-vv")
    windows = [("iw-vv", around(centre, 300), False), ("iw-vv", blind_beside(centre), True), ("iw-vh", None, False)]
    write_queue(page, windows)
    samples = pixels_of(page / "data" / "scenes" / Path(key).name / "0", known.shape)
    return replace(known, samples=samples, said=said, blind=windows[1][1])


def items_of(page: Path) -> list[dict[str, object]]:
    """The items of a page's queue."""
    return json.loads((page / "data" / "queue.json").read_text())["items"]


def pixels_of(folder: Path, shape: tuple[int, int]) -> np.ndarray:
    """A level of a pyramid, its tiles put together."""
    whole = np.zeros(shape, np.uint16)
    for path in folder.glob("*.png"):
        row, col = (512 * int(part) for part in path.stem.split("_"))
        tile = np.asarray(Image.open(path))
        whole[row : row + tile.shape[0], col : col + tile.shape[1]] = tile
    return whole


def around(place: tuple[int, int], side: int) -> list[int]:
    """A window whose middle is at that column and row."""
    return [place[1] - side // 2, place[0] - side // 2, side, side]


def blind_beside(centre: tuple[int, int]) -> list[int]:
    """The blind window, below what tests draw around the centre."""
    return [centre[1] + 220, centre[0] - 100, 200, 200]


def outlines(scene: Large):
    """Ragged outlines with holes and islands, as masks by slick_id and as what a model says of them."""
    from rasterio.features import shapes

    masks, features = {}, []
    offsets = [(-150, -150), (-60, -40), (40, -90), (-80, 60), (-40, 280)]
    for number, (col, row) in enumerate(scene.at(*offsets), start=1):
        part = np.pad(gaussian_filter(np.random.default_rng(number).standard_normal((60, 70)), 4) > 0.01, 2)
        slick_id, ((left, top),) = f"{scene.scene_id}/model/{number}", scene.here([(col, row)])
        masks[slick_id] = scene.empty.astype(bool)
        masks[slick_id][top : top + part.shape[0], left : left + part.shape[1]] = part
        place = scene.transform @ Affine.translation(col, row)
        rings = [one["coordinates"] for one, _ in shapes(part.astype(np.uint8), part, connectivity=4, transform=place)]
        geometry = {"type": "MultiPolygon", "coordinates": rings}
        properties = {"class": "old_vessel", "slick_id": slick_id}
        features.append({"type": "Feature", "properties": properties, "geometry": geometry})
    return masks, features
