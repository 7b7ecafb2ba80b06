"""The stand-in providers, started once for all tests of a worker."""

import pytest
from infra.terraform_run import missing, module_copy, stand_in


@pytest.fixture(scope="session")
def providers():
    """The value of TF_REATTACH_PROVIDERS that leads terraform to the stand-ins."""
    if told := missing():
        pytest.fail(told, pytrace=False)
    with stand_in() as addresses:
        yield addresses


@pytest.fixture
def module(tmp_path, providers):
    """A copy of gcpvm/ with terraform to run on it."""
    return module_copy(tmp_path / "gcpvm", providers)
