"""A page in a real browser, driven as a hand drives it; masks are read from the page's own map."""

from __future__ import annotations

import base64
import contextlib
from pathlib import Path

import numpy as np
from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright
from playwright.sync_api import Error as PlaywrightError

CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
READY = "() => globalThis.Cerulean?.desk?.isReady === true && Cerulean.desk.autosave.state === 'saved'"
IDS = """(window) => {
  const { map, scene } = Cerulean.desk;
  const [row, col, height, width] = window ?? [0, 0, ...scene.height_width];
  const side = 256, across = Math.ceil(scene.height_width[1] / side), runs = [];
  for (const key of map.tiles.keys()) {
    const [tileRow, tileCol] = [Math.floor(key / across) * side, (key % across) * side];
    const [top, left] = [Math.max(row, tileRow), Math.max(col, tileCol)];
    const [end, right] = [Math.min(row + height, tileRow + side), Math.min(col + width, tileCol + side)];
    if (top >= end || left >= right) continue;
    const part = map.read({ row: top, col: left, height: end - top, width: right - left });
    for (let r = 0, i = 0; r < end - top; r++)
      for (const stop = i + right - left; i < stop; ) {
        const [first, id] = [i, part[i]];
        while (i < stop && part[i] === id) i++;
        if (id) runs.push(top + r, left + first - r * (right - left), i - first, id);
      }
  }
  const bytes = new Uint8Array(Uint32Array.from(runs).buffer);
  let text = "";
  for (let at = 0; at < bytes.length; at += 30000) text += String.fromCharCode(...bytes.subarray(at, at + 30000));
  return [row, col, height, width, btoa(text)];
}"""
SLICKS = "() => [...Cerulean.desk.map.instances.values()].map((one) => ({ ...one, area: one.area }))"
WAIT_MS = 15_000


