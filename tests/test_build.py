"""Data sets from scenes: what they hold, and that they are whole, resumable and the same for any number of workers."""

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pytest
import rasterio
from pycocotools.coco import COCO
from scenes_made import HEIGHT_WIDTH, pixels, write_gcps, write_photopea, write_png, write_tiff

from ceruleanml.datasets.build import make_dataset
from ceruleanml.datasets.estimate import estimate
from ceruleanml.datasets.folder import open_dataset
from ceruleanml.datasets.options import BuildOptions
from ceruleanml.errors import DatasetError, StorageError, UsageError
from ceruleanml.scenes.context import parse_context

CERULEANML = Path(sys.executable).with_name("ceruleanml")
RED, GREEN = (255, 0, 0), (0, 255, 0)


def slick(rows, cols):
    mask = np.zeros(HEIGHT_WIDTH, bool)
    mask[rows, cols] = True
    return mask


@pytest.fixture
def photopea(tmp_path):
    """Two scenes with labels, one without; their control points beside them."""
    across = slick(slice(20, 24), slice(10, 80))
    with_hole = slick(slice(40, 52), slice(30, 45))
    with_hole[44:48, 35:40] = False
    write_photopea(tmp_path / "in" / "a", pixels(1), {"coincident_vessel_1": (RED, across)})
    write_photopea(tmp_path / "in" / "b", pixels(2), {"natural_seep_1": (GREEN, with_hole), "red": (RED, across)})
    write_photopea(tmp_path / "in" / "c", pixels(3), {})
    for name in "abc":
        write_gcps(tmp_path / "gcps" / f"{name}.json")
    return tmp_path


def options(folder, **changed):
    return BuildOptions(**{"georeference": f"{folder}/gcps/{{scene_id}}.json", "tile_size": (32, 32), **changed})


def build(folder, out="out", scenes="in", workers=1, **changed):
    return make_dataset([str(folder / scenes)], folder / out, options(folder, **changed), workers)


