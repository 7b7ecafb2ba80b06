#!/usr/bin/env python
"""The loop on real data that is not part of this project: oil-spill image pairs, and one scene off Cape Hatteras.

The pairs go through make-dataset, train, evaluate and three rounds of `ceruleanml loop`; the scene through
make-dataset, predict and the annotation page. Run again, it skips what is done and goes on where it was killed.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import sos_lists
import typer
from demo_real_report import write_report
from demo_stages import Stage, carry_out, settle, tell, train, verb

from ceruleanml.cli.script import run
from ceruleanml.errors import UsageError
from ceruleanml.storage import make_folder, write_bytes

PAIRS, SCENE, SEA = "sos-sentinel1", "hatteras/iw-vv.tiff", "skytruth/ocean_lowres.geojson"
NEEDED = (f"{PAIRS}/images", f"{PAIRS}/masks", SCENE, SEA)
OUTLINE = Path(__file__).resolve().parents[1] / "tests" / "data_hatteras_outline.geojson"
"""The scene's one thin slick, outlined by this project on enlarged pictures."""
CLASSES = ("natural_seep", "coincident_vessel", "recent_vessel", "old_vessel", "ambiguous")
"""Learned as infra_slick: whether it is a slick is enough to ask of one small model."""
PAIR_PX, LEARNED_PX, ROUNDS_PX = 256, 128, 64
SCENE_M, SIMULATED_M, TILE_PX, SIMULATED_PX = 200, 100, 128, 512
"""The scene comes at 200 m. Its slick is two or three pixels wide, as simulated ones are at 100 m: at 200 m most of
those would be narrower than a pixel."""
QUEUED = 12
ROUNDS = 3


@dataclass(frozen=True)
class Settings:
    """What the demo is made with; one folder holds the results of one."""

    data: str
    seed: int = 0
    pairs: int = 560
    epochs: int = 8
    labels: int = 40
    round_epochs: int = 16
    scenes: int = 60
    scene_epochs: int = 24
    weights: str = "none"


def stages(out: Path, told: Settings, workers: int = 2) -> Iterator[Stage]:
    """Both parts, in order; so many arms of the rounds run side by side, which changes no result."""
    yield from _pairs(out / "sos", Path(told.data) / PAIRS, told, workers)
    yield from _scene(out / "hatteras", Path(told.data), told)


def _pairs(out: Path, pairs: Path, told: Settings, workers: int) -> Iterator[Stage]:
    """Real images with masks: a model beside the floor, and rounds that reveal the masks."""
    tiles = ("--labels", pairs / "masks", "--tile-size", PAIR_PX)
    yield Stage("sos sets", "Image pairs: lists by blocks of neighbours, data sets", 20, [
        lambda: _share_out(pairs, out, told),
        *(["make-dataset", out / f"{name}.txt", *tiles, "--out", out / name] for name in ("train", "held_out")),
        ["describe", out / "train", "--figure", out / "train.png"],
    ], ["sos/train", "sos/held_out"])  # fmt: skip
    yield Stage("sos train", f"Image pairs: training a U-Net, {told.epochs} epochs", 300, [
        lambda: train(
            out / "run", f"data.train={out / 'train'}", "data.validation_share=0.1", f"data.tile_px={LEARNED_PX}",
            "data.batch_size=8", f"model.pretrained={told.weights}", f"trainer.epochs={told.epochs}", "trainer.lr=2e-3",
            "trainer.ema_decay=0.98", "trainer.keep=last", "trainer.checkpoint_minutes=0.5",
            f"trainer.seed={told.seed}",
        ),
    ], ["sos/run"])  # fmt: skip
    yield Stage("sos evaluate", "Image pairs: judging it beside a blur and a threshold", 60, [
        ["evaluate", "floor", out / "held_out", "--out", out / "floor"],
        ["evaluate", out / "run", out / "held_out", "--out", out / "evaluation"],
        ["compare", out / "floor", out / "evaluation", "--out", out / "compared"],
    ], ["sos/evaluation/report.html", "sos/compared/compare.html"])  # fmt: skip
    yield Stage("sos rounds", f"Image pairs: {ROUNDS} rounds, chosen against random", 240, [
        lambda: _create_rounds(out, told),
        ["loop", "run", out / "rounds", "--workers", workers],
        ["loop", "report", out / "rounds"],
    ], ["sos/rounds/report/report.html"])  # fmt: skip


