"""The pictures of docs/annotation.md: the annotation page at work on simulated scenes, in headless Chromium.

Usage: python scripts/page_screenshots.py [OUT]      OUT: where the pictures go (default: docs/images)
"""

from __future__ import annotations

import io
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ceruleanml.annotation.demo import demo_page

if TYPE_CHECKING:
    from PIL.Image import Image
    from playwright.sync_api import Page

CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
SIZE = {"width": 1120, "height": 720}
GRAYS, COLOURS = 12, 200
READY = """() => { const desk = globalThis.Cerulean?.desk;
  return desk?.isReady && desk.autosave.state === "saved" && !desk.tool().busy }"""
SETTLED = "() => new Promise((go) => setTimeout(go, 400))"


class Shots:
    """One tab on the demo page, and where its pictures go."""

    def __init__(self, tab: Page, out: Path) -> None:
        self.tab, self.out = tab, out

    def at(self, x: float, y: float) -> tuple[float, float]:
        """Where a place of the scene is on the screen."""
        place = self.tab.evaluate(
            "([x, y]) => { const { view, canvas } = Cerulean.desk; const box = canvas.getBoundingClientRect();"
            " const [left, top] = view.toScreen(x, y); return [left + box.x, top + box.y] }",
            [x, y],
        )
        return place[0], place[1]

    def press(self, *keys: str) -> None:
        """Press keys, and wait until all is drawn and saved."""
        for key in keys:
            self.tab.keyboard.press(key)
        self.tab.wait_for_function(READY)

    def drag(self, *points: tuple[float, float], ends: bool = True) -> None:
        """Drag along places of the scene; without `ends` the button stays down."""
        self.tab.mouse.move(*self.at(*points[0]))
        self.tab.mouse.down()
        for point in points[1:]:
            self.tab.mouse.move(*self.at(*point), steps=6)
        if ends:
            self.tab.mouse.up()
            self.tab.wait_for_function(READY)

    def look(self, x: float, y: float, scale: float) -> None:
        """Look at a place of the scene, so many screen pixels a scene pixel."""
        self.tab.evaluate(
            "([x, y, scale]) => { const { view, renderer } = Cerulean.desk; view.scale = scale; view.centreOn(x, y);"
            " renderer.invalidate() }",
            [x, y, scale],
        )
        self.tab.evaluate(SETTLED)

    def take(self, name: str) -> None:
        """Write a picture, in few colours: it stands in a page of text."""
        from PIL import Image

        self.tab.evaluate(SETTLED)
        picture = Image.open(io.BytesIO(self.tab.screenshot())).convert("RGB")
        few_colours(picture).save(self.out / f"annotation_{name}.png", optimize=True)


def few_colours(picture: Image) -> Image:
    """The picture with a palette: even grays for radar, and the other colours chosen apart, so that none is lost."""
    from PIL import Image

    pixels = np.asarray(picture).astype(int)
    gray = np.ptp(pixels, axis=2) < 4
    levels = np.linspace(0, 255, GRAYS).round()
    nearest = np.abs(pixels.mean(axis=2)[..., None] - levels).argmin(axis=2)
    coloured = Image.fromarray(pixels[~gray].astype(np.uint8)[None]).quantize(
        COLOURS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE
    )
    indices = nearest.astype(np.uint8)
    indices[~gray] = np.asarray(coloured)[0] + GRAYS
    found = Image.fromarray(indices, "P")
    found.putpalette([int(level) for level in levels for _ in range(3)] + list(coloured.getpalette()[: 3 * COLOURS]))
    return found


def take_all(shots: Shots) -> None:
    """Suggestions, help, a light sea with a slick of each class, the same to a colour-blind eye, and a dark sea."""
    tab = shots.tab
    shots.press("Tab")
    tab.mouse.move(640, 700)
    shots.take("suggestions")
    shots.press("?")
    shots.take("help")
    shots.press("?", "Enter", "Enter", "Escape", "f")
    slicks_around(shots, 560, 720)
    shots.press("p")
    for x, y in ((800, 850), (880, 830), (930, 870), (860, 915)):
        tab.mouse.click(*shots.at(x, y))
    tab.mouse.move(*shots.at(815, 900))
    shots.take("light")
    devtools = tab.context.new_cdp_session(tab)
    devtools.send("Emulation.setEmulatedVisionDeficiency", {"type": "deuteranopia"})
    shots.take("colour_blind")
    devtools.send("Emulation.setEmulatedVisionDeficiency", {"type": "none"})
    shots.press("Escape", "Escape")
    shots.look(1080, 330, 1.6)
    slicks_around(shots, 900, 200)
    shots.press("Escape", "6", "w")
    shots.drag((1060, 405), (1050, 405), ends=False)
    tab.wait_for_function("() => Cerulean.desk.tools.wand.stroke?.found")
    shots.take("dark")
    tab.mouse.up()


def slicks_around(shots: Shots, x: float, y: float) -> None:
    """A slick of each of four classes, by brush, to the right of and below a place."""
    for number, key in enumerate("2346"):
        shots.press("Escape", key, "b")
        down = y + 48 * number
        shots.drag((x, down), (x + 60, down + 14), (x + 120, down + 4), (x + 170, down + 20))


def main() -> None:
    """Make the demo page in a temporary folder and take the pictures."""
    from playwright.sync_api import sync_playwright

    out = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parents[1] / "docs" / "images"
    with tempfile.TemporaryDirectory() as temporary, sync_playwright() as playwright:
        demo_page(Path(temporary))
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        tab = browser.new_page(viewport=SIZE)
        tab.add_init_script("localStorage.setItem('ceruleanml-annotator', 'ana')")
        tab.goto((Path(temporary) / "page" / "index.html").as_uri())
        tab.wait_for_function(READY)
        take_all(Shots(tab, out))
        browser.close()


if __name__ == "__main__":
    main()
