"""Builds that go wrong: one line that says what, nothing half-written, nothing of the user's lost."""

import fcntl
import json
import os
import resource
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import pytest
from builds_made import RED, build, coco_of, command, contents, options, slick
from scenes_made import pixels, write_photopea, write_png

from ceruleanml import parallel
from ceruleanml.datasets.build import make_dataset
from ceruleanml.datasets.estimate import estimate
from ceruleanml.datasets.options import BuildOptions
from ceruleanml.errors import DatasetError, StorageError, UsageError
from ceruleanml.scenes.context import parse_context


def test_one_bad_scene_is_reported_and_the_rest_built(photopea):
    background = photopea / "in" / "b" / "Background.png"
    background.write_bytes(background.read_bytes()[:3000])
    report = build(photopea)
    assert list(report.failed) == ["b"] and "Background.png: is truncated" in report.failed["b"]
    manifest = json.loads((photopea / "out" / "dataset.json").read_text())
    assert manifest["scenes"]["b"]["state"] == "failed" and manifest["scenes"]["a"]["state"] == "built"
    assert not [image for image in coco_of(photopea / "out")["images"] if image["scene_id"] == "b"]
    assert not list((photopea / "out" / "tiles").glob("b_*"))


def test_nothing_is_left_when_no_scene_can_be_built(photopea):
    shutil.rmtree(photopea / "gcps")
    with pytest.raises(DatasetError, match=r"no scene could be built: .*a\.json: is missing.* \(and 2 more failed\)"):
        build(photopea)
    assert sorted(path.name for path in photopea.iterdir()) == ["in"]


def test_a_mended_scene_joins_the_others(photopea):
    background = photopea / "in" / "b" / "Background.png"
    whole = background.read_bytes()
    background.write_bytes(whole[:3000])
    first = build(photopea)
    untouched = photopea / "out" / "tiles" / "a_00000_00000.tif"
    inode = untouched.stat().st_ino
    again = build(photopea)
    assert list(first.failed) == list(again.failed) == ["b"]
    background.write_bytes(whole)
    mended = build(photopea)
    assert mended.failed == {} and mended.tiles > first.tiles
    assert untouched.stat().st_ino == inode, "it was built again"
    build(photopea, "straight")
    assert contents(photopea / "out") == contents(photopea / "straight")
    assert sorted(path.name for path in photopea.iterdir()) == ["gcps", "in", "out", "straight"]


def new_label(folder):
    write_photopea(folder / "in" / "c", pixels(3), {"red_1": (RED, slick(slice(5, 9), slice(5, 9)))})


def changed_label(folder):
    shutil.copy(folder / "in" / "b" / "natural_seep_1.png", folder / "in" / "a" / "coincident_vessel_1.png")


def changed_image(folder):
    path = write_png(folder / "in" / "a" / "Background.png", pixels(99))
    os.utime(path, (time.time() + 1, time.time() + 1))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (new_label, "out: was built from other labels of c; remove it"),
        (changed_label, "coincident_vessel_1.png; remove it"),
        (changed_image, "Background.png; remove it"),
    ],
)
def test_changed_inputs_are_noticed(photopea, change, message):
    build(photopea)
    change(photopea)
    with pytest.raises(DatasetError, match=message):
        build(photopea)


def test_out_in_a_bucket_is_refused(photopea):
    with pytest.raises(StorageError, match="lies in a bucket, where this command writes nothing"):
        make_dataset([str(photopea / "in")], Path("gs://bucket/out"), options(photopea))


def test_out_holds_something_else(photopea):
    (photopea / "out").mkdir()
    (photopea / "out" / "thesis.txt").write_text("precious")
    with pytest.raises(DatasetError, match="out: exists and is no data set; choose another --out"):
        build(photopea)
    assert (photopea / "out" / "thesis.txt").read_text() == "precious"
    build(photopea, "mine")
    with pytest.raises(DatasetError, match="mine: was built from other arguments \\(seed\\); remove it"):
        build(photopea, "mine", seed=1)