def _scene(out: Path, data: Path, told: Settings) -> Iterator[Stage]:
    """The real scene: a model that saw simulated ones in the same units, what it finds, and the page to mend that."""
    simulated, scene = out / "simulated", data / SCENE
    size = ("--height", SIMULATED_PX, "--width", SIMULATED_PX, "--resolution", SIMULATED_M)
    tiles = ("--tile-size", TILE_PX, "--resolution")
    yield Stage("simulate", f"Scene: simulating {told.scenes} small scenes to learn from", 45, [
        ["simulate-scenes", simulated, "--scenes", told.scenes, *size, "--format", "geotiff", "--labels", "geojson",
         "--slick-free", 0.1, "--seed", told.seed + 1],
        ["make-dataset", simulated / "scenes", "--labels", simulated / "labels", *tiles, SIMULATED_M, "--min-valid",
         0.5, "--out", out / "learned"],
    ])  # fmt: skip
    merged = ", ".join(f"{name}: infra_slick" for name in CLASSES)
    yield Stage("scene train", f"Scene: training a U-Net on the simulated ones, {told.scene_epochs} epochs", 240, [
        lambda: train(
            out / "run", f"data.train={out / 'learned'}", "data.validation_share=0.05",
            f"data.merge_classes={{{merged}}}", "data.negative_ratio=1", f"data.crop_px={TILE_PX // 2}",
            "data.batch_size=8", f"model.pretrained={told.weights}", "loss.class_weights={infra_slick: 5}",
            f"trainer.epochs={told.scene_epochs}", "trainer.lr=3e-3", "trainer.ema_decay=0.95", "trainer.keep=last",
            "trainer.checkpoint_minutes=0.5", f"trainer.seed={told.seed}",
        ),
    ], ["hatteras/run"])  # fmt: skip
    yield Stage("scene sets", "Scene: its slick's outline to the label store, data sets with and without it", 10, [
        ["annotate", "import", OUTLINE, "--store", out / "labels", "--scenes", scene],
        ["make-dataset", scene, "--labels", out / "labels", *tiles, SCENE_M, "--out", out / "labelled"],
        ["make-dataset", scene, *tiles, SCENE_M, "--min-valid", 0.5, "--out", out / "pool"],
    ], ["hatteras/labels", "hatteras/labelled"])  # fmt: skip
    yield Stage("scene predict", "Scene: finding slicks, and judging them by the outline", 30, [
        ["predict", out / "run", scene, "--resolution", SCENE_M, "--ocean", data / SEA, "--out",
         out / "slicks"],
        ["evaluate", out / "run", out / "labelled", "--out", out / "evaluation"],
    ], ["hatteras/slicks", "hatteras/evaluation/report.html"])  # fmt: skip
    yield Stage("scene page", f"Scene: choosing {QUEUED} tiles, preparing the annotation page", 30, [
        ["score", out / "run", out / "pool", "--out", out / "scores"],
        ["embed", out / "pool", "--model", out / "run", "--out", out / "embeddings.parquet"],
        ["select", "--scores", out / "scores", "--embeddings", out / "embeddings.parquet", "--pool", out / "pool",
         "-n", QUEUED, "--strategy", "coral", "--score", "entropy_window", "--out", out / "selection",
         "--seed", told.seed],
        ["annotate", "prepare", scene, "--selection", out / "selection", "--dataset", out / "pool", "--predictions",
         out / "slicks", "--overlay", f"sea={data / SEA}", "--out", out / "page", "--title",
         "Off Cape Hatteras: the tiles that would teach most"],
    ], ["hatteras/page/index.html"])  # fmt: skip


