"""Every extra of the package is in the environment of the tests, at the version that constraints.txt names."""

import re
from importlib.metadata import metadata, requires, version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
EXTRAS = metadata("ceruleanml").get_all("Provides-Extra")
PINNED = {
    canonicalize_name(name): pin
    for name, pin in re.findall(r"^([\w.-]+)==(\S+)$", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
}


def needed_by(extra):
    """The requirements that an extra adds, those of extras within it too."""
    for line in requires("ceruleanml"):
        one = Requirement(line)
        if one.marker is None or not one.marker.evaluate({"extra": extra}) or one.marker.evaluate({"extra": ""}):
            continue
        if canonicalize_name(one.name) == "ceruleanml":
            for within in one.extras:
                yield from needed_by(within)
        else:
            yield one


@pytest.mark.parametrize("extra", EXTRAS)
def test_what_it_needs_is_here_and_pinned(extra):
    needed = list(needed_by(extra))
    assert needed
    for one in needed:
        assert version(one.name) == PINNED[canonicalize_name(one.name)]
        assert one.specifier.contains(version(one.name)), one


def test_the_extra_of_developers_holds_all_others():
    assert {one.name for extra in EXTRAS for one in needed_by(extra)} == {one.name for one in needed_by("dev")}