def test_an_empty_out_folder_is_taken(photopea):
    (photopea / "out").mkdir()
    assert build(photopea).tiles > 0


def test_two_builders_of_one_data_set(photopea):

    with (photopea / ".out.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(StorageError, match="out: is being built by another process"):
            build(photopea)


def test_full_disk_stops_with_one_line_and_continues_after(photopea):
    def small_files():
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))

    run = subprocess.run(command(photopea), preexec_fn=small_files, capture_output=True, text=True)
    assert run.returncode == 2 and run.stderr.count("\n") == 1 and "cannot be written: File too large" in run.stderr
    assert not (photopea / "out").exists()
    assert subprocess.run(command(photopea), capture_output=True).returncode == 0


def test_no_permission(photopea):
    """Root may do anything, so a child gives root up first."""
    with tempfile.TemporaryDirectory() as temporary:
        open_to_all = Path(shutil.copytree(photopea, Path(temporary) / "copy"))
        for path in (Path(temporary), *Path(temporary).rglob("*")):
            path.chmod(0o755 if path.is_dir() else 0o644)
        build(open_to_all, "warm")  # what loads lazily is loaded before the child loses its rights
        (open_to_all / "closed").mkdir(mode=0o555)
        child = os.fork()
        if child == 0:
            try:
                if os.getuid() == 0:
                    os.setuid(65534)
                build(open_to_all, "closed/out")
            except StorageError as error:
                os._exit(0 if str(error).endswith("closed/out: cannot be written: Permission denied") else 1)
            finally:
                os._exit(2)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"min_valid": 1.5}, "min-valid 1.5 cannot be"),
        ({"empty_tiles": -1}, "empty-tiles -1 cannot be"),
        ({"mask_threshold": 300}, "mask-threshold 300"),
        ({"tile_size": None, "stride": (5, 5)}, "a stride needs a tile size"),
        ({"grid": "serving", "resolution_m": 10.0}, "serving grid has its own resolution"),
        ({"grid": "mercator"}, "choose native or serving"),
        ({"seed": -1}, "seed -1 cannot be"),
        ({"mask_class": "whale"}, "'whale' is not in the class table"),
        ({"context": (parse_context("full"), parse_context("full"))}, "stands twice"),
        ({"stride": (40, 40)}, "would leave gaps"),
    ],
)
def test_options_that_cannot_be(photopea, changed, message):
    from ceruleanml.errors import CeruleanError

    with pytest.raises(CeruleanError, match=message):
        build(photopea, **changed)
    assert sorted(path.name for path in photopea.iterdir()) == ["gcps", "in"]


@pytest.mark.parametrize("workers", [0, -3])
def test_workers_that_cannot_be(photopea, workers):
    with pytest.raises(UsageError, match="give 1 or more"):
        build(photopea, workers=workers)


def test_a_scheduler_that_does_not_answer(photopea, monkeypatch):
    from ceruleanml.datasets.build import make_dataset as make

    monkeypatch.setattr(parallel, "ANSWER", "1s")
    with pytest.raises(UsageError, match="tcp://127.0.0.1:9: no Dask scheduler answers"):
        make([str(photopea / "in")], photopea / "out", options(photopea), scheduler="tcp://127.0.0.1:9")


def test_estimate_counts_at_most_and_writes_nothing(photopea):
    found = estimate([str(photopea / "in")], options(photopea))
    report = build(photopea)
    assert (found.scenes, found.instances, found.failed) == (3, 3, {})
    assert report.tiles <= found.tiles and found.raw_bytes == found.tiles * 32 * 32
    shutil.rmtree(photopea / "out")
    estimate([str(photopea / "in")], options(photopea))
    assert sorted(path.name for path in photopea.iterdir()) == ["gcps", "in"]


def test_a_grid_is_asked_of_an_image_without_georeference(tmp_path):
    write_png(tmp_path / "in" / "s.png", pixels())
    with pytest.raises(DatasetError, match=r"s\.png: has no georeference; name its companion file"):
        make_dataset([str(tmp_path / "in")], tmp_path / "out", BuildOptions(grid="serving"))
