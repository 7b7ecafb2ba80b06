"""What the check of gcpvm/ stands on: the extract of the provider's schema, and the process that answers for it."""

import json
import re
import signal
import subprocess

from infra.terraform_run import HERE, MODULE, PYTHON, ROOT, SCHEMAS, START_S, missing

GOOGLE = "registry.terraform.io/hashicorp/google"


def schema():
    return json.loads((HERE / "google_schema.json").read_text())["provider_schemas"][GOOGLE]


def test_the_extract_is_small_and_says_where_it_is_from():
    assert (HERE / "google_schema.json").stat().st_size < 60_000
    notice = (HERE / "NOTICE").read_text()
    for word in ("cdktn-provider-google 21.1.0", "hashicorp/google 8.7.0", "Mozilla Public License 2.0"):
        assert word in notice
    (asked,) = re.findall(r'version = "~> ([\d.]+)"', (MODULE / "versions.tf").read_text())
    assert f"hashicorp/google {asked}." in notice
    assert 'required_version = ">= 1.11"' in (MODULE / "versions.tf").read_text()


def test_every_kind_of_the_module_is_in_the_extract():
    text = "".join(file.read_text() for file in sorted(MODULE.glob("*.tf")))
    kinds = set(re.findall(r'^resource "(\w+)"', text, re.MULTILINE)) - {"terraform_data"}  # terraform's own
    assert len(kinds) == 14 and kinds < set(schema()["resource_schemas"])


def test_constraints_name_versions_only():
    lines = [line for line in (ROOT / "constraints-infra.txt").read_text().splitlines() if not line.startswith("#")]
    assert lines and [line for line in lines if not re.fullmatch(r"[a-z-]+==[\d.]+", line)] == []


def test_the_stand_in_ends_with_whoever_started_it():
    assert not missing(), missing()
    command = [str(PYTHON), str(HERE / "provider.py"), *map(str, SCHEMAS)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        addresses = json.loads(process.stdout.readline())
        assert set(addresses) == {GOOGLE, "registry.terraform.io/hashicorp/tls"}
        assert process.poll() is None
        _, told = process.communicate(timeout=START_S)  # closes its standard input
    finally:
        process.send_signal(signal.SIGKILL)
    assert process.returncode == 0, told
