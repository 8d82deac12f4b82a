"""The package as its users get it: a wheel in an environment of its own."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
import sysconfig
import venv
import zipfile
from email.parser import Parser
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
SAMPLES_LIMIT = 3_000_000

RESOLVE = """
import json, sys
import napari_unet
from npe2 import PluginManifest
from npe2.manifest.utils import import_python_name
manifest = PluginManifest.from_distribution("napari-unet-live")
names = sorted(command.python_name for command in manifest.contributions.commands)
for name in names:
    import_python_name(name)
print(json.dumps({
    "home": napari_unet.__file__,
    "names": names,
    "widgets": [widget.display_name for widget in manifest.contributions.widgets],
    "torch": "torch" in sys.modules,
}))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A freshly built wheel; built without network."""
    folder = tmp_path_factory.mktemp("wheel")
    line = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    built = subprocess.run(line, capture_output=True, text=True, check=False, timeout=120)
    assert built.returncode == 0, built.stdout + built.stderr
    (path,) = folder.glob("napari_unet_live-*.whl")
    return path


def requirements(wheel: Path) -> set[str]:
    """Distributions that the wheel's metadata requires without any extra."""
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [n for n in archive.namelist() if n.endswith(".dist-info/METADATA")]
        metadata = Parser().parsestr(archive.read(name).decode())
    required = [Requirement(line) for line in metadata.get_all("Requires-Dist") or []]
    return {canonicalize_name(r.name) for r in required if not (r.marker and "extra" in str(r.marker))}


def imported_packages() -> dict[str, str]:
    """Top-level packages that the source imports, with one file that does."""
    found: dict[str, str] = {}
    for path in sorted((ROOT / "src").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            names: list[str] = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names = [node.module]
            for name in names:
                found.setdefault(name.partition(".")[0], path.name)
    return {k: v for k, v in found.items() if k not in sys.stdlib_module_names and k != "napari_unet"}


def test_it_works_in_a_fresh_environment(wheel: Path, tmp_path: Path) -> None:
    home = tmp_path / "environment"
    venv.create(home, with_pip=False, symlinks=True)
    python = home / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    pip = [sys.executable, "-m", "pip", "--python", str(python)]
    installed = subprocess.run(
        [*pip, "install", "--no-deps", "--no-index", str(wheel)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert installed.returncode == 0, installed.stderr
    # The libraries it needs are those of this environment; this package itself is not found through that.
    (site_packages,) = {p.parent for p in home.rglob("napari_unet") if p.is_dir()}
    (site_packages / "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n")
    result = subprocess.run(
        [str(python), "-I", "-c", RESOLVE],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        cwd=tmp_path,
    )
    assert result.returncode == 0, result.stderr
    told = json.loads(result.stdout.splitlines()[-1])
    assert Path(told["home"]).is_relative_to(home.resolve())
    assert {"Train U-Net", "Segment with U-Net", "Scores"} <= set(told["widgets"])
    assert len(told["names"]) >= 3
    assert not told["torch"]

    program = python.with_name("napari-unet.exe" if sys.platform == "win32" else "napari-unet")
    shown = subprocess.run(
        [str(program), "--help"], capture_output=True, text=True, check=False, timeout=60, cwd=tmp_path
    )
    assert shown.returncode == 0, shown.stderr
    assert "evaluate" in shown.stdout


def test_it_holds_what_belongs_in_and_no_more(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        samples = sum(
            i.compress_size for i in archive.infolist() if i.filename.startswith("napari_unet/samples/")
        )
    assert 0 < samples <= SAMPLES_LIMIT
    assert {"napari_unet/napari.yaml", "napari_unet/py.typed", "napari_unet/samples/ATTRIBUTION.md"} <= set(
        names
    )
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert {name.partition("/")[0].partition("-")[0] for name in names} == {"napari_unet", "napari_unet_live"}
    assert not any("__pycache__" in name or "test" in name for name in names)


def test_its_metadata_names_every_library_it_imports(wheel: Path) -> None:
    required = requirements(wheel)
    homes = packages_distributions()
    missing = {
        package: (homes[package], where)
        for package, where in imported_packages().items()
        if not required & {canonicalize_name(name) for name in homes[package]}
    }
    assert not missing
    assert not required & {"pyqt5", "pyqt6", "pyside2", "pyside6"}
