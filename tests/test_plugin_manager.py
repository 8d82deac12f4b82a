"""The wheel installed by file through napari's plugin manager, then found in napari's Plugins menu."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

INSTALL = """
import sys
from qtpy.QtWidgets import QApplication
from napari_plugin_manager.base_qt_package_installer import InstallerTools
from napari_plugin_manager.qt_package_installer import NapariInstallerQueue
application = QApplication([])
queue = NapariInstallerQueue()
results = []
queue.processFinished.connect(results.append)
queue.install(InstallerTools.PYPI, [sys.argv[1]])
assert queue.waitForFinished(150_000), "the plugin manager did not finish"
application.processEvents()
print(results)
sys.exit(0 if results and results[-1]["exit_code"] == 0 else 1)
"""

OPEN = """
import napari
viewer = napari.Viewer(show=False)

def texts(menu):
    for action in menu.actions():
        yield action.text()
        if action.menu() is not None:
            yield from texts(action.menu())

print([text.replace("&", "") for text in texts(viewer.window.plugins_menu)])
_, widget = viewer.window.add_plugin_dock_widget("napari-unet-live", "Scores")
print(type(widget).__module__)
viewer.close()
"""


@pytest.fixture
def python(tmp_path: Path) -> Path:
    """Python of an environment that sees the libraries of this one, but not this package."""
    libraries = tmp_path / "libraries"
    libraries.mkdir()
    for entry in Path(sysconfig.get_path("purelib")).iterdir():
        if not entry.name.lower().lstrip("_").startswith(("napari_unet", "editable")):
            (libraries / entry.name).symlink_to(entry)
    home = tmp_path / "environment"
    venv.create(home, with_pip=False, symlinks=True)
    (site_packages,) = home.rglob("site-packages")
    (site_packages / "libraries.pth").write_text(f"{libraries}\n")
    return home / "bin" / "python"


def run(python: Path, code: str, *arguments: str) -> str:
    """What a program prints that is run in the environment, in a place of its own."""
    variables = {
        name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")
    }
    variables |= {"NAPARI_CONFIG": str(python.parents[2] / "settings.yaml"), "PIP_NO_INDEX": "1"}
    result = subprocess.run(
        [str(python), "-c", code, *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
        env=variables,
        cwd=python.parents[2],
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


@pytest.mark.skipif(sys.platform == "win32", reason="making links needs a privilege there")
def test_napari_installs_it_by_file_and_shows_it(python: Path, tmp_path: Path) -> None:
    line = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path), str(ROOT)]
    built = subprocess.run(line, capture_output=True, text=True, check=False, timeout=120)
    assert built.returncode == 0, built.stdout + built.stderr
    (wheel,) = tmp_path.glob("*.whl")
    with pytest.raises(AssertionError, match="No module named 'napari_unet'"):
        run(python, "import napari_unet")
    run(python, INSTALL, str(wheel))
    shown = run(python, OPEN)
    for name in ("Train U-Net", "Segment with U-Net", "Scores"):
        assert name in shown
    assert "napari_unet.viewer.score" in shown
