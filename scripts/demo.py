#!/usr/bin/env python
"""The whole loop on simulated scenes, offline: two rounds of labelling and learning, and a report that compares them.

Every stage is the commands that it prints, or a few lines of `demo_annotator.py`, which draws what a person would. Run
again, it skips what is done and goes on where it was killed; the report is then the same, byte by byte.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import typer
from demo_annotator import answer, draw_all
from demo_report import write_report
from demo_stages import Stage, carry_out, settle, tell, train

from ceruleanml.cli.script import run
from ceruleanml.storage import make_folder, read_json, write_bytes

CLASSES = ("natural_seep", "coincident_vessel", "recent_vessel", "old_vessel", "ambiguous")
"""Learned as infra_slick: twelve scenes hold too few of each."""
RESOLUTION_M, TILE_PX = 40, 128
FULL = ("--height", "16700", "--width", "25900", "--resolution", "10")
"""A whole product, as the satellite sends it."""
TILES = ("--tile-size", TILE_PX, "--resolution", RESOLUTION_M, "--min-valid", 0.5)


@dataclass(frozen=True)
class Settings:
    """What the demo is made with; one folder holds the results of one."""

    seed: int = 0
    scenes: int = 12
    side: int = 1024
    epochs: int = 60
    labels: int = 40
    full: bool = True


def stages(out: Path, told: Settings) -> Iterator[Stage]:
    """The loop, in order."""
    yield from _scenes(out, told)
    yield from _first_model(out, told)
    yield from _choosing(out, told, out / "runs" / "first", out / "parts" / "pool_scenes.txt", out)
    yield from _second_model(out, told)
    if told.full:
        yield Stage("whole product", "Finding slicks in the whole product, which no model has seen", 90, [
            ["predict", out / "runs" / "second", out / "full" / "scenes", "--out", out / "slicks", "--overlap", 0.1,
             "--batch-size", 32],
        ], ["slicks"])  # fmt: skip


def _scenes(out: Path, told: Settings) -> Iterator[Stage]:
    """Scenes, their parts, and labels of a few of them in the store."""
    raw, parts = out / "raw", out / "parts"
    size = ("--height", told.side, "--width", told.side, "--resolution", RESOLUTION_M)
    form = ("--format", "geotiff", "--labels", "geojson")
    whole = [["simulate-scenes", out / "full", "--scenes", 1, *FULL, *form, "--slick-free", 0, "--seed", told.seed + 1]]
    yield Stage("simulate", f"Simulating {told.scenes} scenes{', one of them a whole product' * told.full}", 60, [
        ["simulate-scenes", raw, "--scenes", told.scenes - told.full, *size, *form, "--slick-free", 0.2, "--seed",
         told.seed],
        *(whole if told.full else []),
    ])  # fmt: skip
    yield Stage("partition", "Parting the scenes: training, validation, test", 1, [
        ["partition", raw / "scenes", "--labels", raw / "labels", "--out", parts, "--train", 0.6, "--val", 0.1,
         "--test", 0.3, "--seed", told.seed],
        lambda: _share_out(parts, raw / "labels"),
    ])  # fmt: skip
    yield Stage("label", "Drawing all slicks of the first scenes; the other training scenes stay unlabelled", 1, [
        lambda: draw_all(parts / "first_scenes.txt", raw / "labels", out / "drawn" / "first"),
        ["annotate", "import", out / "drawn" / "first", "--store", out / "labels", "--scenes",
         parts / "first_scenes.txt"],
    ])  # fmt: skip


def _first_model(out: Path, told: Settings) -> Iterator[Stage]:
    """From the labels that there are to a model, its figures, and what it sees in the unlabelled scenes."""
    parts, sets, run, judged = (out / name for name in ("parts", "datasets", "runs/first", "evaluations"))
    truth = ("--labels", out / "raw" / "labels")
    yield Stage("datasets", "Building data sets: what is labelled, the pool, validation, test", 15, [
        ["make-dataset", parts / "first_scenes.txt", "--labels", out / "labels", "--reviewed-only", *TILES, "--out",
         sets / "first"],
        ["make-dataset", parts / "pool_scenes.txt", *TILES, "--out", sets / "pool"],
        ["make-dataset", parts / "val_scenes.txt", *truth, *TILES, "--empty-tiles", 0.2, "--out", sets / "val"],
        ["make-dataset", parts / "test_scenes.txt", *truth, *TILES, "--out", sets / "test"],
        ["describe", sets / "first", "--figure", sets / "first.png"],
        ["check", *(sets / name for name in ("first", "val", "test")), "--out", sets / "removed_samples.csv"],
    ], ["datasets/first", "datasets/first.png"])  # fmt: skip
    yield Stage("train", "Training a U-Net on what is labelled", 110, [
        lambda: _train(run, sets / "first", sets / "val", told),
    ], ["runs/first"])  # fmt: skip
    yield Stage("evaluate", "Judging it by the test scenes, beside a blur and a threshold", 25, [
        ["evaluate", run, sets / "val", "--out", judged / "first_val", "--write-card"],
        ["evaluate", run, sets / "test", "--out", judged / "first"],
        ["evaluate", "floor", sets / "test", "--out", judged / "floor"],
    ], ["evaluations/first/report.html"])  # fmt: skip
    yield Stage("predict", "Finding slicks in the unlabelled scenes", 20, [
        ["predict", run, parts / "pool_scenes.txt", "--out", out / "predictions"],
    ], ["predictions"])  # fmt: skip


def _second_model(out: Path, told: Settings) -> Iterator[Stage]:
    """From the answers on the page to a second model, and what it gained."""
    parts, sets, judged = (out / name for name in ("parts", "datasets", "evaluations"))
    yield Stage("answer", "Drawing the slicks of the tiles that were asked for", 1, [
        lambda: answer(out / "page", out / "raw" / "labels", out / "drawn" / "second"),
        ["annotate", "import", out / "drawn" / "second", "--store", out / "labels", "--page", out / "page"],
        ["labels", "list", out / "labels"],
    ], ["labels"])  # fmt: skip
    yield Stage("dataset_2", "Building the second data set, of what is labelled now", 3, [
        ["make-dataset", parts / "train_scenes.txt", "--labels", out / "labels", "--reviewed-only", *TILES, "--out",
         sets / "second"],
    ], ["datasets/second"])  # fmt: skip
    yield Stage("train_2", "Training again, from the first model", 130, [
        lambda: _train(out / "runs" / "second", sets / "second", sets / "val", told, out / "runs" / "first"),
    ], ["runs/second"])  # fmt: skip
    yield Stage("evaluate_2", "Judging it by the same test scenes, and comparing", 20, [
        ["evaluate", out / "runs" / "second", sets / "val", "--out", judged / "second_val", "--write-card"],
        ["evaluate", out / "runs" / "second", sets / "test", "--out", judged / "second"],
        ["compare", judged / "first", judged / "second", "--out", out / "compared"],
    ], ["evaluations/second/report.html", "compared/compare.html"])  # fmt: skip


def _choosing(out: Path, told: Settings, model: Path, scenes: Path, into: Path) -> Iterator[Stage]:
    """Which tiles of scenes would teach the model most, and the page to draw them on."""
    pool = (into if into != out else out / "datasets") / "pool"
    yield Stage("choose", f"Choosing the {told.labels} tiles whose labels would teach most", 35, [
        ["score", model, pool, "--out", into / "scores"],
        ["embed", pool, "--model", model, "--out", into / "embeddings.parquet"],
        ["select", "--scores", into / "scores", "--embeddings", into / "embeddings.parquet", "--pool", pool,
         "-n", told.labels, "--strategy", "uncertainty", "--score", "entropy_top", "--out", into / "selection",
         "--seed", told.seed],
    ], ["selection/report.html"])  # fmt: skip
    yield Stage("page", "Preparing the annotation page with the model's outlines", 10, [
        ["annotate", "prepare", scenes, "--selection", into / "selection", "--dataset", pool, "--predictions",
         into / "predictions", "--out", into / "page", "--title", "Demo: the tiles that would teach most"],
    ], ["page/index.html"])  # fmt: skip


def yours(out: Path, told: Settings, scene: str) -> Iterator[Stage]:
    """The same for a scene of the user's own: its slicks, what to label in it, and a page to draw on."""
    from ceruleanml.scenes.reading import scene_id_of

    mine, model = out / "yours" / scene_id_of(scene), out / "runs" / "second"
    about = f"yours/{mine.name}"
    yield Stage(f"{about}/predict", f"Finding slicks in {scene}", 60, [
        ["predict", model, scene, "--out", mine / "predictions", "--overlap", 0.1, "--batch-size", 32],
        ["make-dataset", scene, *TILES, "--out", mine / "pool"],
    ], [f"{about}/predictions"])  # fmt: skip
    for stage in _choosing(out, told, model, Path(scene), mine):
        results = [f"{about}/{one}" for one in stage.results]
        yield Stage(f"{about}/{stage.name}", stage.title, stage.seconds, stage.steps, results)


