"""The learning-rate finder."""

import pytest
from training_made import config_for, make_tiles

from ceruleanml.errors import TrainingError
from ceruleanml.models.lr_finder import HIGHEST, LOWEST, exploded, find_lr, rate_at, smoothed, suggested
from ceruleanml.models.training import train

pytestmark = pytest.mark.usefixtures("narrow_networks")


def test_rates_grow_by_the_same_factor():
    rates = [rate_at(step, 5) for step in range(5)]
    assert rates == pytest.approx([LOWEST, 1e-5, 1e-3, 1e-1, HIGHEST])


def test_the_suggestion_lies_in_the_valley():
    rates = [rate_at(step, 100) for step in range(100)]
    losses = [1.0] * 50 + [1 - 0.02 * step for step in range(25)] + [0.6 + 0.2 * step for step in range(25)]
    assert rates[50] < suggested(rates, losses) < rates[74]


def test_smoothing_starts_with_the_first_value():
    raw, value = smoothed(None, 3.0, 1)
    assert value == pytest.approx(3)
    assert smoothed(raw, 3.0, 2)[1] == pytest.approx(3)


def test_an_explosion_ends_the_sweep():
    assert [exploded(value, [1.0, 0.5]) for value in (1.9, 2.1, float("nan"), float("inf"))] == [
        False, True, True, True,
    ]  # fmt: skip
    with pytest.raises(TrainingError, match="explodes after 3 steps"):
        suggested([1.0, 2.0, 3.0], [1.0, 2.0, 3.0])


def test_finding_leaves_a_plot_and_no_weights(tmp_path):
    config = config_for(tmp_path, make_tiles(tmp_path / "tiles"))
    report = find_lr(config, steps=20)
    assert LOWEST < report.lr < HIGHEST
    assert report.rates[:2] == pytest.approx([rate_at(0, 20), rate_at(1, 20)])
    assert [str(path.relative_to(tmp_path / "run")) for path in (tmp_path / "run").rglob("*")] == [
        "plots", "plots/lr_finder.png",
    ]  # fmt: skip
    assert report.plot.read_bytes()[:4] == b"\x89PNG"
    config.trainer.epochs = 1
    assert train(config).epochs == 1  # the folder is free for the training itself
