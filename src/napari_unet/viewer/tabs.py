"""Our docks share one place in the window, as tabs: below each other none of them has room."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QDockWidget, QMainWindow, QWidget

_OURS = "napari_unet_dock"
"""Qt property of our docks' widgets."""

_PLUGIN = " (napari-unet-live)"
"""What napari adds to a dock's title, and tabs have no room for."""


def share_place(widget: QWidget) -> None:
    """Put the dock of ``widget`` into a tab beside our other docks of the same window, and in front.

    Only the first time it is shown: where the user puts it afterwards, it stays.
    """
    if widget.property(_OURS):
        return
    widget.setProperty(_OURS, True)
    dock = _dock_of(widget)
    if dock is not None:  # the tab; the bar above the dock goes on to name the plugin
        dock.setWindowTitle(dock.windowTitle().removesuffix(_PLUGIN))
    window = widget.window()
    if dock is None or dock.isFloating() or not isinstance(window, QMainWindow):
        return
    area = window.dockWidgetArea(dock)
    for other in window.findChildren(QDockWidget):
        holds_ours = any(w.property(_OURS) for w in other.findChildren(QWidget))
        here = not other.isFloating() and window.dockWidgetArea(other) == area
        if other is not dock and holds_ours and here and area != Qt.DockWidgetArea.NoDockWidgetArea:
            window.tabifyDockWidget(other, dock)
            dock.raise_()
            return


def _dock_of(widget: QWidget) -> QDockWidget | None:
    parent = widget.parentWidget()
    while parent is not None and not isinstance(parent, QDockWidget):
        parent = parent.parentWidget()
    return parent
