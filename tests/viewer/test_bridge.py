from __future__ import annotations

import threading
import time

import numpy as np
import pytest
from napari.utils.notifications import notification_manager

from napari_unet.events import (
    DeviceReport,
    Failed,
    Finished,
    PredictedRegion,
    Progress,
    Started,
    TrainingStep,
)
from napari_unet.requests import ProbeRequest
from napari_unet.viewer import bridge
from napari_unet.viewer.bridge import ActivityProgress, Engine, show_error, time_left


class ThreadedJob:
    """Says its events from a thread of its own, as the real worker does."""

    def __init__(self, events, on_event):
        self.stopped = False
        self.thread = threading.Thread(target=lambda: [on_event(event) for event in events])
        self.thread.start()

    @property
    def done(self):
        return not self.thread.is_alive()

    def stop(self):
        self.stopped = True

    def wait(self, timeout=None):
        self.thread.join(timeout)
        return self.done


class ThreadedWorker:
    def __init__(self, events):
        self.events = events
        self.jobs = []
        self.closed_with = None

    def submit(self, request, on_event):
        self.jobs.append(ThreadedJob(self.events, on_event))
        return self.jobs[-1]

    def close(self, grace):
        self.closed_with = grace
        for job in self.jobs:
            job.stop()


@pytest.fixture
def engine_saying(qapp):
    engines = []

    def make(*events):
        engines.append(Engine(ThreadedWorker(events)))
        return engines[-1]

    yield make
    for engine in engines:
        for job in engine._worker.jobs:
            job.wait(5)
        engine.close(0)


def region(i):
    return PredictedRegion(0, ((i, i + 1),), np.zeros(1, np.uint8))


def step(i):
    return TrainingStep(i, float(i), 0.5, 1e-3)


def test_events_arrive_on_the_gui_thread_in_order(engine_saying, qtbot):
    said = [Started("cpu"), *(step(i) for i in range(200)), *(region(i) for i in range(50)), Finished()]
    heard, threads = [], set()

    def hear(event):
        heard.append(event)
        threads.add(threading.current_thread())

    job = engine_saying(*said).submit(ProbeRequest(), hear)
    qtbot.waitUntil(lambda: job.done, timeout=10_000)
    assert [id(e) for e in heard] == [id(e) for e in said]
    assert threads == {threading.main_thread()}


def test_of_a_burst_of_progress_only_the_last_counts(engine_saying, qtbot):
    engine = engine_saying(*(Progress(i / 1000) for i in range(1000)), Finished())
    heard = []
    job = engine.submit(ProbeRequest(), heard.append)
    engine._worker.jobs[0].wait(5)  # all of it is there before the GUI thread looks
    qtbot.waitUntil(lambda: job.done, timeout=10_000)
    assert heard == [Progress(0.999), Finished()]


def test_progress_of_one_job_does_not_hide_that_of_another(engine_saying, qtbot):
    engine = engine_saying(Progress(0.5), Finished())
    heard = [[], []]
    jobs = [engine.submit(ProbeRequest(), h.append) for h in heard]
    qtbot.waitUntil(lambda: all(j.done for j in jobs), timeout=10_000)
    assert heard == [[Progress(0.5), Finished()]] * 2


def test_deliveries_come_at_most_ten_times_a_second(qapp, qtbot):
    worker = ThreadedWorker([])
    engine = Engine(worker)
    times = []
    job = engine.submit(ProbeRequest(), lambda _: times.append(time.monotonic()))
    began = time.monotonic()
    while time.monotonic() - began < 1.0:
        engine._receive(job, Progress(0.5))
        qtbot.wait(5)
    engine.close(0)
    assert 3 <= len(times) <= 12


def test_a_long_delivery_leaves_room_for_the_user(engine_saying, qtbot):
    engine = engine_saying(*(region(i) for i in range(20)), Finished())
    batches = []

    def slow(event):
        time.sleep(0.012)
        batches.append(engine._last_delivery)

    job = engine.submit(ProbeRequest(), slow)
    engine._worker.jobs[0].wait(5)
    qtbot.waitUntil(lambda: job.done, timeout=10_000)
    assert len(set(batches)) >= 8  # 21 events of 12 ms, at most 20 ms (the one begun included) at a time


