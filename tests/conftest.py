"""Fixtures every test may use."""

from pathlib import Path

import pytest

SHARED_DATA = Path(__file__).parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data beside the repository; tests that need it say so when it is missing."""
    if not SHARED_DATA.is_dir():
        pytest.skip("real data is not here: ../shared/data is missing")
    return SHARED_DATA
