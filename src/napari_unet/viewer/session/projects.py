"""Projects opened and saved from a dock."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from platformdirs import user_documents_path
from qtpy.QtWidgets import QFileDialog, QWidget

from napari_unet.errors import UNetError
from napari_unet.labels.snapshot import snapshot_labels
from napari_unet.sessions import (
    ImageRecord,
    SavedProject,
    check_project_folder,
    earlier_sessions,
    read_session,
    save_project,
)
from napari_unet.sessions.images import file_name
from napari_unet.viewer import remembered
from napari_unet.viewer.remembered import sessions_folder
from napari_unet.viewer.score.background import Background
from napari_unet.viewer.session.button import ProjectButton
from napari_unet.viewer.session.collecting import pixels, recognisable
from napari_unet.viewer.session.times import when

if TYPE_CHECKING:
    from napari_unet.viewer.session.bar import SessionBar

KEY = "folders"


class Projects:
    """Does what the button's menu offers, and says in the bar what came of it.

    Parameters
    ----------
    bar : SessionBar
        What is saved, and where it is said.
    button : ProjectButton
        Its menu.
    parent : QWidget
        Of the dialogs.
    """

    def __init__(self, bar: SessionBar, button: ProjectButton, parent: QWidget) -> None:
        self._bar, self._button, self._parent = bar, button, parent
        self._background = Background()
        button.menu().aboutToShow.connect(self.list_earlier)
        button.open_wanted.connect(self.ask_and_open)
        button.save_wanted.connect(self.save_again)
        button.save_as_wanted.connect(self.ask_and_save)

    @property
    def is_busy(self) -> bool:
        """Whether a project is being saved."""
        return self._background.is_busy

    def list_earlier(self) -> None:
        """Fill the menu of sessions that the user closed, the latest first."""
        menu = self._button.earlier_menu
        menu.clear()
        for earlier in earlier_sessions(sessions_folder(), closed=True):
            text = f"{when(earlier.changed)}: {earlier.session.contents}"
            menu.addAction(text).triggered.connect(
                lambda _checked=False, chosen=earlier: self._bar.restore_session(chosen)
            )
        menu.setEnabled(bool(menu.actions()))

    def ask_and_open(self) -> None:
        """Let the user choose a project's folder."""
        name = QFileDialog.getExistingDirectory(self._parent, "Open a project", str(self._last_folder()))
        if name:
            self.open(Path(name))

    def open(self, folder: Path) -> None:
        """Add a project's layers to those that are there; asks for images that are not found."""
        try:
            session = read_session(folder)
        except UNetError as error:
            self._bar.say(str(error), "error")
            return
        text = self._bar.bring_back(folder, session, self._ask_for_image)
        self._bar.autosave.project = folder
        self._remember(folder)
        self._bar.say(text)

    def save_again(self) -> None:
        """Save where it was saved or opened before; asks where the first time."""
        project = self._bar.autosave.project
        if project is None:
            self.ask_and_save()
        else:
            self.save(project)

    def ask_and_save(self) -> None:
        """Let the user name a folder, and save."""
        proposed = self._bar.autosave.project or self._last_folder() / f"{self._bar.title} project"
        name, _ = QFileDialog.getSaveFileName(
            self._parent,
            "Save the project to a new folder",
            str(proposed),
            "Project folders (*)",
            options=QFileDialog.Option.DontConfirmOverwrite,  # of another folder: refused; of a project: replaced
        )
        if name:
            self.save(Path(name))

    def save(self, folder: Path) -> None:
        """Save in the background; layers are copied first, so that painting goes on meanwhile."""
        if self.is_busy:
            return
        collected = self._bar.autosave.collect()
        if not collected.annotations:
            self._bar.say("Nothing is painted yet: there is no project to save.", "warning")
            return
        try:
            check_project_folder(folder)
        except (UNetError, OSError) as error:
            self._bar.say(str(error), "error")
            return
        steps = save_project(
            folder,
            collected.session,
            [snapshot_labels(layer.data) for layer in collected.annotations],
            [recognisable(layer) for layer in collected.images],
            [pixels(layer) for layer in collected.images],
            copy_images=self._button.copies_images.isChecked(),
        )
        self._bar.say(f"Saving to {folder}…")
        self._background.start(steps, self._on_saved)

    def close(self) -> None:
        """The dock is going; a saving that is under way is given up, and leaves the project as it was."""
        self._background.cancel()

    def _on_saved(self, answer: Any) -> None:
        if not isinstance(answer, SavedProject):
            self._bar.say(str(answer), "error")
            return
        self._bar.autosave.project = answer.folder
        self._remember(answer.folder)
        self._bar.say(" ".join([f"Saved to {answer.folder}.", *answer.notices]))

    def _ask_for_image(self, record: ImageRecord) -> Path | None:
        name, _ = QFileDialog.getOpenFileName(
            self._parent,
            f"Where is {file_name(record.path or record.name)}? (Cancel: open without it)",
            str(self._last_folder()),
        )
        return Path(name) if name else None

    def _last_folder(self) -> Path:
        folder = (remembered.load(KEY) or {}).get("projects")
        if isinstance(folder, str) and Path(folder).is_dir():
            return Path(folder)
        return user_documents_path()

    def _remember(self, folder: Path) -> None:
        remembered.save(KEY, {**(remembered.load(KEY) or {}), "projects": str(folder.parent)})
