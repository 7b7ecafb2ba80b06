"""No secret in the repository, nor in what Terraform keeps, plans, prints or shows in the list of processes."""

import json
import subprocess
import sys
import zipfile

import pytest
from infra.process_lines import watched
from infra.secret_forms import FORMS, secret_attributes, secrets_in
from infra.terraform_run import ROOT, SETTINGS_FILE
from processes import finished

pytest_plugins = ("infra.fixtures",)


def some(length):
    return ("0a1b2c3d4e5f" * 4)[:length]


def json_web_token():
    return "ey" + "J" + some(20) + ".ey" + "J" + some(20) + "." + some(10)


LOOKS = {
    "private key": lambda: "-----BEGIN " + "RSA PRIVATE KEY-----",
    "service account key": lambda: json.dumps({"private" + "_key_id": some(40)}),
    "Google API key": lambda: "AI" + "za" + some(35),
    "Google access token": lambda: "ya" + "29." + some(30),
    "Google refresh token": lambda: "1//0" + some(40),
    "Google client secret": lambda: "GOC" + "SPX-" + some(28),
    "GitHub token": lambda: "gh" + "p_" + some(36),
    "AWS key": lambda: "AK" + "IA" + some(16).upper(),
    "Slack token": lambda: "xox" + "b-" + some(24),
    "JSON web token": json_web_token,
}


@pytest.mark.parametrize("kind", FORMS)
def test_a_secret_would_be_found(kind):
    assert secrets_in(f"key = {LOOKS[kind]()}\n") == [kind]
    assert secrets_in("key = var.project_id\n") == []


def test_no_secret_in_the_repository():
    names = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT, capture_output=True, check=True, timeout=60
    ).stdout.split(b"\0")
    files = [ROOT / name.decode() for name in names if name]
    assert len(files) > 100
    texts = ((file, file.read_bytes().decode(errors="replace")) for file in files if file.is_file())
    assert [(file.relative_to(ROOT), kinds) for file, text in texts if (kinds := secrets_in(text))] == []


def applied(module):
    """All that terraform wrote and printed on the way to a machine: texts, and the state itself."""
    module.use_local_state()
    runs = [
        module.run("plan", "-no-color", SETTINGS_FILE, "-out=plan"),
        module.run("show", "-json", "plan"),
        module.run("apply", "-no-color", "plan"),
        module.run("output", "-json"),
    ]
    assert [run.returncode for run in runs] == [0, 0, 0, 0], runs
    with zipfile.ZipFile(module.folder / "plan") as plan:
        texts = [plan.read(name).decode(errors="replace") for name in plan.namelist()]
    texts += [run.stdout + run.stderr for run in runs]
    state = (module.folder / "terraform.tfstate").read_text()
    return [*texts, state], json.loads(state)


def test_no_secret_in_plan_state_and_output(module):
    texts, state = applied(module)
    assert len(state["resources"]) > 10
    assert [kind for text in texts for kind in secrets_in(text)] == []
    assert list(secret_attributes(state["resources"])) == []
    assert not any(made["sensitive_attributes"] for row in state["resources"] for made in row["instances"])


def test_a_key_in_the_state_would_be_found(module):
    with (module.folder / "identity.tf").open("a") as file:
        file.write('\nresource "tls_private_key" "ssh" {\n  algorithm = "RSA"\n}\n')
    _, state = applied(module)
    found = list(secret_attributes(state["resources"]))
    assert [path.rsplit(".", 1)[1] for path in found] == ["private_key_openssh", "private_key_pem"]


def test_the_token_of_who_applies_is_in_no_command_line_and_is_not_kept(module):
    module.use_local_state()
    token = LOOKS["Google access token"]()
    given = module.environment() | {"GOOGLE_OAUTH_ACCESS_TOKEN": token, "GOOGLE_CREDENTIALS": token}
    command = ["terraform", "apply", "-no-color", SETTINGS_FILE, "-auto-approve"]
    with watched(module.folder) as lines:
        done = finished(command, patience_s=120, env=given, cwd=module.folder)
    assert done.returncode == 0, done.stderr
    assert any(line.startswith("terraform apply") for line in lines), lines
    kept = (module.folder / "terraform.tfstate").read_text()
    assert [line for line in (*lines, done.stdout, done.stderr, kept) if token in line or secrets_in(line)] == []


def test_a_token_in_a_command_line_would_be_seen(tmp_path):
    token = LOOKS["Google access token"]()
    with watched(tmp_path) as lines:
        finished([sys.executable, "-c", "import time; time.sleep(0.3)", token], patience_s=60, cwd=tmp_path)
    assert [kind for line in lines for kind in secrets_in(line)] == ["Google access token"]
