"""The command line as a user meets it: real processes, their output and their exit status."""

import os
import sys
from pathlib import Path

import numpy as np
import pytest
from processes import finished
from scenes_made import HEIGHT_WIDTH, pixels, write_gcps, write_photopea, write_png

CERULEANML = Path(sys.executable).with_name("ceruleanml")


def run(*arguments, **options):
    return finished([CERULEANML, *arguments], **options)


@pytest.fixture
def scenes(tmp_path):
    mask = np.zeros(HEIGHT_WIDTH, bool)
    mask[10:20, 10:60] = True
    write_photopea(tmp_path / "in" / "a", pixels(), {"red_1": ((255, 0, 0), mask)})
    write_gcps(tmp_path / "gcps" / "a.json")
    return tmp_path


ARGUMENTS = ("make-dataset", "in", "--georeference", "gcps/{scene_id}.json", "--tile-size", "32x48")


def test_make_dataset_says_what_it_made_and_that_it_is_there(scenes):
    first, second = (run(*ARGUMENTS, "--out", "out", cwd=scenes) for _ in range(2))
    assert (first.returncode, first.stderr) == (0, "")
    assert first.stdout.startswith("out made ") and first.stdout.endswith("from 1 of 1 scene\n")
    assert second.returncode == 0 and second.stdout.startswith("out is there already: ")


def test_quiet_is_silent(scenes):
    done = run(*ARGUMENTS, "--out", "out", "--quiet", cwd=scenes)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_dry_run_writes_nothing(scenes):
    done = run(*ARGUMENTS, "--out", "out", "--dry-run", cwd=scenes)
    assert done.returncode == 0 and "1 labelled slick: at most" in done.stdout
    assert sorted(path.name for path in scenes.iterdir()) == ["gcps", "in"]


def test_a_failed_scene_is_status_three(scenes):
    write_png(scenes / "in" / "b" / "Background.png", pixels())
    done = run(*ARGUMENTS, "--out", "out", cwd=scenes)
    assert done.returncode == 3 and "from 1 of 2 scenes" in done.stdout
    assert "failed: gcps/b.json: is missing" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "nowhere: no such file or folder"),
        (["in", "--tile-size", "big"], "--tile-size 'big' is no size in pixels"),
        (["in", "--tile-size", "-5"], "--tile-size '-5' is no size in pixels"),
        (["in", "--stride", "900"], "would leave gaps"),
        (["in", "--empty-tiles", "some"], "--empty-tiles 'some' is not known; write all, none or a share"),
        (["in", "--empty-tiles", "1.5"], "give a share from 0 to 1"),
        (["in", "--grid", "utm"], "choose native or serving"),
        (["in", "--resolution", "-1"], "give a number of metres, 0.1 or more"),
        (["in", "--context", "wind"], "wind"),
        (["in", "--radiometry", "beta0"], "choose dn or sigma0_db"),
        (["in", "--db-range", "0", "-30"], "is empty"),
        (["in", "--subtract-noise"], "only from calibrated pixels"),
        (["in", "--classes", "none.toml"], "none.toml: cannot be read as a class table"),
        (["in", "--hard-negatives", "none.txt"], "--hard-negatives none.txt: cannot be read"),
        (["in", "--mask-class", "whale"], "class 'whale' is not in the class table"),
        (["in", "--workers", "0"], "give 1 or more"),
        (["in", "--workers", "two"], "--workers"),
        (["in", "--georeference", "one.json"], "must hold {scene_id}"),
        (["in", "--labels", "nowhere"], "nowhere"),
        (["in", "--colour", "red"], "No such option"),
        ([], "Missing argument"),
    ],
)
def test_mistakes_end_in_one_line_and_status_two(scenes, arguments, message):
    done = run("make-dataset", *arguments, "--out", "out", cwd=scenes)
    assert done.returncode == 2, done.stderr
    assert message in done.stderr and done.stderr.count("\n") == 1 and done.stderr.startswith("ceruleanml: ")
    assert sorted(path.name for path in scenes.iterdir()) == ["gcps", "in"]


def test_debug_shows_the_traceback(scenes):
    done = run("make-dataset", "nowhere", "--out", "out", "--debug", cwd=scenes)
    assert done.returncode == 2 and "Traceback" in done.stderr and done.stderr.endswith("matches no scene\n")


def test_version_and_help():
    import ceruleanml

    assert run("--version").stdout == f"ceruleanml {ceruleanml.__version__}\n"
    listed = run("--help").stdout
    places = [listed.index(verb) for verb in ("simulate-scenes", "partition", "make-dataset", "describe", "check")]
    assert places == sorted(places)


@pytest.mark.parametrize("group", [(), ("annotate",), ("labels",), ("loop",)])
def test_help_cuts_no_verb_s_line_short(group):
    listed = run(*group, "--help", env={**os.environ, "COLUMNS": "80"}).stdout.partition("Commands:\n")[2]
    assert listed.count("\n") >= 6 and "..." not in listed


@pytest.mark.parametrize(("told", "then"), [(None, "100000"), ("7", "7")])
def test_threads_do_not_spin_for_long_unless_told(monkeypatch, told, then):
    from ceruleanml.cli.ending import status_of
    from ceruleanml.cli.main import app

    monkeypatch.setenv("GOMP_SPINCOUNT", "")  # so that it is put back
    monkeypatch.delenv("GOMP_SPINCOUNT")
    if told:
        monkeypatch.setenv("GOMP_SPINCOUNT", told)
    assert status_of(app, ["--version"]) == 0 and os.environ["GOMP_SPINCOUNT"] == then


def test_an_unknown_verb_is_one_line():
    done = run("make-cake")
    assert done.returncode == 2 and done.stderr.count("\n") == 1 and "make-cake" in done.stderr


def test_debug_shows_what_a_scene_made_a_library_do(scenes, monkeypatch, caplog):
    """The command goes on with the other scenes; the traceback is there for who asks."""
    from ceruleanml.datasets import unit
    from ceruleanml.datasets.options import BuildOptions

    def breaks(*_):
        raise ZeroDivisionError("of a library")

    monkeypatch.setattr(unit, "label_scene", breaks)
    (scenes / "units").mkdir()
    with caplog.at_level("DEBUG", logger="ceruleanml"):
        record = unit.build_unit(str(scenes / "in" / "a"), BuildOptions(), scenes)
    assert record["scene"]["error"].endswith("a: cannot be built: ZeroDivisionError: of a library")
    assert "ZeroDivisionError" in caplog.records[0].exc_text
