"""What the dock remembers for its user: settings and folders."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from napari_unet.settings import TrainSettings
from napari_unet.viewer import remembered
from napari_unet.viewer.train.setup_page import SetupPage

KEY = "train"


def save(page: SetupPage, settings: TrainSettings) -> None:
    """Remember what is chosen, but not what the labels are: that belongs to them."""
    remembered.save(
        KEY,
        {
            "settings": settings.model_dump(exclude={"labels_are"}, exclude_defaults=True),
            "folders": list(page.source.folder_pair.folders),
            "models_folder": str(page.output.folder),
        },
    )


def restore(page: SetupPage) -> None:
    """Show what was remembered, as far as it still makes sense."""
    values = remembered.load(KEY) or {}
    try:
        page.form.set(TrainSettings.model_validate(values.get("settings", {})))
    except ValidationError:
        page.form.reset()  # written by another version: its settings are not ours
    folders = values.get("folders")
    if isinstance(folders, list) and len(folders) == 2 and all(isinstance(f, str) for f in folders):
        page.source.folder_pair.set_folders(*folders)
    folder = values.get("models_folder")
    if isinstance(folder, str) and Path(folder).is_dir():
        page.output.set_folder(Path(folder))
