"""Volunteers' marks: every documented form, damaged ones, and what a tool's label stands for."""

import math
from collections import Counter

import numpy as np
import pytest
from crowd_made import box_points, freehand, mask_of, old_polygon, polygon
from hypothesis import given
from hypothesis import strategies as st

from ceruleanml.annotation.zooniverse_marks import (
    Mark,
    MarkRules,
    Tool,
    bezier_points,
    burnt_mark,
    marks_of,
    parse_tool,
)
from ceruleanml.classes import load_classes
from ceruleanml.errors import LabelError, UsageError
from ceruleanml.selection.zooniverse_export import Classification

SEEP = 2


def said(*marks, **about):
    annotation = {"task": "T0", "value": list(marks)}
    return Classification(7, "ann", "55", "", (), (annotation,), about)


def read(*marks, rules=None):
    passed = Counter()
    return marks_of(said(*marks), rules or MarkRules(), "export.csv", passed), passed


def burnt(mark, shape=(64, 96), line_px=5.0):
    return burnt_mark(read(mark)[0][0], shape, line_px)


def around(row, col, radius, count=40):
    turn = np.linspace(0, 2 * np.pi, count, endpoint=False)
    return [(col + radius * math.cos(t), row + radius * math.sin(t)) for t in turn]


BOX = mask_of((64, 96), 10, 20, 12, 30)


@pytest.mark.parametrize(
    "mark",
    [
        polygon(10, 20, 12, 30),
        old_polygon(10, 20, 12, 30),
        {**polygon(10, 20, 12, 30), "toolType": "freehandShape"},
        freehand([(p["x"], p["y"]) for p in [*box_points(10, 20, 12, 30), {"x": 20, "y": 10}]]),
        {
            "tool": 1,
            "frame": 0,
            "details": [],
            "tool_label": "Natural seep",
            "points": [*box_points(10, 20, 12, 30), {"x": 20, "y": 10}],
        },
    ],
)
def test_every_form_of_an_area_covers_the_same_pixels(mark):
    assert np.array_equal(burnt(mark), BOX)


def test_a_closed_freehand_line_is_an_area_and_an_open_one_a_stroke():
    ring = around(30, 40, 12)
    assert burnt(freehand([*ring, ring[0]])).sum() == pytest.approx(math.pi * 12**2, rel=0.02)
    half = burnt(freehand(ring[:20]), line_px=4)
    assert half.sum() == pytest.approx(4 * math.pi * 12, rel=0.1)
    assert not half[30, 40]


@pytest.mark.parametrize("width", [1.0, 3.0, 9.0])
def test_a_stroke_has_its_width(width):
    stroke = burnt(freehand([(10, 20.5), (50, 20.5), (80, 20.5)]), line_px=width)
    assert stroke[:, 40].sum() == width


def test_a_bezier_curve_runs_through_every_other_point():
    circle = np.array(around(30, 40, 10, 8))
    control = np.array(around(30, 40, 10 / math.cos(math.pi / 8), 16))[1::2]
    points = np.stack([circle, control], axis=1).reshape(-1, 2)
    curve = bezier_points(points)
    assert np.hypot(*(curve - [40, 30]).T) == pytest.approx(10, abs=0.1)
    assert curve[0] == pytest.approx(curve[-1])
    mark = {
        "tool": 0,
        "tool_label": "a curve",
        "points": [{"x": x, "y": y} for x, y in points.tolist()],
        "closed": True,
        "toolType": "bezier",
    }
    rules = MarkRules({"a curve": Tool(SEEP)})
    (found,), _ = read(mark, rules=rules)
    assert burnt_mark(found, (64, 96), 1).sum() == pytest.approx(math.pi * 100, rel=0.03)
    old = {key: value for key, value in mark.items() if key not in ("toolType", "closed")}
    (also,), _ = read(old, rules=MarkRules({"a curve": Tool(SEEP, "bezier")}))
    assert also.points == pytest.approx(found.points)


