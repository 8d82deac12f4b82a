"""Are strokes back after a crash? napari, or the process that learns, is killed while somebody paints.

A real napari window paints strokes by mouse events on a real image, with live learning on. At a random moment it is
killed (SIGKILL), started again, its session restored, and the annotation compared with what had been painted until 5 s
before. Or its child process is killed instead: then live learning has to go on by itself with every stroke, or say why
not and be switched on again.

Run it as ``xvfb-run -a -s "-screen 0 1400x900x24" python -m benchmarks.crash --moments 20``; every moment is printed,
and a line with all of them is appended to ``benchmarks/results/crash.jsonl``.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil

OLD = 5.0
"""Seconds after which a stroke has to survive."""

PATIENCE = 240.0
"""Seconds that anything may take to begin; much, as this is run beside other work."""

RESULTS = Path(__file__).parent / "results" / "crash.jsonl"
DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "isbi2012_em_membrane" / "train" / "images"


# In napari


def open_dock() -> tuple[Any, Any]:
    import napari

    viewer = napari.Viewer(show=True)
    viewer.window.resize(1300, 850)
    _, dock = viewer.window.add_plugin_dock_widget("napari-unet-live", "Train U-Net")
    return viewer, dock


def paint(image: Path, folder: Path, *, live: bool) -> None:
    """Paint until killed, or until a file ``stop`` is there; leaves what the layer holds after every stroke."""
    from benchmarks.heartbeat import Hand, spin

    viewer, dock = open_dock()
    viewer.open(str(image), plugin="napari")
    spin(1)
    dock.page.source.add_annotation()
    spin(1)
    labels = dock.page.source.pairs[0].labels
    run = dock.live.run
    if live:
        dock.live.button.click()
    hand = Hand(viewer, labels)
    viewer.layers.selection.active = labels
    labels.mode = "paint"
    turn = 0
    while not (folder / "stop").exists():
        labels.selected_label = 1 + turn % 2
        for _ in hand._stroke(turn * 0.37):
            spin(0.01)
        state = folder / f"state {time.time():.3f}.npy"
        np.save(folder / "part.npy", labels.data)
        (folder / "part.npy").rename(state)  # whole or not at all
        tell(folder, run, labels)
        spin(0.3)
        turn += 1
    until = time.monotonic() + PATIENCE
    while live and run.report.is_on and time.monotonic() < until:
        spin(1)
        tell(folder, run, labels)
        if sum(run.report.painted.values()) == np.count_nonzero(labels.data):
            break
    np.save(folder / "end.npy", labels.data)
    tell(folder, run, labels, done=True)
    while True:  # until killed
        spin(1)


def tell(folder: Path, run: Any, labels: Any, *, done: bool = False) -> None:
    report = run.report
    words = {
        "time": time.time(),
        "phase": report.phase,
        "heard": sum(report.painted.values()),
        "painted": int(np.count_nonzero(labels.data)),
        "said": [notice.text for notice in report.notices],
        "failure": report.failure.problem if report.failure is not None else None,
        "done": done,
    }
    (folder / "report.part").write_text(json.dumps(words))
    (folder / "report.part").replace(folder / "report.json")


def restore(folder: Path) -> None:
    """Start again, take the session back, leave what the annotation holds."""
    from benchmarks.heartbeat import spin

    viewer, dock = open_dock()
    spin(1)
    offered = dock.session.line.text()
    if not dock.session.isHidden():
        dock.session.restore_button.click()
    spin(1)
    pairs = [pair for pair in dock.page.source.pairs if pair.labels is not None]
    if pairs:
        np.save(folder / "restored.npy", np.asarray(pairs[0].labels.data))
    words = {
        "offered": offered,
        "said": dock.session.line.text(),
        "image": bool(pairs and pairs[0].images),
        "kept": dock.session.autosave.wait(PATIENCE),
    }
    (folder / "restored.json").write_text(json.dumps(words))
    viewer.close()


# Outside of it


def start(role: str, folder: Path, *arguments: str) -> subprocess.Popen[bytes]:
    environment = {
        **os.environ,
        "NAPARI_UNET_CONFIG_DIR": str(folder / "config"),
        "NAPARI_UNET_MODELS_DIR": str(folder / "models"),
    }
    log = (folder / f"{role}.log").open("wb")
    command = [sys.executable, "-m", "benchmarks.crash", "--role", role, "--folder", str(folder), *arguments]
    return subprocess.Popen(command, env=environment, stdout=log, stderr=log)


def wait_for(question: Any, process: subprocess.Popen[bytes], what: str) -> None:
    until = time.monotonic() + PATIENCE
    while not question():
        if process.poll() is not None or time.monotonic() > until:
            raise SystemExit(f"{what} did not come; see the logs")
        time.sleep(0.2)


def states(folder: Path) -> list[tuple[float, Path]]:
    return sorted((float(path.stem.split()[1]), path) for path in folder.glob("state *.npy"))


def report(folder: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads((folder / "report.json").read_text())
    except (OSError, ValueError):
        return {"phase": "off", "done": False, "time": 0.0}
    return found


def children(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    all_of_them = psutil.Process(process.pid).children(recursive=True)
    return [child for child in all_of_them if "napari_unet.jobs.child" in " ".join(child.cmdline())]


def kill_napari(image: Path, wait: float) -> dict[str, Any]:
    """Kill napari after so many seconds of painting, start it again, and count the strokes that are missing."""
    folder = Path(tempfile.mkdtemp(prefix="crash-"))
    process = start("paint", folder, "--image", str(image), "--live")
    wait_for(lambda: states(folder), process, "The first stroke")
    time.sleep(wait)
    left = children(process)
    killed = time.time()
    process.kill()
    process.wait()
    for child in left:  # they notice, but another run must not have to share the processor with them
        if child.is_running():
            child.kill()
    old = [path for at, path in states(folder) if at <= killed - OLD]
    again = start("restore", folder)
    again.wait(PATIENCE)
    result: dict[str, Any] = {
        "kill": "napari",
        "after_s": round(wait, 2),
        "strokes_before": len(states(folder)),
    }
    if not (folder / "restored.json").exists():
        return {**result, "ok": False, "said": "napari did not start again"}
    said = json.loads((folder / "restored.json").read_text())
    if not old:
        return {**result, **said, "ok": True, "older_than_5_s": 0}
    before = np.load(old[-1])
    after = np.load(folder / "restored.npy") if (folder / "restored.npy").exists() else np.zeros_like(before)
    lost = int(((before > 0) & (after == 0)).sum())
    return {
        **result,
        **said,
        "older_than_5_s": int((before > 0).sum()),
        "lost": lost,
        "ok": lost == 0 and said["image"] and said["kept"],
    }


def kill_child(image: Path, wait: float) -> dict[str, Any]:
    """Kill the processes that learn; live learning has to go on with every stroke."""
    folder = Path(tempfile.mkdtemp(prefix="crash-"))
    process = start("paint", folder, "--image", str(image), "--live")
    try:
        wait_for(lambda: report(folder)["phase"] in ("waiting", "learning"), process, "Live learning")
        time.sleep(wait)
        for child in children(process):
            os.kill(child.pid, signal.SIGKILL)
        killed = time.time()
        wait_for(lambda: report(folder)["time"] > killed + 3, process, "Another stroke")
        (folder / "stop").touch()
        wait_for(lambda: report(folder)["done"], process, "The end")
        last = report(folder)
    finally:
        process.kill()
        process.wait()
    went_on = last["phase"] in ("waiting", "learning", "resting") and last["heard"] == last["painted"]
    before = np.load(states(folder)[0][1])
    lost = int(((before > 0) & (np.load(folder / "end.npy") == 0)).sum())
    keys = ("phase", "heard", "painted", "said", "failure")
    return {
        "kill": "child",
        "after_s": round(wait, 2),
        **{key: last[key] for key in keys},
        "lost": lost,
        "ok": went_on and lost == 0 and bool(last["said"]),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--moments", type=int, default=20, help="of each kind")
    parser.add_argument("--what", nargs="+", choices=["napari", "child"], default=["napari", "child"])
    parser.add_argument(
        "--longest", type=float, default=20.0, help="seconds of painting before the latest moment"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--image", type=Path, default=next(iter(sorted(DATA.iterdir())), None) if DATA.is_dir() else None
    )
    parser.add_argument("--role", choices=["paint", "restore"], help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--live", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.role == "paint":
        paint(arguments.image, arguments.folder, live=arguments.live)
        return
    if arguments.role == "restore":
        restore(arguments.folder)
        return
    chance = random.Random(arguments.seed)
    moments = []
    for what in arguments.what:
        for _ in range(arguments.moments):
            wait = chance.uniform(0, arguments.longest)
            moment = (
                kill_napari(arguments.image, wait) if what == "napari" else kill_child(arguments.image, wait)
            )
            print(json.dumps(moment), flush=True)
            moments.append(moment)
    summary = {
        "date": time.strftime("%Y-%m-%d"),
        "seed": arguments.seed,
        "moments": len(moments),
        "ok": sum(moment["ok"] for moment in moments),
        "results": moments,
    }
    with RESULTS.open("a") as file:
        file.write(json.dumps(summary) + "\n")
    print(f"{summary['ok']} of {summary['moments']} moments cost nothing that was older than {OLD:g} s")
    raise SystemExit(summary["ok"] != summary["moments"])


if __name__ == "__main__":
    main()
