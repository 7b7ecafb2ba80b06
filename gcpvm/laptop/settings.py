"""The plain settings of the Terraform module, read without Terraform: settings.py NAME prints one."""

import re
import sys
from pathlib import Path

ASSIGNED = re.compile(r'^\s*(\w+)\s*=\s*(?:"([^"]*)"|([\w.]+))', re.MULTILINE)
VARIABLE = re.compile(r'^variable "(\w+)" \{$(.*?)^\}$', re.MULTILINE | re.DOTALL)


def settings(module: Path) -> dict[str, str]:
    """The module's plain variables: their defaults, and what terraform.tfvars says in their place."""
    blocks = [(name, assigned(block)) for name, block in VARIABLE.findall((module / "variables.tf").read_text())]
    defaults = {name: block["default"] for name, block in blocks if "default" in block}
    own = module / "terraform.tfvars"
    return defaults | (assigned(own.read_text()) if own.exists() else {})


def assigned(text: str) -> dict[str, str]:
    """The names and plain values of `name = value` lines."""
    return {name: quoted or bare for name, quoted, bare in ASSIGNED.findall(text)}


if __name__ == "__main__":
    print(settings(Path(__file__).parents[1])[sys.argv[1]])
