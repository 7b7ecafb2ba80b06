"""The plain settings of the Terraform module, read without Terraform: settings.py NAME prints one."""

import re
import sys
from pathlib import Path

ASSIGNED = re.compile(r'^([ \t]*)(\w+)\s*=\s*(?:"([^"]*)"|([\w.]+))', re.MULTILINE)
VARIABLE = re.compile(r'^variable "(\w+)" \{$(.*?)^\}$', re.MULTILINE | re.DOTALL)


def settings(module: Path) -> dict[str, str]:
    """The module's plain variables: their defaults, and what terraform.tfvars says in their place."""
    variables = VARIABLE.findall((module / "variables.tf").read_text())
    blocks = [(name, assigned(block, indented=True)) for name, block in variables]
    defaults = {name: block["default"] for name, block in blocks if "default" in block}
    own = module / "terraform.tfvars"
    return defaults | (assigned(own.read_text()) if own.exists() else {})


def assigned(text: str, indented: bool = False) -> dict[str, str]:
    """The names and plain values of `name = value` lines: those at the margin, or those within a block."""
    return {name: quoted or bare for space, name, quoted, bare in ASSIGNED.findall(text) if bool(space) == indented}


if __name__ == "__main__":
    print(settings(Path(__file__).parents[1])[sys.argv[1]])
