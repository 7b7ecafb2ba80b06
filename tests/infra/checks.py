"""The checks of the module, from the quickest to the slowest; each gives what it has to say, or nothing."""

from infra.policy import broken
from infra.terraform_run import SETTINGS_FILE


def form(module):
    done = module.run("fmt", "-check", "-recursive")
    return done.stdout + done.stderr if done.returncode else ""


def state_in_a_bucket(module):
    """Terraform itself must want to open the bucket of the state, with credentials that are none here."""
    done = module.run("init", "-no-color")
    opened = done.returncode and "credentials is neither valid json nor a valid file path" in done.stderr
    return "" if opened else f"the state is not in a bucket: {done.stderr}"


def validate(module):
    module.run("init", "-backend=false", "-no-color")
    done = module.run("validate", "-no-color")
    return done.stderr if done.returncode else ""


def policy(module):
    """The rules that a plan with every option in use breaks."""
    module.use_local_state()
    done = module.run("plan", "-no-color", SETTINGS_FILE, "-out=plan")
    if done.returncode:
        return done.stderr
    return " ".join(broken(module.json("show", "-json", "plan"), module.folder))


def changes(module, *options):
    """What a plan would do with each resource that it does not leave as it is."""
    done = module.run("plan", "-no-color", SETTINGS_FILE, *options, "-out=plan")
    assert done.returncode == 0, done.stderr
    planned = module.json("show", "-json", "plan")["resource_changes"]
    return {row["address"]: row["change"]["actions"] for row in planned if row["change"]["actions"] != ["no-op"]}


def life(module):
    """Applied, nothing is left to change; another GPU is another machine; what holds data refuses to be destroyed."""
    applied = module.run("apply", "-no-color", SETTINGS_FILE, "-auto-approve")
    if applied.returncode:
        return applied.stderr
    if module.run("plan", "-no-color", SETTINGS_FILE, "-detailed-exitcode").returncode:
        return "a second apply would change something"
    if changes(module, "-var=preset=cpu").get("google_compute_instance.vm") != ["delete", "create"]:
        return "another preset would be put on the machine that is there"
    refused = module.run("plan", "-no-color", SETTINGS_FILE, "-destroy")
    kept = refused.returncode and "google_compute_disk.data has lifecycle.prevent_destroy" in refused.stderr
    return "" if kept else "the data disk could be destroyed"


def _tests(name):
    """The check that runs one of the module's own files of tests."""

    def check(module):
        done = module.run("test", "-no-color", f"-filter=tests/{name}.tftest.hcl")
        return done.stdout + done.stderr if done.returncode else ""

    check.__name__ = name
    return check


TESTS = ("presets", "costs", "access", "refusals")
CHECKS = (form, state_in_a_bucket, validate, policy, life, *map(_tests, TESTS))


def first_complaint(module):
    """The name of the first check that complains and what it says; two empty strings where none does."""
    for check in CHECKS:
        said = check(module)
        if said:
            return check.__name__, said
    return "", ""
