"""Scores of the dock as CSV files."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtWidgets import QFileDialog, QWidget

from napari_unet.scores.object_report import objects_to_csv
from napari_unet.scores.report import to_csv
from napari_unet.viewer import remembered
from napari_unet.viewer.score.results import Result


def ask_path(parent: QWidget, layer_name: str, what: str) -> Path | None:
    """Ask where to save ``what`` ("scores", "objects") of a layer; None if the user thought better of it."""
    folder = (remembered.load("scores") or {}).get("folder", "")
    name = "".join(c if c.isalnum() or c in " -_." else "_" for c in layer_name)
    proposed = str(Path(str(folder)) / f"{name} {what}.csv")
    wanted, _ = QFileDialog.getSaveFileName(parent, f"Export {what}", proposed, "Table (*.csv)")
    path = Path(wanted)
    return None if not wanted else path if path.suffix else path.with_suffix(".csv")


def scores_csv(result: Result) -> str:
    """All scores, per class, of objects, and per slice."""
    found = {} if result.objects is None else {result.names[0]: result.objects}
    return to_csv({result.names[0]: result.comparison}, names=result.looks.names, objects=found)


def objects_csv(result: Result) -> str:
    """A line per object."""
    return objects_to_csv({} if result.objects is None else {result.names[0]: result.objects})
