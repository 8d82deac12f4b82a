"""Masks that are measured: told, and their pieces numbered in a layer of their own."""

from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtCore import Qt

from measure_support import LABELS, column, measure
from napari_unet.errors import InputError
from napari_unet.viewer.objects import editable
from napari_unet.viewer.objects.pieces import add_pieces, numbering
from score_support import WAIT

MASK = (LABELS > 0).astype(np.uint8) * 7


def finish(steps):
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


def test_a_mask_is_told_and_its_pieces_are_measured(open_box, qtbot):
    it = open_box(labels=MASK, image=np.ones((40, 60)), scale=(0.5, 0.5), translate=(3, 4))
    it.layer.metadata["napari_unet"] = {"axes": "YX", "kind": "masks"}
    measure(it, qtbot)
    assert column(it, "label") == ["7"]
    qtbot.waitUntil(lambda: not it.box.pieces_button.isHidden(), timeout=WAIT)
    assert it.box.note.text() == "cells looks like a mask: one value in many pieces, measured as one object."
    qtbot.mouseClick(it.box.pieces_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: len(it.viewer.layers) == 3 and not it.box.is_busy, timeout=WAIT)
    pieces = it.viewer.layers["cells pieces"]
    assert it.viewer.layers.selection.active is pieces
    np.testing.assert_array_equal(pieces.data > 0, MASK > 0)
    assert pieces.data.max() == 3
    assert tuple(pieces.scale) == (0.5, 0.5)
    assert tuple(pieces.translate) == (3, 4)
    assert pieces.metadata["napari_unet"] == {"axes": "YX"}
    assert column(it, "pixels") == ["24", "400", "50"]
    assert column(it, "mean DAPI") == ["1"] * 3
    assert it.box.findings.headline.text() == "cells pieces: 3 objects"
    assert it.box.pieces_button.isHidden()
    np.testing.assert_array_equal(it.layer.data, MASK)
    assert not it.layer.visible


def test_objects_are_not_taken_for_a_mask(open_box, qtbot):
    it = open_box()
    measure(it, qtbot)
    qtbot.waitUntil(lambda: not it.box._looking.is_busy, timeout=WAIT)
    assert it.box.pieces_button.isHidden()
    assert it.box.note.text() == ""


def test_pieces_go_through_a_volume_but_not_through_slices(open_box):
    it = open_box(labels=np.stack([MASK, MASK, 0 * MASK, MASK]))
    assert finish(numbering(it.layer, volume=True)).max() == 6
    slices = finish(numbering(it.layer, volume=False))
    assert slices.max() == 3
    assert add_pieces(it.viewer, it.layer, slices).data is slices


def test_without_room_nothing_is_numbered(open_box, monkeypatch):
    it = open_box(labels=MASK)
    monkeypatch.setattr(editable, "available_memory", lambda: 100)
    with pytest.raises(InputError, match="of memory are free"):
        finish(numbering(it.layer, volume=False))
