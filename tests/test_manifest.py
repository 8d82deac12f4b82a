import os
import subprocess
import sys
from pathlib import Path

import npe2
import pytest

import napari_unet

MANIFEST = Path(napari_unet.__file__).parent / "napari.yaml"
NAME = "napari-unet-live"


@pytest.fixture(scope="module")
def manifest():
    return npe2.PluginManifest.from_file(MANIFEST)


def test_npe2_accepts_it_and_every_python_name_resolves(manifest):
    manifest.validate_imports()
    assert (manifest.name, manifest.display_name) == (NAME, "U-Net")


def test_it_is_found_by_its_entry_point():
    assert NAME in {found.manifest.name for found in npe2.PluginManifest.discover() if found.manifest}


def test_widgets_and_samples(manifest):
    widgets = [widget.display_name for widget in manifest.contributions.widgets]
    assert widgets == ["Train U-Net", "Segment with U-Net", "Scores", "Objects"]
    keys = {sample.key for sample in manifest.contributions.sample_data}
    assert {"nuclei", "histology", "vessels", "myelin"} <= keys


def test_reader_takes_model_files_only(manifest):
    (reader,) = manifest.contributions.readers
    assert reader.filename_patterns == ["*.safetensors"]


@pytest.mark.parametrize(
    ("menu", "command"),
    [("annotate", "train"), ("segment", "segment"), ("measure", "scores"), ("measure", "objects")],
)
def test_menus_of_a_live_napari_hold_the_docks(make_napari_viewer, menu, command):
    make_napari_viewer()
    from napari._app_model import get_app_model

    items = get_app_model().menus.get_menu(f"napari/layers/{menu}")
    commands = {item.command.id: item.command.title for item in items if hasattr(item, "command")}
    assert f"{NAME}.{command}" in commands


@pytest.mark.parametrize("widget", ["Objects", "Scores", "Segment with U-Net", "Train U-Net"])
def test_opening_a_dock_loads_no_torch(widget, tmp_path):
    program = f"""
import sys, time
import napari
viewer = napari.Viewer(show=False)
started = time.perf_counter()
viewer.window.add_plugin_dock_widget({NAME!r}, {widget!r})
print("seconds", time.perf_counter() - started)
assert "torch" not in sys.modules, "torch was loaded"
viewer.close()
"""
    environment = os.environ | {"NAPARI_UNET_CONFIG_DIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=120, env=environment
    )
    assert done.returncode == 0, done.stderr


def test_importing_the_package_loads_neither_torch_nor_qt():
    program = (
        "import sys, napari_unet, napari_unet.scores, napari_unet.samples\n"
        "bad = {'torch', 'qtpy', 'napari', 'PyQt6'} & set(sys.modules)\n"
        "sys.exit(str(bad) if bad else 0)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
