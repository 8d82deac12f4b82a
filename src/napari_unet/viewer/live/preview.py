"""The layers that show what a live run makes of an image for now, and where it is not sure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from napari.layers import Image as ImageLayer
from napari.layers import Labels as LabelsLayer
from napari.layers import Layer

from napari_unet.events import Preview
from napari_unet.images.room import zeros
from napari_unet.labels import Annotation
from napari_unet.viewer.layers import level_for, selection_kept, set_annotation, without_proxy
from napari_unet.viewer.results import add_doubt, add_prediction, paint_region

if TYPE_CHECKING:
    import napari

    from napari_unet.viewer.train.pairs import LayerPair

OPACITY = 0.4
LARGEST_IN_MEMORY = 1 << 29
"""Bytes from which on a preview lies in a nameless file, of which only what was predicted takes room."""


class PreviewLayer:
    """Below the annotation, never in it: what is painted stays what is seen.

    Parameters
    ----------
    viewer : napari.Viewer
        Where it is shown.
    image : Image layer
        What it is a preview of.
    annotation_layer : Labels
        What lies above it.
    annotation : Annotation
        The classes.

    Attributes
    ----------
    layer : Labels
        The layer.
    annotation_layer : Labels
        What is painted beside it.
    doubt : ndarray of uint8
        255 where all classes are as probable, 0 where one is certain, or nothing was predicted yet.
    """

    def __init__(
        self,
        viewer: napari.Viewer,
        image: ImageLayer,
        annotation_layer: LabelsLayer,
        annotation: Annotation,
    ) -> None:
        self._viewer = viewer
        self.annotation_layer = annotation_layer
        shape = tuple(int(n) for n in annotation_layer.data.shape)
        data = zeros(shape, np.uint8, LARGEST_IN_MEMORY)
        self.doubt = zeros(shape, np.uint8, LARGEST_IN_MEMORY)
        self._doubt_layer: ImageLayer | None = None
        self._image = image
        with selection_kept(viewer):
            self.layer = add_prediction(
                viewer,
                image,
                data,
                annotation,
                f"{image.name} preview",
                {"live": True, "image": image.name},
                level_for([image], annotation_layer),
            )
            self.layer.opacity = OPACITY
            self.layer.editable = False
        self._put_below(self.layer)
        self._is_undrawn = False

    @property
    def is_there(self) -> bool:
        """Whether the user has left it in the viewer."""
        return self._has(self.layer)

    def use(self, annotation: Annotation) -> None:
        """Show these classes from now on."""
        set_annotation(self.layer, annotation)

    def take(self, event: Preview) -> None:
        """Write a finished piece; drawn by :meth:`draw`."""
        paint_region(self.layer, event.region, event.labels, refresh=False)
        self.doubt[tuple(slice(*bounds) for bounds in event.region)] = event.doubt
        self._is_undrawn = True

    def draw(self) -> None:
        """Draw what has come in since the last time."""
        if self._is_undrawn:
            self._is_undrawn = False
            for layer in (self.layer, self._doubt_layer):
                if layer is not None and layer.visible:
                    layer.refresh(thumbnail=False, highlight=False, extent=False)

    @property
    def layers(self) -> list[Layer]:
        """The prediction, and its doubt if that was ever shown."""
        found: list[Layer] = [self.layer]
        if self._doubt_layer is not None:
            found.append(self._doubt_layer)
        return [layer for layer in found if self._has(layer)]

    @property
    def shows_doubt(self) -> bool:
        """Whether it is seen where the network is not sure."""
        return any(bool(layer.visible) for layer in self.layers if layer is not self.layer)

    def show_doubt(self, on: bool) -> None:
        """Show where the network is not sure, in a layer above the prediction, or hide it."""
        doubt = self._doubt_layer
        if doubt is None or not self._has(doubt):
            if not on:
                return
            with selection_kept(self._viewer):
                doubt = self._doubt_layer = add_doubt(
                    self._viewer,
                    self._image,
                    self.doubt,
                    f"{self._image.name} doubt",
                    level_for([self._image], self.annotation_layer),
                )
            self._put_below(doubt)
        doubt.visible = on

    def _has(self, layer: Layer) -> bool:
        return any(without_proxy(there) is layer for there in self._viewer.layers)

    def _put_below(self, layer: Layer) -> None:
        """Right below the annotation."""
        layers = self._viewer.layers
        names = [there.name for there in layers]
        if self.annotation_layer.name in names:
            layers.move(names.index(layer.name), names.index(self.annotation_layer.name))


class PreviewLayers:
    """The previews of a live run, one beside each labels layer, made when they are first needed.

    Parameters
    ----------
    doubt_is_shown : bool
        Whether to show where they are not sure.
    """

    def __init__(self, doubt_is_shown: bool = False) -> None:
        self._by_image: dict[int, PreviewLayer] = {}
        self.doubt_is_shown = doubt_is_shown

    def successor(self) -> PreviewLayers:
        """Those of the next run; these are hidden, and stay in the viewer."""
        for preview in self._by_image.values():
            preview.show_doubt(False)
            preview.layer.visible = False
        return PreviewLayers(self.doubt_is_shown)

    @property
    def layers(self) -> list[LabelsLayer]:
        """Their layers."""
        return [preview.layer for preview in self._by_image.values()]

    def show(self, viewer: napari.Viewer, pair: LayerPair, annotation: Annotation, event: Preview) -> bool:
        """Draw a finished piece; returns whether there is a layer to draw on: the user may not want it."""
        if pair.labels is None:
            return False
        if event.image not in self._by_image:
            made = PreviewLayer(viewer, pair.images[0], pair.labels, annotation)
            self._by_image[event.image] = made
            made.show_doubt(self.doubt_is_shown)
        preview = self._by_image[event.image]
        if preview.is_there:
            preview.take(event)
            preview.draw()
        else:
            preview.show_doubt(False)  # it would not change any more
        return preview.is_there

    def beside(self, labels: LabelsLayer | None) -> PreviewLayer | None:
        """The preview of a labels layer, also once the run has ended; ``None`` where nothing is to be seen."""
        for preview in self._by_image.values():
            if preview.annotation_layer is labels and preview.is_there:
                return preview
        return None

    def reveal(self, pairs: Sequence[LayerPair], image: int) -> None:
        """Show the layers of one image, and hide those of the others."""
        for i, pair in enumerate(pairs):
            preview = self.beside(pair.labels)
            for layer in (*pair.images, pair.labels, preview and preview.layer):
                if layer is not None:
                    layer.visible = i == image
            if preview is not None:
                preview.show_doubt(i == image and self.doubt_is_shown)

    def reassign(self, labels: LabelsLayer, instead_of: LabelsLayer) -> None:
        """Let the preview of one labels layer be that of another one."""
        for preview in self._by_image.values():
            if preview.annotation_layer is instead_of:
                preview.annotation_layer = labels

    def show_doubt(self, on: bool) -> None:
        """Show where they are not sure, or hide it."""
        self.doubt_is_shown = on
        for preview in self._by_image.values():
            if preview.is_there:
                preview.show_doubt(on)

    def use(self, annotation: Annotation) -> None:
        """Show these classes from now on."""
        for preview in self._by_image.values():
            preview.use(annotation)
