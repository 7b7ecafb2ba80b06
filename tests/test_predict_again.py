"""Predicting again, side by side, and over what fails: nothing is lost and nothing is mixed."""

import json
import subprocess

import pytest
from predictions_made import picture, predict, two_scenes
from predictors_made import Brightness, card
from scenes_made import write_tiff

from ceruleanml.errors import SceneError, UsageError, WriteError
from ceruleanml.inference.options import PredictOptions
from ceruleanml.inference.predict import predict_scenes
from ceruleanml.scenes.context import parse_context


@pytest.fixture
def scenes(tmp_path):
    return two_scenes(tmp_path)


def test_several_workers_write_the_same(scenes):
    predict(scenes, out="one")
    report = predict(scenes, out="two", workers=2)
    assert report.slicks == {"a": 1, "b": 0}
    for name in ("a.geojson", "b.geojson", "prediction.json"):
        assert (scenes / "one" / name).read_bytes() == (scenes / "two" / name).read_bytes()


def test_what_is_done_is_passed_over_and_what_is_missing_made(scenes):
    predict(scenes)
    before = {path: path.stat().st_mtime_ns for path in (scenes / "out").iterdir()}
    assert predict(scenes).predicted_now == ()
    assert {path: path.stat().st_mtime_ns for path in (scenes / "out").iterdir()} == before
    (scenes / "out" / "a.geojson").unlink()
    assert predict(scenes).predicted_now == ("a",)


def test_a_scene_that_changed_is_predicted_again(scenes):
    predict(scenes)
    write_tiff(scenes / "in" / "b.tif", picture())
    report = predict(scenes)
    assert report.predicted_now == ("b",) and report.slicks == {"a": 1, "b": 1}


def test_another_scene_of_the_same_name_is_not_taken_for_the_first(scenes):
    predict(scenes)
    write_tiff(scenes / "other" / "a.tif", picture([]))
    report = predict(scenes, scenes="other")
    assert report.predicted_now == ("a",) and report.slicks == {"a": 0}


def test_a_new_temperature_is_another_model(scenes):
    predict(scenes)
    with pytest.raises(UsageError, match="out: holds outlines of another model"):
        predict(scenes, model=Brightness(card(temperature=2.0)))


def test_another_model_or_other_options_are_refused(scenes):
    predict(scenes)
    with pytest.raises(UsageError, match=r"out: holds outlines of another model \(toy\); choose another --out"):
        predict(scenes, model=Brightness(card(weights_sha256="1" * 64)))
    with pytest.raises(UsageError, match="out: holds outlines predicted with other thresholds; choose another --out"):
        predict(scenes, thresholds={"poly_score_thresh": 0.3})
    (scenes / "labels").mkdir()
    (scenes / "labels" / "a.geojson").write_text("{}")
    with pytest.raises(UsageError, match="labels: exists and holds no predictions; choose another --out"):
        predict(scenes, out="labels")
    assert (scenes / "labels" / "a.geojson").read_text() == "{}"


def test_a_broken_scene_is_reported_and_the_others_are_done(scenes):
    (scenes / "in" / "c.tif").write_bytes((scenes / "in" / "a.tif").read_bytes()[:500])
    report = predict(scenes)
    assert list(report.failed) == ["c"] and "c.tif" in report.failed["c"] and report.slicks == {"a": 1, "b": 0}
    assert not (scenes / "out" / "c.geojson").exists()
    with pytest.raises(SceneError, match="no scene could be predicted: .*c.tif"):
        predict(scenes, scenes="in/c.tif")
    assert (scenes / "out" / "prediction.json").exists()
    with pytest.raises(SceneError, match="no scene could be predicted: .*c.tif"):
        predict(scenes, scenes="in/c.tif", out="other")
    assert not (scenes / "other").exists()


def test_context_that_fails_for_one_scene_fails_that_scene_only(scenes):
    model = Brightness(card(channels=("vv", "ship_density"), mean=(0.0,) * 2, deviation=(1.0,) * 2))
    with pytest.raises(SceneError, match="missing_a.tif: there is no such file"):
        predict(scenes, model=model, context=(parse_context(f"ship_density={scenes}/missing_{{scene_id}}.tif"),))


@pytest.fixture
def small_disk(tmp_path, request):
    """A real file system of so many kilobytes."""
    disk = tmp_path / "disk"
    disk.mkdir()
    options = ["-t", "tmpfs", "-o", f"size={request.param}k", "tmpfs", disk]
    mounted = subprocess.run(["mount", *options], capture_output=True, text=True)
    if mounted.returncode:
        pytest.skip(f"needs the right to mount: {mounted.stderr.strip()}")
    yield disk
    subprocess.run(["umount", disk], check=True)


@pytest.mark.parametrize("small_disk", [16, 36, 40, 44], indirect=True)
def test_a_really_full_disk_ends_in_one_line_and_is_gone_on_with(scenes, small_disk):
    options = PredictOptions(probabilities=True)
    with pytest.raises(WriteError, match="disk/out.*(No space left on device|cannot be written)"):
        predict_scenes(Brightness(), [str(scenes / "in")], small_disk / "out", options)
    assert all(json.loads(path.read_text())["features"] is not None for path in small_disk.glob("out/*.geojson"))
    subprocess.run(["mount", "-o", "remount,size=50m", small_disk], check=True)
    report = predict_scenes(Brightness(), [str(scenes / "in")], small_disk / "out", options)
    assert report.slicks == {"a": 1, "b": 0}
    assert len(list((small_disk / "out").iterdir())) == 5
