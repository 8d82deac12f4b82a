"""Programs of every kind as the parent of a child process: how it starts and how it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from jobs.listening import eventually

TESTS = Path(__file__).resolve().parents[1]

# no ``if __name__ == "__main__"``: multiprocessing would run it a second time
UNGUARDED = """
import sys, threading
from napari_unet.jobs import Worker
from napari_unet.events import Finished, Started
from jobs.toys import Toy

print("once", flush=True)
started = threading.Event()
def heard(event):
    if isinstance(event, Started):
        print(event.plan["pid"], flush=True)
        started.set()
worker = Worker()
job = worker.submit(Toy({do!r}, options={options!r}), heard)
started.wait(60)
{then}
"""


def program(
    tmp_path: Path, then: str, do: str = "until_stopped", cwd: Path | None = None, **options: object
) -> subprocess.Popen[str]:
    script = tmp_path / "script.py"
    script.write_text(UNGUARDED.format(do=do, options=options, then=then))
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    return subprocess.Popen(
        [sys.executable, str(script)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        cwd=cwd,
    )


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_an_unguarded_script_runs_once_and_ends_by_itself(tmp_path):
    # it never closes its worker: atexit does, and the job saves what it reached
    ended = program(tmp_path, "pass", mark=str(tmp_path / "saved"))
    out, err = ended.communicate(timeout=60)
    assert out.splitlines()[0] == "once"
    assert len(out.splitlines()) == 2
    assert (ended.returncode, err) == (0, "")
    assert (tmp_path / "saved").exists()
    assert not is_running(int(out.splitlines()[1]))


def test_the_parent_loads_no_torch(tmp_path):
    out, err = program(tmp_path, "print('torch' in sys.modules)").communicate(timeout=60)
    assert out.splitlines()[2:] == ["False"]
    assert err == ""


def test_files_where_napari_was_started_are_not_mistaken_for_modules(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "numpy.py").write_text("raise ImportError('this is no numpy')")
    out, err = program(tmp_path, "pass", cwd=folder).communicate(timeout=60)
    assert len(out.splitlines()) == 2
    assert err == ""


linux = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")


@linux
@pytest.mark.parametrize(
    ("do", "then"),
    [
        ("until_stopped", "threading.Event().wait()"),
        ("ignores_stop", "threading.Event().wait()"),
        # a process that the parent forked holds the child's stdin open
        ("until_stopped", "import os, time; os.fork(); time.sleep(20)"),
    ],
    ids=["stops", "ignores stop", "fork"],
)
def test_the_child_ends_within_five_seconds_of_its_killed_parent(tmp_path, do, then):
    parent = program(tmp_path, then, do, mark=str(tmp_path / "saved"))
    assert parent.stdout.readline() == "once\n"
    pid = int(parent.stdout.readline())
    time.sleep(0.2)
    assert is_running(pid)
    parent.send_signal(signal.SIGKILL)
    eventually(lambda: not is_running(pid), 5.0)
    parent.wait()
    parent.stdout.close()
    parent.stderr.close()
    assert (tmp_path / "saved").exists() == (do == "until_stopped")


@linux
def test_an_idle_child_ends_at_once_with_its_parent(tmp_path):
    parent = program(tmp_path, "threading.Event().wait()", "gpu")
    assert parent.stdout.readline() == "once\n"
    pid = int(parent.stdout.readline())
    parent.send_signal(signal.SIGKILL)
    eventually(lambda: not is_running(pid), 2.0)
    parent.communicate()


@linux
def test_ctrl_c_in_the_terminal_is_the_parents_alone(tmp_path):
    parent = program(tmp_path, "threading.Event().wait()", mark=str(tmp_path / "saved"))
    assert parent.stdout.readline() == "once\n"
    pid = int(parent.stdout.readline())
    parent.send_signal(signal.SIGINT)  # the child is in another group, and ignores it
    os.kill(pid, signal.SIGINT)
    _, err = parent.communicate(timeout=30)
    assert "KeyboardInterrupt" in err
    assert (tmp_path / "saved").exists()
    assert not is_running(pid)


IN_NAPARI = """
import os
import numpy as np
from napari_unet.jobs import Worker
from jobs.toys import Toy

print("once", flush=True)
events = []
worker = Worker()
job = worker.submit(Toy("sums", (np.arange(10),)), events.append)
"""
WAIT_AND_LEAVE = """
job.wait(60)
worker.close()
print([type(event).__name__ for event in events], flush=True)
os._exit(0)
"""
RUN_AND_LEAVE = """
import napari
from qtpy.QtCore import QCoreApplication, QTimer

viewer = napari.Viewer(show=False)
timer = QTimer()
timer.timeout.connect(lambda: job.done and QCoreApplication.quit())
timer.start(50)
napari.run(force=True)
viewer.close()
worker.close()
print([type(event).__name__ for event in events], flush=True)
"""


@pytest.mark.parametrize(
    ("command", "then"),
    [
        (["-c", "from napari.__main__ import main; main()"], WAIT_AND_LEAVE),
        (["-m", "napari"], WAIT_AND_LEAVE),
        ([], RUN_AND_LEAVE),
    ],
    ids=["napari", "python -m napari", "script with napari.run()"],
)
def test_napari_runs_jobs_however_it_is_started(tmp_path, command, then):
    script = tmp_path / "script.py"
    script.write_text(IN_NAPARI + then)
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        "QT_QPA_PLATFORM": "offscreen",
        "NAPARI_CONFIG": str(tmp_path / "settings.yaml"),
    }
    ended = subprocess.run(
        [sys.executable, *command, str(script)], capture_output=True, text=True, timeout=120, env=environment
    )
    lines = [line for line in ended.stdout.splitlines() if line == "once" or line.startswith("[")]
    assert lines == ["once", "['Notice', 'Finished']"], ended.stdout + ended.stderr
    assert ended.returncode == 0


def test_a_jupyter_kernel_runs_jobs(tmp_path):
    import jupyter_client

    manager, client = jupyter_client.manager.start_new_kernel(
        env=os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}, cwd=str(tmp_path)
    )
    try:
        code = """
import numpy as np
from napari_unet.jobs import Worker
from jobs.toys import Toy
events = []
worker = Worker()
job = worker.submit(Toy("sums", (np.arange(10),)), events.append)
job.wait(60)
worker.close()
print([type(event).__name__ for event in events])
"""
        said = []
        client.execute_interactive(
            code, timeout=90, output_hook=lambda message: said.append(message["content"].get("text", ""))
        )
        assert "['Notice', 'Finished']" in "".join(said)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
