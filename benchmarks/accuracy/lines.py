"""Result lines: one JSON object per measurement, appended to a file and committed."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from argparse import Namespace
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from itertools import product
from pathlib import Path
from typing import Any

from benchmarks.accuracy.task import ROOT, cores

Line = dict[str, Any]


def read_lines(path: Path) -> list[Line]:
    """All lines of a file; none if there is no file."""
    if not path.exists():
        return []
    return [json.loads(text) for text in path.read_text().splitlines() if text.strip()]


def append_line(path: Path, line: Line) -> None:
    """Append in one write, so that an interruption leaves whole lines only."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        file.write(json.dumps(line, ensure_ascii=False) + "\n")


def is_done(lines: Sequence[Line], wanted: Line, any_commit: bool = False) -> bool:
    """Whether there is a line of all that is wanted; with ``any_commit`` of whatever commit."""
    fields = {name: value for name, value in wanted.items() if not (any_commit and name == "commit")}
    return any(all(line.get(name) == value for name, value in fields.items()) for line in lines)


def combinations(options: Namespace, minutes: float, sources: Sequence[str]) -> Iterator[Line]:
    """What lines of every recipe, set and seed of the command line are known by, with the commit of these sources."""
    for recipe, name, seed in product(options.recipes, options.sets, options.seeds):
        commit = commit_of(sources)
        yield {"set": name, "recipe": recipe, "minutes": minutes, "seed": seed, "commit": commit}


def missing(results: Path, wanted: Iterable[Line], any_commit: bool = False) -> Iterator[Line]:
    """Those of which there is no line yet, looked up when it is their turn."""
    for each in wanted:
        if not is_done(read_lines(results), each, any_commit):
            yield each


def commit_of(paths: Sequence[str]) -> str:
    """Last commit that touched these paths, with a ``+`` if they have changed since."""
    found = _git("log", "-1", "--format=%h", "--abbrev=9", "--", *paths)
    return (found or "none") + ("+" if _git("status", "--porcelain", "--", *paths) else "")


def machine() -> dict[str, Any]:
    """Processor and cores used; nothing that tells whose machine it is."""
    return {"cpu": _processor(), "cores": cores(), "system": f"{platform.system()} {platform.machine()}"}


def versions(packages: Sequence[str]) -> dict[str, str]:
    """Versions of Python, NumPy and these packages."""
    found = {"python": platform.python_version()}
    for package in ("numpy", *packages):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "absent"
    return found


def now() -> str:
    """UTC, ISO 8601, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def load() -> float | None:
    """Processes that wanted to run in the last minute, if the system tells."""
    return round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        facts = dict(
            map(str.strip, line.split(":", 1))
            for line in info.read_text().splitlines()
            if line.count(":") == 1
        )
        name = facts.get("model name", platform.processor())
        return f"{name}, family {facts.get('cpu family', '?')} model {facts.get('model', '?')}"
    return platform.processor()


def _git(*arguments: str) -> str:
    answer = subprocess.run(["git", "-C", str(ROOT), *arguments], capture_output=True, text=True, check=False)
    return answer.stdout.strip()
