"""gcpvm/ itself passes every check, preset by preset; what it refuses it explains; what it destroys is not the data."""

import json
import re

import pytest
from infra.checks import TESTS, changes, first_complaint
from infra.policy import RULES, broken
from infra.terraform_run import MODULE, SETTINGS_FILE
from processes import finished

pytest_plugins = ("infra.fixtures",)

PRESETS = re.findall(r"^    (\w+) = \{$", (MODULE / "presets.tf").read_text(), re.MULTILINE)
README = (MODULE / "README.md").read_text()
VARIABLES = dict(re.findall(r'^variable "(\w+)" \{\n(.*?)^\}$', (MODULE / "variables.tf").read_text(), re.S | re.M))


def test_the_module_passes_every_check(module):
    assert first_complaint(module) == ("", "")


def test_every_preset_keeps_every_rule(module):
    assert PRESETS == ["l4", "t4", "a100", "h100", "cpu"] and len(RULES) >= 18
    module.use_local_state()
    for preset in PRESETS:
        planned = module.run("plan", "-no-color", SETTINGS_FILE, f"-var=preset={preset}", "-out=plan")
        assert planned.returncode == 0, planned.stderr
        assert broken(module.json("show", "-json", "plan"), module.folder) == [], preset


def test_every_preset_and_every_refusal_has_a_run_of_its_own():
    assert sorted(file.name.split(".")[0] for file in (MODULE / "tests").glob("*.hcl")) == sorted(TESTS)
    presets = (MODULE / "tests" / "presets.tftest.hcl").read_text()
    assert {preset for preset in PRESETS if f'preset = "{preset}"' in presets} == set(PRESETS) - {"l4"}  # the default
    refusals = (MODULE / "tests" / "refusals.tftest.hcl").read_text()
    assert set(re.findall(r"expect_failures = \[var\.(\w+)\]", refusals)) == set(VARIABLES)


@pytest.mark.parametrize("name", VARIABLES)
def test_a_variable_is_explained_checked_and_its_refusal_says_the_mend(name):
    text = VARIABLES[name]
    sentences = re.findall(r'error_message = "(.*)"$', text, re.MULTILINE)
    assert re.search(r"^  description = \"\w", text, re.MULTILINE) and sentences
    for sentence in sentences:
        assert sentence.startswith(name) and sentence.endswith((".", ")."))
        assert re.search(r": (give|leave)|: .*\b(belongs|takes?)\b", sentence), sentence


def test_a_refusal_is_read_by_who_plans(module):
    module.use_local_state()
    done = module.run("plan", "-no-color", SETTINGS_FILE, "-var=idle_minutes=0")
    told = " ".join(done.stderr.split())
    assert done.returncode == 1 and "give a whole number of minutes from 10 to 720" in told


def test_the_examples_are_plannable_and_name_every_variable(module):
    example = (MODULE / "terraform.tfvars.example").read_text()
    assert {name for name in VARIABLES if not re.search(rf"^(# )?{name} +=", example, re.MULTILINE)} == set()
    module.use_local_state()
    planned = module.run("plan", "-no-color", "-var-file=terraform.tfvars.example")
    assert planned.returncode == 0, planned.stderr
    spelt_out = re.sub(r"^# (?=\w+ +=)", "", example, flags=re.MULTILINE)
    (module.folder / "all.tfvars").write_text(spelt_out)
    again = module.run("plan", "-no-color", "-var-file=all.tfvars")
    assert again.stdout.count("\n") == planned.stdout.count("\n")  # what stands in comments is the default


def test_the_example_of_a_backend_names_what_the_backend_takes(module):
    done = module.run("init", "-no-color", "-backend-config=backend.hcl.example")
    assert "credentials is neither valid json nor a valid file path" in done.stderr  # it got as far as the bucket
    (module.folder / "wrong.hcl").write_text('bukket = "x"\n')
    assert "bukket" in module.run("init", "-no-color", "-backend-config=wrong.hcl").stderr


def kept(module):
    return set(module.run("state", "list").stdout.split())


def destroy(module):
    """`make destroy`, as one says it, answered with yes."""
    variables = {"TF_CLI_ARGS_destroy": f"-auto-approve -no-color {SETTINGS_FILE}"}
    return finished(["make", "destroy"], cwd=module.folder, env={**module.environment(), **variables}, patience_s=120)


def test_destroy_takes_all_but_the_data_and_a_new_machine_finds_it(module):
    module.use_local_state()
    apply = ("apply", "-no-color", SETTINGS_FILE, "-auto-approve")
    assert module.run(*apply).returncode == 0
    all_of_it = kept(module)
    done = destroy(module)
    assert done.returncode == 0, done.stderr
    left = {address for address in kept(module) if not address.startswith("google_project_service.")}
    assert left == {"google_compute_disk.data", "google_billing_budget.month[0]", "terraform_data.made_for"}
    before = json.loads((module.folder / "terraform.tfstate").read_text())["resources"]
    assert module.run(*apply).returncode == 0
    after = json.loads((module.folder / "terraform.tfstate").read_text())["resources"]
    assert kept(module) == all_of_it
    assert [row for row in before if row["type"] == "google_compute_disk"] == [
        row for row in after if row["type"] == "google_compute_disk"
    ]


