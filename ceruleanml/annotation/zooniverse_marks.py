"""Volunteers' marks of a drawing task as outlines: polygons, Bezier curves, freehand shapes and lines.

Two classifiers of Zooniverse write marks differently. Both give `points` (a list of x and y) or `pathX` and `pathY`;
the newer one also says its `toolType`. All are in pixels of the picture, its corner (0, 0).
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ceruleanml.classes import ClassTable, load_classes
from ceruleanml.errors import ClassTableError, LabelError, UsageError
from ceruleanml.selection.zooniverse_export import Classification

AREA, FREEHAND, BEZIER = "polygon", "freehand", "bezier"
SHAPES = (AREA, FREEHAND, BEZIER)
SHAPE_OF_TYPE = {
    "polygon": AREA, "freehandShape": AREA, "freehandSegmentShape": AREA, "bezier": BEZIER,
    "freehandLine": FREEHAND, "freehandSegmentLine": FREEHAND,
}  # fmt: skip
MEETING_PX = 10.0
"""A freehand line whose ends are this near is closed by Zooniverse's own drawing tool."""
MOST_POINTS, MOST_PLACE = 50_000, 1e6
BEZIER_STEPS = 16
Points = NDArray[np.float64]


@dataclass(frozen=True)
class Mark:
    """One slick as one volunteer drew it: corners (n, 2) as x and y, of an area or of a line."""

    class_id: int
    points: Points
    is_area: bool


@dataclass(frozen=True)
class Tool:
    """What a drawing tool stands for: a class, and the shape of its marks where they do not say that themselves."""

    class_id: int
    shape: str | None = None


@dataclass(frozen=True)
class MarkRules:
    """How marks are read: `tools` by label, or by number as text, from 0; else a tool's label names its class."""

    tools: Mapping[str, Tool] = field(default_factory=dict)
    classes: ClassTable = field(default_factory=load_classes)

    def tool_of(self, label: Any, number: Any) -> Tool | None:
        """The tool of that label or number."""
        for name in (label, number):
            if name is not None and str(name) in self.tools:
                return self.tools[str(name)]
        wanted = _plain(label)
        for class_id, row in enumerate(self.classes):
            if class_id and wanted in (_plain(row.name), _plain(row.title)):
                return Tool(class_id)
        return None


def parse_tool(text: str, classes: ClassTable) -> tuple[str, Tool]:
    """Label (or number) and tool of LABEL=CLASS or LABEL=CLASS:SHAPE. Raises UsageError."""
    label, equals, rest = text.rpartition("=")
    name, _, shape = rest.partition(":")
    if not equals or not label or shape not in ("", *SHAPES):
        raise UsageError(f"--tool {text!r} is no tool; write LABEL=CLASS or LABEL=CLASS:{'|'.join(SHAPES)}")
    try:
        class_id = classes.id_of(name)
    except ClassTableError as error:
        raise UsageError(f"--tool {text!r}: {error}") from error
    if class_id == 0:
        raise UsageError(f"--tool {text!r}: {name} is no slick; give one of {', '.join(classes.slick_names)}")
    return label, Tool(class_id, shape or None)


def marks_of(classification: Classification, rules: MarkRules, source: str, passed: Counter[str]) -> list[Mark]:
    """The marks of a classification, in the order drawn. What cannot be an outline is counted in `passed`.

    Raises LabelError for a tool that no class is known for.
    """
    found = []
    for raw in _raw_marks(classification.annotations):
        label, number = raw.get("tool_label"), raw.get("toolIndex", raw.get("tool"))
        shape = _shape(raw)
        if shape is None and not ("points" in raw or "pathX" in raw):
            passed[f"marks of {raw.get('toolType') or 'another kind'} draw no outline"] += 1
            continue
        tool = rules.tool_of(label, number)
        if tool is None:
            named = f"{label!r:.60}" if label is not None else f"number {number!r:.20}"
            raise LabelError(
                f"{source}: line {classification.line}: tool {named} names no class; say it with --tool LABEL=CLASS"
            )
        mark = _mark(raw, tool.class_id, shape or tool.shape)
        if mark is None:
            passed["marks are damaged or have too few points"] += 1
        else:
            found.append(mark)
    return found


