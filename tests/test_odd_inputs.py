"""Odd but possible input: no slick lost without a word, and no bad scene that takes the others with it."""

import json
import os
import resource
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import rasterio
from builds_made import CERULEANML, RED, build, coco_of, command, contents, slick
from scenes_made import HEIGHT_WIDTH, pixels, write_gcps, write_photopea, write_png, write_tiff

from ceruleanml.datasets import staging
from ceruleanml.datasets.build import make_dataset
from ceruleanml.datasets.options import BuildOptions
from ceruleanml.errors import CeruleanError, DatasetError, LabelError, SceneError, WriteError
from ceruleanml.scenes.context import parse_context
from ceruleanml.scenes.reading import find_scenes, scene_id_of

RING = [[10.02, 39.97], [10.06, 39.97], [10.06, 39.96], [10.02, 39.96], [10.02, 39.97]]


def feature(ring=RING, **properties):
    geometry = {"type": "Polygon", "coordinates": [ring]}
    return {"type": "Feature", "properties": {"class": "old_vessel", **properties}, "geometry": geometry}


def write_labels(path, *features):
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))


def make(folder, out="out", scenes="in", **changed):
    return make_dataset([str(folder / scenes)], folder / out, BuildOptions(**changed))


# ---- nothing lost without a word


def test_a_tile_with_one_valid_pixel_keeps_its_label(tmp_path):
    image = np.zeros((2048, 2048), np.uint8)
    image[1000, 1000] = 60
    write_tiff(tmp_path / "in" / "s.tif", image)
    west, north = 10 + 0.001 * 995, 40 - 0.001 * 995
    ring = [[west, north], [west + 0.01, north], [west + 0.01, north - 0.01], [west, north - 0.01], [west, north]]
    write_labels(tmp_path / "in" / "s.geojson", feature(ring))
    report = make(tmp_path, scenes="in/s.tif", tile_size=(4096, 4096))
    assert (report.tiles, report.annotations) == (1, 1)
    assert coco_of(tmp_path / "out")["images"][0]["valid_fraction"] == 0.0  # of 16.8 million, to six digits


def test_a_slick_where_nothing_was_measured_is_noted(tmp_path):
    image = pixels()
    image[:, :50] = 0
    write_tiff(tmp_path / "in" / "s.tif", image)
    ring = [[10.0, 39.99], [10.01, 39.99], [10.01, 39.98], [10.0, 39.98], [10.0, 39.99]]
    write_labels(tmp_path / "in" / "s.geojson", feature(ring))
    report = make(tmp_path, scenes="in/s.tif", tile_size=(16, 16))
    assert report.annotations == 0
    assert report.notes["s"] == ["s/1: lies only where tiles were left out, for too few pixels with data"]


def test_ids_that_two_files_give_stay_two_slicks(tmp_path):
    for name in ("a", "b"):
        write_tiff(tmp_path / "in" / f"{name}.tif", pixels())
        write_labels(tmp_path / "in" / f"{name}.geojson", feature(slick_id="1"))
    make_dataset([str(tmp_path / "in" / "*.tif")], tmp_path / "out", BuildOptions())
    assert {a["slick_id"] for a in coco_of(tmp_path / "out")["annotations"]} == {"a/1", "b/1"}


def test_a_label_across_the_antimeridian_is_refused(tmp_path):
    write_tiff(tmp_path / "in" / "s.tif", pixels())
    ring = [[179.9, 1], [-179.9, 1], [-179.9, 0], [179.9, 0], [179.9, 1]]
    write_labels(tmp_path / "in" / "s.geojson", feature(ring))
    with pytest.raises(DatasetError, match=r"s\.geojson: feature 1 has an edge across the antimeridian; cut it there"):
        make(tmp_path, scenes="in/s.tif")


def test_labels_that_fit_no_scene_are_refused(tmp_path):
    write_tiff(tmp_path / "in" / "s.tif", pixels())
    (tmp_path / "labels").mkdir()
    write_labels(tmp_path / "labels" / "other.geojson", feature())
    with pytest.raises(LabelError, match=r"labels: labels none of the scenes; .* as in s\.geojson"):
        make(tmp_path, labels=str(tmp_path / "labels"))


def test_an_older_file_in_an_inputs_place_is_noticed(tmp_path):
    older = write_tiff(tmp_path / "older.tif", pixels(1))
    os.utime(older, (1e9, 1e9))
    write_tiff(tmp_path / "in" / "s.tif", pixels(2))
    make(tmp_path)
    shutil.copy2(older, tmp_path / "in" / "s.tif")
    with pytest.raises(DatasetError, match=r"was built from other .*s\.tif"):
        make(tmp_path)


