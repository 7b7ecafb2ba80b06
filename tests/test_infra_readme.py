"""What gcpvm/README.md tells a newcomer to type exists, and what it says of settings is what they are."""

import re
import subprocess

from infra.terraform_run import MODULE, ROOT

README = (MODULE / "README.md").read_text()
VARIABLES = (MODULE / "variables.tf").read_text()


def targets(makefile):
    return set(re.findall(r"^([a-z][a-z-]*):", makefile.read_text(), re.MULTILINE))


def test_every_target_it_names_is_one():
    named = set(re.findall(r"\bmake ([a-z][a-z-]+)", README)) - {"destroy"}  # within gcpvm/, where a test runs it
    assert len(named) >= 12
    assert named - targets(ROOT / "Makefile") == set()
    assert {name.removeprefix("vm-") for name in named if name.startswith("vm-")} <= targets(MODULE / "Makefile")


def test_the_settings_of_its_table_are_the_defaults():
    told = re.findall(r"^\| [a-z ]+ \| `(\w+) = (\w+)` \|", README, re.MULTILINE)
    assert len(told) == 3
    for name, value in told:
        (block,) = re.findall(rf'^variable "{name}" \{{$(.*?)^\}}$', VARIABLES, re.MULTILINE | re.DOTALL)
        assert re.findall(r"^  default += (\w+)$", block, re.MULTILINE) == [value], name


def test_the_presets_of_its_table_are_those_of_the_module():
    told = dict(re.findall(r"^\| `(\w+)`(?: \(default\))? \| (\S+) \|", README, re.MULTILINE))
    text = (MODULE / "presets.tf").read_text()
    assert told == dict(re.findall(r'^    (\w+) = \{\n      machine_type += "(.*)"$', text, re.MULTILINE))


def words(text):
    return " ".join(text.split())


def test_it_leaves_out_of_the_costs_what_the_estimate_leaves_out():
    text = (MODULE / "laptop" / "cost.py").read_text()
    (said,) = re.findall(r'for each GB through the NAT gateway, (.*?),",\s+"(.*)\."', text)
    assert f"leaves out what each GB through the NAT gateway costs, {', '.join(said)}." in words(README)
    (row,) = re.findall(r"^\| stopped .* \| (.*) \|$", README, re.MULTILINE)
    assert row == said[0]  # not "no": the address may be paid for


def test_it_says_what_members_may_lack():
    """Their roles are on the machine; what gcloud waits for belongs to the project."""
    assert "google_project_iam" not in (MODULE / "identity.tf").read_text()
    for word in ("`compute.zoneOperations.get`", "`roles/compute.viewer`", "--async`", "untried"):
        assert word in words(README), word


def test_its_links_and_files_are_there():
    for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", README):
        assert (MODULE / target).exists(), target
    for name in re.findall(r"`([\w/.-]+\.(?:tf|toml|py|example))`", README):
        assert (MODULE / name).exists() or (ROOT / name).exists(), name


def test_what_it_tells_git_to_leave_alone_is_left_alone():
    private = ["terraform.tfvars", "backend.hcl", "terraform.tfstate", ".terraform/providers/x"]
    paths = [f"gcpvm/{name}" for name in [*private, ".terraform.lock.hcl", "terraform.tfvars.example"]]
    done = subprocess.run(["git", "check-ignore", *paths], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.stdout.split() == [f"gcpvm/{name}" for name in private]
