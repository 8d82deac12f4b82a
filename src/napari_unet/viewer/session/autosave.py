"""One viewer's session, kept on the disk while somebody paints. It outlives the dock, and ends with the viewer."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import ref

from qtpy.QtCore import QCoreApplication, QObject, QTimer, Signal
from qtpy.QtWidgets import QWidget

from napari_unet.errors import UNetError
from napari_unet.sessions import ModelUse, Session, SessionWriter, mark_closed, remove_folder
from napari_unet.viewer.layers import without_proxy
from napari_unet.viewer.live.sight import region_in_view
from napari_unet.viewer.per_viewer import OnePerViewer
from napari_unet.viewer.remembered import sessions_folder
from napari_unet.viewer.session.collecting import Chosen, Collected, collect
from napari_unet.viewer.session.image_copies import ImageCopies
from napari_unet.viewer.session.painted import PaintedLayers

if TYPE_CHECKING:
    import napari

TICK = 500
"""Milliseconds between two looks at what was painted."""

RECORD_EVERY = 2.0
"""Seconds between two records of everything but strokes, while the view and the like change."""

CLOSING = 5.0
"""Seconds that the end of a session may take to find what is not on the disk yet."""

TRY_AGAIN = 30.0
"""Seconds after which a session that could not be written is begun anew."""


@dataclass
class _Kept:
    """One folder on the disk and what is in it."""

    writer: SessionWriter = field(default_factory=lambda: SessionWriter(sessions_folder()))
    painted: PaintedLayers = field(init=False)
    images: ImageCopies | None = None
    recorded: Session | None = None
    recorded_at: float = 0.0
    created: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))

    def __post_init__(self) -> None:
        self.painted = PaintedLayers(self.writer)


class Autosave(QObject):
    """Follows every annotation that was ever chosen in the viewer's docks, as long as it is in the viewer.

    Layers whose pixels are in a file themselves (zarr, say) or are computed (dask) are followed only while they
    are learnt from live: looking for strokes in them could take long, and painting in a file keeps itself.

    Signals
    -------
    heard
        The autosave failed, or goes on again.

    Attributes
    ----------
    problem : UNetError or None
        Why nothing is kept at the moment.
    project : Path or None
        The project folder that this session was last saved to.
    """

    heard = Signal()

    def __init__(self, viewer: napari.Viewer) -> None:
        super().__init__()
        self.problem: UNetError | None = None
        self.project: Path | None = None
        self._viewer = ref(without_proxy(viewer))
        self._is_watched = False
        self._is_open = True
        self._ask: Callable[[], Chosen] | None = None
        self._chosen = Chosen()
        self._restored: list[Any] = []
        self._is_live: Callable[[], bool] = lambda: False
        self._models: list[ModelUse] = []
        self._adopted: list[Path] = []
        self._failed: list[Path] = []
        self._failed_at = 0.0
        self._kept = _Kept()
        self._timer = QTimer(self)
        self._timer.setInterval(TICK)
        self._timer.timeout.connect(self.look)
        if (application := QCoreApplication.instance()) is not None:
            application.aboutToQuit.connect(self.close)

    # What a dock does with it

    def attend(self, ask: Callable[[], Chosen], is_live: Callable[[], bool]) -> None:
        """Follow what is chosen in a dock from now on: ``ask`` says it, ``is_live`` whether it is learnt from live."""
        self._ask, self._is_live = ask, is_live
        if self._is_open:
            self._timer.start()

    def leave(self) -> None:
        """The dock is going; what was chosen in it is followed on."""
        if self._ask is not None:
            self._chosen, self._ask = self._ask(), None

    def forget(self, ask: Callable[[], Chosen]) -> None:
        """The dock that ``ask`` belongs to is no more and cannot be asked: what it said last is followed on."""
        if self._ask is ask:
            self._ask = None

    def watch(self, window: QWidget) -> None:
        """Notice when the viewer's window goes: the session is then closed."""
        if not self._is_watched:
            self._is_watched = True
            window.destroyed.connect(self.close)

    def note_model(self, use: ModelUse) -> None:
        """Put a model into the session's history, once."""
        if use not in self._models:
            self._models.append(use)

    def follow_too(self, layers: Sequence[Any]) -> None:
        """Follow labels layers that came back, whether they are chosen or not: nothing else may hold them."""
        self._restored += [without_proxy(layer) for layer in layers]

    def adopt(self, folder: Path) -> None:
        """Remove a session whose layers are in this viewer again, once this session keeps them all."""
        self._adopted.append(folder)

    def close(self) -> None:
        """The user's own end of it: what was painted stays on the disk, to be restored on request."""
        if self._is_open:
            self._is_open = False
            self._timer.stop()
            painted = self._kept.painted
            painted.catch_up(CLOSING)
            is_painted = bool(painted.files)
            if is_painted and self._viewer() is not None:
                self._kept.writer.record(self._collect().session)
            is_all = is_painted and not painted.has_more
            self._end(remove=not is_painted)
            if is_painted and self.folder is not None:
                mark_closed(self.folder)
            for folder in self._failed:
                if is_all and self._kept.writer.problem is None:
                    remove_folder(folder)
                else:
                    mark_closed(folder)

    @property
    def folder(self) -> Path | None:
        """Where this session is kept, once there is anything to keep."""
        return self._kept.writer.folder

    def collect(self) -> Collected:
        """Everything that was painted and what belongs to it, as it is now."""
        self.look()
        self._kept.painted.catch_up(CLOSING)
        return self._collect()

    def wait(self, seconds: float = 5.0) -> bool:
        """Keep what is there now and wait for the disk; returns whether all is kept."""
        until = time.monotonic() + seconds
        while True:
            self.look()
            behind = self._kept.painted.has_more
            if not behind or time.monotonic() > until:
                return self._kept.writer.wait(max(0.0, until - time.monotonic())) and not behind

    # Looking

    def look(self) -> None:
        """Pass on to the disk what was painted since the last look."""
        viewer = self._viewer()
        if viewer is None or not self._is_open:
            self.close()
            return
        if self._kept.writer.problem is not None:
            self._fail(self._kept.writer.problem)
        if self.problem is not None and time.monotonic() - self._failed_at < TRY_AGAIN:
            return
        if self._ask is not None:
            self._chosen = self._ask()
        chosen = [without_proxy(pair.labels) for pair in self._chosen.pairs]
        self._kept.painted.follow(viewer, [*chosen, *self._restored], computed_too=self._is_live())
        self._kept.painted.pass_on(lambda layer: region_in_view(viewer, layer))
        if self._kept.recorded is not None or self._kept.painted.files:
            self._record()
        if self.problem is not None and self._kept.recorded is not None and not self._kept.writer.is_busy:
            self.problem = None
            self.heard.emit()

    def _record(self) -> None:
        """Keep what is known besides strokes, if it has changed."""
        kept, now = self._kept, time.monotonic()
        session = self._collect().session
        if session != kept.recorded:
            is_urgent = kept.recorded is None or session.annotations != kept.recorded.annotations
            if is_urgent or now - kept.recorded_at > RECORD_EVERY:
                kept.writer.record(session)
                kept.recorded, kept.recorded_at = session, now
                kept.painted.forget_unneeded()
        elif (self._adopted or self._failed) and not self._is_behind():
            for folder in (*self._adopted, *self._failed):
                kept.writer.then(partial(remove_folder, folder))
            self._adopted, self._failed = [], []

    def _is_behind(self) -> bool:
        if self._kept.images is None or self._kept.images.is_busy:
            return True
        return self._kept.painted.has_more

    def _collect(self) -> Collected:
        painted = self._kept.painted
        layers, files = [layer for layer, _ in painted.files], [file for _, file in painted.files]
        collected = collect(self._viewer(), self._chosen, layers, files)
        update = {
            "created": self._kept.created,
            "models": tuple(self._models),
            "is_live": self._is_live(),
            "is_complete": not painted.has_more,
            "project": str(self.project) if self.project is not None else None,
            "images": tuple(
                record.model_copy(update=self._known(layer))
                for record, layer in zip(collected.session.images, collected.images, strict=True)
            ),
        }
        session = collected.session.model_copy(update=update)
        return Collected(session, collected.images, collected.annotations)

    def _known(self, layer: Any) -> dict[str, Any]:
        """What an image is recognised by, and its copy, as far as that is known."""
        if self.folder is None:
            return {}
        if self._kept.images is None:
            self._kept.images = ImageCopies(self.folder)
        known = self._kept.images.look(layer)
        return {"fingerprint": known.fingerprint, "copy_name": known.copy_name}

    # Beginning and ending

    def _end(self, *, remove: bool) -> None:
        kept = self._kept
        kept.painted.close()
        if kept.images is not None:
            kept.images.close()
        kept.writer.close(remove=remove)

    def _fail(self, problem: UNetError) -> None:
        """Say it, and begin anew in a while; what was written so far stays until the new session has everything."""
        self._end(remove=False)
        if self.folder is not None:
            self._failed.append(self.folder)
        self._kept = _Kept()
        self._failed_at = time.monotonic()
        self.problem = problem
        self.heard.emit()


autosave_of = OnePerViewer(Autosave)
"""The autosave of a viewer."""
