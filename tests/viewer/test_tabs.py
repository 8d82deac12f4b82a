"""Our docks as tabs of one place."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QDockWidget, QMainWindow, QWidget

from napari_unet.viewer.tabs import share_place


def add_dock(window: QMainWindow, title: str) -> QWidget:
    dock, widget = QDockWidget(title, window), QWidget()
    dock.setWidget(widget)
    window.addDockWidget(Qt.DockWidgetArea.RightDockWidgetArea, dock)
    return widget


def test_our_docks_become_tabs_and_others_stay_where_they_are(qtbot):
    window = QMainWindow()
    qtbot.addWidget(window)
    other, first, second = (add_dock(window, title) for title in ("other", "first", "second"))
    window.show()
    share_place(first)
    assert window.tabifiedDockWidgets(first.parentWidget()) == []
    share_place(second)
    assert window.tabifiedDockWidgets(first.parentWidget()) == [second.parentWidget()]
    assert window.tabifiedDockWidgets(other.parentWidget()) == []


def test_a_dock_moved_by_the_user_stays_there(qtbot):
    window = QMainWindow()
    qtbot.addWidget(window)
    first, second = (add_dock(window, title) for title in ("first", "second"))
    window.show()
    share_place(first)
    share_place(second)
    window.addDockWidget(Qt.DockWidgetArea.LeftDockWidgetArea, second.parentWidget())
    share_place(second)
    assert window.dockWidgetArea(second.parentWidget()) == Qt.DockWidgetArea.LeftDockWidgetArea
    assert window.tabifiedDockWidgets(first.parentWidget()) == []


def test_a_tab_is_called_like_its_dock_without_the_plugin(qtbot):
    window = QMainWindow()
    qtbot.addWidget(window)
    widget = add_dock(window, "Scores (napari-unet-live)")
    share_place(widget)
    assert widget.parentWidget().windowTitle() == "Scores"
