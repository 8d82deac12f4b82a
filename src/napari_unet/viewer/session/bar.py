"""What a dock says of sessions: those that were interrupted are offered back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError
from qtpy.QtWidgets import QHBoxLayout, QMessageBox, QPushButton, QVBoxLayout, QWidget

from napari_unet.sessions import (
    EarlierSession,
    ModelUse,
    Session,
    earlier_sessions,
    limit_sessions,
    remove_folder,
)
from napari_unet.sessions.folders import MOST_KEPT
from napari_unet.sessions.record import inside
from napari_unet.settings import TrainSettings
from napari_unet.viewer.remembered import sessions_folder
from napari_unet.viewer.sentence import Sentence
from napari_unet.viewer.session.autosave import autosave_of
from napari_unet.viewer.session.collecting import Chosen
from napari_unet.viewer.session.projects import Projects
from napari_unet.viewer.session.restoring import AskForFile, restore
from napari_unet.viewer.session.times import when
from napari_unet.viewer.style import Tone, set_tone

if TYPE_CHECKING:
    import napari

    from napari_unet.viewer.live.run import LiveRun
    from napari_unet.viewer.train.run import TrainingRun
    from napari_unet.viewer.train.setup_page import SetupPage


class SessionBar(QWidget):
    """One sentence and its buttons; hidden while there is nothing to say.

    The session itself belongs to the viewer (:func:`autosave_of`): it is kept without this dock too.

    Parameters
    ----------
    viewer : napari.Viewer
        Whose layers are kept.
    page : SetupPage
        Where they are chosen.
    run, live : TrainingRun, LiveRun
        What makes models of them.
    """

    def __init__(
        self,
        viewer: napari.Viewer,
        page: SetupPage,
        run: TrainingRun,
        live: LiveRun,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._viewer, self._page, self._run, self._live = viewer, page, run, live
        self.autosave = autosave_of(viewer)
        self.projects = Projects(self, page.project, self)
        self.line = Sentence()
        self.restore_button = QPushButton("Restore")
        self.discard_button = QPushButton("Discard…")
        self.later_button = QPushButton("Not now")
        self.ok_button = QPushButton("OK")
        self._offer_buttons = (self.restore_button, self.discard_button, self.later_button)
        buttons = QHBoxLayout()
        buttons.setSpacing(4)
        for button in (*self._offer_buttons, self.ok_button):
            button.setAutoDefault(False)
            buttons.addWidget(button)
        buttons.addStretch()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 4, 8, 4)
        layout.setSpacing(4)
        layout.addWidget(self.line)
        layout.addLayout(buttons)
        self.restore_button.clicked.connect(self.restore)
        self.discard_button.clicked.connect(self.ask_to_discard)
        self.later_button.clicked.connect(self._on_later)
        self.later_button.setToolTip("It is offered again when this dock is opened the next time.")
        self.ok_button.clicked.connect(self._show_next)
        self.autosave.heard.connect(self._on_autosave)
        run.heard.connect(self._on_models)
        live.heard.connect(self._on_models)
        page.start.changed.connect(self._on_models)
        self._on_models()
        autosave, ask = self.autosave, self._chosen
        autosave.attend(ask, lambda: live.report.is_on)
        self.destroyed.connect(lambda: autosave.forget(ask))
        removed = limit_sessions(sessions_folder())
        self.offered = earlier_sessions(sessions_folder(), closed=False)
        if removed:
            self.say(f"Only the last {MOST_KEPT} sessions are kept; {removed} older went.")
        else:
            self._show_next()

    @property
    def title(self) -> str:
        """What a project of this is called after."""
        return self._page.source.name or "U-Net"

    def say(self, text: str, tone: Tone = "plain") -> None:
        """Show a sentence until OK is clicked."""
        self._show(text, tone, offers=False)

    def restore(self) -> None:
        """Bring the session that is offered back."""
        self.restore_session(self.offered.pop(0))

    def restore_session(self, earlier: EarlierSession) -> None:
        """Bring a session back; this one keeps it from now on."""
        text = self.bring_back(earlier.folder, earlier.session)
        self.autosave.adopt(earlier.folder)
        if earlier.session.project is not None:
            self.autosave.project = Path(earlier.session.project)
        if earlier.session.is_live:
            text += " Live learning was on: switch it on to go on."
        self.say(text)

    def bring_back(self, folder: Path, session: Session, ask: AskForFile | None = None) -> str:
        """Add a session's layers, and choose in the dock what was chosen; returns what to say of it."""
        page = self._page
        restored = restore(self._viewer, folder, session, ask)
        try:
            page.form.set(TrainSettings.model_validate(session.settings))
        except ValidationError:
            restored.notices.append(
                "The settings are those of another version and are left as they are here."
            )
        if restored.pairs:
            page.source.use_layers.setChecked(True)
            page.source.show_pairs(restored.pairs)
        self.autosave.follow_too(restored.annotations)
        for use in session.models:
            self.autosave.note_model(_at_hand(use, folder))
        if restored.model is not None:
            page.start.open(restored.model)
        return " ".join([f"Restored: {session.contents}.", *restored.notices])

    def ask_to_discard(self) -> QMessageBox:
        """Ask, without blocking, whether the session that is offered is to be deleted."""
        wanted = self.offered[0]
        box = QMessageBox(self)
        box.setWindowTitle("Discard session")
        box.setIcon(QMessageBox.Icon.Warning)
        box.setText(f"Delete what was painted {when(wanted.changed)}?")
        box.setInformativeText(
            f"{wanted.session.contents}. Model files stay; the annotations are gone for good."
        )
        discard = box.addButton("Delete", QMessageBox.ButtonRole.DestructiveRole)
        keep = box.addButton("Keep", QMessageBox.ButtonRole.RejectRole)
        box.setDefaultButton(keep)
        box.setEscapeButton(keep)
        box.buttonClicked.connect(lambda button: self._discard(wanted) if button is discard else None)
        box.finished.connect(box.deleteLater)
        box.open()
        return box

    def close_connections(self) -> None:
        """Hear no more of the runs; the dock is going, the session goes on."""
        self.projects.close()
        self.autosave.leave()
        self.autosave.heard.disconnect(self._on_autosave)
        self._run.heard.disconnect(self._on_models)
        self._live.heard.disconnect(self._on_models)

    def _discard(self, session: EarlierSession) -> None:
        remove_folder(session.folder)
        if session in self.offered:
            self.offered.remove(session)
        self._show_next()

    def _on_later(self) -> None:
        self.offered.pop(0)
        self._show_next()

    def _show_next(self) -> None:
        """Offer the latest session that was interrupted and not answered yet."""
        if not self.offered:
            self.hide()
            return
        first, others = self.offered[0], len(self.offered) - 1
        text = f"A session from {when(first.changed)} was interrupted: {first.session.contents}."
        if others:
            text += f" There {'is' if others == 1 else 'are'} {others} more."
        self._show(text, "warning", offers=True)

    def _show(self, text: str, tone: Tone, *, offers: bool) -> None:
        self.line.setText(text)
        set_tone(self.line, tone)
        for button in self._offer_buttons:
            button.setVisible(offers)
        self.ok_button.setVisible(not offers)
        self.show()

    # What is kept

    def _chosen(self) -> Chosen:
        page, live = self._page, self._live.report
        settings = page.settings
        is_learning = live.is_on and live.model_path is not None
        return Chosen(
            pairs=() if page.source.uses_folders else tuple(page.source.pairs),
            settings=settings.model_dump(mode="json", exclude={"labels_are"}, exclude_defaults=True)
            if isinstance(settings, TrainSettings)
            else {},
            start_from=live.model_path if is_learning else page.start.path,
        )

    def _on_models(self, _event: object = None) -> None:
        """Keep the session's history: models that were made, and gone on from."""
        start, trained, learnt = (
            self._page.start.path,
            self._run.report.model_path,
            self._live.report.model_path,
        )
        if start is not None and not self._page.start.problem:
            self.autosave.note_model(ModelUse(path=str(start), how="started from"))
        if trained is not None:
            self.autosave.note_model(ModelUse(path=str(trained), how="trained"))
        if learnt is not None:
            self.autosave.note_model(ModelUse(path=str(learnt), how="learnt live"))

    def _on_autosave(self) -> None:
        problem = self.autosave.problem
        if problem is None:
            self.say("What you paint is kept again, should napari crash.")
        else:
            self.say(f"What you paint is not kept, should napari crash: {problem} Save your layers.", "error")


def _at_hand(use: ModelUse, folder: Path) -> ModelUse:
    """A model of a session where it is now: its copy there, if the original is on another machine or gone."""
    if use.copy_name is None or Path(use.path).is_file():
        return use
    copy = inside(folder, use.copy_name)
    return use.model_copy(update={"path": str(copy), "copy_name": None}) if copy.is_file() else use
