"""Each fault put into a copy of gcpvm/ is told by the check that is there for it. The table is infra/faults.toml."""

import tomllib
from dataclasses import dataclass

import pytest
from infra.checks import first_complaint
from infra.terraform_run import HERE, MODULE

pytest_plugins = ("infra.fixtures",)


@dataclass(frozen=True)
class Fault:
    """One edit of a file of the module, and the first check that must tell, in which words."""

    name: str
    file: str
    old: str
    new: str
    check: str
    says: str


FAULTS = [Fault(**row) for row in tomllib.loads((HERE / "faults.toml").read_text())["fault"]]


def test_each_fault_is_one_edit_with_a_name_of_its_own():
    assert len(FAULTS) >= 20 and len({fault.name for fault in FAULTS}) == len(FAULTS)
    for fault in FAULTS:
        assert (MODULE / fault.file).read_text().count(fault.old) == 1, fault.name
        assert fault.old != fault.new and fault.says, fault.name


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name.replace(" ", "-"))
def test_the_fault_is_told(fault, module):
    file = module.folder / fault.file
    before = file.read_text()
    file.write_text(before.replace(fault.old, fault.new))
    assert file.read_text() != before
    check, said = first_complaint(module)
    assert check == fault.check, said
    assert fault.says in said
