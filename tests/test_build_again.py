"""Builds done again: the same bytes for any number of workers, and continued where they were killed."""

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
from builds_made import build, command, contents, options
from scenes_made import pixels, write_gcps, write_photopea

from ceruleanml.datasets.build import make_dataset
from ceruleanml.errors import DatasetError


def test_same_bytes_whatever_the_workers(photopea):
    build(photopea, "one", empty_tiles=0.5, seed=7)
    build(photopea, "two", empty_tiles=0.5, seed=7, workers=2)
    build(photopea, "other", empty_tiles=0.5, seed=8)
    assert contents(photopea / "one") == contents(photopea / "two") != contents(photopea / "other")


def test_same_bytes_from_a_remote_scheduler(photopea):
    from distributed import LocalCluster

    build(photopea, "one")
    with LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address="127.0.0.1:0", host="127.0.0.1") as cluster:
        make_dataset([str(photopea / "in")], photopea / "far", options(photopea), scheduler=cluster.scheduler_address)
    assert contents(photopea / "one") == contents(photopea / "far")


def test_done_again_it_is_there_already(photopea):
    first = build(photopea)
    before = contents(photopea / "out")
    again = build(photopea)
    assert first.built_now and not again.built_now and again.tiles == first.tiles
    assert contents(photopea / "out") == before


@pytest.mark.parametrize(("how", "workers", "status"), [("SIGKILL", 1, -9), ("SIGINT", 1, 130), ("SIGINT", 2, 130)])
def test_stopped_half_way_it_continues(photopea, how, workers, status):
    """Killed without a word, or by Ctrl-C, which reaches every process of the command."""
    for number in range(25):
        write_photopea(photopea / "in" / f"more{number}", pixels(number), {})
        write_gcps(photopea / "gcps" / f"more{number}.json")
    units = photopea / ".out.building" / "units"
    arguments = command(photopea, "out", "--workers", str(workers))
    run = subprocess.Popen(arguments, start_new_session=True, stderr=subprocess.PIPE, text=True)
    while not (units.is_dir() and len(list(units.glob("[!.]*.json"))) >= 2):
        assert run.poll() is None, "it ended before it could be stopped"
        time.sleep(0.002)
    os.killpg(run.pid, getattr(signal, how))
    assert run.communicate()[1] == "" and run.returncode == status
    assert not (photopea / "out").exists()
    assert 2 <= len(list(units.glob("[!.]*.json"))) < 28
    subprocess.run(command(photopea), check=True)
    subprocess.run(command(photopea, "straight"), check=True)
    assert contents(photopea / "out") == contents(photopea / "straight")
    assert not (photopea / ".out.building").exists()


def test_finished_scenes_are_not_built_again(photopea, monkeypatch):
    from ceruleanml.datasets import build as module

    built = []
    original = module.build_unit

    def stops_at_c(location, options, folder, base):
        if location.endswith("c") and "stopped" not in built:
            built.append("stopped")
            raise KeyboardInterrupt
        built.append(Path(location).name)
        return original(location, options, folder, base)

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
