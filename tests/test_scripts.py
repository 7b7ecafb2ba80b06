"""The shell scripts, run as a user runs them: on real scenes, a real bucket server, gcloud and rsync."""

import os
import shutil
import sys
from pathlib import Path

import pytest
from builds_made import contents
from processes import finished
from servers import gcs_server

ROOT = Path(__file__).parents[1]


def run(*arguments, cwd, **environment):
    return finished(arguments, cwd=cwd, env={**os.environ, **environment})


@pytest.fixture
def parts(photopea):
    """Lists of two parts; the third has no scene and so no list."""
    (photopea / "parts").mkdir()
    (photopea / "parts" / "train_scenes.txt").write_text("../in/a\n../in/c\n")
    (photopea / "parts" / "val_scenes.txt").write_text("../in/b\n")
    return photopea


def make_datasets(folder, *more, **environment):
    script = ROOT / "scripts" / "make_datasets.sh"
    pattern = ("--georeference", "gcps/{scene_id}.json", "--tile-size", "32")
    ceruleanml = str(Path(sys.executable).with_name("ceruleanml"))
    return run(script, "parts", "sets", *pattern, *more, cwd=folder, CERULEANML=ceruleanml, **environment)


def test_all_parts_are_built_and_mirrored_to_bucket_and_disk(parts):
    needed = {name: shutil.which(name) for name in ("gcloud", "rsync")}
    if None in needed.values():
        pytest.skip(f"not installed here: {', '.join(name for name, path in needed.items() if path is None)}")
    (parts / "buckets" / "slicks").mkdir(parents=True)
    (parts / "ssd").mkdir()
    with gcs_server(parts / "buckets") as environment:
        cloud = {
            "CLOUDSDK_API_ENDPOINT_OVERRIDES_STORAGE": environment["CPL_GS_ENDPOINT"] + "storage/v1/",
            "CLOUDSDK_AUTH_DISABLE_CREDENTIALS": "true",
            "CLOUDSDK_CONFIG": str(parts / "gcloud"),
            "CLOUDSDK_CORE_DISABLE_PROMPTS": "1",
        }
        done = make_datasets(parts, BUCKET="gs://slicks/sets", SSD=str(parts / "ssd"), **cloud)
        assert done.returncode == 0, done.stderr
        (parts / "back").mkdir()
        back = run("gcloud", "storage", "rsync", "-r", "gs://slicks/sets", parts / "back", cwd=parts, **cloud)
    assert back.returncode == 0, back.stderr
    assert "no parts/test_scenes.txt: no test set" in done.stdout
    made = contents(parts / "sets")
    assert {name.split("/")[0] for name in made} == {"train", "val"} and len(made) > 10
    assert contents(parts / "ssd") == made == contents(parts / "back")


def test_a_failed_scene_is_told_at_the_end_and_the_rest_goes_on(parts):
    (parts / "gcps" / "a.json").unlink()
    done = make_datasets(parts)
    assert done.returncode == 3 and "failed: " in done.stderr
    assert (parts / "sets" / "train" / "dataset.json").is_file() and (parts / "sets" / "val" / "dataset.json").is_file()


def test_an_error_stops_the_script(parts):
    done = make_datasets(parts, "--grid", "utm")
    assert done.returncode == 2 and not (parts / "sets").exists()


def test_without_arguments_it_says_how_to_be_used(tmp_path):
    done = run(ROOT / "scripts" / "make_datasets.sh", cwd=tmp_path)
    assert done.returncode == 2 and "PARTS_FOLDER OUT_FOLDER" in done.stderr


