"""What a live run is told: where one looks, what is painted, which classes there are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from napari_unet.labels import Annotation
from napari_unet.requests import Looking, Painted, Renamed
from napari_unet.viewer.layers import annotation_of, set_annotation, without_proxy
from napari_unet.viewer.live.classes import known_classes
from napari_unet.viewer.live.following import Follower, follow
from napari_unet.viewer.live.sight import region_in_view
from napari_unet.viewer.train.pairs import LayerPair

if TYPE_CHECKING:
    import napari
    from napari.layers import Labels


class Teller:
    """Compares the layers with what a run was told of them so far, which is nothing to begin with.

    Parameters
    ----------
    pairs : list of LayerPair
        What is learnt from.
    annotation : Annotation
        The classes the run knows.

    Attributes
    ----------
    pairs : list of LayerPair
        What is learnt from now.
    """

    def __init__(self, pairs: list[LayerPair], annotation: Annotation) -> None:
        self.pairs = pairs
        self._annotation = annotation
        self._watchers: list[Follower] = [follow(labels) for labels in labels_of(pairs)]
        self._view: Looking | None = None

    def close(self) -> None:
        """Hear no more of the layers."""
        for watcher in self._watchers:
            watcher.close()
        self._watchers = []

    def learn_from(self, labels: Labels, instead_of: Labels) -> None:
        """Learn from a layer in place of another one of the same shape."""
        self.pairs = [
            LayerPair(pair.images, labels) if pair.labels is instead_of else pair for pair in self.pairs
        ]
        for watcher in self._watchers:
            if watcher.layer is instead_of:
                watcher.follow(labels)

    def news(self, viewer: napari.Viewer) -> Iterator[Looking | Renamed | Painted]:
        """What has changed since the last time; classes are named before their strokes."""
        views = [region_in_view(viewer, watcher.layer) for watcher in self._watchers]
        order = [self._height(viewer, image) if view is not None else -1 for image, view in enumerate(views)]
        topmost = int(np.argmax(order)) if order else 0
        if order and order[topmost] >= 0:
            view = views[topmost]
            if view is not None and (looking := Looking(topmost, view)) != self._view:
                self._view = looking
                yield looking
        painted = [
            Painted(image, region, labels)
            for image, watcher in enumerate(self._watchers)
            for region, labels in watcher.changes(views[image])
        ]
        yield from self._named()
        yield from painted

    def _height(self, viewer: napari.Viewer, image: int) -> int:
        """How high an image lies in the list of layers; -1 where it is hidden."""
        there = [without_proxy(layer) for layer in viewer.layers]
        shown = [without_proxy(la) for la in self.pairs[image].images if la.visible]
        return max((there.index(layer) for layer in shown if layer in there), default=-1)

    def _named(self) -> Iterator[Renamed]:
        """The classes, if there are new ones; all layers name them alike from now on."""
        values = set().union(*(watcher.values for watcher in self._watchers))
        layers = labels_of(self.pairs)
        annotation = known_classes(layers, self._annotation, values)
        if annotation == self._annotation:
            return
        self._annotation = annotation
        for layer in layers:
            if annotation_of(layer) != annotation:
                set_annotation(layer, annotation)
        yield Renamed(annotation)


def labels_of(pairs: list[LayerPair]) -> list[Labels]:
    """What is painted on."""
    return [pair.labels for pair in pairs if pair.labels is not None]
