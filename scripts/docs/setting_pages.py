"""Reference pages of what is set elsewhere than on the command line: settings of a training, and make's targets."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from site_text import cell

ROOT = Path(__file__).parents[2]
TARGET = re.compile(r"^([a-zA-Z_-]+):.*?## (.*)$", re.MULTILINE)


def setting_pages() -> dict[str, str]:
    """The pages by their paths within docs/."""
    return {"reference/settings.md": _settings_page(), "reference/make.md": _make_page()}


def make_targets(makefile: Path) -> dict[str, str]:
    """What `make help` lists: each target and what it says of it."""
    return dict(TARGET.findall(makefile.read_text(encoding="utf-8")))


def _settings_page() -> str:
    from ceruleanml.models.config import TrainConfig, settings
    from ceruleanml.models.groups import DEFAULTS, PRESETS

    lines = [
        "# Settings of a training", "",
        "`ceruleanml train` takes settings as `name=value`, and a group's presets as `group=preset`; see",
        "[training](../training.md). `ceruleanml train --settings` prints these lists.", "", "## Presets", "",
        "| group | default | others |", "|---|---|---|",
    ]  # fmt: skip
    for group, presets in PRESETS.items():
        others = ", ".join(f"`{name}`" for name in presets if name != DEFAULTS[group])
        lines.append(f"| `{group}` | `{DEFAULTS[group]}` | {others} |")
    group = "none yet"
    for name, about, value in settings(TrainConfig()):
        if (mine := name.rpartition(".")[0]) != group:
            group = mine
            lines += ["", f"## {group or 'The run'}", ""]
            lines += ["| setting | default | what it is | from, to, or one of |", "|---|---|---|---|"]
        lines.append(f"| `{name}` | `{_written(value)}` | {cell(about.metadata['help'])} | {_limits(about.metadata)} |")
    return "\n".join(lines) + "\n"


def _written(value: Any) -> str:
    """A default as one types it: YAML's words."""
    words = {None: "null", True: "true", False: "false"}
    return words[value] if value is None or isinstance(value, bool) else str(value)


def _limits(about: Any) -> str:
    if about["low"] is not None:
        return f"{about['low']:g} to {about['high']:g} {about['unit']}".strip()
    return ", ".join(f"`{choice}`" for choice in about["choices"]) or about["unit"]


def _make_page() -> str:
    lines = [
        "# Targets of make",
        "",
        "`make help` lists them, `make -C gcpvm help` those of the GPU machine's folder.",
        "",
    ]
    for title, makefile in (("In the repository", "Makefile"), ("In gcpvm/", "gcpvm/Makefile")):
        lines += [f"## {title}", "", "| target | what it does |", "|---|---|"]
        lines += [f"| `make {name}` | {cell(told)} |" for name, told in make_targets(ROOT / makefile).items()] + [""]
    return "\n".join(lines)
