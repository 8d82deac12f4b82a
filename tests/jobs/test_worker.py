from __future__ import annotations

import os
import signal
import sys
import threading
import time

import dask.array as da
import numpy as np
import pytest

from jobs.listening import Heard, eventually, finish
from jobs.toys import Chat, Slow, Toy, Unreadable, bad_input, checksum
from napari_unet.errors import UNetError
from napari_unet.events import Failed, Finished, Notice, PredictedRegion, Progress, Started, Waiting
from napari_unet.jobs import Worker, arrays, scratch
from napari_unet.jobs.arrays import pack
from napari_unet.jobs.messages import Run
from napari_unet.jobs.process import ChildProcess
from napari_unet.requests import ProbeRequest

posix = pytest.mark.skipif(sys.platform == "win32", reason="signals")


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that has ended but was not yet reaped by init does not."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def works(worker: Worker) -> int:
    """Whether the worker is usable; returns the number of its child process."""
    heard = Heard()
    finish(worker.submit(Toy("count", options={"n": 1}), heard))
    assert isinstance(heard.last, Finished), heard.last
    return heard.last.summary["pid"]


def test_events_arrive_in_order_from_one_thread_of_the_worker(worker, heard):
    job = worker.submit(Toy("count", options={"n": 500}), heard)
    finish(job)
    assert [event.fraction for event in heard.of(Progress)] == [i / 500 for i in range(500)]
    assert isinstance(heard.last, Finished)
    assert len(heard.events) == 501
    assert heard.threads == {"napari-unet reader"}
    assert job.state == "done"


def test_submitting_and_starting_return_at_once(heard):
    worker = Worker()
    begun = time.perf_counter()
    worker.start()
    job = worker.submit(Toy("sums", (np.zeros((64, 1024, 1024), np.uint8),)), heard)
    spent = time.perf_counter() - begun
    job.kill()
    worker.close()
    assert job.done
    assert spent < 0.05


def test_the_child_stays_for_the_next_job(worker):
    assert works(worker) == works(worker)


def test_stop_lets_the_job_finish(worker, heard):
    job = worker.submit(Toy("until_stopped"), heard)
    pid = heard.wait_for(Started).plan["pid"]
    assert job.state == "running"
    job.stop()
    finish(job)
    assert heard.last.stopped
    assert works(worker) == pid


@pytest.mark.parametrize("delay", [0.0, 0.001, 0.01, 0.1])
def test_stop_at_any_moment_ends_the_job_once(worker, heard, delay):
    job = worker.submit(Toy("until_stopped"), heard)
    time.sleep(delay)
    job.stop()
    job.stop()
    finish(job)
    assert [type(event) for event in heard.events if isinstance(event, (Finished, Failed))] == [Finished]
    assert heard.last.stopped
    works(worker)


def test_a_job_that_ignores_stop_is_killed_and_keeps_its_saved_weights(worker, heard):
    job = worker.submit(Toy("ignores_stop"), heard)
    pid = heard.wait_for(Started).plan["pid"]
    job.stop(grace=0.3)
    finish(job)
    assert "did not react" in heard.of(Notice)[0].text
    assert heard.last == Finished(stopped=True, model_path="best.safetensors")
    assert works(worker) != pid
    assert not is_alive(pid)


@posix
def test_kill_takes_what_the_job_started_itself(worker, heard):
    job = worker.submit(Toy("starts_a_program"), heard)
    pid = heard.wait_for(Started).plan["pid"]
    job.kill()
    finish(job)
    assert heard.last.stopped
    eventually(lambda: not is_alive(pid))


@posix
@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"signal": 9}, "probably ran out of memory"),
        ({"signal": int(signal.SIGSEGV)}, "crashed (SIGSEGV)"),
    ],
)
def test_a_child_that_dies_is_a_failure_with_its_last_words(worker, heard, options, words):
    finish(worker.submit(Toy("dies", options=options), heard))
    assert heard.events[0] == Progress(0.5)
    assert heard.last.kind == "JobLostError"
    assert words in heard.last.problem
    assert "last words" in heard.last.detail
    works(worker)


