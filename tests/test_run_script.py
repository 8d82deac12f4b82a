"""``scripts/run.py``: what it does before anything is installed. The rest of it runs these tests."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("run_script", ROOT / "scripts" / "run.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_it_needs_nothing_but_python(tmp_path: Path) -> None:
    line = [sys.executable, "-I", "-S", str(ROOT / "scripts" / "run.py"), "--help"]
    shown = subprocess.run(line, capture_output=True, text=True, check=False, timeout=60, cwd=tmp_path)
    assert shown.returncode == 0
    assert "demo" in shown.stdout


def test_an_unknown_action_is_no_success() -> None:
    line = [sys.executable, str(ROOT / "scripts" / "run.py"), "tests"]
    assert subprocess.run(line, capture_output=True, check=False, timeout=60).returncode == 2


def test_what_is_there_is_not_installed(script: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(script, "run", lambda *a, **k: pytest.fail(f"ran {a}"))
    assert script.install_system({"python": lambda: True}, "for this test")


def test_without_permission_it_says_exactly_what_to_install(
    script: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(script.os, "geteuid", lambda: 1000, raising=False)
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    asked: list[tuple[str, ...]] = []

    def refuse(*command: str, **options: object) -> int:
        asked.append(command)
        return 1

    monkeypatch.setattr(script, "run", refuse)
    assert not script.install_system({"libegl1": lambda: False, "xvfb": lambda: True}, "to test")
    assert asked == [("sudo", "-n", "true")]
    assert "sudo apt-get install libegl1\n" in capsys.readouterr().err


def test_as_root_it_installs(script: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    there = False
    commands: list[tuple[str, ...]] = []

    def install(*command: str, **options: object) -> int:
        nonlocal there
        commands.append(command)
        there = "install" in command
        return 0

    monkeypatch.setattr(script.os, "geteuid", lambda: 0, raising=False)
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(script, "run", install)
    assert script.install_system({"libegl1": lambda: there}, "to test")
    assert [("update" in c, c[-1]) for c in commands] == [(True, commands[0][-1]), (False, "libegl1")]
    assert not any("sudo" in command for command in commands)


def test_libraries_programs_and_files_are_told_apart(script: ModuleType, tmp_path: Path) -> None:
    assert not script.library("libnobody-has-this.so.9")()
    assert not script.program("nobody-has-this")()
    assert not script.files(str(tmp_path / "*.ttf"))()
    (tmp_path / "a.ttf").touch()
    assert script.files("/nowhere/*", str(tmp_path / "*.ttf"))()


@pytest.mark.skipif(sys.platform != "linux", reason="the packages are Debian's")
def test_these_tests_have_the_libraries_it_asks_for(script: ModuleType) -> None:
    if shutil.which("dpkg") is None:
        pytest.skip("no Debian")
    assert [name for name, is_there in script.QT_PACKAGES.items() if not is_there()] == []


def test_an_environment_that_cannot_be_made_is_explained(
    script: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(script, "run", lambda *a, **k: 1)
    monkeypatch.setattr(script, "install_system", lambda *a: False)
    with pytest.raises(SystemExit, match="sudo apt-get install python3-venv"):
        script.make_environment()