@contextlib.contextmanager
def chromium():
    """A browser without a window."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()


def crash(tab: Page) -> None:
    """End the process that draws the page, without a word, as when memory runs out."""
    with tab.expect_event("crash"), contextlib.suppress(PlaywrightError):
        tab.goto("chrome://crash")


class Hand:
    """One tab on a page. Places are columns and rows of the scene."""

    def __init__(self, browser: Browser, name: str = "ana", **context: object) -> None:
        size = {"width": 1000, "height": 700}
        self.context = browser.new_context(**{"viewport": size, "accept_downloads": True, **context})
        self.context.set_default_timeout(WAIT_MS)
        self.errors: list[str] = []
        self.name = name
        self.area: list[int] | None = None
        self.tab: Page = self.new_tab()

    def new_tab(self) -> Page:
        """A further tab of the same browser, with the same storage."""
        tab = self.context.new_page()
        tab.on("pageerror", lambda error: self.errors.append(str(error)))
        tab.on("console", self._heard)
        if self.name:
            known = "localStorage.getItem('ceruleanml-annotator')"
            tab.add_init_script(f"{known} ?? localStorage.setItem('ceruleanml-annotator', '{self.name}')")
        return tab

    def _heard(self, line: ConsoleMessage) -> None:
        if line.type == "error" and not line.location["url"].endswith("/api/hello"):  # plain servers have none
            self.errors.append(line.text)

    def open(self, place: Path | str) -> Hand:
        """Open a page's folder, or the address of one, and wait until it can be drawn on."""
        self.tab.goto(place if isinstance(place, str) else (place / "index.html").as_uri())
        return self.ready()

    def ready(self) -> Hand:
        """Wait until the scene is open and everything is saved."""
        self.tab.wait_for_function(READY)
        return self

    def reload(self) -> Hand:
        """Load the page again."""
        self.tab.reload()
        return self.ready()

    def close(self) -> None:
        """Close the tab and forget its storage. Fails where the page met an error."""
        self.context.close()
        self.check()

    def check(self) -> None:
        """Fail where the page met an error."""
        assert not self.errors, self.errors

    def at(self, x: float, y: float) -> tuple[int, int]:
        """The whole pixel of the screen that is nearest to a place of the scene."""
        place = self.tab.evaluate(
            "([x, y]) => { const { view, canvas } = Cerulean.desk; const box = canvas.getBoundingClientRect();"
            " const [left, top] = view.toScreen(x, y); return [left + box.x, top + box.y] }",
            [x, y],
        )
        return round(place[0]), round(place[1])

    def exact(self, x: float, y: float) -> tuple[float, float]:
        """The place of the scene that the pointer is at when it is sent to that one."""
        return tuple(
            self.tab.evaluate(
                "([left, top]) => { const { view, canvas } = Cerulean.desk; const box = canvas.getBoundingClientRect();"
                " return view.toImage(left - box.x, top - box.y) }",
                self.at(x, y),
            )
        )

    def fresh(self) -> Hand:
        """Another annotator at the same page: nothing drawn, the first tool and class, and no notice of before."""
        self.of("document.querySelector('#notices').replaceChildren()")
        self.number = getattr(self, "number", 0) + 1
        self.tab.fill("#annotator", f"ana{self.number}")
        self.press("Enter")
        self.tab.wait_for_function("(name) => Cerulean.desk.editor?.annotator === name", arg=f"ana{self.number}")
        self.of("[desk.tools.brush.radius = 3, desk.tools.eraser.radius = 5]")
        return self.ready().press("w", "Escape", "1")

    def press(self, *keys: str) -> Hand:
        """Press keys one after the other."""
        for key in keys:
            self.tab.keyboard.press(key)
        return self

    def click(self, x: float, y: float, **options: object) -> Hand:
        """Click a place of the scene."""
        self.tab.mouse.click(*self.at(x, y), **options)
        return self

    def begin(self, *points: tuple[float, float], steps: int = 4) -> Hand:
        """Press at the first place and move along the others; the button stays down."""
        self.tab.mouse.move(*self.at(*points[0]))
        self.tab.mouse.down()
        for point in points[1:]:
            self.tab.mouse.move(*self.at(*point), steps=steps)
        return self

    def drag(self, *points: tuple[float, float], steps: int = 4) -> Hand:
        """Drag along places of the scene, and wait until what came of it is saved."""
        self.begin(*points, steps=steps)
        self.tab.mouse.up()
        return self.settled()

    def settled(self) -> Hand:
        """Wait until no tool is at work and everything is saved."""
        self.tab.wait_for_function("() => !Cerulean.desk.tool().busy || Cerulean.desk.toolId === 'polygon'")
        return self.ready()

    def frame(self) -> Hand:
        """Wait until what changed is drawn."""
        self.tab.evaluate("() => new Promise((go) => requestAnimationFrame(() => requestAnimationFrame(go)))")
        return self

    def ids(self, window: list[int] | None = None) -> np.ndarray:
        """The map, or a window [row, column, height, width] of it: the id of the slick that each pixel belongs to.

        Where the hand has an `area`, the map is that window, and nothing may be drawn beyond it. Only runs of pixels
        that a slick has come over from the page.
        """
        *box, text = self.tab.evaluate(IDS, window)
        row, col, height, width = box if window or not self.area else self.area
        ids = np.zeros((height, width), np.uint16)
        for down, across, length, slick in np.frombuffer(base64.b64decode(text), np.uint32).reshape(-1, 4).tolist():
            first = across - col
            assert row <= down < row + height and 0 <= first <= width - length, f"drawn at row {down}, column {across}"
            ids[down - row, first : first + length] = slick
        return ids

    def slicks(self) -> list[dict[str, object]]:
        """The table of slicks."""
        return self.tab.evaluate(SLICKS)

    def of(self, expression: str, given: object = None) -> object:
        """The value of an expression of the page's desk, called `desk`."""
        return self.tab.evaluate(f"(given) => {{ const desk = Cerulean.desk; return {expression}; }}", given)

    def notices(self) -> str:
        """What the page says at the moment."""
        return self.tab.inner_text("#notices")

    def told(self, words: str) -> str:
        """Wait for a notice with these words; all notices."""
        self.tab.locator(".notice", has_text=words).first.wait_for()
        return self.notices()

    def downloaded(self, *keys: str) -> Path:
        """The file that these keys download."""
        with self.tab.expect_download() as coming:
            self.press(*keys)
        return Path(coming.value.path())
