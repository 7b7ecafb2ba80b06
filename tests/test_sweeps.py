"""A sweep by scripts/train.py: each combination in a folder of its own, side by side in TensorBoard."""

from pathlib import Path

import yaml
from datasets_made import box_mask, make_dataset_folder, speckle
from processes import finished
from tensorboard.backend.event_processing.event_multiplexer import EventMultiplexer

SCRIPT = Path(__file__).parents[1] / "scripts" / "train.py"


def test_each_combination_trains_in_its_own_folder(tmp_path, warm_cli):
    slick = box_mask(slice(8, 20), slice(6, 24))
    tiles = {name: [((0, 0), speckle(seed), [(1, f"{name}/1", slick)])] for seed, name in enumerate("abcd")}
    make_dataset_folder(tmp_path / "train", tiles)
    make_dataset_folder(tmp_path / "validation", {"v": [((0, 0), speckle(9), [(1, "v/1", slick)])]})
    words = ("data.train=train", "data.validation=validation", "run=sweep", "trainer.epochs=1", "trainer.device=cpu",
             "trainer.threads=1", "data.batch_size=2", "loss=focal,dice", "trainer.seed=0,1")  # fmt: skip
    ended = finished([warm_cli / "python", SCRIPT, "--multirun", *words], cwd=tmp_path)
    assert ended.returncode == 0, ended.stderr
    configs = {path.parent.name: yaml.safe_load(path.read_text()) for path in tmp_path.glob("sweep/*/config.yaml")}
    assert {name: (one["loss"]["name"], one["trainer"]["seed"]) for name, one in configs.items()} == {
        "000": ("focal", 0), "001": ("focal", 1), "002": ("dice", 0), "003": ("dice", 1)
    }  # fmt: skip
    assert all((tmp_path / "sweep" / name / "model.json").is_file() for name in configs)
    shown = EventMultiplexer().AddRunsFromDirectory(str(tmp_path / "sweep")).Reload()
    runs = {name: tags["scalars"] for name, tags in shown.Runs().items()}
    assert runs.keys() == {f"{name}/tensorboard" for name in configs}
    assert all("train/loss" in tags for tags in runs.values())