def test_marks_of_combined_tasks_are_found():
    inner = {"task": "T1", "value": [polygon(1, 2, 3, 4)]}
    one = Classification(2, "ann", "", "", (), ({"task": "T9", "value": [{"task": "T0", "value": "Yes"}, inner]},), {})
    assert len(marks_of(one, MarkRules(), "e", Counter())) == 1


@pytest.mark.parametrize("value", [None, "No slick", 3, [], ["Yes"], [1, None], {}])
def test_answers_that_are_no_marks_draw_nothing(value):
    one = Classification(2, "ann", "", "", (), ({"task": "T0", "value": value},), {})
    assert marks_of(one, MarkRules(), "e", Counter()) == []


@pytest.mark.parametrize(
    ("mark", "what"),
    [
        (polygon(1, 2, 3, 4) | {"points": [{"x": 1}]}, "damaged"),
        (polygon(1, 2, 3, 4) | {"points": [{"x": "1", "y": 2}] * 3}, "damaged"),
        (polygon(1, 2, 3, 4) | {"points": [{"x": float("nan"), "y": 2}] * 3}, "damaged"),
        (polygon(1, 2, 3, 4) | {"points": [{"x": 1e300, "y": 2}] * 3}, "damaged"),
        (polygon(1, 2, 3, 4) | {"points": 5}, "damaged"),
        (polygon(1, 2, 3, 4) | {"points": box_points(1, 2, 3, 4)[:1]}, "damaged"),
        (freehand([(1, 2), (30, 4)]) | {"pathY": [1]}, "damaged"),
        (polygon(1, 2, 3, 4) | {"points": box_points(1, 2, 3, 4) * 20_000}, "damaged"),
        ({"toolIndex": 0, "toolType": "point", "x": 1, "y": 2, "tool_label": "Natural seep"}, "marks of point"),
        ({"tool": 0, "x": 1, "y": 2, "width": 3, "height": 4, "tool_label": "box"}, "marks of another kind"),
    ],
)
def test_what_is_no_outline_is_passed_over_and_counted(mark, what):
    found, passed = read(mark, polygon(1, 2, 3, 4))
    assert len(found) == 1
    assert [count for text, count in passed.items() if what in text] == [1]


@given(st.lists(st.tuples(st.floats(-200, 300), st.floats(-200, 300)), min_size=3, max_size=30))
def test_no_outline_however_crossed_breaks_the_burning(xy):
    area = Mark(SEEP, np.array(xy), True)
    for mark in (area, Mark(SEEP, np.array(xy), False)):
        assert burnt_mark(mark, (64, 96), 3.0).shape == (64, 96)


@pytest.mark.parametrize("label", ["natural_seep", "Natural seep", " NATURAL-SEEP "])
def test_a_label_names_a_class_by_name_or_title(label):
    assert read(polygon(1, 2, 3, 4, label))[0][0].class_id == SEEP


def test_tools_are_told_by_label_or_number():
    classes = load_classes()
    tools = dict(parse_tool(text, classes) for text in ("A = b=natural_seep", "1=old_vessel", "c=ambiguous:bezier"))
    assert tools == {"A = b": Tool(2), "1": Tool(5), "c": Tool(6, "bezier")}
    rules = MarkRules(tools)
    assert read(polygon(1, 2, 3, 4, "A = b"), rules=rules)[0][0].class_id == 2
    assert read(polygon(1, 2, 3, 4, None, toolIndex=1), rules=rules)[0][0].class_id == 5
    assert read(old_polygon(1, 2, 3, 4, None, tool=1), rules=rules)[0][0].class_id == 5


@pytest.mark.parametrize("text", ["natural_seep", "=natural_seep", "a=spill", "a=background", "a=natural_seep:circle"])
def test_tools_that_cannot_be_are_refused(text):
    with pytest.raises(UsageError, match="--tool"):
        parse_tool(text, load_classes())


def test_a_tool_that_names_no_class_is_an_error_and_not_a_guess():
    for mark in (polygon(1, 2, 3, 4, "Dark thing"), polygon(1, 2, 3, 4, None), polygon(1, 2, 3, 4, "background")):
        with pytest.raises(LabelError, match=r"export.csv: line 7: tool .* names no class; say it with --tool"):
            read(mark)
