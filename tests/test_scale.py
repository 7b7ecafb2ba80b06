"""Two machines share out the scenes: the same bytes as of one process, also when a worker dies half-way."""

import os
import signal
import subprocess
import time

import pytest
from builds_made import CERULEANML, build, command, contents
from machines_made import two_machines
from models_made import card_of, run_of
from processes import finished
from scenes_made import pixels, write_gcps, write_photopea

from ceruleanml.cli.ending import status_of
from ceruleanml.cli.main import app

MORE = 24


@pytest.fixture
def many(photopea):
    """27 scenes."""
    for number in range(MORE):
        write_photopea(photopea / "in" / f"more{number}", pixels(number), {})
        write_gcps(photopea / "gcps" / f"more{number}.json")
    return photopea


def test_two_machines_build_the_same_bytes_though_a_worker_dies(many):
    build(many, "alone")
    with two_machines(many) as cluster:
        first = cluster.machines[0]
        shared = [*first.prefix, *map(str, command(many, "shared", "--scheduler", cluster.scheduler))]
        done = finished(shared)
        assert done.returncode == 0, done.stderr
        assert contents(many / "shared") == contents(many / "alone")

        units = many / ".bereft.building" / "units"
        bereft = [*first.prefix, *map(str, command(many, "bereft", "--scheduler", cluster.scheduler))]
        run = subprocess.Popen(bereft, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        while not (units.is_dir() and list(units.glob("[!.]*.json"))):
            assert run.poll() is None, "it ended before a worker could be killed"
            time.sleep(0.002)
        os.killpg(cluster.workers[1].pid, signal.SIGKILL)
        assert run.wait(timeout=300) == 0
        assert contents(many / "bereft") == contents(many / "alone")
        said = [(many / f"worker_{machine.address}.log").read_text() for machine in cluster.machines]
    assert all("Registered to" in text for text in said)


def test_two_machines_predict_the_same_bytes(photopea):
    model = run_of(photopea / "run", card_of(), seed=3)
    scenes = [str(photopea / "in" / name) for name in "abc"]
    gcps = f"{photopea}/gcps/{{scene_id}}.json"

    def predict(out, *more):
        return ["predict", str(model), *scenes, "--out", str(photopea / out), "--georeference", gcps, *more]

    assert status_of(app, predict("alone", "--workers", "1")) == 0
    with two_machines(photopea) as cluster:
        prefix = cluster.machines[0].prefix
        shared = finished([*prefix, str(CERULEANML), *predict("shared", "--scheduler", cluster.scheduler)])
    assert shared.returncode == 0, shared.stderr
    assert contents(photopea / "shared") == contents(photopea / "alone")


def test_a_scheduler_without_workers_is_told(many):
    with two_machines(many) as cluster:
        for worker in cluster.workers:
            os.killpg(worker.pid, signal.SIGTERM)
            worker.wait(timeout=60)
        prefix = cluster.machines[0].prefix
        done = finished([*prefix, *command(many, "none", "--scheduler", cluster.scheduler)])
    assert done.returncode == 2 and "has no workers; start `dask worker" in done.stderr
    assert CERULEANML.exists() and not (many / "none").exists()
