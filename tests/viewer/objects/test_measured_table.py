from __future__ import annotations

import time

import numpy as np
from qtpy.QtCore import Qt

from napari_unet.objects.measurement import measure
from napari_unet.viewer.objects.measured_table import MeasuredModel, MeasuredTable
from score_support import headers, rows


def numbers(model):
    return [model.data(model.index(row, 0)) for row in range(model.rowCount())]


def test_what_is_undefined_comes_last_and_equals_stay_in_order(qapp):
    labels = np.array([[1, 2, 2, 3, 4, 4]], np.uint8)
    image = np.array([[5, 9, 9, np.nan, 1, 1]], np.float32)
    model = MeasuredModel(measure(labels, image))
    names = [c.text for c in model._columns]
    model.sort(names.index("mean intensity"))
    assert numbers(model) == ["4", "1", "2", "3"]
    model.sort(names.index("mean intensity"), Qt.SortOrder.DescendingOrder)
    assert numbers(model) == ["2", "1", "4", "3"]
    model.sort(names.index("pixels"))
    assert numbers(model) == ["1", "3", "2", "4"]
    model.sort(names.index("touches edge"), Qt.SortOrder.DescendingOrder)
    assert numbers(model) == ["1", "3", "2", "4"]


def test_the_selected_object_stays_selected(qtbot):
    table = MeasuredTable()
    qtbot.addWidget(table)
    table.show_table(measure(np.array([[1, 2, 2, 3, 3, 3]], np.uint8)))
    assert headers(table)[0] == "label"
    assert not any("start" in name for name in headers(table))
    table.selectRow(0)
    table.sortByColumn(headers(table).index("pixels"), Qt.SortOrder.DescendingOrder)
    assert [row[0] for row in rows(table)] == ["3", "2", "1"]
    assert [index.row() for index in table.selectionModel().selectedRows()] == [2]
    chosen = []
    table.object_chosen.connect(chosen.append)
    table.clicked.emit(table.model().index(0, 3))
    assert chosen == [2]


def test_a_hundred_thousand_objects_are_shown_and_sorted_at_once(qtbot):
    labels = np.zeros((640, 640), np.int32)
    labels[::2, ::2] = np.arange(1, 320 * 320 + 1).reshape(320, 320)
    measured = measure(labels)
    table = MeasuredTable()
    qtbot.addWidget(table)
    begun = time.process_time()
    table.show_table(measured)
    table.sortByColumn(headers(table).index("x (pixel)"), Qt.SortOrder.DescendingOrder)
    table.grab()
    assert time.process_time() - begun < 5
    assert table.model().rowCount() == 102_400