def contents(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def coco_of(folder):
    return json.loads((folder / "instances.json").read_text())


# ---- what it holds


def test_labels_come_back_pixel_by_pixel(photopea):
    """Each tile pixel is labelled exactly where the image pixel under its centre is."""
    across, with_hole = slick(slice(20, 24), slice(10, 80)), slick(slice(40, 52), slice(30, 45))
    with_hole[44:48, 35:40] = False
    truth_of = {"a/coincident_vessel_1": across, "b/red": across, "b/natural_seep_1": with_hole}
    build(photopea)
    coco = COCO(photopea / "out" / "instances.json")
    seen = set()
    for annotation in coco.dataset["annotations"]:
        image = coco.imgs[annotation["image_id"]]
        a, _, c, _, e, f = image["transform"]
        rows, cols = np.mgrid[: image["height"], : image["width"]]
        source_rows = np.floor((40 - (f + e * (rows + 0.5))) / 0.001).astype(int)
        source_cols = np.floor((c + a * (cols + 0.5) - 10) / 0.001).astype(int)
        inside = (source_rows < 60) & (source_cols < 90)
        truth = truth_of[annotation["slick_id"]][source_rows.clip(0, 59), source_cols.clip(0, 89)] & inside
        mask = coco.annToMask(annotation)
        np.testing.assert_array_equal(mask, truth)
        assert annotation["area"] == mask.sum() and annotation["iscrowd"] == 0
        seen.add(annotation["slick_id"])
    assert seen == set(truth_of)


def test_a_slick_cut_by_tiles_keeps_its_id(photopea):
    build(photopea)
    pieces = [a for a in coco_of(photopea / "out")["annotations"] if a["slick_id"] == "a/coincident_vessel_1"]
    assert len(pieces) >= 3 and len({piece["image_id"] for piece in pieces}) == len(pieces)
    assert {piece["category_id"] for piece in pieces} == {3}


def test_tiles_glued_back_are_the_scene(photopea):
    build(photopea, "tiles", keep_scenes=True)
    dataset = open_dataset(photopea / "tiles")
    with rasterio.open(photopea / "tiles" / "scenes" / "a.tif") as file:
        whole, tags = file.read(), file.tags()
        assert file.descriptions == ("vv",) and file.crs.to_epsg() == 4326 and file.nodata == 0
    assert tags["radiometry"] == "dn" and tags["scene_id"] == "a"
    glued = np.zeros((1, 32 * 10, 32 * 10), np.uint8)
    for tile in dataset.tiles:
        if tile.scene_id == "a":
            window = tile.window
            glued[:, window.row : window.row + 32, window.col : window.col + 32] = dataset.read(tile)
    np.testing.assert_array_equal(glued[:, : whole.shape[1], : whole.shape[2]], whole)
    assert not glued[:, whole.shape[1] :].any() and not glued[:, :, whole.shape[2] :].any()


def test_overlapping_tiles_show_the_same_pixels(photopea):
    build(photopea, "strided", stride=(20, 12), tile_size=(32, 48))
    build(photopea, "whole", tile_size=None)
    with rasterio.open(photopea / "whole" / "scenes" / "a.tif") as file:
        whole = np.zeros((file.height + 64, file.width + 64), np.uint8)
        whole[: file.height, : file.width] = file.read(1)
    dataset = open_dataset(photopea / "strided")
    tiles = [tile for tile in dataset.tiles if tile.scene_id == "a"]
    assert len(tiles) > 9
    for tile in tiles:
        w = tile.window
        np.testing.assert_array_equal(dataset.read(tile)[0], whole[w.row : w.row + 32, w.col : w.col + 48])


def test_whole_scenes(photopea):
    report = build(photopea, tile_size=None)
    coco = coco_of(photopea / "out")
    assert report.tiles == 3 and not (photopea / "out" / "tiles").exists()
    assert [image["file_name"] for image in coco["images"]] == ["scenes/a.tif", "scenes/b.tif", "scenes/c.tif"]
    assert [a["slick_id"] for a in coco["annotations"]] == ["a/coincident_vessel_1", "b/natural_seep_1", "b/red"]
    assert 0.9 < coco["images"][0]["valid_fraction"] <= 1


@pytest.mark.parametrize(("share", "low", "high"), [(0.0, 0, 0), (1.0, 1, 1), (0.5, 0.2, 0.8)])
def test_empty_tiles(photopea, share, low, high):
    everything = build(photopea, "all")
    labelled = {a["image_id"] for a in coco_of(photopea / "all")["annotations"]}
    empty = everything.tiles - len(labelled)
    kept = build(photopea, f"share{share}", empty_tiles=share, seed=4).tiles - len(labelled)
    assert low * empty <= kept <= high * empty


def test_hard_negatives_are_kept_and_shares_only_add(photopea):
    ids = {}
    for share in (0.0, 0.3, 0.7):
        build(photopea, f"{share}", empty_tiles=share, hard_negatives=frozenset({"c_00000_00032"}))
        ids[share] = {image["tile_id"] for image in coco_of(photopea / f"{share}")["images"]}
    assert "c_00000_00032" in ids[0.0]
    assert ids[0.0] < ids[0.3] < ids[0.7]


def test_least_valid_fraction(photopea):
    build(photopea, "all")
    build(photopea, "full", min_valid=0.9)
    valid = {image["tile_id"]: image["valid_fraction"] for image in coco_of(photopea / "all")["images"]}
    kept = {image["tile_id"] for image in coco_of(photopea / "full")["images"]}
    assert 0 < len(kept) < len(valid)
    assert kept == {tile_id for tile_id, fraction in valid.items() if fraction >= 0.9}


def test_manifest_tells_how_to_make_it_again(photopea):
    build(photopea, seed=3, context=(parse_context("full"),))
    manifest = json.loads((photopea / "out" / "dataset.json").read_text())
    assert manifest["channels"] == ["vv", "full"] and manifest["seed"] == 3
    assert manifest["arguments"]["georeference"].endswith("{scene_id}.json")
    scene = manifest["scenes"]["b"]
    assert scene["state"] == "built" and len(scene["inputs"]) == 4 and all(scene["inputs"].values())
    assert scene["grid"]["name"] == "native" and len(scene["footprint"]) > 4
    assert manifest["versions"]["rasterio"] == rasterio.__version__


def test_label_snapshot_changes_with_a_label_alone(photopea):
    build(photopea, "one")
    write_photopea(photopea / "in" / "c", pixels(3), {"red_1": (RED, slick(slice(5, 9), slice(5, 9)))})
    build(photopea, "two")
    one, two = (json.loads((photopea / name / "dataset.json").read_text())["label_snapshot"] for name in ("one", "two"))
    assert len(one) == len(two) == 64 and one != two


def test_torchvision_and_pil_read_it(photopea):
    from torchvision.datasets import CocoDetection

    build(photopea, context=(parse_context("full"), parse_context("zeros")))
    dataset = CocoDetection(photopea / "out", photopea / "out" / "instances.json")
    tiles = open_dataset(photopea / "out")
    for index, tile in enumerate(tiles.tiles):
        image, annotations = dataset[index]
        np.testing.assert_array_equal(np.asarray(image).transpose(2, 0, 1), tiles.read(tile))
        assert all(annotation["image_id"] == index + 1 for annotation in annotations)


def test_plain_images_and_masks(tmp_path):
    mask = slick(slice(5, 40), slice(60, 70))
    for name in ("one", "two"):
        write_png(tmp_path / "images" / f"{name}.png", np.stack([pixels()] * 3))
    write_png(tmp_path / "masks" / "one.png", 255 * mask.astype(np.uint8))
    report = make_dataset(
        [str(tmp_path / "images")], tmp_path / "out",
        BuildOptions(labels=str(tmp_path / "masks"), tile_size=(64, 64), mask_class="natural_seep"),
    )  # fmt: skip
    assert (report.scenes, report.tiles, report.failed) == (2, 4, {})
    coco = coco_of(tmp_path / "out")
    assert sum(a["area"] for a in coco["annotations"]) == mask.sum()
    assert {a["category_id"] for a in coco["annotations"]} == {2} and coco["images"][0]["crs"] is None


# ---- same bytes, whole or absent, resumable


def test_same_bytes_whatever_the_workers(photopea):
    build(photopea, "one", empty_tiles=0.5, seed=7)
    build(photopea, "two", empty_tiles=0.5, seed=7, workers=2)
    build(photopea, "other", empty_tiles=0.5, seed=8)
    assert contents(photopea / "one") == contents(photopea / "two") != contents(photopea / "other")


def test_same_bytes_from_a_remote_scheduler(photopea):
    from distributed import LocalCluster

    build(photopea, "one")
    with LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=None, host="127.0.0.1") as cluster:
        make_dataset([str(photopea / "in")], photopea / "far", options(photopea), scheduler=cluster.scheduler_address)
    assert contents(photopea / "one") == contents(photopea / "far")


