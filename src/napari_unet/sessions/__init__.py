"""Sessions on disk: what somebody paints, on what, with which model; kept while they paint, and as a project folder."""

from napari_unet.sessions.folders import (
    EarlierSession,
    earlier_sessions,
    limit_sessions,
    mark_closed,
    new_folder,
    remove_folder,
)
from napari_unet.sessions.images import find_image, fingerprint, is_small, write_array
from napari_unet.sessions.project import SavedProject, check_project_folder, save_project
from napari_unet.sessions.record import (
    AnnotationRecord,
    ImageRecord,
    LayerRecord,
    ModelUse,
    PairRecord,
    Placement,
    Session,
    ViewRecord,
    read_session,
    write_session,
)
from napari_unet.sessions.strokes import StrokeFile, read_strokes, write_strokes
from napari_unet.sessions.writer import SessionWriter

__all__ = [
    "AnnotationRecord",
    "EarlierSession",
    "ImageRecord",
    "LayerRecord",
    "ModelUse",
    "PairRecord",
    "Placement",
    "SavedProject",
    "Session",
    "SessionWriter",
    "StrokeFile",
    "ViewRecord",
    "check_project_folder",
    "earlier_sessions",
    "find_image",
    "fingerprint",
    "is_small",
    "limit_sessions",
    "mark_closed",
    "new_folder",
    "read_session",
    "read_strokes",
    "remove_folder",
    "save_project",
    "write_array",
    "write_session",
    "write_strokes",
]
