"""What is measured of a Labels layer: the intensities of which images, and whether a stack is one volume."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from napari.layers import Image as ImageLayer
from napari.layers import Labels, Layer
from qtpy.QtWidgets import QWidget

from napari_unet.viewer.layer_menu import LayerMenuButton
from napari_unet.viewer.layers import METADATA
from napari_unet.viewer.objects.findings import narrow_form
from napari_unet.viewer.objects.measuring import fits, measured_axes
from napari_unet.viewer.score.choice import pixels
from napari_unet.viewer.score.object_options import stack_box

TIP = (
    "The images whose intensities are measured inside each object: those that cover the same pixels as the "
    "labels. Tick several to measure each as a channel of its own."
)

COVERING = ("opaque", "translucent", "translucent_no_depth")
"""Ways of blending in which a layer hides what lies beneath; the others are for channels that are seen together."""


class MeasureChoice(QWidget):
    """Two rows of a form; the second only where there is a stack.

    Unless the user chooses otherwise, those images are measured that are seen when they become known here.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.image_button = LayerMenuButton(TIP, nothing="none")
        self.image_button.setAccessibleName("Intensities of")
        self.stack_box = stack_box()
        self.stack_box.setAccessibleName("Stack as")
        self._form = narrow_form(("Intensities of", self.image_button), ("Stack as", self.stack_box))
        self.setLayout(self._form)
        self._labels: Labels | None = None
        self._is_chosen_by_user = False
        self.image_button.changed.connect(self._on_chosen)
        self._show()

    @property
    def images(self) -> tuple[ImageLayer, ...]:
        """Whose intensities to measure, in the viewer's order."""
        return self.image_button.chosen

    @property
    def volume(self) -> bool | None:
        """Whether a stack is one volume; None to find out."""
        return self.stack_box.currentData()

    def refresh(self, layers: Iterable[Layer], labels: Labels | None) -> None:
        """Offer the images that fit the labels; what was chosen stays chosen as long as it is there."""
        images = [layer for layer in layers if isinstance(layer, ImageLayer)]
        fitting = [image for image in images if labels is not None and fits(image, labels)]
        known = [image for image in self.image_button.offered if image in fitting]
        chosen = [image for image in self.images if image in fitting]
        if not known or (self.images and not chosen):
            self._is_chosen_by_user = False
        if not self._is_chosen_by_user and (len(known) < len(fitting) or not chosen):
            chosen = seen(fitting)
        self.image_button.show_choice(fitting, chosen)
        self._labels = labels
        self._show()

    def _on_chosen(self) -> None:
        self._is_chosen_by_user = True
        self._show()

    def _show(self) -> None:
        """Whether there is a stack depends on the images too: they may know that it is a time series."""
        self.image_button.setEnabled(bool(self.image_button.offered))
        self._form.setRowVisible(self.stack_box, _is_stack(self._labels, self.images))


def seen(images: Sequence[ImageLayer]) -> list[ImageLayer]:
    """Those that are visible and not covered by another one; where all are hidden, the topmost.

    Predictions of ours are left out.
    """
    images = [image for image in images if not image.metadata.get(METADATA, {}).get("prediction")]
    found: list[ImageLayer] = []
    for image in reversed(images):
        if image.visible:
            found.insert(0, image)
            if image.blending in COVERING and image.opacity == 1:
                break
    return found or list(images[-1:])


def _is_stack(labels: Labels | None, images: Sequence[ImageLayer]) -> bool:
    return (
        labels is not None and measured_axes(labels, images).endswith("ZYX") and pixels(labels).shape[-3] > 1
    )