def test_done_again_it_is_there_already(photopea):
    first = build(photopea)
    before = contents(photopea / "out")
    again = build(photopea)
    assert first.built_now and not again.built_now and again.tiles == first.tiles
    assert contents(photopea / "out") == before


def command(folder, out="out", *more):
    return [
        CERULEANML, "make-dataset", folder / "in", "--out", folder / out, "--georeference",
        f"{folder}/gcps/{{scene_id}}.json", "--tile-size", "32", *more,
    ]  # fmt: skip


def test_killed_half_way_it_continues(photopea):
    for number in range(12):
        write_photopea(photopea / "in" / f"more{number}", pixels(number), {})
        write_gcps(photopea / "gcps" / f"more{number}.json")
    units = photopea / ".out.building" / "units"
    run = subprocess.Popen(command(photopea))
    while not (units.is_dir() and len(list(units.glob("[!.]*.json"))) >= 2):
        assert run.poll() is None, "it ended before it could be killed"
        time.sleep(0.005)
    run.send_signal(signal.SIGKILL)
    run.wait()
    assert not (photopea / "out").exists()
    done = {path: path.stat().st_mtime_ns for path in units.glob("[!.]*.json")}
    plan = (photopea / ".out.building" / "plan.json").read_bytes()
    half = photopea / "half"
    shutil.copytree(photopea / ".out.building", half)
    subprocess.run(command(photopea), check=True)
    assert 2 <= len(done) < 15 and plan
    subprocess.run(command(photopea, "straight"), check=True)
    assert contents(photopea / "out") == contents(photopea / "straight")
    assert not (photopea / ".out.building").exists()


