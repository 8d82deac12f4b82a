"""The button with what can be done with a project."""

from __future__ import annotations

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QMenu, QPushButton, QWidget


class ProjectButton(QPushButton):
    """A menu: open, save, save under another name, whether images are copied in, and earlier sessions.

    Signals
    -------
    open_wanted, save_wanted, save_as_wanted
        What was chosen.
    """

    open_wanted = Signal()
    save_wanted = Signal()
    save_as_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setText("Project")
        self.setToolTip(
            "Save annotations, model, settings and view to one folder that another machine can open, or open one."
        )
        self.setAccessibleName("Project")
        self.setAutoDefault(False)
        menu = QMenu(self)
        menu.setToolTipsVisible(True)
        self.open_action = menu.addAction("Open project…")
        self.save_action = menu.addAction("Save project")
        self.save_as_action = menu.addAction("Save project as…")
        menu.addSeparator()
        self.copies_images = menu.addAction("Copy images into the project")
        self.copies_images.setCheckable(True)
        self.copies_images.setToolTip(
            "For another machine that cannot reach the images. Without, the project says where they are, and is small."
        )
        menu.addSeparator()
        self.earlier_menu = menu.addMenu("Earlier sessions")
        self.earlier_menu.setToolTip("What was painted before napari was closed.")
        self.setMenu(menu)
        self.open_action.triggered.connect(lambda _checked=False: self.open_wanted.emit())
        self.save_action.triggered.connect(lambda _checked=False: self.save_wanted.emit())
        self.save_as_action.triggered.connect(lambda _checked=False: self.save_as_wanted.emit())
