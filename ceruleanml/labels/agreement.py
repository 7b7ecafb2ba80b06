"""How far annotators agree: every two of them, on what both went through, blind tiles told apart from the rest.

Who saw the model's outlines or another's drawing is swayed by it, so only blind tiles tell how well people agree by
themselves. States that began from one another are not compared.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ceruleanml.classes import ClassTable
from ceruleanml.labels.agreement_figures import matches, outline_distances, overlaps
from ceruleanml.labels.consensus import around, touching
from ceruleanml.labels.frames import Frame, Frames
from ceruleanml.labels.heads import reached, replaced
from ceruleanml.labels.instances import GridInstance, Mask
from ceruleanml.labels.on_grid import ballot_of, window_of
from ceruleanml.labels.scene_states import SceneState, read_scene_state
from ceruleanml.labels.snapshots import Store
from ceruleanml.labels.states import annotator_of
from ceruleanml.scenes.grid import Window

BLIND, SEEN = "blind", "not blind"
LEAST_IOU = 0.1
"""Two slicks are taken for one from this overlap on: a thin one loses half of its IoU to an outline one pixel aside."""


@dataclass
class Pair:
    """What two annotators agree on, summed over scenes and tiles.

    `confusion` counts pixels, (one's class, the other's class); `matched` are (IoU, one's class, the other's class) of
    slicks that belong together, `alone` how many of each have no partner, `distances_m` those between their outlines.
    """

    names: tuple[str, str]
    kind: str
    confusion: NDArray[np.int64]
    scenes: int = 0
    tiles: int = 0
    matched: list[tuple[float, int, int]] = field(default_factory=list)
    alone: list[int] = field(default_factory=lambda: [0, 0])
    distances_m: list[NDArray[np.float64]] = field(default_factory=list)


@dataclass(frozen=True)
class _Region:
    """Where two annotators are compared: all of the scene, or some windows; without those of `minus`."""

    everywhere: bool
    windows: tuple[Window, ...]
    minus: tuple[Window, ...]
    tiles: int

    def mask(self, window: Window) -> Mask:
        """Which pixels of a window are in it."""
        found = np.full((window.height, window.width), self.everywhere)
        for windows, value in ((self.windows, True), (self.minus, False)):
            for one in windows:
                shared = one.intersection(window)
                if shared is not None:
                    row, col = shared.row - window.row, shared.col - window.col
                    found[row : row + shared.height, col : col + shared.width] = value
        return found

    def pixels(self, height_width: tuple[int, int]) -> int:
        """How many pixels of a grid are in it."""
        if not self.everywhere:
            return int(np.count_nonzero(self.mask(around(self.windows)))) if self.windows else 0
        all_pixels = height_width[0] * height_width[1]
        return all_pixels - (int(np.count_nonzero(~self.mask(around(self.minus)))) if self.minus else 0)


def agreement(store: Store, classes: ClassTable, frames: Frames) -> tuple[list[Pair], list[str]]:
    """Every two annotators who went through the same scenes or tiles, by name, blind first; and notes for the user.

    `frames` says on which grid each scene is compared. Raises LabelError, StorageError.
    """
    pairs: dict[tuple[str, str, str], Pair] = {}
    notes: list[str] = []
    for scene_id in store.scenes():
        files = store.files(scene_id)
        newest = {annotator_of(path): path for path in files}
        states = {name: read_scene_state(path, classes, scene_id) for name, path in newest.items()}
        frame = frames.of(scene_id, list(states.values())) if len(states) > 1 else None
        if frame is None:
            continue
        slicks = {name: list(ballot_of(state, *frame.place).slicks) for name, state in states.items()}
        for one, other in combinations(sorted(states), 2):
            if _saw(newest[one], other, files) or _saw(newest[other], one, files):
                notes.append(f"scene {scene_id}: {one} and {other} are not compared, as one went on with the other's")
                continue
            for kind, region in _regions(states[one], states[other], frame, notes):
                pair = pairs.setdefault((one, other, kind), _new(one, other, kind, classes))
                _compare(pair, (slicks[one], slicks[other]), region, frame)
    return [pairs[key] for key in sorted(pairs)], notes


def _new(one: str, other: str, kind: str, classes: ClassTable) -> Pair:
    return Pair((one, other), kind, np.zeros((len(classes), len(classes)), np.int64))


def _saw(path: Path, other: str, files: Sequence[Path]) -> bool:
    """Whether a state, or one before it, began from a state of the other's, be it through a third one's."""
    return any(annotator_of(file) == other for file in reached(path, replaced(files)))


def _regions(one: SceneState, other: SceneState, frame: Frame, notes: list[str]) -> Iterator[tuple[str, _Region]]:
    """Where both looked: tiles that were blind for both, and the rest."""
    shared = one.reviewed.keys() & other.reviewed.keys()
    shared |= (one.reviewed.keys() if other.complete else set()) | (other.reviewed.keys() if one.complete else set())
    places: dict[str, Window] = {}
    for tile_id in sorted(shared):
        said = [(state, state.reviewed[tile_id].bounds) for state in (one, other) if tile_id in state.reviewed]
        known = [window_of(bounds, state, frame.grid, frame.georeference) for state, bounds in said if bounds]
        if known and known[0] is not None:
            places[tile_id] = known[0]
    lost = len(shared) - len(places)
    if lost:
        notes.append(
            f"scene {one.path.parent.name}: {lost} tiles are left out whose place is not known; import with --page"
        )
    blind = [tile_id for tile_id in places if all(_was_blind(state, tile_id) for state in (one, other))]
    hidden = tuple(places[tile_id] for tile_id in blind)
    if blind:
        yield BLIND, _Region(False, hidden, (), len(blind))
    seen = tuple(window for tile_id, window in places.items() if tile_id not in blind)
    if one.complete and other.complete:
        yield SEEN, _Region(True, (), hidden, 0)
    elif seen:
        yield SEEN, _Region(False, seen, hidden, len(seen))


def _was_blind(state: SceneState, tile_id: str) -> bool:
    return tile_id in state.reviewed and state.reviewed[tile_id].blind


def _compare(pair: Pair, slicks: tuple[list[GridInstance], list[GridInstance]], region: _Region, frame: Frame) -> None:
    """Add what two annotators drew in a region."""
    pair.scenes += 1
    pair.tiles += region.tiles
    before = int(pair.confusion.sum())
    for window, (ones, others) in touching(slicks):
        counted = region.mask(window)
        maps = [_classes(mine, window) for mine in (ones, others)]
        size = len(pair.confusion)
        pairs = maps[0][counted].astype(np.int64) * size + maps[1][counted]
        pair.confusion += np.bincount(pairs, minlength=size * size).reshape(size, size)
        _match(pair, ones, others, window, counted, frame.pixel_m)
    pair.confusion[0, 0] += region.pixels(frame.grid.height_width) - (int(pair.confusion.sum()) - before)


def _classes(slicks: Sequence[GridInstance], window: Window) -> NDArray[np.uint8]:
    """The class of each pixel of a window; where slicks overlap the later one is seen."""
    found = np.zeros((window.height, window.width), np.uint8)
    for slick in slicks:
        found[_framed(slick, window)] = slick.class_id
    return found


def _framed(slick: GridInstance, window: Window) -> Mask:
    """A slick's pixels in the frame of a window that holds it."""
    found = np.zeros((window.height, window.width), bool)
    row, col = slick.window.row - window.row, slick.window.col - window.col
    found[row : row + slick.window.height, col : col + slick.window.width] = slick.mask
    return found


def _match(
    pair: Pair,
    ones: Sequence[GridInstance],
    others: Sequence[GridInstance],
    window: Window,
    counted: Mask,
    pixel_m: tuple[float, float] | None,
) -> None:
    """Add which slicks of a group belong together, and how far their outlines are apart."""
    kept = [[slick for slick in mine if (_framed(slick, window) & counted).any()] for mine in (ones, others)]
    masks = [[_framed(slick, window) & counted for slick in mine] for mine in kept]
    iou = overlaps(*masks)
    found = matches(iou, LEAST_IOU)
    for row, column in found:
        one, other = kept[0][row], kept[1][column]
        pair.matched.append((float(iou[row, column]), one.class_id, other.class_id))
        if pixel_m is not None:
            box = around([one.window, other.window])
            near = counted[box.row - window.row :, box.col - window.col :][: box.height, : box.width]
            pair.distances_m.append(outline_distances(one, other, pixel_m, near, box))
    for side in (0, 1):
        pair.alone[side] += len(kept[side]) - len(found)
