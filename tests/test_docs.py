"""What the stage pages show is what their commands print: each is run in order, as its reader would."""

import os
import re
import sys
from pathlib import Path

import pytest
from processes import finished

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
    ],
)
def test_the_page_shows_what_its_commands_print(tmp_path, page):
    for folder in ("scripts", "data-processing"):
        (tmp_path / folder).symlink_to(ROOT / folder)
    here = Path(sys.executable).parent
    environment = {**os.environ, "PATH": f"{here}:{os.environ['PATH']}", "CERULEANML": str(here / "ceruleanml")}
    printed, checked = "", 0
    for language, content in FENCE.findall((ROOT / "docs" / f"{page}.md").read_text()):
        if language in ("sh", "python"):
            shell = ["bash", "-e", "-c"] if language == "sh" else [sys.executable, "-c"]
            run = finished([*shell, content], cwd=tmp_path, env=environment)
            assert run.returncode == 0, f"{content}\n{run.stderr}"
            printed = run.stdout
        elif language == "text" and printed:
            assert plain(content) == plain(printed), content
            printed, checked = "", checked + 1
    assert checked >= 1


def test_links_lead_somewhere():
    for page in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")):
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"
