"""The demo: two rounds end to end, skipped when done, and the same report however often it was killed."""

import json
import os
import re
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import pytest
from processes import finished
from scenes_made import pixels, write_tiff

ROOT = Path(__file__).parents[1]
DEMO = ROOT / "scripts" / "demo.py"
SMALL = ("--scenes", "6", "--side", "256", "--epochs", "1", "--labels", "4", "--no-full")
KILLED_AT = (
    "raw/scenes/*.tif",
    "labels/*/*.geojson",
    "runs/first/config.yaml",
    "scores/parts/*.parquet",
    "runs/second/config.yaml",
)
WAIT_S = 300


@pytest.fixture(scope="module")
def demo(warm_cli):
    """Runs the demo in a folder."""
    return lambda folder, *more: finished([warm_cli / "python", DEMO, "demo", *SMALL, *more], cwd=folder)


@pytest.fixture(scope="module")
def made(tmp_path_factory, demo):
    """A demo that ran without a break, and what it printed."""
    folder = tmp_path_factory.mktemp("made")
    run = demo(folder)
    assert run.returncode == 0, run.stdout + run.stderr
    return folder / "demo", run.stdout


def test_both_rounds_are_made_and_their_figures_told(made):
    out, printed = made
    for name in ("first", "second"):
        assert (out / "runs" / name / "model.json").is_file() and (out / "evaluations" / name / "report.html").is_file()
    tiles = {name: len(json.loads((out / "datasets" / name / "instances.json").read_text())["images"]) for name in
             ("first", "second")}  # fmt: skip
    assert tiles["second"] == tiles["first"] + 4
    assert "IoU of slick on the test scenes: " in printed and "outlines in 4 tiles" in printed
    assert "Seconds by stage: simulate " in printed and f"The report: demo{os.sep}report.html" in printed
    for line in re.findall(r"^  (demo/\S+)$", printed, re.MULTILINE):
        assert (out.parent / line).exists(), line


def test_the_report_is_whole_in_itself(made):
    page = (made[0] / "report.html").read_text()
    assert page.count('src="data:image/png;base64,') >= 7 and not re.search(r"(src|href)=.?https?:", page)
    for link in re.findall(r'href="([^"]+)"', page):
        assert (made[0] / link).exists(), link


def test_run_again_it_skips_all_and_refuses_other_settings(demo, made):
    out, _ = made
    again = demo(out.parent)
    assert again.returncode == 0 and "\n== " not in again.stdout and again.stdout.count("is there already") >= 12
    other = demo(out.parent, "--seed", "1")
    assert other.returncode == 2 and "remove it, or name another folder" in other.stderr


def test_killed_at_five_places_it_makes_the_same_report(demo, made, warm_cli, tmp_path):
    for pattern in KILLED_AT:
        killed_at(pattern, tmp_path, warm_cli / "python")
    run = demo(tmp_path)
    assert run.returncode == 0, run.stdout + run.stderr
    assert (tmp_path / "demo" / "report.html").read_bytes() == (made[0] / "report.html").read_bytes()


def killed_at(pattern, folder, python):
    """Kill the demo, the process that `python` asked for, as soon as a file of that pattern is there."""
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [python, DEMO, "demo", *SMALL], cwd=folder, stdout=log, stderr=log, start_new_session=True
        )
        until = time.monotonic() + WAIT_S
        while not any((folder / "demo").glob(pattern)):
            assert process.poll() is None and time.monotonic() < until, (folder / "log").read_text()
            time.sleep(0.01)
        os.killpg(process.pid, signal.SIGKILL)
        assert process.wait(timeout=60) == -signal.SIGKILL
    while at_work_in(folder):
        assert time.monotonic() < until
        time.sleep(0.01)


def at_work_in(folder):
    """The processes whose working folder that is."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended, or is another user's
            if os.readlink(process / "cwd") == str(folder):
                found.append(process.name)
    return found


def test_a_scene_of_ones_own_gets_outlines_and_a_page(demo, made):
    out, _ = made
    write_tiff(out.parent / "mine.tif", pixels(0, (200, 300)))
    run = demo(out.parent, "--scene", "mine.tif")
    assert run.returncode == 0, run.stdout + run.stderr
    assert (out / "yours" / "mine" / "predictions" / "mine.geojson").is_file()
    assert (out / "yours" / "mine" / "page" / "index.html").is_file()
    assert "Your scene" in (out / "report.html").read_text()


def test_what_is_no_scene_ends_in_a_line_before_anything_is_made(demo, tmp_path):
    run = demo(tmp_path, "--scene", "nothing.tif")
    assert run.returncode == 2 and "nothing.tif" in run.stderr.splitlines()[-1]
    assert run.stdout == "" and not list(tmp_path.iterdir())
