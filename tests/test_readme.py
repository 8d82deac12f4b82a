"""Every command and every piece of Python in the documents runs, at toy size."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import numpy as np
import pytest

from napari_unet.cli.app import run
from napari_unet.images import write_labels

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = ("README.md", "docs/command-line.md", "docs/api.md")
TOY_OPTIONS = ("--steps=2", "--width=4", "--depth=2", "--patch-size=32", "--device=cpu", "--labels-are=masks")
TOY_KEYWORDS = "steps=2, width=4, depth=2, patch_size=32, device='cpu'"


def blocks(document: str, language: str) -> list[str]:
    """Code blocks of a document in one language, in their order."""
    return re.findall(rf"^```{language}\n(.*?)^```", (ROOT / document).read_text("utf-8"), re.M | re.S)


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with what the documents take for granted: images, labels, options, a model."""
    rng = np.random.default_rng(0)
    for name in ("cell1", "cell2", "cell3"):
        mask = np.zeros((64, 72), np.uint8)
        for y, x in rng.integers(0, 50, (6, 2)):
            mask[y : y + 12, x : x + 12] = 1
        write_labels(tmp_path / "labels" / f"{name}.tif", mask)
        image = (40 + 120 * mask + rng.normal(0, 10, mask.shape)).astype(np.uint8)
        write_labels(tmp_path / "images" / f"{name}.tif", image)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("document", DOCUMENTS)
def test_python_runs(document: str, workplace: Path) -> None:
    code = blocks(document, "python")
    if document == "docs/command-line.md":
        assert not code
        return
    assert code
    for block in code:
        toy = block.replace("minutes=2", TOY_KEYWORDS)
        exec(compile(toy, document, "exec"), {"__name__": "readme"})


@pytest.mark.parametrize("document", DOCUMENTS)
def test_commands_run(document: str, workplace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for block in blocks(document, "toml"):
        (workplace / "options.toml").write_text(block)
    lines = [line for block in blocks(document, "sh") for line in block.splitlines()]
    commands = [shlex.split(line)[1:] for line in lines if line.startswith("napari-unet ")]
    assert bool(commands) == (document != "docs/api.md")
    for command in commands:
        if command[0] in ("train", "find-rate"):
            command = [part for part in command if part not in ("--minutes", "5")] + list(TOY_OPTIONS)
        assert run(command) == 0, capsys.readouterr().err


def test_links_and_scripts_exist() -> None:
    for document in DOCUMENTS:
        text = (ROOT / document).read_text("utf-8")
        for target in re.findall(r"\]\(([^)#]+)\)", text):
            if not target.startswith("https://") and not target.endswith(".png"):
                assert ((ROOT / document).parent / target).exists(), target
        for script in re.findall(r"^python3 (\S+)", text, re.M):
            assert (ROOT / script).exists()
    assert "scripts/run.py test" in (ROOT / ".ci" / "run").read_text("utf-8")
    assert "python3 scripts/run.py test" in (ROOT / "README.md").read_text("utf-8")
