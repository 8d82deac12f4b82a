"""Below the field "Learning rate": a button that searches for one, its curve, and a button that takes it over."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from importlib import import_module
from threading import Thread
from typing import Any

from qtpy.QtCore import QTimer, Signal
from qtpy.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QPushButton, QVBoxLayout, QWidget

from napari_unet.errors import UNetError
from napari_unet.events import (
    Event,
    Failed,
    Finished,
    Notice,
    Progress,
    RateFound,
    Started,
    TrainingStep,
    Waiting,
)
from napari_unet.requests import RateSearchRequest
from napari_unet.viewer.bridge import time_left
from napari_unet.viewer.style import Tone, set_tone
from napari_unet.viewer.train.rate_plot import RatePlot

_FIND, _STOP = "Find learning rate", "Stop searching"
_FIND_TIP = (
    "Train for 40 steps, usually less than half a minute, with a learning rate that rises from 1e-6 to 1, and suggest "
    "one from where the loss falls. Nothing is saved, and no model is changed."
)
_STOP_TIP = "End the search; nothing is suggested then."
_PAUSE = 1000
"""Milliseconds between two drawings: each costs a redraw of the whole window."""


class RateFinder(QWidget):
    """Searches in the engine's child process. The search ends with this widget, or when a training begins.

    Signals
    -------
    wanted
        The user wants a search: whoever knows what would be trained on calls :meth:`start` or :meth:`say`.
    chosen(float)
        The user takes the suggestion.
    """

    wanted = Signal()
    chosen = Signal(float)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._number = 0
        self._is_running = self._is_stopping = False
        self._jobs: list[Any] = []  # at most one; a list, so that it can be reached after this widget's end
        self._points: list[tuple[float, float]] = []
        self.found: RateFound | None = None
        self.button = QPushButton(_FIND)
        self.use_button = QPushButton()
        self.use_button.setToolTip("Put the suggestion into the field Learning rate.")
        self.progress = QProgressBar()
        self.progress.setAccessibleName("Progress of the search")
        self.progress.setTextVisible(False)
        self.progress.setFixedHeight(8)
        self.line = QLabel()
        self.line.setWordWrap(True)
        self.plot = RatePlot()
        buttons = QHBoxLayout()
        buttons.addWidget(self.button)
        buttons.addWidget(self.use_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 4)
        layout.setSpacing(4)
        layout.addLayout(buttons)
        for widget in (self.progress, self.plot, self.line):
            layout.addWidget(widget)
        self._draw_later = QTimer(self)
        self._draw_later.setSingleShot(True)
        self._draw_later.setInterval(_PAUSE)
        self._draw_later.timeout.connect(self._draw_points)
        self.button.clicked.connect(self._on_clicked)
        self.use_button.clicked.connect(self._on_use)
        self.destroyed.connect(partial(_let_go, self._jobs))
        self.say("")
        self._draw()

    def start(
        self,
        submit: Callable[[RateSearchRequest, Callable[[Event], None]], Any],
        request: RateSearchRequest,
    ) -> None:
        """Begin to search; does nothing while a search is under way.

        Parameters
        ----------
        submit : callable
            ``Engine.submit``.
        request : RateSearchRequest
            For what.
        """
        if self._is_running:
            return
        if (
            "pyqtgraph" not in sys.modules
        ):  # in the background, so that the first point does not hold up the viewer
            Thread(target=import_module, args=("pyqtgraph",), name="napari-unet-plots", daemon=True).start()
        self._number += 1
        self._is_running, self._is_stopping = True, False
        self._points, self.found = [], None
        self.progress.setRange(0, 0)
        self.say("Starting…")
        self._draw()
        try:
            self._jobs[:] = [submit(request, partial(self._on_event, self._number))]
        except UNetError as error:
            self._on_event(self._number, Failed(error.problem, error.remedy))

    def stop(self) -> None:
        """End the search, if there is one."""
        if self._is_running and not self._is_stopping:
            self._is_stopping = True
            for job in self._jobs:
                job.stop()
            self.say("Stopping…")
            self._draw()

    def say(self, text: str, tone: Tone = "plain") -> None:
        """Show a sentence below the button."""
        self.line.setText(text)
        self.line.setVisible(bool(text))
        set_tone(self.line, tone)

    def _on_clicked(self) -> None:
        if self._is_running:
            self.stop()
        else:
            self.wanted.emit()

    def _on_use(self) -> None:
        if self.found is not None and self.found.suggestion is not None:
            self.chosen.emit(self.found.suggestion)

    def _on_event(self, number: int, event: Event) -> None:
        if number != self._number or not self._is_running:
            return  # a search that is over
        match event:
            case Waiting(reason=reason):
                self.say(reason)
            case Started():
                self.say("Getting ready…")
            case Notice(text=text, level="warning"):
                self.say(text, "warning")
            case TrainingStep(learning_rate=rate, loss=loss):
                self._points.append((rate, loss))
                if not self._draw_later.isActive():
                    self._draw_later.start()
            case Progress() if not self._is_stopping:
                self.progress.setRange(0, 1000)
                self.progress.setValue(round(event.fraction * 1000))
                self.say(" · ".join(part for part in (event.text, time_left(event.seconds_left)) if part))
            case RateFound():
                self.found = event
            case Finished() | Failed():
                self._on_end(event)

    def _on_end(self, event: Finished | Failed) -> None:
        self._is_running = self._is_stopping = False
        self._jobs.clear()
        self._draw_later.stop()
        if isinstance(event, Failed):
            self.say(f"{event.problem} {event.remedy}".strip(), "error")
        elif event.stopped or self.found is None:
            self.say("Stopped; there is no suggestion.", "muted")
        else:
            self.say(self.found.reason, "plain" if self.found.suggestion is not None else "warning")
        self._draw()

    def _draw(self) -> None:
        """Show the state: which buttons there are, the curve."""
        self.button.setText(_STOP if self._is_running else _FIND)
        self.button.setToolTip(f"<qt>{_STOP_TIP if self._is_running else _FIND_TIP}</qt>")
        self.button.setEnabled(not self._is_stopping)
        self.progress.setVisible(self._is_running)
        suggestion = self.found.suggestion if self.found is not None else None
        self.use_button.setVisible(suggestion is not None and not self._is_running)
        if suggestion is not None:
            self.use_button.setText(f"Use {suggestion:.1e}")
        self._draw_points()

    def _draw_points(self) -> None:
        self.plot.draw(self._points, self.found)


def _let_go(jobs: list[Any], *_: Any) -> None:
    """End the search of a dock that is gone."""
    for job in jobs:
        job.release()
        job.stop()
