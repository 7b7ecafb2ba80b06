"""What the pages show is what their commands print: each is run in order, as its reader would (see warm_cli.py)."""

import os
import re
import sys
from pathlib import Path

import pytest
from processes import finished

from ceruleanml.storage import read_json

ROOT = Path(__file__).parents[1]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def plain(text):
    return [line.rstrip() for line in text.splitlines() if line.strip()]


@pytest.mark.parametrize(
    "page",
    [
        "scenes",
        "labels",
        "datasets",
        "training",
        "selection",
        "ensembles",
        "evaluation",
        "inference",
        "export",
        "rounds",
        "catalogues",
        "annotation",
        "zooniverse",
        "overlays",
        "scale",
        "tutorial",
        "howto/own_classes",
        "howto/own_sensor",
        "howto/cerulean_ml_folders",
        "howto/several_annotators",
        "howto/publish_page",
        "howto/many_machines",
        "howto/cerulean_cloud",
        "howto/other_tools",
    ],
)
def test_the_page_shows_what_its_commands_print(tmp_path, page, warm_cli):
    for folder in ("scripts", "data-processing"):
        (tmp_path / folder).symlink_to(ROOT / folder)
    path = f"{warm_cli}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "CERULEANML": str(warm_cli / "ceruleanml")}
    printed, checked = "", 0
    for language, content in FENCE.findall((ROOT / "docs" / f"{page}.md").read_text()):
        if language in ("sh", "python"):
            shell = ["bash", "-e", "-c"] if language == "sh" else ["python", "-c"]
            run = finished([*shell, content], cwd=tmp_path, env=environment)
            assert run.returncode == 0, f"{content}\n{run.stderr}"
            printed = run.stdout
        elif language == "text" and printed:
            assert plain(content) == plain(printed), content
            printed, checked = "", checked + 1
    assert checked >= 1
    if page == "tutorial":
        slick = read_json(tmp_path / "evaluations/first/evaluation.json")["all"]["figures"]["slick"]
        assert slick["iou"]["value"] > 0.1 and slick["detection_rate"]["value"] > 0.2, "its model finds something"