def _share_out(pairs: Path, out: Path, told: Settings) -> None:
    """Lists of an even share of the pairs to learn from, and of others, of other blocks, to judge by."""
    sos_lists.main(str(pairs), str(out / "all"), str(told.seed))
    lists = {name: (out / "all" / f"{name}.txt").read_text().splitlines() for name in ("train", "held_out")}
    step = max(1, round(len(lists["train"]) / told.pairs))
    shares = {name: lines[::step] for name, lines in lists.items()}
    for name, lines in shares.items():
        write_bytes(out / f"{name}.txt", "".join(f"{line}\n" for line in lines).encode())


def _create_rounds(out: Path, told: Settings) -> None:
    """Write the instructions of the rounds, or leave those of rounds that were begun."""
    folder = out / "rounds"
    if (folder / "experiment.json").is_file():
        return
    shutil.rmtree(folder, ignore_errors=True)
    settings = (
        f"data.tile_px={ROUNDS_PX}", "data.batch_size=8", f"model.pretrained={told.weights}",
        f"trainer.epochs={told.round_epochs}", "trainer.lr=2e-3", "trainer.threads=1", "logger=jsonl",
        "augmentation=flips",
    )  # fmt: skip
    verb(
        "loop", "create", folder, "--pool", out / "train", "--evaluation", out / "held_out", "--baseline", "random",
        "--first", told.labels, "-n", told.labels, "--rounds", ROUNDS, "--seeds", told.seed,
        *(word for setting in settings for word in ("--train", setting)),
    )  # fmt: skip


def check_data(data: Path) -> None:
    """Raise UsageError naming what is not in the folder of real data."""
    missing = [name for name in NEEDED if not (data / name).exists()]
    if len(missing) == len(NEEDED):
        raise UsageError(f"{data}: holds no real data, such as {NEEDED[0]}; say where it lies, REAL=FOLDER")
    if missing:
        raise UsageError(f"{data}: {' and '.join(missing)} missing; bring back what is not there")


def demo_real(
    data: Annotated[Path, typer.Argument(help=f"Folder with {', '.join(NEEDED)}.")],
    out: Annotated[Path, typer.Argument(help="Folder for everything that is made.")] = Path("demo-real"),
    seed: Annotated[int, typer.Option(help="Seed of every random choice.")] = 0,
    pairs: Annotated[int, typer.Option(help="About how many image pairs to learn from.")] = 560,
    epochs: Annotated[int, typer.Option(help="Epochs of the training on image pairs.")] = 8,
    labels: Annotated[int, typer.Option(help="Labels of each round.")] = 40,
    round_epochs: Annotated[int, typer.Option(help="Epochs of each training in the rounds.")] = 16,
    scenes: Annotated[int, typer.Option(help="Scenes simulated for the real one's model.")] = 60,
    scene_epochs: Annotated[int, typer.Option(help="Epochs of the training on simulated scenes.")] = 24,
    workers: Annotated[int, typer.Option(help="Arms of the rounds run side by side.")] = 2,
    weights: Annotated[str, typer.Option(help="First weights: PATH of torchvision's MobileNetV2, or none.")] = "none",
) -> int:
    """Turn the loop on real data; OUT/report.html shows what came of it."""
    data = data.resolve()  # lists of images name them from where the list lies
    check_data(data)
    told = Settings(str(data), seed, pairs, epochs, labels, round_epochs, scenes, scene_epochs, weights)
    settle(make_folder(out), asdict(told))
    todo = list(stages(out, told, workers))
    carry_out(out, todo)
    for line in write_report(out, data / SCENE, weights != "none"):
        print(line)
    tell(out, todo)
    print(f"The report: {out / 'report.html'}")
    return 0


if __name__ == "__main__":
    run(demo_real)
