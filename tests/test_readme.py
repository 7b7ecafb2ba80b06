"""README's commands run in its order; for those that cannot run here a test is named that runs them."""

import json
import os
import re
import sys
from pathlib import Path

import pytest
from commands_read import simple_commands
from docs_read import ROOT, fences, text_of
from processes import finished

RUN_ELSEWHERE = {
    "make demo": "test_demo.py::test_both_rounds_are_made_and_their_figures_told",
    "make test": ".ci/run",
    "source .venv/bin/activate": "test_readme.py::typed",
    "ceruleanml annotate serve page --store store": "test_annotate_serve.py",
    "make vm-apply syncup vm-environment": "test_vm_make.py::test_each_target_asks_for_what_it_says",
    "make ssh": "test_vm_make.py::test_ssh_runs_there_and_brings_the_ports_here_while_syncs_go_on",
    "make syncdown vm-stop": "test_vm_make.py::test_each_target_asks_for_what_it_says",
    "make cost": "test_vm_cost.py",
}
"""Commands that install, serve until they are stopped or need a cloud, and the tests that run them in another form."""
SHORTER = (
    ("run=runs/first", "run=runs/first trainer.epochs=1"),
    ("--grid serving", "--grid serving --tile-size 128"),
)
"""What is said beside README's words: a test is done in seconds."""


def scripts():
    """The shell's fences of README, in order."""
    return [fence.content for fence in fences(text_of("README.md")) if fence.language == "sh"]


def shown():
    """Every command of these, in order, each as one line."""
    return [" ".join(words) for script in scripts() for words in simple_commands(script)]


def run_here(script):
    """The lines of a fence that are to be run in these tests."""
    kept = [line for line in script.split("\n") if line.partition("#")[0].strip() not in RUN_ELSEWHERE]
    script = "\n".join(kept)
    for said, instead in SHORTER:
        script = script.replace(said, instead)
    return script


def test_every_command_is_run_here_or_by_a_test_that_exists():
    commands = shown()
    assert len(commands) > 20 and set(RUN_ELSEWHERE) <= set(commands)
    outside = [one for one in commands if not one.startswith(("ceruleanml ", "for ")) and one not in ("do", "done")]
    assert set(outside) <= set(RUN_ELSEWHERE)
    assert "\nmake test\n" in (ROOT / ".ci" / "run").read_text()
    for where in set(RUN_ELSEWHERE.values()) - {".ci/run"}:
        module, _, name = where.partition("::")
        text = (ROOT / "tests" / module).read_text()
        assert re.search(rf"^def {name or 'test_'}", text, re.MULTILINE), where


@pytest.fixture
def typed(tmp_path, warm_cli):
    """What a script prints, in a folder with its reader's `scenes`, their `labels`, and `new_scenes`."""
    path = f"{warm_cli}:{Path(sys.executable).parent}:{os.environ['PATH']}"

    def run(script):
        done = finished(["bash", "-e", "-c", script], cwd=tmp_path, env={**os.environ, "PATH": path})
        assert done.returncode == 0, f"{script}\n{done.stderr}"
        return done.stdout

    made = "--height 256 --width 256 --slick-free 0 --format geotiff --labels geojson --quiet"
    run(f"ceruleanml simulate-scenes may --scenes 8 {made}; mv may/scenes may/labels .")
    run(f"ceruleanml simulate-scenes june --scenes 2 --seed 1 {made}; mv june/scenes new_scenes")
    return run


def test_the_way_from_scenes_to_the_second_data_set(typed, tmp_path):
    printed = ""
    for script in scripts():
        if "annotate serve" in script:  # what would be drawn on the page comes from the simulator
            drawn = "ceruleanml annotate import june/labels --store store --page page --annotator you --quiet"
            script = script.replace("ceruleanml labels list", f"{drawn}\nceruleanml labels list")
        printed += typed(run_here(script))
    assert "8 of 8 scenes" in printed and "store: 10 scenes" in printed
    labelled = [len(instances(tmp_path / "datasets" / part)["annotations"]) for part in ("train", "second")]
    assert 0 < labelled[0] < labelled[1]
    for name in ("page/index.html", "next/selection.csv", "evaluations/first/report.html", "train.png"):
        assert (tmp_path / name).is_file()
    assert len(list((tmp_path / "slicks").glob("*.geojson"))) == 2


def instances(dataset):
    return json.loads((dataset / "instances.json").read_text())
