import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QWidget

from napari_unet.errors import UNetError
from napari_unet.events import (
    DeviceReport,
    Failed,
    Finished,
    Notice,
    Progress,
    RateFound,
    Started,
    TrainingStep,
    Waiting,
)
from napari_unet.requests import RateSearchRequest, TrainingRequest
from napari_unet.viewer import bridge
from napari_unet.viewer.train.rate_finder import RateFinder
from train_support import WAIT, say, scribbled, settle

RATES = np.geomspace(1e-6, 1, 20)
FOUND = RateFound(3.2e-3, "It fell there.", RATES, np.ones(20), np.ones(20), False)


@pytest.fixture
def dock(open_dock):
    dock = open_dock(*scribbled()).dock
    dock.page.form.advanced.expand()
    return dock


def click(button, qtbot):
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def begin(dock, worker, qtbot):
    click(dock.page.rate.button, qtbot)
    assert worker.requests
    return worker.requests[-1]


def tell(rate, worker, qtbot, *events):
    worker.say(*events)
    qtbot.waitUntil(lambda: not rate._is_running or not worker.jobs[-1].done, timeout=WAIT)
    qtbot.wait(150)


def test_it_stands_below_the_field_and_next_in_keyboard_order(dock):
    rate, form = dock.page.rate, dock.page.form
    assert form.advanced.isAncestorOf(rate)
    order, widget = [], form.fields["learning_rate"].native
    for _ in range(6):
        order.append(widget)
        widget = widget.nextInFocusChain()
    assert rate.button in order
    assert order.index(rate.button) < order.index(rate.use_button)


def test_a_search_is_asked_for_shown_and_taken_over_on_a_click(dock, worker, qtbot):
    rate = dock.page.rate
    request = begin(dock, worker, qtbot)
    assert isinstance(request, RateSearchRequest)
    assert [pair.image.name for pair in request.images] == ["cells"]
    assert request.annotation.kind == "scribbles"
    assert request.settings.labels_are == "scribbles"
    assert request.start_from is None
    assert rate.button.text() == "Stop searching"
    assert dock.footer.button.text() == "Train"
    steps = [TrainingStep(i + 1, 0.1 * i, 1.0, float(r)) for i, r in enumerate(RATES[:5])]
    tell(rate, worker, qtbot, Started("cpu"), *steps, Progress(0.25, 9.0, "learning rate 1.0e-05"))
    assert rate.line.text() == "learning rate 1.0e-05 · 9 s left"
    assert rate.progress.value() == 250
    qtbot.waitUntil(lambda: not rate.plot.isHidden(), timeout=WAIT)
    tell(rate, worker, qtbot, FOUND, Finished())
    assert rate.button.text() == "Find learning rate"
    assert rate.line.text() == "It fell there."
    assert rate.use_button.text() == "Use 3.2e-03"
    assert dock.page.form.value.learning_rate is None
    click(rate.use_button, qtbot)
    assert dock.page.form.value.learning_rate == 3.2e-3


def test_stop_ends_it_without_a_suggestion(dock, worker, qtbot):
    rate = dock.page.rate
    begin(dock, worker, qtbot)
    click(rate.button, qtbot)
    assert worker.jobs[-1].stopped == 1
    assert not rate.button.isEnabled()
    none = RateFound(None, "The search ended.", RATES[:0], RATES[:0], RATES[:0], False)
    tell(rate, worker, qtbot, none, Finished(stopped=True))
    assert rate.button.isEnabled()
    assert rate.use_button.isHidden()
    assert "no suggestion" in rate.line.text()
    begin(dock, worker, qtbot)
    assert len(worker.requests) == 2


def test_training_does_not_wait_for_a_search(dock, worker, qtbot):
    begin(dock, worker, qtbot)
    search = worker.jobs[-1]
    click(dock.footer.button, qtbot)
    qtbot.waitUntil(lambda: isinstance(worker.requests[-1], TrainingRequest), timeout=WAIT)
    assert search.stopped == 1
    worker.say(Finished(stopped=True))