@posix
def test_a_lost_job_names_the_weights_that_were_saved(worker, heard):
    finish(worker.submit(Toy("dies", options={"saved": True}), heard))
    assert "/models/best.safetensors" in heard.last.remedy


def test_an_unexpected_exit_is_a_failure(worker, heard):
    finish(worker.submit(Toy("exits"), heard))
    assert "exit status 3" in heard.last.problem
    works(worker)


@posix
def test_a_child_killed_between_jobs_is_replaced(worker):
    pid = works(worker)
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: not is_alive(pid))
    assert works(worker) != pid


def test_errors_arrive_in_our_words(worker, heard):
    finish(worker.submit(Toy("raises", options={"error": bad_input()}), heard))
    assert (heard.last.problem, heard.last.kind) == ("The image is empty.", "InputError")


@pytest.mark.parametrize("do", ["cannot_be_pickled", "ends_silently", "no_such_function"])
def test_a_broken_job_fails_and_the_worker_goes_on(worker, heard, do):
    finish(worker.submit(Toy(do), heard))
    assert isinstance(heard.last, Failed)
    assert heard.last.detail
    works(worker)


def test_a_request_that_cannot_be_pickled_fails_in_words(worker, heard):
    finish(worker.submit(Toy("count", options={"n": lambda: 1}), heard))
    assert isinstance(heard.last, Failed)
    assert "pickle" in heard.last.detail
    works(worker)


def test_what_is_printed_does_not_disturb_the_messages(worker, heard):
    finish(worker.submit(Toy("prints"), heard))
    assert heard.events == [Notice("stdin: ''"), Finished()]


def test_an_error_in_the_callback_does_not_harm_the_job(worker, caplog):
    def broken(event):
        raise ValueError("a bug in the dock")

    finish(worker.submit(Toy("count"), broken))
    assert "a bug in the dock" in caplog.text
    works(worker)


def test_a_large_result_arrives_unchanged(worker, heard):
    finish(worker.submit(Toy("large_result"), heard))
    (region,) = heard.of(PredictedRegion)
    np.testing.assert_array_equal(region.labels[-1], np.arange(8192 * 8191, 8192 * 8192).astype(np.uint8))


class TestQueue:
    def test_the_second_job_waits_and_says_for_what(self, worker):
        first, second, third = Heard(), Heard(), Heard()
        running = worker.submit(Toy("until_stopped"), first)
        waiting = worker.submit(ProbeRequest("cpu"), second)
        last = worker.submit(Toy("count"), third)
        assert second.wait_for(Waiting) == Waiting("Another job is running; this starts when it is done.")
        assert waiting.state == "queued"
        running.stop()
        finish(last)
        assert waiting.done
        assert isinstance(second.last, Finished)
        assert [event.reason.partition(" is")[0] for event in third.of(Waiting)] == [
            "Another job",
            "The device test",
        ]
        assert isinstance(third.last, Finished)

    def test_a_waiting_job_that_is_stopped_just_ends(self, worker):
        first, second = Heard(), Heard()
        running = worker.submit(Toy("until_stopped"), first)
        waiting = worker.submit(Toy("count"), second)
        second.wait_for(Waiting)
        waiting.stop()
        finish(waiting)
        assert second.last == Finished(stopped=True)
        assert second.of(Progress) == []
        assert not running.done
        running.stop()
        finish(running)

    def test_two_workers_run_at_the_same_time(self, worker):
        other, heard, heard_other = Worker(), Heard(), Heard()
        jobs = [worker.submit(Toy("until_stopped"), heard), other.submit(Toy("until_stopped"), heard_other)]
        assert heard.wait_for(Started).plan["pid"] != heard_other.wait_for(Started).plan["pid"]
        for job in jobs:
            job.stop()
            finish(job)
        other.close()