def _raw_marks(annotations: Iterable[Any]) -> Iterator[Mapping[str, Any]]:
    """The drawn items of all tasks, those of combined tasks too."""
    for annotation in annotations:
        values = annotation.get("value") if isinstance(annotation, dict) else None
        for value in values if isinstance(values, list) else ():
            if isinstance(value, dict) and "task" in value and "value" in value:
                yield from _raw_marks([value])
            elif isinstance(value, dict) and ("tool" in value or "toolIndex" in value or "toolType" in value):
                yield value


def _shape(raw: Mapping[str, Any]) -> str | None:
    """What the mark itself says that it is; None where it says nothing or is of no kind that draws outlines."""
    if isinstance(raw.get("toolType"), str):
        return SHAPE_OF_TYPE.get(raw["toolType"])
    return AREA if raw.get("closed") is True else None


def _mark(raw: Mapping[str, Any], class_id: int, shape: str | None) -> Mark | None:
    points = _points(raw)
    if points is None or len(points) < 2:
        return None
    if shape == BEZIER and "pathX" not in raw:
        points = bezier_points(points)
        closed = True
    else:
        closed = shape == AREA or bool(math.dist(points[0], points[-1]) <= MEETING_PX and len(points) > 3)
    if closed and len(points) < 3:
        return None
    return Mark(class_id, points, closed)


def bezier_points(points: Points) -> Points:
    """The curve through every other point, each piece bent by the point between (quadratic Bezier), closed."""
    if len(points) % 2 == 0:
        points = np.concatenate([points, points[:1]])
    share = np.linspace(0, 1, BEZIER_STEPS, endpoint=False)[:, None]
    pieces = [
        (1 - share) ** 2 * points[at] + 2 * share * (1 - share) * points[at + 1] + share**2 * points[at + 2]
        for at in range(0, len(points) - 2, 2)
    ]
    return np.concatenate([*pieces, points[-1:]])


def _points(raw: Mapping[str, Any]) -> Points | None:
    """The mark's points (n, 2) as x and y; None where they are no finite numbers, or too many."""
    try:
        if "pathX" in raw:
            found = list(zip(raw["pathX"], raw["pathY"], strict=True))
        else:
            found = [(point["x"], point["y"]) for point in raw["points"]]
        if len(found) > MOST_POINTS or not all(type(value) in (int, float) for pair in found for value in pair):
            return None
        points = np.array(found, dtype=np.float64).reshape(-1, 2)
    except (KeyError, TypeError, ValueError, OverflowError):
        return None
    return points if np.isfinite(points).all() and (np.abs(points) < MOST_PLACE).all() else None


def _plain(text: Any) -> str:
    return re.sub(r"[\s_-]+", " ", str(text)).strip().casefold()


def burnt_mark(mark: Mark, height_width: tuple[int, int], line_px: float) -> NDArray[np.bool_]:
    """The pixels (rows, columns) of a mark: centres that lie in the area, or within half of `line_px` of the line.

    A mark so thin that it hits no centre takes all pixels that it touches.
    """
    import shapely
    from rasterio.features import rasterize

    if mark.is_area:
        shape = shapely.make_valid(shapely.Polygon(mark.points))
    else:
        shape = shapely.LineString(mark.points).buffer(line_px / 2)
    empty = np.zeros(height_width, dtype=np.bool_)
    for touched in (False, True):
        if shape.is_empty:
            return empty
        burnt = rasterize([(shape, 1)], out_shape=height_width, all_touched=touched, dtype="uint8").view(np.bool_)
        if burnt.any():
            return np.asarray(burnt)
    return empty


def classes_of(marks: Sequence[Mark]) -> set[int]:
    """The classes that a volunteer drew."""
    return {mark.class_id for mark in marks}
