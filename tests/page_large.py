"""Two large scenes on pages of their own, full-size simulated and real, and what tests know of them by themselves."""

from __future__ import annotations

import base64
import contextlib
import functools
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from affine import Affine
from page_driven import Hand
from page_engine_bridge import ask
from page_expected import Ids, Mask, swept
from page_made import TRANSFORM, make_page, predictions, sea, served, write_json, write_queue
from PIL import Image
from scipy.ndimage import gaussian_filter

from ceruleanml.annotation.options import PageOptions
from ceruleanml.annotation.prepare import prepare_page

CASES = [(scene, way) for scene in ("full", "hatteras") for way in ("file", "http")]
VIEWPORT = {"width": 1300, "height": 900}
WAND_SIDE, FOLLOW_SIDE = 1024, 1536
CALM = "calm"
WAIT_MS = 60_000
"""Seven layers of 37 million pixels take their time on a machine that does other work too."""


@dataclass(frozen=True, eq=False)
class Large:
    """A page of a large scene and of one that is calm, both of the same size.

    `centre` is the corner of tiles, (column, row), around which tests draw. `dark` is a place for the wand, `thin` the
    ends of a thin slick. `said` are the model's outlines by slick_id, in the order that they are offered in; the last
    lies in the `blind` window alone.
    """

    page: Path
    scene_id: str
    calm_id: str
    samples: np.ndarray
    transform: Affine
    centre: tuple[int, int]
    dark: tuple[float, float]
    thin: tuple[tuple[float, float], ...]
    said: dict[str, Mask]
    blind: list[int]

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.samples.shape

    def at(self, *offsets: tuple[float, float]) -> list[tuple[float, float]]:
        """Places at these columns and rows from the centre."""
        return [(self.centre[0] + across, self.centre[1] + down) for across, down in offsets]

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
        whole = np.zeros(self.shape, bool)
        for one in back if isinstance(back, list) else [back]:
            rows, columns = (slice(one[first], one[first] + one[size]) for first, size in AXES)
            whole[rows, columns] |= np.reshape(one["data"], (one["height"], one["width"])).astype(bool)
        return whole


AXES = (("row", "height"), ("col", "width"))


@contextlib.contextmanager
def opened(browser: object, large: Large, way: str):
    """A hand on the page, from its folder or from a web server."""
    with served(large.page) as address:
        hand = Hand(browser, viewport=VIEWPORT)
        hand.context.set_default_timeout(WAIT_MS)
        yield hand.open(large.page if way == "file" else address)
        hand.close()


def painted(before: Ids, mask: Mask, slick: int) -> Ids:
    """The map with the mask's free pixels given to a slick."""
    after, rows = before.copy(), mask.any(axis=1)  # most rows of a large scene are in no mask
    after[rows] = np.where(mask[rows] & (before[rows] == 0), np.uint16(slick), before[rows])
    return after


def look(hand: Hand, place: tuple[float, float], scale: float = 1) -> Hand:
    """Show a place in the middle of the screen, at that many pixels of the screen a pixel."""
    hand.of("(([x, y, scale]) => { desk.view.scale = scale; desk.view.centreOn(x, y); })(given)", [*place, scale])
    return hand.frame()


def large(name: str, folder: Path, request: object) -> Large:
    """The scene of that name; its page is prepared once in a folder."""
    if name == "full":
        return full(folder)
    return hatteras(folder, request.getfixturevalue("shared_data"))


@functools.cache
def full(folder: Path) -> Large:
    """A simulated scene of 5,048 x 7,416 pixels of 8 bits, with a dark disc and a dark streak, both sharp."""
    shape = (5048, 7416)
    calm = np.tile(sea(512, 512), (10, 15))[: shape[0], : shape[1]]
    centre, streak = (7168, 4608), [(5400 + 10 * n, 4200 + 60 * np.sin(n / 25)) for n in range(171)]
    disc = swept(shape, [(7080.0, 4700.0), (7080.1, 4700.0)], 70)
    samples = np.where(disc | swept(shape, streak, 2.5), calm * 0.4, calm).astype(np.uint8).clip(1)
    said, features = outlines("full", shape, centre, TRANSFORM)
    windows = [("full", around(centre, 400), False), ("full", blind_beside(centre), True), (CALM, None, False)]
    page = make_page(
        folder, {"full": samples, CALM: calm}, windows, said={"full": predictions(*features, scene_id="full")}
    )
    ends = tuple(streak[::10])
    return Large(page, "full", CALM, samples, TRANSFORM, centre, (7080.5, 4700.5), ends, said, windows[1][1])


@functools.cache
def hatteras(folder: Path, shared_data: Path) -> Large:
    """The real scene off Cape Hatteras, 1,184 x 1,415 pixels of 16 bits; its other polarisation is the calm one."""
    locations = [str(shared_data / "hatteras" / f"iw-{name}.tiff") for name in ("vv", "vh")]
    plain = prepare_page(locations, folder / "plain", PageOptions(blind_share=0)).out
    key = next(item["scene"] for item in items_of(plain) if item["scene_id"] == "iw-vv")
    about = json.loads((plain / "data" / "scenes" / Path(key).name / "scene.json").read_text())
    shape, transform, centre = tuple(about["height_width"]), Affine(*about["transform"]), (768, 512)
    said, features = outlines("iw-vv", shape, centre, transform)
    write_json(folder / "said" / "iw-vv.geojson", predictions(*features, scene_id="iw-vv"))
    options = PageOptions(predictions=(str(folder / "said"),), blind_share=0)
    page = prepare_page(locations, folder / "page", options).out
    windows = [("iw-vv", around(centre, 300), False), ("iw-vv", blind_beside(centre), True), ("iw-vh", None, False)]
    write_queue(page, windows)
    samples = pixels_of(page / "data" / "scenes" / Path(key).name / "0", shape)
    ends, dark = ((655.5, 288.5), (810.5, 425.5)), (1105.5, 825.5)
    return Large(page, "iw-vv", "iw-vh", samples, transform, centre, dark, ends, said, windows[1][1])


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


def outlines(scene_id: str, shape: tuple[int, int], centre: tuple[int, int], transform: Affine):
    """Ragged outlines with holes and islands, as masks by slick_id and as what a model says of them."""
    from rasterio.features import shapes

    masks, features = {}, []
    for number, (across, down) in enumerate([(-150, -150), (-60, -40), (40, -90), (-80, 60), (-40, 280)], start=1):
        row, col = centre[1] + down, centre[0] + across
        part = np.pad(gaussian_filter(np.random.default_rng(number).standard_normal((60, 70)), 4) > 0.01, 2)
        masks[f"{scene_id}/model/{number}"] = whole = np.zeros(shape, bool)
        whole[row : row + part.shape[0], col : col + part.shape[1]] = part
        place = transform @ Affine.translation(col, row)
        rings = [one["coordinates"] for one, _ in shapes(part.astype(np.uint8), part, connectivity=4, transform=place)]
        geometry = {"type": "MultiPolygon", "coordinates": rings}
        named = {"class": "old_vessel", "slick_id": f"{scene_id}/model/{number}"}
        features.append({"type": "Feature", "properties": named, "geometry": geometry})
    return masks, features