class TestArrays:
    @pytest.fixture
    def big(self):
        return np.random.default_rng(0).integers(0, 60000, (40, 400, 500), dtype=np.uint16)

    def test_a_large_array_goes_through_a_file_that_is_gone_afterwards(
        self, worker, heard, big, tmp_path, monkeypatch
    ):
        monkeypatch.setattr(scratch, "_folders", lambda nbytes: iter([tmp_path]))
        finish(worker.submit(Toy("sums", (big, big.T)), heard))
        assert [event.text for event in heard.of(Notice)] == [
            f"ndarray {checksum(big)}",
            f"ndarray {checksum(big.T)}",
        ]
        assert list(tmp_path.iterdir()) == []

    def test_a_full_shared_memory_and_disk_are_survived_by_serving(self, worker, heard, big, monkeypatch):
        def full(*args):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "posix_fallocate", full)
        finish(worker.submit(Toy("sums", (big,)), heard))
        assert heard.of(Notice)[0].text == f"ServedArray {checksum(big)}"

    def test_dask_is_served(self, worker, heard, big):
        lazy = da.from_array(big[0], chunks=100) + 1
        finish(worker.submit(Toy("reads", (lazy,)), heard))
        regions = heard.of(PredictedRegion)
        np.testing.assert_array_equal(np.concatenate([r.labels for r in regions]), big[0] + 1)

    def test_an_array_that_cannot_be_read_fails_in_words(self, worker, heard):
        finish(worker.submit(Toy("reads", (Unreadable(),)), heard))
        assert heard.last.kind == "InputError"
        assert "could not be read any more" in heard.last.problem
        works(worker)

    def test_a_read_that_hangs_does_not_hold_up_stop_or_the_next_job(self, worker, heard):
        released = threading.Event()
        job = worker.submit(Toy("reads", (Slow(released),)), heard)
        eventually(lambda: any(t.name == "napari-unet images" for t in threading.enumerate()))
        job.stop(grace=0.5)
        finish(job)
        assert heard.last.stopped
        works(worker)
        released.set()

    def test_stop_while_images_are_copied(self, worker, heard, monkeypatch):
        copying = threading.Event()

        def endless(array):
            while True:
                copying.set()
                yield np.zeros(1, np.uint8)

        monkeypatch.setattr(scratch, "_pieces", endless)
        monkeypatch.setattr(arrays, "SMALL_BYTES", 0)
        pid = works(worker)
        job = worker.submit(Toy("sums", (np.zeros(100),)), heard)
        assert copying.wait(30)
        job.stop()
        finish(job)
        assert heard.events == [Finished(stopped=True)]
        assert works(worker) == pid


class TestChildProcess:
    def test_it_is_of_low_priority_without_torch_or_qt_and_finds_what_we_find(self, heard, monkeypatch):
        monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")
        monkeypatch.delenv("GOMP_SPINCOUNT", raising=False)
        monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
        worker = Worker()
        finish(worker.submit(Toy("environment"), heard))
        worker.close()
        summary = heard.last.summary
        assert summary["nice"] == min(19, os.getpriority(os.PRIO_PROCESS, 0) + 5)
        assert summary["group"]
        assert not summary["torch"]
        assert not summary["qt"]
        assert summary["spins"] == "10000"
        assert set(filter(None, sys.path)) <= set(summary["path"])

    def test_it_is_replaced_after_a_job_on_a_gpu(self, worker, heard):
        finish(worker.submit(Toy("gpu"), heard))
        pid = heard.of(Started)[0].plan["pid"]
        assert works(worker) != pid
        assert not is_alive(pid)

    def test_it_is_prewarmed_with_torch_and_kept_so_after_a_crash(self):
        worker = Worker()
        worker.start()
        for _ in range(2):
            heard = Heard()
            finish(worker.submit(Toy("environment"), heard))
            assert heard.last.summary["torch"]
            heard = Heard()
            finish(worker.submit(Toy("exits"), heard))
        worker.close()

    def test_it_ends_when_idle_and_comes_back(self):
        worker = Worker(idle_seconds=0.2)
        pid = works(worker)
        eventually(lambda: not is_alive(pid))
        assert works(worker) != pid
        worker.close()

    def test_one_that_cannot_start_is_a_failure_in_words(self, heard, monkeypatch, tmp_path):
        monkeypatch.setattr("napari_unet.jobs.process.python_executable", lambda: sys.executable)
        monkeypatch.setattr("napari_unet.jobs.process._environment", lambda: {"PYTHONPATH": str(tmp_path)})
        (tmp_path / "numpy.py").write_text("raise ImportError('broken')")
        worker = Worker()
        worker.start()
        finish(worker.submit(Toy("count"), heard))
        assert "could not start" in heard.last.problem
        assert "broken" in heard.last.detail
        worker.close()

    def test_no_python_is_a_failure_in_words(self, heard, monkeypatch):
        for name in ("prefix", "base_prefix"):
            monkeypatch.setattr(sys, name, "/nowhere")
        monkeypatch.setattr(sys, "executable", "")
        worker = Worker()
        finish(worker.submit(Toy("count"), heard))
        worker.close()
        assert "No Python was found" in heard.last.problem