def test_touching_an_input_changes_nothing(tmp_path):
    path = write_tiff(tmp_path / "in" / "s.tif", pixels())
    make(tmp_path)
    path.touch()
    assert not make(tmp_path).built_now


# ---- one bad scene does not take the others with it


def uint16_palette(folder):
    write_tiff(folder / "bad.tif", np.full(HEIGHT_WIDTH, 300, np.uint16), photometric="palette")


def local_crs(folder):
    profile = {"crs": 'LOCAL_CS["mine",UNIT["metre",1]]', "transform": rasterio.Affine(10, 0, 5, 0, -10, 9)}
    write_tiff(folder / "bad.tif", pixels(), with_gcps=False, **profile)


def mars_crs(folder):
    profile = {"crs": "+proj=longlat +R=3396190 +no_defs", "transform": rasterio.Affine(0.01, 0, 5, 0, -0.01, 9)}
    write_tiff(folder / "bad.tif", pixels(), with_gcps=False, **profile)


def huge_header(folder):
    profile = {"driver": "GTiff", "height": 400_000, "width": 400_000, "count": 1, "dtype": "uint8"}
    with rasterio.open(folder / "bad.tif", "w", sparse_ok=True, tiled=True, bigtiff="yes", compress="zstd", **profile):
        pass


def huge_number(folder):
    write_tiff(folder / "bad.tif", pixels())
    (folder / "bad.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": [feature()]}).replace(
        "10.02", "1" * 400, 1
    ))  # fmt: skip


def endless_number(folder):
    write_tiff(folder / "bad.tif", pixels())
    (folder / "bad.geojson").write_text('{"type": "FeatureCollection", "n": ' + "1" * 5000 + "}")


def empty_file(folder):
    (folder / "bad.tif").touch()


def sixteen_bit_background(folder):
    path = folder / "bad" / "Background.png"
    path.parent.mkdir()
    profile = {"driver": "PNG", "height": 60, "width": 90, "count": 1}
    with rasterio.open(path, "w", dtype="uint16", **profile) as file:
        file.write(np.full((1, 60, 90), 4000, np.uint16))


BAD = [
    (uint16_palette, "bad.tif: holds a palette of uint16; export it as gray"),
    (local_crs, "bad.tif: its CRS has no way"),
    (mars_crs, "bad.tif: its CRS has no way"),
    (huge_header, "400000 x 400000 pixels; too many"),
    (huge_number, "longitudes and latitudes must be finite"),
    (endless_number, "is not JSON"),
    (empty_file, "bad.tif: cannot be read as an image"),
    (sixteen_bit_background, "export the background with 8 bits"),
]


@pytest.mark.parametrize(("spoil", "message"), BAD, ids=[spoil.__name__ for spoil, _ in BAD])
def test_the_good_scene_is_built_beside(tmp_path, spoil, message):
    write_tiff(tmp_path / "in" / "good.tif", pixels())
    spoil(tmp_path / "in")
    report = make(tmp_path)
    manifest = json.loads((tmp_path / "out" / "dataset.json").read_text())
    assert manifest["scenes"]["good"]["state"] == "built"
    assert message in report.failed["bad"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "out"]


def test_half_a_surrogate_pair_in_an_id_is_kept_readable(tmp_path):
    write_tiff(tmp_path / "in" / "s.tif", pixels())
    write_labels(tmp_path / "in" / "s.geojson", feature(slick_id="\ud800"))
    make(tmp_path, scenes="in/s.tif")
    assert coco_of(tmp_path / "out")["annotations"][0]["slick_id"] == "s/\ud800"


def test_a_reading_error_is_of_its_scene_alone(tmp_path, monkeypatch):
    from ceruleanml.datasets import unit
    from ceruleanml.errors import StorageError

    for name in ("bad", "good"):
        write_tiff(tmp_path / "in" / f"{name}.tif", pixels())
    original = unit.sha256_of

    def unreadable(path):
        if path.name == "bad.tif":
            raise StorageError(f"{path}: cannot be read: Input/output error")
        return original(path)

    monkeypatch.setattr(unit, "sha256_of", unreadable)
    assert list(make(tmp_path).failed) == ["bad"]


# ---- names, lists, places


def test_dots_have_the_folders_own_name(tmp_path, monkeypatch):
    write_photopea(tmp_path / "scene1", pixels(), {})
    monkeypatch.chdir(tmp_path / "scene1")
    assert scene_id_of(".") == "scene1" and scene_id_of("../scene1/") == "scene1"
    assert make_dataset(["."], tmp_path / "out", BuildOptions()).failed == {}


