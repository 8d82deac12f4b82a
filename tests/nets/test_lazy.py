from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize("room", ["nets", "device", "inference"])
def test_importing_the_room_does_not_load_torch(room: str) -> None:
    code = f"import sys, napari_unet.{room}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