class TestClose:
    def test_it_stops_the_job_and_leaves_nothing(self, tmp_path, heard):
        threads = set(threading.enumerate())
        files = os.listdir("/proc/self/fd") if sys.platform == "linux" else []
        worker = Worker()
        job = worker.submit(Toy("until_stopped", options={"mark": str(tmp_path / "saved")}), heard)
        queued = Heard()
        worker.submit(Toy("count"), queued)
        pid = heard.wait_for(Started).plan["pid"]
        worker.close()
        assert job.done
        assert heard.last.stopped
        assert queued.last == Finished(stopped=True)
        assert (tmp_path / "saved").read_text() == "saved"
        assert not is_alive(pid)
        assert set(threading.enumerate()) <= threads
        assert len(os.listdir("/proc/self/fd") if sys.platform == "linux" else []) <= len(files)

    def test_it_kills_what_does_not_stop(self, heard):
        worker = Worker()
        worker.submit(Toy("ignores_stop"), heard)
        pid = heard.wait_for(Started).plan["pid"]
        begun = time.monotonic()
        worker.close(grace=0.3)
        assert time.monotonic() - begun < 5
        assert not is_alive(pid)
        assert heard.last.stopped

    def test_a_closed_worker_says_so(self, heard):
        worker = Worker()
        worker.close()
        worker.close()
        with pytest.raises(UNetError, match="closed"):
            worker.submit(Toy("count"), heard)

    def test_at_once_while_torch_is_being_loaded(self):
        worker = Worker()
        worker.start()
        eventually(lambda: worker._child is not None)
        pid = worker._child.pid
        begun = time.monotonic()
        worker.close()
        assert time.monotonic() - begun < 3
        assert not is_alive(pid)


def test_a_message_nobody_understands_ends_the_child():
    ended = threading.Event()

    def broken(message):
        raise ValueError("a garbled message")

    child = ChildProcess(broken, ended.set)
    child.send(Run(0, pack(Toy("count"), scratch.ScratchFiles())[0]))
    assert ended.wait(30)
    child.close(1.0)
    assert "a garbled message" in child.detail
    assert child.returncode is not None


def test_what_is_said_to_a_job_arrives_in_order_also_before_it_has_begun(worker, heard):
    job = worker.submit(Chat(), heard)
    for i in range(20):
        job.send(i)
    eventually(lambda: len(heard.of(Notice)) == 20)
    job.send(np.arange(3))
    job.send("enough")
    finish(job)
    assert [event.text for event in heard.of(Notice)] == [*map(str, range(20)), "[0 1 2]"]
    assert heard.last == Finished()


def test_what_is_said_too_late_harms_nobody(worker, heard):
    job = worker.submit(Chat(), heard)
    job.send("enough")
    finish(job)
    job.send("too late")
    again = Heard()
    second = worker.submit(Chat(), again)
    second.send("enough")
    finish(second)
    assert not again.of(Notice)


def test_a_job_that_listens_can_still_be_stopped(worker, heard):
    job = worker.submit(Chat(), heard)
    eventually(lambda: heard.of(Started))
    job.stop()
    finish(job)
    assert heard.last == Finished(stopped=True)
