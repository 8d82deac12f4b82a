import time

import numpy as np
import pytest
from qtpy.QtCore import Qt

from napari_unet.events import (
    DeviceReport,
)
from napari_unet.viewer import remembered
from train_support import WAIT, press_train, scribbled, settle

# Opening


def test_train_is_the_only_click_needed(open_dock, worker, qtbot):
    opened = open_dock(*scribbled())
    dock = opened.dock
    assert dock.footer.button.isEnabled()
    assert dock.footer.line.text() == "1 image, 2 classes, 270 labelled pixels, about 5 min on the CPU."
    request = press_train(dock, worker, qtbot)
    (pair,) = request.images
    assert (pair.image.name, pair.image.axes) == ("cells", "YX")
    assert np.shares_memory(pair.image.channels[0], opened.viewer.layers["cells"].data)
    np.testing.assert_array_equal(pair.labels[...], opened.viewer.layers["paint"].data)
    assert request.annotation.kind == "scribbles"
    assert request.settings.labels_are == "scribbles"
    assert request.output.name.startswith("cells ")
    assert request.start_from is None
    assert dock.footer.button.text() == "Stop"


def test_opens_fast(make_napari_viewer, worker):
    viewer = make_napari_viewer()
    image, labels = scribbled((512, 512))
    viewer.add_image(image)
    viewer.add_labels(labels)
    viewer.window.add_plugin_dock_widget("napari-unet-live", "Scores")  # Qt and magicgui are warm
    begin = time.thread_time()  # not the wall's clock: other tests may share the processor
    viewer.window.add_plugin_dock_widget("napari-unet-live", "Train U-Net")
    assert time.thread_time() - begin < 0.5


@pytest.mark.parametrize(
    ("image", "labels", "words"),
    [
        (False, None, "There is no image yet."),
        (True, None, "There are no labels yet. Click 'New annotation layer'"),
        (True, np.zeros((64, 64), np.uint8), "Nothing is labelled yet."),
        (
            True,
            np.zeros((32, 64), np.uint8),
            "paint has the shape (32, 64), but cells needs labels of (64, 64)",
        ),
    ],
)
def test_says_what_is_missing_and_cannot_be_started(open_dock, worker, qtbot, image, labels, words):
    dock = open_dock(scribbled()[0] if image else None, labels, said=None).dock
    assert words in dock.footer.line.text()
    assert not dock.footer.button.isEnabled()
    qtbot.mouseClick(dock.footer.button, Qt.MouseButton.LeftButton)
    dock.train()
    settle(dock, qtbot)
    assert worker.requests == []
    assert not dock._wants_to_train


def test_in_doubt_it_asks(open_dock, worker, qtbot):
    image, _ = scribbled()
    labels = np.zeros((64, 64), np.uint8)
    labels[20:40, 20:40] = 1
    dock = open_dock(image, labels, said=None).dock
    assert dock.page.kind.kind is None
    assert dock.footer.line.text().startswith("Paint a second class, or say what the labels are")
    assert "border" in dock.page.kind.box.styleSheet()
    assert not dock.footer.button.isEnabled()
    box = dock.page.kind.box
    box.setCurrentIndex(box.findData("masks"))
    box.activated.emit(box.currentIndex())
    settle(dock, qtbot)
    assert "border" not in box.styleSheet()
    assert "2 classes, 4,096 labelled pixels" in dock.footer.line.text()
    assert press_train(dock, worker, qtbot).annotation.kind == "masks"


def test_what_the_user_said_is_kept_in_the_layer(open_dock, worker, qtbot):
    opened = open_dock(*scribbled(), said="masks")
    opened.wrapper.destroyOnClose()
    qtbot.wait(10)
    dock = open_dock(viewer=opened.viewer).dock
    assert dock.page.kind.said == "masks"


def test_what_is_said_before_painting_is_not_forgotten(open_dock, qtbot):
    opened = open_dock(scribbled()[0], np.zeros((64, 64), np.uint8), said="masks")
    opened.viewer.layers.selection.active = opened.viewer.layers["cells"]
    opened.viewer.layers["cells"].name = "renamed"
    settle(opened.dock, qtbot)
    assert opened.dock.page.kind.said == "masks"


