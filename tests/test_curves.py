"""Learning curves, labels saved, advice on stopping, and the report: small tables one can check by hand."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import rounds_made
from hypothesis import given, settings
from hypothesis import strategies as st
from processes import finished

from ceruleanml.errors import SelectionError
from ceruleanml.selection.curves import Curve, area_under, band, comparable, gain, labels_saved, read_curve
from ceruleanml.selection.experiment import create, open_experiment, run
from ceruleanml.selection.instructions import Instructions
from ceruleanml.selection.loop_figure import draw_curves
from ceruleanml.selection.loop_report import compare, report
from ceruleanml.selection.rounds import run_rounds
from ceruleanml.selection.stopping import advice, agreements, kappa
from ceruleanml.storage import read_json

TOLD = Instructions("points", {}, strategy="coral", first=4, per_round=5, rounds=3)


def curve_of(values, labels=(10, 20, 30), clicks=None, parts=((), (), ())) -> Curve:
    costs = {} if clicks is None else {"clicks": np.array(clicks, float)}
    held = tuple(np.array(one, float).reshape(-1, 2) for one in parts)
    return Curve(Path("arm"), "iou", np.array(labels, float), costs, np.array(values, float), held)


def test_labels_saved_are_read_off_at_the_lower_end() -> None:
    ours, theirs = [curve_of([0.2, 0.6, 0.8])], [curve_of([0.2, 0.4, 0.6])]
    found = labels_saved(ours, theirs)
    assert (found["level"], found["saved"]) == (0.6, 10)
    assert labels_saved(theirs, ours)["saved"] == -10
    assert labels_saved(ours, ours)["saved"] == 0


def test_labels_saved_lie_between_rounds() -> None:
    found = labels_saved([curve_of([0.0, 0.8, 0.9])], [curve_of([0.0, 0.3, 0.4])])
    assert found["saved"] == pytest.approx(30 - 15)


@settings(max_examples=25)
@given(st.lists(st.lists(st.floats(0, 1), min_size=3, max_size=3), min_size=2, max_size=5))
def test_an_arm_saves_nothing_over_itself(values) -> None:
    curves = [curve_of(one) for one in values]
    found = labels_saved(curves, curves)
    assert found["saved"] == found["low"] == found["high"] == 0


def test_gains_are_differences_of_the_same_seed() -> None:
    ours = [curve_of([0.2, 0.6, 0.8]), curve_of([0.1, 0.6, 0.8])]
    theirs = [curve_of([0.2, 0.5, 0.6]), curve_of([0.1, 0.5, 0.7])]
    found = gain("x", ours, theirs)
    np.testing.assert_allclose(found.mean, [0, 0.1, 0.15])
    np.testing.assert_allclose(found.high - found.low, [0, 0, 2 * 12.7062047 * 0.05], atol=1e-8)
    assert np.isnan(gain("x", ours[:1], theirs[:1]).low).all()


def test_arms_of_other_lengths_are_not_compared() -> None:
    with pytest.raises(SelectionError, match="compare arms that ran equally far"):
        labels_saved([curve_of([0.1, 0.2, 0.3])], [curve_of([0.1, 0.2], (10, 20), parts=((), ()))])


def test_several_seeds_give_students_interval() -> None:
    found = band("x", [curve_of([0.1, 0.2, 0.3]), curve_of([0.3, 0.4, 0.7])])
    np.testing.assert_allclose(found.mean, [0.2, 0.3, 0.5])
    reach = 12.7062047 * np.array([0.2, 0.2, 0.4]) / np.sqrt(2) / np.sqrt(2)
    np.testing.assert_allclose(found.high - found.mean, reach, rtol=1e-6)
    np.testing.assert_allclose(found.mean - found.low, reach, rtol=1e-6)


def test_one_seed_gives_an_interval_over_groups() -> None:
    parts = [[(number % 2, 1) for number in range(100)]] * 3
    found = band("x", [curve_of([0.5, 0.5, 0.5], parts=parts)])
    np.testing.assert_allclose(found.low, 0.4, atol=0.03)
    np.testing.assert_allclose(found.high, 0.6, atol=0.03)


def test_curves_over_cost_are_read_off_where_all_reach() -> None:
    found = band("x", [curve_of([0, 1, 2], clicks=[0, 10, 20]), curve_of([0, 1, 2], clicks=[5, 20, 40])], "clicks")
    assert (found.at[0], found.at[-1]) == (5, 20)
    assert found.mean[-1] == pytest.approx((2 + 1) / 2)


def test_the_area_is_the_mean_height() -> None:
    assert area_under(curve_of([0.2, 0.2, 0.2])) == pytest.approx(0.2)
    assert area_under(curve_of([0, 0.5, 1])) == pytest.approx(0.5)
    assert area_under(curve_of([np.nan, 0.5, 0.5])) == pytest.approx(0.375)


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ([1, 1, 0, 0], [1, 1, 0, 0], 1),
        ([1, 1, 0, 0], [1, 0, 1, 0], 0),
        ([1, 1, 0, 0], [0, 0, 1, 1], -1),
        ([1, 1, 1, 1], [1, 1, 1, 1], 1),
        ([1] * 20 + [0] * 30, [1] * 15 + [0] * 5 + [1] * 10 + [0] * 20, 0.4),
    ],
)
def test_cohens_kappa(first: list, second: list, expected: float) -> None:
    assert kappa(np.array(first, bool), np.array(second, bool)) == pytest.approx(expected)


def test_advice_names_budget_and_plateau() -> None:
    flat = curve_of([0.2, 0.6, 0.605, 0.606, 0.604], labels=(10, 20, 30, 40, 50), parts=((),) * 5)
    assert advice(flat, None) == ["iou rose by 0.006 over the last 3 rounds: a plateau"]
    assert advice(flat, 50)[0] == "the budget of 50 labels is spent (50 are drawn)"
    assert advice(curve_of([0.2, 0.6, 0.8]), 31) == []


@pytest.fixture(scope="module")
def experiments(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("rounds")
    create(folder / "first", replace(TOLD, rounds=6), baselines=["random"], seeds=[0, 1])
    create(folder / "second", replace(TOLD, strategy="coreset", budget=10), seeds=[0, 1])
    for name in ("first", "second"):
        run(folder / name)
    return folder


def test_a_curve_is_what_the_rounds_recorded(experiments: Path) -> None:
    found = read_curve(open_experiment(experiments / "first").arm("coral", 1))
    assert found.labels.tolist() == [4, 9, 14, 19, 24, 29]
    assert found.costs["clicks"].tolist() == found.labels.tolist()
    assert found.parts[-1].sum(axis=0)[0] / 200 == pytest.approx(found.values[-1])


def test_successive_models_are_compared_on_what_both_scored(experiments: Path) -> None:
    arm = open_experiment(experiments / "first").arm("coral", 0)
    found = agreements(arm, 6)
    assert len(found) == 4, "the last round scores nothing"
    assert all(-1 <= one <= 1 for one in found)


def test_the_report_repeats_to_the_byte_and_escapes_names(experiments: Path) -> None:
    first = report(experiments / "first", experiments / "a")
    second = report(experiments / "first", experiments / "b")
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]
    text = first[0].read_text()
    assert 'src="data:image/png;base64,' in text
    assert not re.findall(r"(?:src|href)=\"(?!data:)", text)
    content = read_json(experiments / "a" / "curves.json")
    assert set(content["strategies"]) == {"coral", "random"}
    assert set(content["strategies"]["coral"]["saved_over"]) == {"random"}
    assert content["baseline"] == "random" and len(content["strategies"]["coral"]["gain"]["mean"]) == 6
    assert content["strategies"]["coral"]["gain"]["mean"][0] == 0, "arms of a seed start alike"
    assert content["strategies"]["random"]["saved_over"] == {}


def test_experiments_are_compared(experiments: Path) -> None:
    compare([experiments / "first", experiments / "second"], experiments / "c")
    content = read_json(experiments / "c" / "curves.json")
    assert set(content["strategies"]) == {"coral", "random", "coreset"}
    assert content["strategies"]["coreset"]["saved_over"] == {}, "it ran three rounds, random six"
    assert content["strategies"]["coreset"]["advice"] == ["the budget of 10 labels is spent (14 are drawn)"]


def test_strategies_of_one_name_are_told_apart(experiments: Path) -> None:
    third = create(experiments / "third", replace(TOLD, rounds=6), seeds=[0, 1])
    run(third.folder)
    compare([experiments / "first", third.folder], experiments / "d")
    assert set(read_json(experiments / "d" / "curves.json")["strategies"]) == {"first: coral", "random", "third"}
    with pytest.raises(SelectionError, match="a further experiment of that name"):
        compare([third.folder, third.folder], experiments / "e")


def test_the_verb_from_creation_to_comparison(tmp_path: Path, warm_cli: Path) -> None:
    from training_made import make_tiles

    make_tiles(tmp_path / "pool", scenes=2)

    def said(*words: str) -> tuple[int, str]:
        done = finished([warm_cli / "ceruleanml", "loop", *words], cwd=tmp_path)
        return done.returncode, done.stdout + done.stderr

    assert said("status", "e") == (2, "ceruleanml: e: holds no experiment; make one with ceruleanml loop create\n")
    code, text = said("create", "e", "--pool", "pool", "--evaluation", "pool")
    assert code == 2
    assert text.count("\n") == 1
    assert "keep the evaluation scenes apart" in text
    code, text = said("create", "e", "--pool", "pool")
    assert (code, "--pool with --evaluation" in text) == (2, True)
    code, text = said("create", "e", "--pool", "pool", "--evaluation", "pool", "--task", "samples")
    assert (code, text) == (2, "ceruleanml: samples: is no setting; write NAME=VALUE\n")


def test_rounds_without_a_model_count_as_nothing() -> None:
    found = band("x", [curve_of([np.nan, 0.5, 0.6]), curve_of([0.1, 0.5, 0.6])])
    np.testing.assert_allclose(found.mean, [0.05, 0.5, 0.6])
    np.testing.assert_allclose(band("x", [curve_of([np.nan] * 3), curve_of([0.2] * 3)]).mean, [0.1] * 3)


def test_one_seed_has_no_interval_of_labels_saved() -> None:
    found = labels_saved([curve_of([0.2, 0.6, 0.8])], [curve_of([0.2, 0.4, 0.6])])
    assert found["saved"] == 10
    assert np.isnan([found["low"], found["high"]]).all()


def test_other_numbers_of_labels_are_read_off_where_both_have_them() -> None:
    ours, theirs = [curve_of([0.2, 0.4, 0.6], (20, 40, 60))], [curve_of([0.1, 0.2, 0.3], (10, 20, 30))]
    found = gain("x", ours, theirs)
    assert (found.at[0], found.at[-1]) == (20, 30)
    np.testing.assert_allclose(found.mean, 0, atol=1e-12)
    assert not comparable(ours, [curve_of([0.1, 0.2, 0.3], (100, 200, 300))])
    assert not comparable(ours, [replace(ours[0], arm=Path("seed_1"))]), "seeds are paired with themselves alone"


def test_an_interval_beside_the_mean_is_drawn() -> None:
    curve = curve_of([0.7 / 3, 0.1 + 0.2, 0.7], parts=[[(7, 30)], [(3, 10)], [(7, 10)]])
    line = band("x", [curve])
    assert (line.mean < line.low).any(), "one group: the same figure, rounded otherwise"
    assert draw_curves([line], [], None, {}, "IoU").startswith(b"\x89PNG")


def test_chance_is_the_baseline_whatever_the_order(tmp_path: Path) -> None:
    create(tmp_path / "e", replace(TOLD, strategy="foreground-random", rounds=2), baselines=["random"])
    run(tmp_path / "e")
    report(tmp_path / "e", tmp_path / "r")
    content = read_json(tmp_path / "r" / "curves.json")
    assert content["baseline"] == "random"
    assert content["strategies"]["foreground-random"]["saved_over"]["random"]["low"] is None


def test_arms_that_have_not_begun_are_left_out(tmp_path: Path) -> None:
    made = create(tmp_path / "e", TOLD, seeds=[0, 1])
    with pytest.raises(SelectionError, match="no round is done yet"):
        report(tmp_path / "e", tmp_path / "r")
    run_rounds(made.arm("coral", 0))
    files = report(tmp_path / "e", tmp_path / "r")
    assert "Left out are 1 of the arms" in files[0].read_text()
    assert read_json(tmp_path / "r" / "curves.json")["strategies"]["coral"]["seeds"] == 1


def test_other_evaluation_sets_are_not_compared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("one", "two"):
        monkeypatch.setattr(rounds_made.Points, "judged_by", lambda self, name=name: name)
        create(tmp_path / name, replace(TOLD, rounds=1))
        run(tmp_path / name)
    with pytest.raises(SelectionError, match="judged by other evaluation sets"):
        compare([tmp_path / "one", tmp_path / "two"], tmp_path / "r")
