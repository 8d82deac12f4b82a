"""What is remembered per user: settings of each dock, folders, recent models.

One small JSON file per key in the user's configuration folder; ``NAPARI_UNET_CONFIG_DIR`` moves it.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, ClassVar

from napari.utils.notifications import show_warning
from platformdirs import user_config_dir, user_data_path
from psygnal import Signal

RECENT_MODELS = 10
"""How many recent models are kept."""


class _Events:
    """What other docks may listen to."""

    recent_models: ClassVar[Signal] = Signal()


events = _Events()
"""``events.recent_models`` is emitted (on the GUI thread) when the list of recent models has changed."""


def config_folder() -> Path:
    """Return the folder that holds what is remembered; it may not exist yet."""
    redirected = os.environ.get("NAPARI_UNET_CONFIG_DIR")
    return Path(redirected) if redirected else Path(user_config_dir("napari-unet-live", appauthor=False))


def sessions_folder() -> Path:
    """Folder of this user's sessions while they are open; ``NAPARI_UNET_CONFIG_DIR`` moves it. It may not exist yet."""
    redirected = os.environ.get("NAPARI_UNET_CONFIG_DIR")
    home = Path(redirected) if redirected else user_data_path("napari-unet-live", appauthor=False)
    return home / "sessions"


def load(key: str) -> dict[str, Any] | None:
    """Return what was saved under ``key``, ``None`` if nothing was.

    A file that cannot be read is ignored, with a notification: no dock is lost to a broken preference.
    """
    path = config_folder() / f"{key}.json"
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(values, dict):
            raise ValueError("not a JSON object")
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        show_warning(f"Remembered settings in {path} cannot be read ({error}); defaults are used.")
        return None
    return values


def save(key: str, values: dict[str, Any]) -> None:
    """Save ``values`` (JSON types only) under ``key``; written under a temporary name, then renamed.

    Where the folder cannot be written (a kiosk, a full disk) nothing is remembered, with a notification.
    """
    path = config_folder() / f"{key}.json"
    temporary = path.with_suffix(f".{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(json.dumps(values, indent=2), encoding="utf-8")
        temporary.replace(path)
    except OSError as error:
        show_warning(f"Settings cannot be remembered in {path.parent} ({error.strerror or error}).")


def recent_models() -> list[Path]:
    """Model files opened or trained lately that still exist, latest first."""
    paths = (load("recent_models") or {}).get("paths", [])
    return [Path(p) for p in paths if isinstance(p, str) and Path(p).is_file()]


def add_recent_model(path: str | Path) -> None:
    """Put ``path`` first among the recent models and tell the docks."""
    latest = Path(path).absolute()
    paths = [latest, *(p for p in recent_models() if p != latest)][:RECENT_MODELS]
    save("recent_models", {"paths": [str(p) for p in paths]})
    events.recent_models.emit()
