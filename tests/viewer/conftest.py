"""What every test of the docks needs."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def config_folder(tmp_path, monkeypatch):
    """A folder of its own for what is remembered, so that no test sees or changes the user's."""
    folder = tmp_path / "configuration"
    monkeypatch.setenv("NAPARI_UNET_CONFIG_DIR", str(folder))
    return folder