def test_debian_packages_that_are_there_are_left_alone_and_others_named(tmp_path):
    """`dpkg` itself is on every Debian; the other name is on none, so that installing it must fail and say so."""
    if shutil.which("dpkg-query") is None:
        pytest.skip("not a Debian machine")
    script = ROOT / "scripts" / "install_debian_packages.sh"
    (tmp_path / "there.txt").write_text("# what every Debian has\ndpkg\n")
    (tmp_path / "none.txt").write_text("dpkg\nno-such-package-anywhere   # comment\n")
    there = run(script, tmp_path / "there.txt", cwd=tmp_path)
    assert (there.returncode, there.stdout, there.stderr) == (0, "", "")
    empty = tmp_path / "bin"
    empty.mkdir()
    (empty / "apt-get").write_text("#!/bin/sh\nexit 100\n")  # no network in tests
    (empty / "apt-get").chmod(0o755)
    missing = run(script, tmp_path / "none.txt", cwd=tmp_path, PATH=f"{empty}:{os.environ['PATH']}")
    assert missing.returncode == 0
    assert missing.stderr.splitlines()[-1].endswith("apt-get install no-such-package-anywhere")


def move(folder, *arguments):
    return run(ROOT / "scripts" / "move_datasets_to_ssd.sh", *arguments, cwd=folder)


def test_data_sets_are_copied_to_an_ssd_and_copied_again_where_they_differ(tmp_path):
    if shutil.which("rsync") is None:
        pytest.skip("not installed here: rsync")
    for name in ("train", "val"):
        (tmp_path / "slow" / name / "tiles").mkdir(parents=True)
        (tmp_path / "slow" / name / "dataset.json").write_text("{}")
        (tmp_path / "slow" / name / "tiles" / "a tile.tif").write_text(name)
    (tmp_path / "ssd").mkdir()
    done = move(tmp_path, "ssd", "slow/train", "slow/val")
    assert done.returncode == 0, done.stderr
    assert contents(tmp_path / "ssd") == contents(tmp_path / "slow")
    (tmp_path / "slow" / "val" / "tiles" / "another.tif").write_text("new")
    assert move(tmp_path, "ssd", "slow/val").returncode == 0
    assert contents(tmp_path / "ssd") == contents(tmp_path / "slow")


def test_what_cannot_be_copied_to_an_ssd_is_named(tmp_path):
    (tmp_path / "no data set").mkdir()
    assert "nowhere: no such folder; mount the SSD first" in move(tmp_path, "nowhere", "no data set").stderr
    (tmp_path / "ssd").mkdir()
    refused = move(tmp_path, "ssd", "no data set")
    assert refused.returncode == 2
    assert "no data set: is no data set folder" in refused.stderr
    assert "Usage" in move(tmp_path).stderr


@pytest.mark.parametrize(("script", "encoder"), [("train.py", "mobilenet_v2"), ("fastai_unet.py", "resnet34")])
def test_training_scripts_take_the_settings_of_the_verb(tmp_path, script, encoder):
    shown = run(sys.executable, ROOT / "scripts" / script, "data.train=x", "trainer.epochs=7", "--show", cwd=tmp_path)
    assert shown.returncode == 0, shown.stderr
    assert f"encoder: {encoder}" in shown.stdout
    assert "epochs: 7" in shown.stdout
    wrong = run(sys.executable, ROOT / "scripts" / script, "trainer.epoch=7", cwd=tmp_path)
    assert (wrong.returncode, wrong.stderr) == (
        2,
        "ceruleanml: trainer.epoch is no setting; did you mean trainer.epochs?\n",
    )


def test_sos_pairs_are_parted_by_blocks_of_ids(tmp_path):
    (tmp_path / "sos" / "images").mkdir(parents=True)
    for number in range(40):
        (tmp_path / "sos" / "images" / f"{number}.jpg").touch()
    done = run(sys.executable, ROOT / "scripts" / "sos_lists.py", "sos", "lists", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    train, held_out = (
        {int(Path(line).stem) for line in (tmp_path / "lists" / f"{name}.txt").read_text().split()}
        for name in ("train", "held_out")
    )
    assert train | held_out == set(range(40)) and not train & held_out
    assert len(held_out) == 8
    assert all((number ^ 1) in held_out for number in held_out)  # blocks of two neighbours stay together