def _share_out(parts: Path, truth: Path) -> None:
    """Of the training scenes those that are labelled from the start, a third, and those that are not."""
    scenes = (parts / "train_scenes.txt").read_text().splitlines()
    shown = [one for one in scenes if read_json(truth / f"{Path(one).stem}.geojson")["features"]]
    first = shown[: max(1, len(scenes) // 3)]
    for name, some in (("first", first), ("pool", [one for one in scenes if one not in first])):
        write_bytes(parts / f"{name}_scenes.txt", "".join(f"{one}\n" for one in some).encode())


def _train(run_folder: Path, data: Path, validation: Path, told: Settings, start: Path | None = None) -> None:
    # There are more tiles then, and most of the new ones are empty: they are to be seen.
    epochs, empty = (told.epochs, 2) if start is None else (-(-2 * told.epochs // 3), 4)
    merged = ", ".join(f"{name}: infra_slick" for name in CLASSES)
    train(
        run_folder, f"data.train={data}", f"data.validation={validation}", f"data.merge_classes={{{merged}}}",
        f"data.negative_ratio={empty}", f"data.crop_px={TILE_PX // 2}", "data.batch_size=8",
        "loss.class_weights={infra_slick: 3}", f"trainer.epochs={epochs}", "trainer.lr=3e-3",
        "trainer.ema_decay=0.95", "trainer.keep=last", "trainer.checkpoint_minutes=0.5", f"trainer.seed={told.seed}",
        *([f"model.start={start}"] if start else []),
    )  # fmt: skip


def demo(
    out: Annotated[Path, typer.Argument(help="Folder for everything that is made.")] = Path("demo"),
    scene: Annotated[str, typer.Option(help="A scene of yours, too: GeoTIFF, .SAFE folder or zip.")] = "",
    seed: Annotated[int, typer.Option(help="Seed of every random choice.")] = 0,
    scenes: Annotated[int, typer.Option(help="How many scenes are simulated.")] = 12,
    side: Annotated[int, typer.Option(help="Rows and columns of a simulated scene.")] = 1024,
    epochs: Annotated[int, typer.Option(help="Epochs of each training.")] = 60,
    labels: Annotated[int, typer.Option(help="Tiles that the second round labels.")] = 40,
    full: Annotated[bool, typer.Option(help="Simulate a whole product of 10 m, too.")] = True,
) -> int:
    """Turn the loop once on simulated scenes; OUT/report.html shows what came of it."""
    from ceruleanml.scenes.reading import open_scene

    told = Settings(seed, scenes, side, epochs, labels, full)
    if scene:
        open_scene(scene)  # what cannot be read is told now and not after ten minutes
    settle(make_folder(out), asdict(told))
    todo = [*stages(out, told), *(yours(out, told, scene) if scene else ())]
    carry_out(out, todo)
    figures = write_report(out, told.full, scene)
    tell(out, todo)
    print(f"\nIoU of slick on the test scenes: {figures.before} before, {figures.after} after the new labels")
    print(f"Labels drawn: {figures.drawn}")
    print(f"The report: {out / 'report.html'}")
    return 0


if __name__ == "__main__":
    run(demo)
