"""A worker for the tests, and an ear for what its jobs say."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from jobs.listening import Heard
from napari_unet.jobs import Worker


@pytest.fixture(scope="session")
def worker() -> Iterator[Worker]:
    """One worker for many tests; each leaves it usable."""
    worker = Worker()
    yield worker
    worker.close()


@pytest.fixture
def heard() -> Heard:
    return Heard()
