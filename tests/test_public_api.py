"""What ``from napari_unet import ...`` offers, and what importing costs."""

from __future__ import annotations

import subprocess
import sys

import pytest

import napari_unet

HEAVY = ("torch", "qtpy", "napari", "PyQt6", "skimage", "scipy", "tifffile", "zarr")


def loaded_after(code: str) -> set[str]:
    """Names of modules a fresh Python has loaded after running the code."""
    script = f"import sys\n{code}\nprint(' '.join(sys.modules))"
    result = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    return set(result.stdout.split())


@pytest.mark.parametrize("name", napari_unet.__all__)
def test_every_public_name_is_there_and_documented(name: str) -> None:
    thing = getattr(napari_unet, name)
    assert name in dir(napari_unet)
    assert name == "__version__" or thing.__doc__


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="UNetManager"):
        _ = napari_unet.UNetManager


@pytest.mark.parametrize(
    "code",
    [
        "import napari_unet",
        "from napari_unet.cli.app import run; run(['--help']) and exit(1)",
        "from napari_unet.cli.app import run; run(['train', '--help']) and exit(1)",
    ],
)
def test_the_start_loads_nothing_heavy(code: str) -> None:
    assert not loaded_after(code) & set(HEAVY)


def test_scoring_loads_no_torch() -> None:
    code = "import napari_unet; napari_unet.evaluate([[0, 1]], [[0, 1]], 'masks')"
    assert "torch" not in loaded_after(code)