def test_a_released_job_is_not_heard_any_more(engine_saying, qtbot):
    engine = engine_saying(Started("cpu"), Finished())
    heard = []
    job = engine.submit(ProbeRequest(), heard.append)
    job.release()
    qtbot.waitUntil(lambda: job.done, timeout=10_000)
    assert heard == []
    assert not engine.busy


def test_an_error_in_one_dock_does_not_silence_another(engine_saying, qtbot):
    engine = engine_saying(Started("cpu"), Finished())
    heard = []

    def broken(_):
        raise ValueError("a dock broke")

    with qtbot.capture_exceptions() as errors:
        engine.submit(ProbeRequest(), broken)
        job = engine.submit(ProbeRequest(), heard.append)
        qtbot.waitUntil(lambda: job.done, timeout=10_000)
    assert heard == [Started("cpu"), Finished()]
    assert len(errors) == 2


def test_stop_reaches_the_worker_until_the_job_has_ended(engine_saying, qtbot):
    engine = engine_saying(Failed("broken"))
    job = engine.submit(ProbeRequest(), lambda _: None)
    job.stop()
    assert engine._worker.jobs[0].stopped
    qtbot.waitUntil(lambda: job.done, timeout=10_000)
    engine._worker.jobs[0].stopped = False
    job.stop()
    assert not engine._worker.jobs[0].stopped


def test_quitting_stops_the_jobs_and_gives_them_time_to_save(qapp, qtbot):
    engine = Engine(ThreadedWorker([Progress(0.5)]))
    bridge.use_engine(engine)
    heard = []
    engine.submit(ProbeRequest(), heard.append)
    bridge.close_engine()
    engine._worker.jobs[0].wait(5)
    qtbot.wait(150)
    assert engine._worker.jobs[0].stopped
    assert engine._worker.closed_with == bridge.GRACE
    assert heard == []
    bridge.close_engine()  # a second time does nothing


def test_there_is_one_engine_which_quitting_closes(qapp, monkeypatch):
    monkeypatch.setattr(bridge, "_start_worker", lambda: ThreadedWorker([]))
    bridge.use_engine(None)
    first = bridge.engine()
    assert bridge.engine() is first
    qapp.aboutToQuit.emit()
    assert first._worker.closed_with is not None
    second = bridge.engine()
    assert second is not first
    bridge.close_engine()


def test_the_real_worker_finds_the_device(qapp, qtbot):
    bridge.use_engine(None)
    heard = []
    try:
        job = bridge.engine().submit(ProbeRequest("cpu"), heard.append)
        qtbot.waitUntil(lambda: job.done, timeout=60_000)
    finally:
        bridge.close_engine()
    assert [type(e) for e in heard] == [DeviceReport, Finished]
    assert heard[0].device == "cpu"


def test_progress_shows_in_the_activity_dock(make_napari_viewer):
    from napari.utils import progress

    make_napari_viewer()
    activity = ActivityProgress("Segment with U-Net")
    bars = list(progress._all_instances)
    assert [b.desc for b in bars] == ["Segment with U-Net"]
    activity.show(Progress(0.25))
    activity.show(Progress(0.25))
    assert bars[0].n == 25
    activity.close()
    activity.close()
    activity.show(Progress(0.5))
    assert not progress._all_instances


def test_errors_are_sentences_without_a_traceback():
    with notification_manager:
        notification_manager.records.clear()
        show_error("The disk is full.", "Free some space.")
        (record,) = notification_manager.records
    assert record.message == "The disk is full. Free some space."
    assert record.severity.value == "error"
    assert not hasattr(record, "exception")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, ""), (0, "1 s left"), (42.3, "42 s left"), (150, "about 2 min left"), (5400, "about 1.5 h left")],
)
def test_time_left_in_words(seconds, text):
    assert time_left(seconds) == text