def test_finished_scenes_are_not_built_again(photopea, monkeypatch):
    from ceruleanml.datasets import build as module

    built = []
    original = module.build_unit

    def stops_at_c(location, options, folder):
        if location.endswith("c") and "stopped" not in built:
            built.append("stopped")
            raise KeyboardInterrupt
        built.append(Path(location).name)
        return original(location, options, folder)

    monkeypatch.setattr(module, "build_unit", stops_at_c)
    with pytest.raises(KeyboardInterrupt):
        build(photopea)
    build(photopea)
    assert built == ["a", "b", "stopped", "c"]


def test_a_changed_input_is_built_again_after_a_kill(photopea, monkeypatch):
    from ceruleanml.datasets import build as module

    monkeypatch.setattr(module, "_assemble", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        build(photopea)
    monkeypatch.undo()
    write_photopea(photopea / "in" / "a", pixels(9), {})
    (photopea / "in" / "a" / "coincident_vessel_1.png").unlink()
    build(photopea)
    build(photopea, "straight")
    assert contents(photopea / "out") == contents(photopea / "straight")


def test_an_unfinished_build_of_other_arguments_is_left_alone(photopea, monkeypatch):
    from ceruleanml.datasets import build as module

    monkeypatch.setattr(module, "_assemble", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        build(photopea)
    monkeypatch.undo()
    with pytest.raises(DatasetError, match=r"\.out\.building: holds an unfinished build with other arguments"):
        build(photopea, seed=1)


# ---- what goes wrong


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
    with pytest.raises(StorageError, match="lies in a bucket, where nothing is written yet"):
        make_dataset([str(photopea / "in")], Path("gs://bucket/out"), options(photopea))


def test_out_holds_something_else(photopea):
    (photopea / "out").mkdir()
    (photopea / "out" / "thesis.txt").write_text("precious")
    with pytest.raises(DatasetError, match="out: exists and is no data set; choose another --out"):
        build(photopea)
    assert (photopea / "out" / "thesis.txt").read_text() == "precious"
    build(photopea, "mine")
    with pytest.raises(DatasetError, match="mine: was built from other arguments; remove it"):
        build(photopea, "mine", seed=1)


def test_an_empty_out_folder_is_taken(photopea):
    (photopea / "out").mkdir()
    assert build(photopea).tiles > 0


def test_two_builders_of_one_data_set(photopea):
    import fcntl

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


def test_a_scheduler_that_does_not_answer(photopea):
    from ceruleanml.datasets.build import make_dataset as make

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


def test_geojson_beside_a_geotiff(tmp_path):
    write_tiff(tmp_path / "in" / "s.tif", pixels())
    ring = [[10.02, 39.97], [10.06, 39.97], [10.06, 39.96], [10.02, 39.96], [10.02, 39.97]]
    feature = {
        "type": "Feature", "properties": {"class": "old_vessel"},
        "geometry": {"type": "MultiPolygon", "coordinates": [[ring]]},
    }  # fmt: skip
    collection = {"type": "FeatureCollection", "complete": True, "features": [feature]}
    (tmp_path / "in" / "s.geojson").write_text(json.dumps(collection))
    for grid in ("native", "serving"):
        make_dataset([str(tmp_path / "in" / "s.tif")], tmp_path / grid, BuildOptions(grid=grid))
        coco = coco_of(tmp_path / grid)
        a, e = coco["images"][0]["transform"][0], coco["images"][0]["transform"][4]
        area = sum(annotation["area"] for annotation in coco["annotations"])
        assert {annotation["category_id"] for annotation in coco["annotations"]} == {5}
        assert area == pytest.approx(0.04 * 0.01 / (a * -e), rel=0.05)
