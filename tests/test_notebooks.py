"""The notebooks run from top to bottom on the data that they make, and show what they promise."""

import csv
import json
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from ceruleanml.selection.embedding_files import read_embeddings

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"


@pytest.fixture
def kernels(tmp_path, monkeypatch):
    """Kernels of this Python that keep their files, and those of the notebooks, in the test's folder."""
    for name in ("TMPDIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR", "IPYTHONDIR"):
        folder = tmp_path / name.lower()
        folder.mkdir()
        monkeypatch.setenv(name, str(folder))
    monkeypatch.setenv("JUPYTER_PLATFORM_DIRS", "1")
    return tmp_path


def execute(name, folder):
    """All outputs of a notebook, and the folder that it worked in."""
    notebook = nbformat.read(NOTEBOOKS / name, as_version=4)
    assert not any(cell.get("outputs") for cell in notebook.cells), "commit it without outputs"
    resources = {"metadata": {"path": str(folder)}}
    NotebookClient(notebook, timeout=600, kernel_name="python3", resources=resources).execute()
    (work,) = (path for path in (folder / "tmpdir").iterdir() if (path / "experiment").is_dir())
    return [output for cell in notebook.cells for output in cell.get("outputs", ())], work


def printed(outputs, stream):
    return "".join(output.text for output in outputs if output.output_type == "stream" and output.name == stream)


def pictures(outputs):
    return [output.data["image/png"] for output in outputs if "image/png" in output.get("data", {})]


def picks(path):
    with path.open(newline="") as file:
        return [row["tile_id"] for row in csv.DictReader(file)]


@pytest.mark.parametrize(
    ("name", "strategy", "shown"), [("catalogue_rounds", "uncertainty", 4), ("spectra_rounds", "vote-entropy", 4)]
)
def test_a_notebook_runs_and_shows_its_rounds(kernels, name, strategy, shown):
    outputs, work = execute(f"{name}.ipynb", kernels)
    assert printed(outputs, "stderr") == ""
    assert printed(outputs, "stdout").count("all 3 rounds are done") == 2
    assert len(pictures(outputs)) == shown
    curves = json.loads((work / "report" / "curves.json").read_text())["strategies"]
    for arm in (strategy, "random"):
        record = work / "experiment" / "arms" / arm / "seed_0" / "round_002" / "round.json"
        last = json.loads(record.read_text())
        assert curves[arm]["labels"] == [12, 24, 36] and last["labels"] == 36
        assert (
            curves[arm]["mean"][2] == pytest.approx(last["figures"][last["main"]]) and 0.5 < curves[arm]["mean"][2] < 1
        )
    arm = work / "experiment" / "arms" / strategy / "seed_0"
    asked, begun = picks(arm / "round_000" / "selection" / "selection.csv"), picks(arm / "start" / "selection.csv")
    chosen = picks(work / "selection" / "selection.csv")
    pool = read_embeddings(work / "scores" / "embeddings.parquet").ids
    assert len(asked) == 12 and not set(asked) & set(begun)
    assert chosen and len(set(chosen)) == len(chosen) and set(chosen) <= set(pool)
    if name == "spectra_rounds":
        assert not set(chosen) & {*asked, *begun}
        found = dict(line.split() for line in printed(outputs, "stdout").splitlines() if line.startswith("line_"))
        assert float(found["line_completeness"]) > 0.6 and float(found["line_purity"]) > 0.7
