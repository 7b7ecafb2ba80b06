"""Fixtures every test may use."""

import os
import signal
from pathlib import Path

import pytest
from builds_made import GREEN, RED, slick
from hypothesis import HealthCheck, settings
from scenes_made import pixels, write_gcps, write_photopea

signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job hands it down as ignored
os.environ.setdefault("OMP_NUM_THREADS", "1")  # networks here are small, and tests run side by side

# The same examples on every machine, however slow it is: a run that fails fails again.
settings.register_profile("steady", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("steady")

SHARED_DATA = Path(__file__).parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data beside the repository; tests that need it say so when it is missing."""
    if not SHARED_DATA.is_dir():
        pytest.skip("real data is not here: ../shared/data is missing")
    return SHARED_DATA


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


@pytest.fixture(scope="session")
def warm_cli(tmp_path_factory):
    """A folder for the front of PATH: its `ceruleanml` and `python` are real processes that need not import PyTorch."""
    from warm_cli import served

    with served(tmp_path_factory.mktemp("warm")) as programs:
        yield programs


@pytest.fixture(scope="module")
def warm_workers():
    """Workers of Dask's clusters are real processes that need not import PyTorch."""
    from warm_workers import forked_workers

    with forked_workers():
        yield


@pytest.fixture(scope="module")
def narrow_networks():
    """Networks have a fraction of their features, here and in the workers of Dask's clusters."""
    from narrow import narrowed

    with narrowed():
        yield


@pytest.fixture(scope="module")
def bucket_server(tmp_path_factory):
    """A server of Google Cloud Storage's protocol with the bucket `b`."""
    from bucket_made import served_bucket

    with served_bucket(tmp_path_factory.mktemp("server")) as bucket:
        yield bucket


@pytest.fixture
def bucket(bucket_server, tmp_path, monkeypatch):
    """The bucket `b`, empty, which `gs://` leads to; the cache lies in the test's own folder."""
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", bucket_server.endpoint)
    monkeypatch.setenv("CERULEANML_CACHE", str(tmp_path / "cache"))
    for name in bucket_server.objects():
        bucket_server.delete(name)
    return bucket_server
