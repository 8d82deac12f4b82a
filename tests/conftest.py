"""Fixtures shared by all tests."""

from __future__ import annotations

from pathlib import Path

import hypothesis
import pytest

hypothesis.settings.register_profile("ours", deadline=None)  # the machine may have other things to do
hypothesis.settings.load_profile("ours")

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real annotated images; absent outside the project's workplace and CI."""
    if not SHARED_DATA.is_dir():
        pytest.skip("the folder ../shared/data with real images is not here")
    return SHARED_DATA
