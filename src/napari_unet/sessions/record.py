"""What a session says about itself: everything but pixels, as JSON that a person can read."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from napari_unet.errors import SessionError
from napari_unet.images.storage import write_atomically
from napari_unet.labels import Annotation

FILE_NAME = "napari-unet-session.json"
"""In every folder of a session."""

FORMAT_VERSION = 1
"""Raised when an older program could misread a newer file."""

Matrix = tuple[tuple[float, ...], ...]


class _Record(BaseModel):
    """Base: frozen; what a later version adds is passed over."""

    model_config = ConfigDict(frozen=True, ser_json_inf_nan="constants")


class Placement(_Record):
    """Where a layer lies in space, as napari has it; one entry per axis of the layer's data (colour left out)."""

    scale: tuple[float, ...]
    translate: tuple[float, ...]
    rotate: Matrix
    shear: tuple[float, ...]
    affine: Matrix
    units: tuple[str, ...] = ()
    axis_labels: tuple[str, ...] = ()


class LayerRecord(_Record):
    """What an image and an annotation have in common.

    Attributes
    ----------
    order : int
        Place in the viewer's list, the bottom one first.
    shape : tuple of int
        Of the data, of the finest level where there are several.
    axes : str, optional
        The user's correction of the axes.
    """

    name: str
    order: int = 0
    shape: tuple[int, ...]
    axes: str | None = None
    placement: Placement
    opacity: float = 1.0
    visible: bool = True
    blending: str = "translucent"


class ImageRecord(LayerRecord):
    """An image that was painted on.

    Attributes
    ----------
    path : str, optional
        Where its file was; ``None`` where it was held in memory only.
    reader : str, optional
        The napari plugin that read the file.
    relative : str, optional
        The same file as seen from the session's folder, with forward slashes.
    copy_name : str, optional
        A copy inside of the session's folder, with forward slashes.
    fingerprint : str, optional
        :func:`~napari_unet.images.image_hash` of the layer's pixels.
    """

    path: str | None = None
    reader: str | None = None
    relative: str | None = None
    copy_name: str | None = None
    fingerprint: str | None = None
    rgb: bool = False
    contrast_limits: tuple[float, float] | None = None
    gamma: float = 1.0
    colormap: str | None = None


class AnnotationRecord(LayerRecord):
    """Labels that were painted.

    Attributes
    ----------
    file : str
        The labels, in the session's folder; see :mod:`~napari_unet.sessions.strokes`.
    annotation : Annotation, optional
        What is known of the classes.
    kind_is_guessed : bool
        Whether nobody said what the labels are.
    """

    file: str
    annotation: Annotation | None = None
    kind_is_guessed: bool = True
    selected_label: int = 1
    brush_size: float = 10.0


class PairRecord(_Record):
    """Images (several are channels) and the labels that belong to them, by their place in the session's lists."""

    images: tuple[int, ...] = ()
    annotation: int | None = None


class ModelUse(_Record):
    """A model file that was made or used in the session."""

    path: str
    how: Literal["started from", "trained", "learnt live"]
    copy_name: str | None = None


class ViewRecord(_Record):
    """Where somebody looks."""

    center: tuple[float, ...]
    zoom: float
    angles: tuple[float, ...] = (0.0, 0.0, 90.0)
    n_displayed: int = 2
    axis_order: tuple[int, ...] = ()
    step: tuple[int, ...] = ()


class Session(_Record):
    """Everything a session knows besides its pixels and weights.

    Attributes
    ----------
    created : str
        UTC, ISO 8601.
    models : tuple of ModelUse
        The session's history, oldest first.
    start_from : str, optional
        Path of the model that is chosen to go on from; one of ``models``.
    settings : dict
        Of training; those that another version does not know are left out when it opens the session.
    is_live : bool
        Whether live learning was on.
    is_complete : bool
        Whether everything that was painted then had been handed to the disk.
    project : str, optional
        The project folder that the session was last saved to.
    """

    format_version: int = FORMAT_VERSION
    version: str = ""
    created: str = ""
    images: tuple[ImageRecord, ...] = ()
    annotations: tuple[AnnotationRecord, ...] = ()
    pairs: tuple[PairRecord, ...] = ()
    models: tuple[ModelUse, ...] = ()
    start_from: str | None = None
    settings: dict[str, Any] = Field(default_factory=dict)
    is_live: bool = False
    is_complete: bool = True
    view: ViewRecord | None = None
    project: str | None = None

    @property
    def contents(self) -> str:
        """What is in it, for example ``2 annotation layers, 1 model``."""
        annotations, made = len(self.annotations), len({m.path for m in self.models})
        words = [f"{annotations} annotation layer{'s' if annotations != 1 else ''}"]
        if made:
            words.append(f"{made} model{'s' if made != 1 else ''}")
        return ", ".join(words)


def write_session(folder: Path, session: Session) -> None:
    """Write the record of a session, whole or not at all.

    Raises
    ------
    StorageError
        Without permission or room; an older record survives.
    """
    data = session.model_dump_json(indent=1).encode()
    write_atomically(folder / FILE_NAME, lambda file: file.write(data))


def read_session(folder: Path) -> Session:
    """Read the record of a session.

    Raises
    ------
    SessionError
        If the folder holds none, or one that is damaged or newer than this version.
    """
    path = folder / FILE_NAME
    try:
        session = Session.model_validate_json(path.read_bytes())
    except FileNotFoundError as error:
        raise SessionError(
            f"{folder} is no project folder: it holds no {FILE_NAME}.",
            "Choose the folder that was made by 'Save project'.",
        ) from error
    except OSError as error:
        raise SessionError(f"{path} cannot be read: {error.strerror or error}.", "Check the path.") from error
    except (ValidationError, ValueError) as error:
        raise SessionError(f"{path} is damaged or of a newer version.", "Update napari-unet, or take the file "
                           "from a backup.") from error  # fmt: skip
    if session.format_version > FORMAT_VERSION:
        raise SessionError(
            f"{folder.name} was saved by a newer version of napari-unet.", "Update napari-unet."
        )
    return session


def inside(folder: Path, name: str) -> Path:
    """A file of the session by its name in the record.

    Raises
    ------
    SessionError
        If the name leads out of the folder, which no record of ours does.
    """
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise SessionError(f"The session names the file {name}, outside of its folder.", "Do not trust it.")
    return path
