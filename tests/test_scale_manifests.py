"""Dask on GKE: the manifests agree with each other, with this repository and with the docs. No cluster reads them."""

import re
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "gcpvm" / "dask"


@pytest.fixture
def cluster():
    return yaml.safe_load((FOLDER / "cluster.yaml").read_text())


def pods(cluster):
    return {kind: cluster["spec"][kind]["spec"] for kind in ("scheduler", "worker")}


def test_every_pod_mounts_the_disk_that_is_asked_for(cluster):
    claim = yaml.safe_load((FOLDER / "disk.yaml").read_text())["metadata"]["name"]
    for pod in pods(cluster).values():
        (volume,) = pod["volumes"]
        (container,) = pod["containers"]
        assert volume["persistentVolumeClaim"]["claimName"] == claim
        assert container["volumeMounts"] == [{"name": volume["name"], "mountPath": "/data"}]


def test_every_pod_runs_what_this_version_of_dask_has(cluster):
    for kind, pod in pods(cluster).items():
        program, verb, *_ = pod["containers"][0]["args"]
        assert Path(sys.executable).with_name(program).exists() and verb == kind


def test_the_disk_belongs_to_the_images_user(cluster):
    (number,) = re.findall(r"useradd --uid (\d+) --create-home (?:\w+)\nUSER", (FOLDER / "Dockerfile").read_text())
    assert {pod["securityContext"]["fsGroup"] for pod in pods(cluster).values()} == {int(number)}


def test_the_image_is_made_of_files_that_are_here():
    copies = re.findall(r"^COPY (.*) \S+$", (FOLDER / "Dockerfile").read_text(), re.MULTILINE)
    assert copies and all((ROOT / name).exists() for line in copies for name in line.split())


def test_the_docs_name_the_schedulers_address(cluster):
    (port,) = (one["port"] for one in cluster["spec"]["scheduler"]["service"]["ports"] if one["name"] == "tcp-comm")
    name = cluster["metadata"]["name"]
    docs = (ROOT / "docs" / "scale.md").read_text()
    assert f"tcp://{name}-scheduler:{port}" in docs and f"daskworkergroup {name}-default" in docs