def applied(module, *options):
    assert module.run("apply", "-no-color", SETTINGS_FILE, *options, "-auto-approve").returncode == 0


def machine_of_the_plan(module):
    changed = module.json("show", "-json", "plan")["resource_changes"]
    return next(row["change"] for row in changed if row["type"] == "google_compute_instance")


ANEW = {
    "google_compute_instance.vm", "google_compute_instance_iam_member.login",
    "google_iap_tunnel_instance_iam_member.login",
}  # fmt: skip


def test_another_preset_is_another_machine_with_its_own_gpu_and_disks_and_the_same_data(module):
    module.use_local_state()
    applied(module, "-var=preset=t4", "-var=local_ssd_count=2")
    for preset in ("l4", "h100"):
        anew = changes(module, f"-var=preset={preset}")
        assert set(map(tuple, anew.values())) == {("delete", "create")}
        assert {address.split("[")[0] for address in anew} == ANEW | {"terraform_data.made_for"}
        machine = machine_of_the_plan(module)
        assert machine["before"]["guest_accelerator"] and machine["after"]["guest_accelerator"] == []
        assert len(machine["before"]["scratch_disk"]) == 2 and machine["after"]["scratch_disk"] == []
    assert "google_compute_instance.vm" in changes(module, "-var=preset=t4", "-var=local_ssd_count=1")
    assert len(machine_of_the_plan(module)["after"]["scratch_disk"]) == 1


def test_a_deletion_that_fails_is_tried_again(module):
    """What remembers the preset goes after the machine: were it first, the next apply would see nothing to do anew."""
    module.use_local_state()
    applied(module)
    done = module.run("apply", "-no-color", SETTINGS_FILE, "-var=preset=t4", "-auto-approve")
    gone = done.stdout.index("google_compute_instance.vm: Destruction complete")
    assert gone < done.stdout.index("terraform_data.made_for: Destroying")


def test_members_may_log_in_to_a_machine_made_anew(module):
    module.use_local_state()
    applied(module)
    anew = changes(module, "-replace=google_compute_instance.vm")
    assert set(map(tuple, anew.values())) == {("delete", "create")}
    assert {address.split("[")[0] for address in anew} == ANEW


OTHERWISE = {
    "preset": "t4", "local_ssd_count": "1", "spot": "false", "max_run_hours": "48", "boot_disk_gb": "200",
    "image_family": "common-gpu", "image_project": "our-images",
}  # fmt: skip
IN_PLACE = {
    "data_disk_gb": "300", "idle_minutes": "60", "labels": '{ team = "sea" }', "buckets": '{ our-scenes = "read" }',
    "ssh_members": '["user:bo@example.org"]', "budget": "null",
}  # fmt: skip
REFUSED_OR_BY_HAND = {"project_id", "region", "zone", "name", "network_cidr"}


def test_the_readme_names_each_setting_that_replaces_the_machine(module):
    assert {*OTHERWISE, *IN_PLACE, *REFUSED_OR_BY_HAND} == set(VARIABLES)
    (sentence,) = re.findall(r"^These settings replace the machine: (.*?)\. ", README, re.MULTILINE | re.DOTALL)
    assert set(re.findall(r"`(\w+)`", sentence)) == set(OTHERWISE)
    module.use_local_state()
    applied(module)
    for name, value in OTHERWISE.items():
        done = module.run("plan", "-no-color", SETTINGS_FILE, f"-var={name}={value}")
        assert re.search(r"# google_compute_instance.vm (must|will) be replaced", done.stdout), name
        assert "google_compute_disk.data" not in re.findall(r"# (\S+) (?:must|will) be", done.stdout), name
    others = changes(module, *(f"-var={name}={value}" for name, value in IN_PLACE.items()))
    assert others["google_compute_instance.vm"] == others["google_compute_disk.data"] == ["update"]


def test_another_zone_or_name_is_refused_for_the_data_disk(module):
    module.use_local_state()
    applied(module)
    for option in ("-var=name=other-name", "-var=zone=europe-west4-b"):
        done = module.run("plan", "-no-color", SETTINGS_FILE, option)
        assert done.returncode == 1 and "google_compute_disk.data has lifecycle.prevent_destroy" in done.stderr


def test_a_start_up_script_too_large_for_metadata_is_refused(module):
    module.use_local_state()
    (module.folder / "vm" / "cdata.sh").write_text("#" * 256 * 1024)
    done = module.run("plan", "-no-color", SETTINGS_FILE)
    assert done.returncode == 1 and "make the files in vm/ smaller" in " ".join(done.stderr.split())
