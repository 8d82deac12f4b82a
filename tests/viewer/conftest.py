"""What every test of the docks needs."""

from __future__ import annotations

import pytest

from engine_support import FakeWorker
from napari_unet.viewer import bridge


@pytest.fixture(autouse=True)
def config_folder(tmp_path, monkeypatch):
    """A folder of its own for what is remembered, so that no test sees or changes the user's."""
    folder = tmp_path / "configuration"
    monkeypatch.setenv("NAPARI_UNET_CONFIG_DIR", str(folder))
    monkeypatch.setenv("NAPARI_UNET_MODELS_DIR", str(tmp_path / "models"))
    return folder


@pytest.fixture
def worker(qapp):
    """The engine's worker, for which the test speaks."""
    fake = FakeWorker()
    engine = bridge.Engine(fake)
    bridge.use_engine(engine)
    yield fake
    bridge.use_engine(None)
    engine.close(0)


@pytest.fixture
def live_worker(qapp):
    """The worker of live runs, for which the test speaks."""
    fake = FakeWorker()
    engine = bridge.Engine(fake)
    bridge.use_engine(engine, "live")
    yield fake
    bridge.use_engine(None, "live")
    engine.close(0)
