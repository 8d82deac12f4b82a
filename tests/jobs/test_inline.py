from __future__ import annotations

import errno
from dataclasses import dataclass
from itertools import islice
from queue import SimpleQueue

import pytest

from jobs.toys import Chat, Toy, bad_input
from napari_unet.events import DeviceReport, Failed, Finished, Notice, Progress, Started
from napari_unet.jobs import run_inline
from napari_unet.jobs.inline import failure
from napari_unet.requests import ProbeRequest


def test_events_come_in_order_and_end_with_finished():
    events = list(run_inline(Toy("count", options={"n": 3})))
    assert events[:-1] == [Progress(0), Progress(1 / 3), Progress(2 / 3)]
    assert isinstance(events[-1], Finished)


def test_stop_reaches_the_job():
    stopped = False
    events = run_inline(Toy("until_stopped"), lambda: stopped)
    next(events)
    stopped = True
    assert [type(event) for event in events] == [Finished]


def test_an_error_of_ours_keeps_its_words():
    *_, last = run_inline(Toy("raises", options={"error": bad_input()}))
    assert (last.problem, last.remedy, last.kind) == (
        "The image is empty.",
        "Choose another image.",
        "InputError",
    )


def test_any_other_error_is_a_sentence_with_the_traceback_apart():
    *_, last = run_inline(Toy("raises", options={"error": ZeroDivisionError("1/0")}))
    assert isinstance(last, Failed)
    assert "ZeroDivisionError" not in last.problem + last.remedy
    assert "Traceback" in last.detail
    assert "toys.py" in last.detail
    assert last.kind == "ZeroDivisionError"


class OutOfMemoryError(RuntimeError):
    """Named as torch names its own."""


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (MemoryError(), "OutOfMemoryError"),
        (OutOfMemoryError("CUDA"), "OutOfMemoryError"),
        (RuntimeError("MPS backend out of memory"), "OutOfMemoryError"),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"), "OutOfMemoryError"),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), "OutOfMemoryError"),
        (OSError(errno.ENOSPC, "No space left on device"), "StorageError"),
        (PermissionError(errno.EACCES, "Permission denied", "/models"), "StorageError"),
        (RuntimeError("shape mismatch"), "RuntimeError"),
    ],
)
def test_errors_of_the_system_are_told_in_words(error, kind):
    failed = failure(error)
    assert failed.kind == kind
    assert failed.problem.endswith(".")
    assert failed.remedy


def test_a_job_that_ends_without_a_word_has_failed():
    *_, last = run_inline(Toy("ends_silently"))
    assert isinstance(last, Failed)


def test_nothing_follows_the_last_event():
    assert [type(event) for event in run_inline(Toy("says_too_much"))] == [Finished]


def test_an_abandoned_job_is_closed():
    events = run_inline(Toy("count"))
    assert len(list(islice(events, 2))) == 2
    events.close()
    assert list(events) == []


@dataclass
class Unknown:
    """Nothing can do this."""


def test_an_unknown_request_fails_with_its_name():
    (event,) = run_inline(Unknown())
    assert isinstance(event, Failed)
    assert "Unknown" in event.problem


def test_the_device_is_probed():
    report, last = run_inline(ProbeRequest("cpu"))
    assert isinstance(report, DeviceReport)
    assert report.device == "cpu"
    assert isinstance(last, Finished)


def test_a_request_that_listens_gets_its_messages():
    inbox: SimpleQueue[str] = SimpleQueue()
    inbox.put("hello")
    inbox.put("enough")
    assert [type(event) for event in run_inline(Chat(), inbox=inbox)] == [Started, Notice, Finished]
