"""A combo box of layers that may be left empty on purpose."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QSignalBlocker

from napari_unet.viewer.layer_box import LayerBox


class OptionalLayerBox(LayerBox):
    """Begins with an entry for no layer at all."""

    def refresh(self, layers: list[Any], preferred: Any = None, *, required: bool = False) -> None:
        """Show these layers; a user's choice of none stays."""
        none_wanted = self.is_chosen_by_user and self.layer is None
        super().refresh(layers, None if none_wanted else preferred, required=False)
        self.is_chosen_by_user = self.is_chosen_by_user or none_wanted
        with QSignalBlocker(self):
            self.insertItem(0, "none", None)
        self._select()
