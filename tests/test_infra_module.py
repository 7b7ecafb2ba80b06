"""gcpvm/ itself passes every check, preset by preset; what it refuses it explains; what it destroys is not the data."""

import json
import re

import pytest
from infra.checks import TESTS, first_complaint
from infra.policy import RULES, broken
from infra.terraform_run import MODULE, SETTINGS_FILE
from processes import finished

pytest_plugins = ("infra.fixtures",)

PRESETS = re.findall(r"^    (\w+) = \{$", (MODULE / "presets.tf").read_text(), re.MULTILINE)
KIND = "google_compute_instance"
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
    assert left == {"google_compute_disk.data", "google_billing_budget.month[0]"}
    before = json.loads((module.folder / "terraform.tfstate").read_text())["resources"]
    assert module.run(*apply).returncode == 0
    after = json.loads((module.folder / "terraform.tfstate").read_text())["resources"]
    assert kept(module) == all_of_it
    assert [row for row in before if row["type"] == "google_compute_disk"] == [
        row for row in after if row["type"] == "google_compute_disk"
    ]


def changes(module, *options):
    """What a plan would do with each resource that it does not leave as it is."""
    assert module.run("plan", "-no-color", SETTINGS_FILE, *options, "-out=plan").returncode == 0
    planned = module.json("show", "-json", "plan")["resource_changes"]
    return {row["address"]: row["change"]["actions"] for row in planned if row["change"]["actions"] != ["no-op"]}


def test_another_machine_touches_no_data_and_its_members_may_log_in_again(module):
    module.use_local_state()
    assert module.run("apply", "-no-color", SETTINGS_FILE, "-auto-approve").returncode == 0
    assert changes(module, "-var=preset=cpu") == {"google_compute_instance.vm": ["update"]}
    # Disks that the machine brings, or that were asked for later, do not make it anew.
    assert changes(module, "-var=preset=h100") == {"google_compute_instance.vm": ["update"]}
    changes(module, "-var=preset=a100", "-var=local_ssd_count=2")
    vm = next(row for row in module.json("show", "-json", "plan")["resource_changes"] if row["type"] == KIND)
    assert vm["change"]["before"]["scratch_disk"] == vm["change"]["after"]["scratch_disk"] == []
    anew = changes(module, "-replace=google_compute_instance.vm")
    assert set(map(tuple, anew.values())) == {("delete", "create")}
    assert {address.split("[")[0] for address in anew} == {
        "google_compute_instance.vm", "google_compute_instance_iam_member.login",
        "google_iap_tunnel_instance_iam_member.login",
    }  # fmt: skip


def test_a_start_up_script_too_large_for_metadata_is_refused(module):
    module.use_local_state()
    (module.folder / "vm" / "cdata.sh").write_text("#" * 256 * 1024)
    done = module.run("plan", "-no-color", SETTINGS_FILE)
    assert done.returncode == 1 and "make the files in vm/ smaller" in " ".join(done.stderr.split())
