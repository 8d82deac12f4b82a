"""What tests of the dock "Train U-Net" do as a user would."""

from __future__ import annotations

import numpy as np
from napari.layers import Labels
from qtpy.QtCore import Qt

from napari_unet.labels import Annotation, LabelClass
from segment_support import model_record, network, write_model

WAIT = 10_000
"""Milliseconds before something that has to happen is given up."""


def scribbled(shape=(64, 64)):
    """An image and two strokes on it."""
    image = np.random.default_rng(0).integers(0, 255, shape, dtype=np.uint8)
    labels = np.zeros(shape, np.uint8)
    labels[..., 10:13, 5:50] = 1
    labels[..., 40:43, 5:50] = 2
    return image, labels


def say(dock, kind):
    """Choose what the labels are, as a user does."""
    box = dock.page.kind.box
    index = box.findData(kind)
    box.setCurrentIndex(index)
    box.activated.emit(index)


def settle(dock, qtbot):
    """Wait until the labels are counted and the device is known."""
    qtbot.wait(1)
    qtbot.waitUntil(
        lambda: (
            not dock.surveyor.is_busy and not dock._count_later.isActive() and not dock.page.device.is_looking
        ),
        timeout=WAIT,
    )


def paint(layer: Labels, where, value):
    """Paint as the brush does: one stroke that can be taken back."""
    layer.data_setitem(np.nonzero(where), value)


def press_train(dock, worker, qtbot):
    n = len(worker.requests)
    qtbot.mouseClick(dock.footer.button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: len(worker.requests) == n + 1, timeout=WAIT)
    return worker.requests[-1]


def tell(dock, worker, qtbot, *events):
    """Let the engine say something, and wait until the dock has drawn it."""
    worker.say(*events)
    qtbot.waitUntil(lambda: not dock.run.report.is_running or not worker.jobs[-1].done, timeout=WAIT)
    qtbot.wait(150)
    qtbot.waitUntil(lambda: not dock._draw_later.isActive(), timeout=WAIT)


def axon_model(path):
    """A model of three classes painted as scribbles, as far as its header goes."""
    named = ((1, "axon"), (2, "myelin"), (3, "rest"))
    classes = tuple(LabelClass(value=value, name=name, color="#112233") for value, name in named)
    annotation = Annotation(kind="scribbles", classes=classes)
    return write_model(path, model_record(network=network(n_classes=3), annotation=annotation))
