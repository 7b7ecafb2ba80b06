"""The learning rate of each moment, and when a training is over."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ceruleanml.models.config import TrainerConfig
from ceruleanml.models.schedule import Course, Span, Stopwatch, momentum, rate_share, span_of

SCHEDULES = ("one_cycle", "flat_cosine", "cosine", "constant")


@pytest.mark.parametrize(
    ("schedule", "shares"),
    [
        ("one_cycle", [1 / 25, 0.52, 1, 0.75, 0.5, 1e-5]),
        ("flat_cosine", [1, 1, 1, 1, 1, 1e-5]),
        ("cosine", [1, 0.961940, 0.853553, 0.5, 0.308658, 1e-5]),
        ("constant", [1, 1, 1, 1, 1, 1]),
    ],
)
def test_rates(schedule, shares):
    moments = [0, 0.125, 0.25, 0.5, 0.625, 1]
    assert [rate_share(schedule, moment) for moment in moments] == pytest.approx(shares, abs=1e-4)


def test_momentum_moves_against_the_rate():
    assert [momentum("one_cycle", moment) for moment in (0, 0.25, 1)] == pytest.approx([0.95, 0.85, 0.95])
    assert {momentum(schedule, 0.3) for schedule in SCHEDULES[1:]} == {0.9}


@given(st.sampled_from(SCHEDULES), st.floats(0, 1))
def test_no_rate_is_above_the_greatest(schedule, fraction):
    assert 0 < rate_share(schedule, fraction) <= 1


def test_epochs_are_counted_in_batches():
    span = Span(epochs=2, batches=4)
    courses = [Course(), Course(batch=3), Course(epoch=1), Course(epoch=1, batch=4), Course(epoch=2)]
    assert [span.fraction(course) for course in courses] == [0, 0.375, 0.5, 1, 1]
    assert [span.over(course) for course in courses] == [False, False, False, True, True]
    assert span.tile_px(Course()) is None


def test_stages_are_counted_in_seconds():
    span = span_of(TrainerConfig(stages=[[64, 0.5], [128, 1.5]], epochs=1), batches=4)
    seconds = [0, 29, 30, 90, 119, 120, 500]
    assert [span.tile_px(Course(epoch=7, seconds=used)) for used in seconds] == [64, 64, 128, 128, 128, 128, 128]
    assert [span.over(Course(epoch=7, seconds=used)) for used in seconds] == [False] * 5 + [True] * 2
    assert span.fraction(Course(seconds=30)) == 0.25


def test_minutes_go_before_epochs():
    span = span_of(TrainerConfig(minutes=2, epochs=1), batches=4)
    assert span.fraction(Course(epoch=9, seconds=60)) == 0.5
    assert span.tile_px(Course()) is None
    assert span_of(TrainerConfig(epochs=3), batches=4) == Span(3, 4)


def test_a_stopwatch_goes_on_from_what_was_used():
    now = iter([100.0, 107.5])
    assert Stopwatch(30.0, lambda: next(now)).read() == 37.5
