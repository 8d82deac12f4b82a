"""A session saved to one folder that another machine can open."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from napari_unet.errors import StorageError
from napari_unet.images.image import Image
from napari_unet.images.storage import storage_error
from napari_unet.models.examples import copy_examples, examples_path
from napari_unet.sessions.folders import MARKER
from napari_unet.sessions.images import file_name, fingerprint, write_array
from napari_unet.sessions.record import (
    FILE_NAME,
    AnnotationRecord,
    ImageRecord,
    ModelUse,
    Session,
    inside,
    read_session,
    write_session,
)
from napari_unet.sessions.strokes import write_strokes


@dataclass(frozen=True)
class SavedProject:
    """What became of a saving.

    Attributes
    ----------
    folder : Path
        The project.
    notices : tuple of str
        What the user should know, as sentences.
    """

    folder: Path
    notices: tuple[str, ...] = ()


def check_project_folder(folder: Path) -> None:
    """Make sure that saving to ``folder`` overwrites nothing but an older state of the project.

    Raises
    ------
    StorageError
        If something else is there.
    """
    if folder.is_file():
        raise StorageError(f"{folder} is a file.", "Choose another name for the project's folder.")
    if folder.is_dir() and any(folder.iterdir()) and not (folder / FILE_NAME).is_file():
        raise StorageError(
            f"{folder} holds other files and is no project.",
            "Type a new name: the project gets a folder of its own.",
        )
    if (folder / MARKER).exists():
        raise StorageError(f"{folder} belongs to the autosave.", "Choose another folder.")


def save_project(
    folder: Path,
    session: Session,
    labels: Sequence[Any],
    images: Sequence[Image | None],
    arrays: Sequence[Any],
    *,
    copy_images: bool,
) -> Generator[float, None, SavedProject]:
    """Save a session; yields the fraction done, may be left at any yield.

    New files get new names, then the record that names them replaces the old one, then what only the old one named
    is removed: a project that is saved again is the old or the new one, whatever happens in between.

    Parameters
    ----------
    folder : Path
        New, empty, or a project that is replaced.
    session : Session
        What is saved. File names in it do not count.
    labels : sequence of array-like of int
        One for each of ``session.annotations``.
    images : sequence of (Image or None)
        One for each of ``session.images``, to recognise it by; ``None`` where that cannot be.
    arrays : sequence of array-like
        One for each of ``session.images``: its pixels, copied in where no file holds them.
    copy_images : bool
        Whether images that are in files are copied in too.

    Returns
    -------
    SavedProject
        Where, and what the user should know.

    Raises
    ------
    StorageError
        If something else is in the folder, without permission or room. An older state of the project survives.
    """
    check_project_folder(folder)
    old = read_session(folder) if (folder / FILE_NAME).is_file() else Session()
    saving = _Saving(folder, old)
    parts = max(1, len(labels) + len(arrays) + len(session.models))
    done = 0
    annotations: list[AnnotationRecord] = []
    kept_images: list[ImageRecord] = []
    models: list[ModelUse] = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for annotation, painted in zip(session.annotations, labels, strict=True):
            path = saving.new_path("annotations", annotation.name, ".strokes")
            write_strokes(path, painted)
            annotations.append(annotation.model_copy(update={"file": saving.name_of(path)}))
            yield (done := done + 1) / parts
        for record, image, array in zip(session.images, images, arrays, strict=True):
            known = record.model_copy(update={"fingerprint": record.fingerprint or fingerprint(image)})
            kept_images.append(saving.image(known, array, copy_images=copy_images))
            yield (done := done + 1) / parts
        for model in session.models:
            models.append(saving.model(model))
            yield (done := done + 1) / parts
        update = {"annotations": tuple(annotations), "images": tuple(kept_images), "models": tuple(models)}
        write_session(folder, session.model_copy(update={**update, "project": None}))
    except OSError as error:
        saving.undo()
        raise storage_error(Path(error.filename or folder), error) from error
    except BaseException:
        saving.undo()
        raise
    saving.remove_old()
    return SavedProject(folder, tuple(saving.notices))


class _Saving:
    """Files of one saving, and those of the state before it."""

    def __init__(self, folder: Path, old: Session) -> None:
        self._folder = folder
        self._old = old
        self._new: list[Path] = []
        self._copies: dict[str, str] = {}
        self.notices: list[str] = []

    def new_path(self, part: str, name: str, suffix: str) -> Path:
        """A path that nothing has, after a layer's or a file's name."""
        stem = re.sub(r"[^\w.+-]+", " ", name).strip(" .")[:60] or "unnamed"
        path, number = self._folder / part / f"{stem}{suffix}", 1
        while path.exists():
            number += 1
            path = self._folder / part / f"{stem} {number}{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        self._new.append(path)
        return path

    def name_of(self, path: Path) -> str:
        """A file as the record calls it."""
        return path.relative_to(self._folder).as_posix()

    def image(self, record: ImageRecord, array: Any, *, copy_images: bool) -> ImageRecord:
        """The record of an image, copied in where that is wanted or nothing else holds it."""
        source = Path(record.path) if record.path is not None else None
        if source is not None and not source.exists():
            source = None
        if source is not None and source.resolve().is_relative_to(self._folder.resolve()):
            copied = source.resolve().relative_to(self._folder.resolve()).as_posix()
            return record.model_copy(update={"copy_name": copied, "relative": None, "path": None})
        earlier = self._earlier_copy(record)
        if earlier is not None and (copy_images or source is None):
            return record.model_copy(update={"copy_name": earlier, "relative": None})
        if source is None:
            path = self.new_path("images", record.name, ".npy")
            write_array(path, array)
            return record.model_copy(
                update={"copy_name": self.name_of(path), "reader": None, "relative": None}
            )
        if copy_images:
            return record.model_copy(update={"copy_name": self._copy("images", source), "relative": None})
        return record.model_copy(update={"copy_name": None, "relative": _relative(source, self._folder)})

    def model(self, model: ModelUse) -> ModelUse:
        """The record of a model, copied in with what it learnt from."""
        source = Path(model.path)
        if not source.is_file():
            kept = next((old.copy_name for old in self._old.models if old.path == model.path), None)
            if kept is not None and inside(self._folder, kept).is_file():
                return model.model_copy(update={"copy_name": kept})
            self.notices.append(f"The model {file_name(model.path)} is not there any more and was left out.")
            return model.model_copy(update={"copy_name": None})
        for earlier in self._old.models:
            if earlier.copy_name is not None and _same_file(inside(self._folder, earlier.copy_name), source):
                name = earlier.copy_name
                break
        else:
            name = self._copy("models", source)
        copy = inside(self._folder, name)
        if not examples_path(copy).exists():
            self._new.append(examples_path(copy))
        copy_examples(source, copy)
        return model.model_copy(update={"copy_name": name})

    def undo(self) -> None:
        """Take back what was written."""
        for path in self._new:
            _remove(path)

    def remove_old(self) -> None:
        """Remove what only the state before named; never what the user put there.

        An image's only copy stays, too: maybe it could just not be opened.
        """
        session = read_session(self._folder)
        known = {image.fingerprint for image in session.images}
        only = {i.copy_name for i in self._old.images if i.fingerprint is None or i.fingerprint not in known}
        for name in _names(self._old) - _names(session) - only:
            _remove(inside(self._folder, name))
            _remove(examples_path(inside(self._folder, name)))

    def _earlier_copy(self, record: ImageRecord) -> str | None:
        for old in self._old.images:
            if old.copy_name and old.fingerprint and old.fingerprint == record.fingerprint:
                return old.copy_name
        return None

    def _copy(self, part: str, source: Path) -> str:
        """Copy a file, or a folder such as .zarr, once."""
        if str(source) not in self._copies:
            path = self.new_path(part, source.stem, source.suffix)
            if source.is_dir():
                shutil.copytree(source, path)
            else:
                shutil.copy2(source, path)
            self._copies[str(source)] = self.name_of(path)
        return self._copies[str(source)]


def _names(session: Session) -> set[str]:
    """Files that a record names."""
    copies = {*(image.copy_name for image in session.images), *(model.copy_name for model in session.models)}
    return {name for name in copies if name} | {record.file for record in session.annotations}


def _relative(path: Path, folder: Path) -> str | None:
    """The way from a folder to a file; ``None`` between two drives of Windows."""
    try:
        return Path(os.path.relpath(path.resolve(), folder.resolve())).as_posix()
    except ValueError:
        return None


def _same_file(one: Path, other: Path) -> bool:
    try:
        if one.samefile(other):
            return True
        a, b = one.stat(), other.stat()
    except OSError:
        return False
    return (a.st_size, a.st_mtime_ns) == (b.st_size, b.st_mtime_ns)  # copying keeps the time


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
