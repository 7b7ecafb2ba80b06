"""Real terraform on a copy of the module, led to stand-in providers."""

import json
import os
import select
import shutil
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from processes import finished

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
MODULE = ROOT / "gcpvm"
PYTHON = ROOT / ".venv" / "infra" / "bin" / "python"
SCHEMAS = (HERE / "google_schema.json", HERE / "tls_schema.json")
START_S = 60
PATIENCE_S = 120
SETTINGS_FILE = "-var-file=settings.tfvars"  # not terraform.tfvars, which terraform's own tests would read too

# What a team would write, with every option in use.
SETTINGS = """\
project_id  = "our-project-123"
region      = "europe-west4"
zone        = "europe-west4-a"
name        = "slicks"
buckets     = { our-scenes = "read", our-results = "write" }
ssh_members = ["user:ana@example.org"]
labels      = { team = "slicks" }
budget      = { billing_account = "012345-6789AB-CDEF01", amount = 300 }
"""


def missing():
    """What must be installed before terraform can be tested here, as one line; empty where all is."""
    if not PYTHON.exists():
        return f"{PYTHON.relative_to(ROOT)} is missing: say make setup-infra"
    if shutil.which("terraform") is None:
        return "terraform is not on the PATH: install version 1.11 or newer, then run the tests again"
    return ""


@contextmanager
def stand_in(schemas=SCHEMAS):
    """The value of TF_REATTACH_PROVIDERS while the stand-in providers serve."""
    command = [str(PYTHON), str(HERE / "provider.py"), *map(str, schemas)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            readable, _, _ = select.select([process.stdout], [], [], START_S)
            line = process.stdout.readline().decode() if readable else ""
            if not line:
                process.kill()
                raise RuntimeError(f"the stand-in did not start: {process.stderr.read().decode()}")
            yield line.strip()
            process.stdin.close()
            process.wait(timeout=START_S)
        finally:
            process.kill()


@dataclass(frozen=True)
class Module:
    """A copy of the module in a folder of its own, and terraform to run on it."""

    folder: Path
    providers: str

    def environment(self):
        """The environment of terraform: nothing outside the folder is read or asked."""
        ours = ("TF_", "GOOGLE_", "CLOUDSDK_", "GCLOUD_")
        environment = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
        return environment | {
            "TF_REATTACH_PROVIDERS": self.providers, "TF_CLI_CONFIG_FILE": os.devnull, "TF_IN_AUTOMATION": "1",
            "TF_INPUT": "0", "CHECKPOINT_DISABLE": "1", "GOOGLE_BACKEND_CREDENTIALS": "none",
            "GOGC": "off",  # processes of a second need no collection of garbage, which was a quarter of their time
        }  # fmt: skip

    def run(self, *arguments):
        """The CompletedProcess of a terraform command."""
        return finished(["terraform", *arguments], patience_s=PATIENCE_S, env=self.environment(), cwd=self.folder)

    def json(self, *arguments):
        done = self.run(*arguments)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def use_local_state(self):
        """Keep the state in the folder instead of a bucket, and get ready to plan."""
        (self.folder / "backend_override.tf").write_text('terraform {\n  backend "local" {}\n}\n')
        (self.folder / "settings.tfvars").write_text(SETTINGS)
        done = self.run("init", "-no-color")
        assert done.returncode == 0, done.stderr


def module_copy(folder, providers):
    """A copy of what git would keep of the module."""
    ignore = shutil.ignore_patterns(".terraform*", "*.tfstate*", "terraform.tfvars", "backend.hcl", "*_override.tf")
    shutil.copytree(MODULE, folder, ignore=ignore)
    return Module(folder, providers)
