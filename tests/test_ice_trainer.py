"""scripts/ice_trainer.py as far as it goes without icevision; the rest is in tests/icevision."""

import subprocess
import sys
from pathlib import Path

import pytest
from datasets_made import make_dataset_folder, speckle

ROOT = Path(__file__).parents[1]
SCRIPTS = ROOT / "scripts"


def ice_trainer(*arguments, before="pass"):
    """Its exit status and what it said last, after some Python has run."""
    code = (
        f"import sys; sys.path.insert(0, {str(SCRIPTS)!r}); {before}; import ice_trainer; sys.exit(ice_trainer.main())"
    )
    done = subprocess.run([sys.executable, "-c", code, *map(str, arguments)], capture_output=True, text=True)
    return done.returncode, done.stderr.strip().splitlines()[-1]


def test_without_icevision_it_names_the_target_that_adds_it(tmp_path):
    folder = make_dataset_folder(tmp_path / "set", {"a": [((0, 0), speckle(1), ())]})
    missing = "sys.modules['icevision'] = None"
    status, line = ice_trainer(folder, "--run", tmp_path / "run", before=missing)
    assert status == 2
    assert line.endswith("icevision is not installed, or not whole; add it with make setup-icevision")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--epochs", "0"], "trainer.epochs 0 cannot be; give 1 to 100000 epochs"),
        (["--merge-class", "old_vessel"], "--merge-class old_vessel: say which counts as which"),
    ],
)
def test_options_that_cannot_be_end_in_one_line(tmp_path, arguments, message):
    status, line = ice_trainer("set", "--run", tmp_path / "run", *arguments)
    assert status == 2 and message in line


def test_a_run_folder_that_holds_something_is_left_alone(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "weights.pt").write_text("mine")
    status, line = ice_trainer("set", "--run", tmp_path / "run")
    assert status == 2 and "holds something already; choose another folder, or remove it" in line
    assert (tmp_path / "run" / "weights.pt").read_text() == "mine"


def test_the_list_of_setup_icevision_moves_no_version_that_the_rest_needs():
    """It is installed without dependencies, so nothing changes but what it names."""
    ours, theirs = (
        dict(
            line.lower().replace("_", "-").split("==")
            for line in (ROOT / name).read_text().splitlines()
            if line[0] != "#"
        )
        for name in ("constraints.txt", "constraints-icevision.txt")
    )
    assert theirs["icevision"] == "0.12.0" and ours.keys() & theirs.keys() == set()