def test_names_no_tile_could_have(tmp_path):
    write_tiff(tmp_path / f"{'n' * 240}.tif", pixels())
    with pytest.raises(SceneError, match="its name must have 1 to 220 bytes"):
        find_scenes([str(tmp_path)])


def test_a_name_that_is_not_utf8(tmp_path):
    path = os.fsencode(tmp_path) + b"/\xff.tif"
    write_tiff(tmp_path / "s.tif", pixels()).rename(os.fsdecode(path))
    with pytest.raises(SceneError, match="its name is not UTF-8; rename it"):
        find_scenes([str(tmp_path)])


def test_globs_take_scenes_and_leave_labels(tmp_path):
    write_tiff(tmp_path / "s.tif", pixels())
    write_labels(tmp_path / "s.geojson", feature())
    (tmp_path / "s.tif.aux.xml").write_text("<PAMDataset/>")
    assert find_scenes([str(tmp_path / "*")]) == [str(tmp_path / "s.tif")]


@pytest.mark.parametrize("text", ["\ufeff{name}\n", "{name}\r\n", "  {name}  # the first\n# another\n"])
def test_lists_as_editors_leave_them(tmp_path, text):
    write_tiff(tmp_path / "a#b.tif", pixels())
    (tmp_path / "list.txt").write_text(text.format(name="a#b.tif"), newline="")
    assert find_scenes([str(tmp_path / "list.txt")]) == [str(tmp_path / "a#b.tif")]


def test_what_is_no_list_and_no_file(tmp_path):
    (tmp_path / "list.txt").write_bytes(b"a\0b\n")
    os.mkfifo(tmp_path / "pipe.tif")
    with pytest.raises(SceneError, match=r"list\.txt: is no text"):
        find_scenes([str(tmp_path / "list.txt")])
    with pytest.raises(SceneError, match=r"pipe\.tif: is neither a file nor a folder"):
        find_scenes([str(tmp_path / "pipe.tif")])


def test_one_file_by_two_names_is_one_scene(tmp_path):
    path = write_tiff(tmp_path / "s.tif", pixels())
    assert len(find_scenes([str(path), f"{tmp_path}/../{tmp_path.name}/s.tif"])) == 1


@pytest.mark.parametrize("out", [".", "/"])
def test_places_that_cannot_be_a_data_set(tmp_path, monkeypatch, out):
    write_tiff(tmp_path / "s.tif", pixels())
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CeruleanError, match="choose another --out|name a new folder"):
        make_dataset(["s.tif"], Path(out), BuildOptions())
    assert os.listdir(tmp_path) == ["s.tif"]


def test_out_may_be_a_link_to_an_empty_folder(tmp_path):
    write_tiff(tmp_path / "in" / "s.tif", pixels())
    (tmp_path / "disk").mkdir()
    (tmp_path / "out").symlink_to(tmp_path / "disk")
    make(tmp_path)
    assert (tmp_path / "disk" / "dataset.json").is_file() and (tmp_path / "out").is_symlink()


# ---- the disk, the terminal, the killer


def test_full_disk_while_a_whole_scene_is_written(photopea):
    def small_files():
        resource.setrlimit(resource.RLIMIT_FSIZE, (6000, 6000))

    arguments = [word if word != "32" else "0" for word in command(photopea)]
    run = subprocess.run(arguments, preexec_fn=small_files, capture_output=True, text=True)
    assert run.returncode == 2 and "Traceback" not in run.stderr
    assert run.stderr.splitlines()[-1].startswith("ceruleanml: ") and "cannot be written" in run.stderr
    assert not (photopea / "out").exists()