def test_a_floating_dock_is_not_taken_for_the_viewer(open_dock, worker, qtbot):
    opened = open_dock(*scribbled())
    opened.dock.run._watched = None
    opened.wrapper.setFloating(True)
    opened.viewer.window._qt_window.show()
    qtbot.waitUntil(lambda: opened.dock.run.window is not None, timeout=WAIT)
    assert opened.dock.run.window is opened.viewer.window._qt_window


# Settings


def test_settings_are_remembered_and_reset(open_dock, worker, qtbot):
    opened = open_dock(*scribbled())
    opened.dock.page.form.fields["minutes"].value = 2.5
    qtbot.waitUntil(lambda: not opened.dock._save_later.isActive(), timeout=WAIT)
    opened.wrapper.destroyOnClose()
    qtbot.wait(10)
    dock = open_dock(viewer=opened.viewer).dock
    assert dock.page.form.value.minutes == 2.5
    assert "about 2.5 min" in dock.footer.line.text()
    dock.page.form.reset_button.click()
    assert dock.page.form.value.minutes == 5


@pytest.mark.parametrize(
    "values", [{"settings": {"gone": 1}}, {"settings": 3}, {"folders": 4, "models_folder": 5}]
)
def test_settings_of_another_version_are_left_out(open_dock, worker, values):
    remembered.save("train", values)
    assert open_dock(*scribbled()).dock.page.form.value.minutes == 5


def test_a_wrong_setting_is_named(open_dock, worker, qtbot):
    dock = open_dock(*scribbled()).dock
    box = dock.page.form.fields["minutes"].native
    box.lineEdit().clear()
    qtbot.keyClicks(box, "soon")
    assert "Minutes must be" in dock.footer.line.text()
    assert not dock.footer.button.isEnabled()


def test_the_keyboard_reaches_everything_in_order(open_dock, qtbot):
    dock = open_dock(*scribbled()).dock
    page = dock.page
    wanted = [
        page.fold.button,
        page.source.use_layers,
        page.source.rows[0].images,
        page.source.rows[0].labels,
        page.source.new_annotation,
        page.source.add_pair,
        page.kind.box,
        page.classes,
        page.start.box,
        page.output.edit,
        page.output.browse,
        page.form.fields["minutes"].native,
        page.form.advanced.button,
        dock.footer.button,
    ]
    chain, widget = [], dock
    for _ in range(2000):
        widget = widget.nextInFocusChain()
        if widget is dock:
            break
        if widget.focusPolicy() & Qt.FocusPolicy.TabFocus and widget.isVisibleTo(dock) and widget.isEnabled():
            chain.append(widget)
    places = [chain.index(w) for w in wanted]
    assert places == sorted(places)
    assert page.form.fields["seed"].native not in chain  # folded away


# Device


NO_TORCH = DeviceReport("cpu", "CPU", "torch_without_gpu", "Install torch with: pip install torch")


def test_a_gpu_left_unused_takes_one_click(open_dock, worker, qtbot):
    worker.report = NO_TORCH
    dock = open_dock(*scribbled()).dock
    assert not dock.footer.button.isEnabled()
    assert "pip install torch" in dock.page.device.label.text()
    dock.page.device.confirmation.setChecked(True)
    press_train(dock, worker, qtbot)


def test_the_processor_chosen_by_name_needs_no_click(open_dock, worker, qtbot):
    worker.report = NO_TORCH
    dock = open_dock(*scribbled()).dock
    dock.page.form.fields["device"].value = "cpu"
    settle(dock, qtbot)
    assert dock.footer.button.isEnabled()


def test_train_waits_for_the_device(open_dock, worker, qtbot, make_napari_viewer):
    dock = open_dock(*scribbled()).dock
    worker.report = None
    dock.page.form.fields["device"].value = "cuda"
    qtbot.mouseClick(dock.footer.button, Qt.MouseButton.LeftButton)
    qtbot.wait(50)
    assert worker.requests == []
    assert dock.footer.line.text().startswith("Getting ready")
    dock.page.device._on_event(DeviceReport("cuda", "RTX", "gpu"))
    assert len(worker.requests) == 1
