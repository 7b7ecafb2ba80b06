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


LEARNT = ("train_unet", "evaluation", "active_learning_curves", "predictions_on_a_map")
"""They go on from one U-Net, and each would train it were it alone."""
OTHERS = ("dataset_statistics", "train_maskrcnn", "sentinel1_products")
ROUNDS = {"catalogue_rounds": "uncertainty", "spectra_rounds": "vote-entropy"}
"""And the strategy of each that is not random."""


def executed_together(names, folder):
    """The outputs of notebooks in one kernel, so that PyTorch is loaded once; each must import all that it uses."""
    notebooks = {name: nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4) for name in names}
    assert not any(cell.get("outputs") for one in notebooks.values() for cell in one.cells), "commit without outputs"
    cells = {name: [nbformat.v4.new_code_cell("%reset -f"), *one.cells] for name, one in notebooks.items()}
    whole = nbformat.v4.new_notebook(cells=[cell for one in cells.values() for cell in one])
    resources = {"metadata": {"path": str(folder)}}
    NotebookClient(whole, timeout=600, kernel_name="python3", resources=resources).execute()
    return {name: [output for cell in one for output in cell.get("outputs", ())] for name, one in cells.items()}


def test_the_notebooks_round_one_unet_run_and_show_what_they_promise(kernels):
    outputs = executed_together(LEARNT, kernels)
    work = kernels / "work"
    assert {name: printed(one, "stderr") for name, one in outputs.items()} == dict.fromkeys(LEARNT, "")
    assert {name: len(pictures(one)) for name, one in outputs.items()} == {
        "train_unet": 2, "evaluation": 5, "active_learning_curves": 1, "predictions_on_a_map": 1,
    }  # fmt: skip
    slick = json.loads((work / "evaluation" / "evaluation.json").read_text())["all"]["figures"]["slick"]
    floor = json.loads((work / "floor" / "evaluation.json").read_text())["all"]["figures"]["slick"]
    assert floor["iou"]["value"] < slick["iou"]["value"] and slick["iou"]["value"] > 0.3
    found = [json.loads(path.read_text())["features"] for path in (work / "predictions").glob("S1*.geojson")]
    assert len(found) == 2 and sum(map(len, found)) > 0
    curves = json.loads((work / "rounds" / "report" / "curves.json").read_text())["strategies"]
    assert {name: one["labels"] for name, one in curves.items()} == {"default": [4, 8], "random": [4, 8]}
    assert min(one["mean"][-1] for one in curves.values()) > 0.1, "each begins from the earlier model"


def test_the_notebooks_that_need_no_unet_run_and_show_what_they_promise(kernels):
    outputs = executed_together(OTHERS, kernels)
    work = kernels / "work"
    assert {name: printed(one, "stderr") for name, one in outputs.items()} == dict.fromkeys(OTHERS, "")
    assert {name: len(pictures(one)) for name, one in outputs.items()} == {
        "dataset_statistics": 2, "train_maskrcnn": 1, "sentinel1_products": 1,
    }  # fmt: skip
    scenes = sorted(path.stem for path in (work / "raw" / "scenes").glob("*.tif"))
    assert (work / "next.list").read_text().split() == scenes and len(scenes) == 6


def test_every_notebook_is_listed_and_run():
    names = {path.stem for path in NOTEBOOKS.glob("*.ipynb")}
    text = (NOTEBOOKS / "README.md").read_text()
    assert names == {*LEARNT, *OTHERS, *ROUNDS}
    assert all(f"[{name}]({name}.ipynb)" in text for name in names)


def printed(outputs, stream):
    return "".join(output.text for output in outputs if output.output_type == "stream" and output.name == stream)


def pictures(outputs):
    return [output.data["image/png"] for output in outputs if "image/png" in output.get("data", {})]


def picks(path):
    with path.open(newline="") as file:
        return [row["tile_id"] for row in csv.DictReader(file)]


def test_the_notebooks_of_rounds_run_and_show_what_they_promise(kernels):
    outputs = executed_together(tuple(ROUNDS), kernels)
    assert {name: printed(one, "stderr") for name, one in outputs.items()} == dict.fromkeys(ROUNDS, "")
    assert {name: len(pictures(one)) for name, one in outputs.items()} == dict.fromkeys(ROUNDS, 4)
    for name, strategy in ROUNDS.items():
        told = printed(outputs[name], "stdout")
        assert told.count("all 3 rounds are done") == 2
        (arm,) = (kernels / "tmpdir").glob(f"*/experiment/arms/{strategy}/seed_0")
        work = arm.parents[3]
        curves = json.loads((work / "report" / "curves.json").read_text())["strategies"]
        for one in (strategy, "random"):
            last = json.loads((arm.parents[1] / one / "seed_0" / "round_002" / "round.json").read_text())
            assert curves[one]["labels"] == [12, 24, 36] and last["labels"] == 36
            mean = curves[one]["mean"][2]
            assert mean == pytest.approx(last["figures"][last["main"]]) and 0.5 < mean < 1
        asked, begun = picks(arm / "round_000" / "selection" / "selection.csv"), picks(arm / "start" / "selection.csv")
        chosen = picks(work / "selection" / "selection.csv")
        pool = read_embeddings(work / "scores" / "embeddings.parquet").ids
        assert len(asked) == 12 and not set(asked) & set(begun)
        assert chosen and len(set(chosen)) == len(chosen) and set(chosen) <= set(pool)
        if name == "spectra_rounds":
            assert not set(chosen) & {*asked, *begun}
            found = dict(line.split() for line in told.splitlines() if line.startswith("line_"))
            assert float(found["line_completeness"]) > 0.6 and float(found["line_purity"]) > 0.7