def test_closing_the_dock_ends_the_search(open_dock, worker, qtbot):
    opened = open_dock(*scribbled())
    begin(opened.dock, worker, qtbot)
    opened.wrapper.destroyOnClose()
    qtbot.waitUntil(lambda: worker.jobs[-1].stopped == 1, timeout=WAIT)
    worker.say(FOUND, Finished(stopped=True))  # nobody listens any more
    qtbot.wait(150)


def test_failure_and_waiting_are_sentences(dock, worker, qtbot):
    rate = dock.page.rate
    begin(dock, worker, qtbot)
    tell(rate, worker, qtbot, Waiting("Segmentation is running; this starts when it is done."))
    assert rate.line.text().startswith("Segmentation is running")
    tell(rate, worker, qtbot, Notice("Memory is short.", "warning"))
    assert rate.line.text() == "Memory is short."
    tell(rate, worker, qtbot, Failed("There is not enough memory.", "Choose a smaller patch."))
    assert rate.line.text() == "There is not enough memory. Choose a smaller patch."
    assert rate.button.isEnabled()
    assert rate.use_button.isHidden()


def test_no_rate_that_stands_out_is_no_button(dock, worker, qtbot):
    rate = dock.page.rate
    begin(dock, worker, qtbot)
    tell(rate, worker, qtbot, RateFound(None, "None stands out.", RATES, RATES, RATES, False), Finished())
    assert rate.use_button.isHidden()
    assert rate.line.text() == "None stands out."


@pytest.mark.parametrize(
    ("image", "labels", "words"),
    [
        (False, None, "There is no image yet."),
        (True, np.zeros((64, 64), np.uint8), "Nothing is labelled yet."),
    ],
)
def test_what_is_missing_is_said_instead(open_dock, worker, qtbot, image, labels, words):
    dock = open_dock(scribbled()[0] if image else None, labels, said=None).dock
    click(dock.page.rate.button, qtbot)
    assert words in dock.page.rate.line.text()
    assert worker.requests == []
    assert dock.page.rate.button.text() == "Find learning rate"


def test_a_device_to_be_confirmed_is_confirmed_first(open_dock, worker, qtbot):
    worker.report = DeviceReport("cpu", "CPU, 2 threads", "gpu_full", "Close other programs.", 1, 2)
    dock = open_dock(*scribbled()).dock
    click(dock.page.rate.button, qtbot)
    assert worker.requests == []
    assert dock.page.rate.line.text()


def test_a_worker_that_cannot_take_it(qtbot):
    def refuse(request, on_event):
        raise UNetError("This worker is closed.", "Open the dock again.")

    parent = QWidget()
    qtbot.addWidget(parent)
    rate = RateFinder(parent)
    rate.start(refuse, None)
    assert rate.line.text() == "This worker is closed. Open the dock again."
    assert rate.button.isEnabled()


def test_the_real_engine_finds_a_rate_for_a_real_image(make_napari_viewer, qtbot, shared_data):
    from napari_unet.images import read_image, read_labels

    folder = shared_data / "isbi2012_em_membrane" / "train"
    viewer = make_napari_viewer()
    viewer.add_image(np.asarray(read_image(folder / "images" / "slice00.png").channels[0][...]), name="cells")
    viewer.add_labels(np.asarray(read_labels(folder / "labels" / "slice00.png")[...]), name="expert")
    try:
        _, dock = viewer.window.add_plugin_dock_widget("napari-unet-live", "Train U-Net")
        fields = {"width": 4, "depth": 2, "patch_size": 64, "batch_size": 2, "device": "cpu", "threads": 1}
        for field, value in fields.items():
            dock.page.form.fields[field].value = value
        dock._look_for_device()
        say(dock, "masks")
        settle(dock, qtbot)
        rate = dock.page.rate
        click(rate.button, qtbot)
        qtbot.waitUntil(lambda: rate.found is not None and not rate._is_running, timeout=120_000)
        assert len(rate.found.losses) >= 25
        assert rate.found.suggestion is not None
        click(rate.use_button, qtbot)
        assert dock.page.form.value.learning_rate == rate.found.suggestion
    finally:
        bridge.close_engine()