@pytest.fixture
def small_disk(tmp_path, request):
    """A disk of so many kB: a file system in memory, which only root may mount."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={request.param}k", "tmpfs", disk], capture_output=True, text=True
    )
    if mounted.returncode:
        pytest.skip(f"no small disk can be mounted here: {mounted.stderr.strip()}")
    yield disk
    subprocess.run(["umount", disk], check=True)


@pytest.mark.parametrize(
    ("tile_size", "small_disk"), [("32", 300), ("0", 298), ("0", 302), ("0", 306)], indirect=["small_disk"]
)
def test_a_really_full_disk(photopea, small_disk, tile_size, warm_cli):
    """Nothing under the data set's name, and with more room the same command continues to the same bytes.

    Of whole scenes, GDAL tells of the full disk or not, by the page at which it fills.
    """
    for number in range(40):
        write_photopea(photopea / "in" / f"more{number}", pixels(number), {})
        write_gcps(photopea / "gcps" / f"more{number}.json")
    program = warm_cli / "ceruleanml"
    arguments = [program, *(word if word != "32" else tile_size for word in command(photopea, "disk/out")[1:])]
    full = subprocess.run(arguments, capture_output=True, text=True)
    assert full.returncode == 2 and "Traceback" not in full.stderr
    last = full.stderr.splitlines()[-1]
    assert last.startswith("ceruleanml: ") and "cannot be written: " in last
    assert not (small_disk / "out").exists()
    subprocess.run(["mount", "-o", "remount,size=50m", small_disk], check=True)
    assert subprocess.run(arguments, capture_output=True).returncode == 0
    straight = [program, *(word if word != "32" else tile_size for word in command(photopea, "straight")[1:])]
    assert subprocess.run(straight, capture_output=True).returncode == 0
    assert contents(small_disk / "out") == contents(photopea / "straight")


@pytest.mark.parametrize("small_disk", [100, 104, 108], indirect=True)
def test_a_full_disk_under_the_simulator(small_disk, warm_cli):
    """No scene that is there is damaged, and with more room the same command goes on."""
    arguments = [warm_cli / "ceruleanml", "simulate-scenes", small_disk / "sim", "--scenes", "3", "--format", "geotiff"]
    arguments += ["--labels", "geojson", "--height", "128", "--width", "256"]
    full = subprocess.run(arguments, capture_output=True, text=True)
    assert full.returncode == 2 and full.stderr.splitlines()[-1].startswith("ceruleanml: ")
    for path in (small_disk / "sim" / "scenes").glob("*.tif"):
        with rasterio.open(path) as file:
            assert np.count_nonzero(file.read(1)) > 20_000
    subprocess.run(["mount", "-o", "remount,size=50m", small_disk], check=True)
    assert subprocess.run(arguments, capture_output=True).returncode == 0


def test_context_that_one_scene_lacks_stops_that_scene_only(photopea):
    for name in "ac":
        points = {"type": "MultiPoint", "coordinates": [[10.05, 39.97]]}
        place = {"type": "Feature", "properties": {}, "geometry": points}
        path = photopea / f"platforms_{name}.geojson"
        path.write_text(json.dumps({"type": "FeatureCollection", "features": [place]}))
    report = build(photopea, context=(parse_context(f"infra_distance={photopea}/platforms_{{scene_id}}.geojson"),))
    assert list(report.failed) == ["b"] and "platforms_b.geojson" in report.failed["b"]
    assert report.tiles > 10


def test_without_stderr_it_still_works(photopea):
    script = f'"{CERULEANML}" make-dataset in --georeference "gcps/{{scene_id}}.json" --out out 2>&-'
    run = subprocess.run(["sh", "-c", script], cwd=photopea, capture_output=True)
    assert run.returncode == 0 and (photopea / "out" / "dataset.json").is_file()


def test_tiles_taken_over_are_never_written_through(photopea):
    """A rebuilt scene gets new files; those of the finished data set, to which the old ones are linked, stay."""
    build(photopea)
    manifest = json.loads((photopea / "out" / "dataset.json").read_text())
    before = contents(photopea / "out")
    folder = staging.open_staging(photopea / "out", {"other": "plan"})
    staging.take_over(photopea / "out", folder, manifest)
    write_photopea(photopea / "in" / "a", pixels(77), {"red": (RED, slick(slice(1, 9), slice(1, 9)))})
    from builds_made import options

    from ceruleanml.datasets.unit import build_unit

    build_unit(str(photopea / "in" / "a"), options(photopea), folder)
    assert contents(photopea / "out") == before


def test_a_data_set_moved_aside_by_a_killed_run_comes_back(photopea):
    build(photopea)
    (photopea / "out").rename(photopea / ".out.old")
    assert not build(photopea).built_now
    assert not (photopea / ".out.old").exists()


def test_a_crashed_build_without_a_scene_is_in_nobodys_way(photopea):
    folder = staging.open_staging(photopea / "out", {"tile_size": "huge"})
    assert (folder / "plan.json").is_file()
    assert build(photopea).tiles > 0


def test_buckets_are_no_place_yet(photopea):
    with pytest.raises(WriteError, match="choose a folder here"):
        staging.place_of(Path("s3://bucket/out"))


def test_relative_paths_count_from_the_callers_folder_on_a_scheduler(photopea, monkeypatch, tmp_path_factory):
    """The worker was started somewhere else."""
    from distributed import LocalCluster

    write_gcps(photopea / "gcps" / "a.json")
    write_png(photopea / "plain" / "p.png", pixels())
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    with LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address="127.0.0.1:0", host="127.0.0.1") as cluster:
        monkeypatch.chdir(photopea)
        report = make_dataset(["plain"], Path("far"), BuildOptions(), scheduler=cluster.scheduler_address)
    assert report.failed == {} and report.tiles == 1
