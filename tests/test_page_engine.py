"""The page's mask engine in node: its own tests, a file of them at a time."""

import re
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent / "page_engine"
ENGINE = HERE.parents[1] / "data-processing" / "public" / "js" / "engine"
SUITES = sorted(path.name for path in HERE.glob("*.test.mjs"))


def test_there_are_suites():
    assert len(SUITES) >= 8


@pytest.mark.parametrize("suite", SUITES)
def test_engine(suite):
    done = subprocess.run(
        ["node", "--test", "--test-reporter=tap", suite], cwd=HERE, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    passed = re.search(r"^# pass (\d+)$", done.stdout, re.MULTILINE)
    assert passed and int(passed[1]) > 0


@pytest.mark.parametrize("path", sorted(ENGINE.glob("*.js")), ids=lambda path: path.name)
def test_scripts_are_small_and_touch_no_page(path):
    text = path.read_text(encoding="utf-8")
    assert text.count("\n") < 300
    assert text.startswith('"use strict";')
    found = re.search(
        r"\b(document|location|localStorage|indexedDB|fetch|eval|Function|innerHTML|setTimeout)\b *[.(]", text
    )
    assert found is None, f"{path.name} uses {found and found[0]}"
