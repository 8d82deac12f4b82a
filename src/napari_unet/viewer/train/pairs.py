"""Which layers belong together: an image (or several layers as its channels) and the labels drawn on it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from napari.layers import Image as ImageLayer
from napari.layers import Labels as LabelsLayer
from napari.layers import Layer

from napari_unet.errors import InputError, UNetError
from napari_unet.images import AnnotatedImage
from napari_unet.viewer.layers import METADATA, annotated_image, image_from_layers


@dataclass(frozen=True, eq=False)
class LayerPair:
    """One image to learn from and its labels: several layers are channels, either may not be chosen yet."""

    images: tuple[ImageLayer, ...] = ()
    labels: LabelsLayer | None = None

    @property
    def is_chosen(self) -> bool:
        """Whether there is anything in it."""
        return bool(self.images) or self.labels is not None


def image_layers(layers: Iterable[Layer]) -> list[ImageLayer]:
    """Return the layers that can be trained on: images that are no prediction of ours."""
    return [la for la in layers if isinstance(la, ImageLayer) and not _is_ours(la)]


def labels_layers(layers: Iterable[Layer]) -> list[LabelsLayer]:
    """Return the layers that can be an annotation: all labels but our error layers.

    A prediction is one once somebody has corrected it, so it may be chosen, but :func:`guess_pair` never does.
    """
    return [la for la in layers if isinstance(la, LabelsLayer) and (_is_prediction(la) or not _is_ours(la))]


def with_pair(pairs: Sequence[LayerPair], pair: LayerPair) -> list[LayerPair]:
    """Return ``pairs`` with one more, in the place of the first of the same image if there is one."""
    same = [i for i, other in enumerate(pairs) if pair.images and other.images == pair.images]
    kept = [(i, other) for i, other in enumerate(pairs) if i not in same]
    kept.append((same[0] if same else len(pairs), pair))
    return [other for _, other in sorted(kept, key=lambda numbered: numbered[0])]


def has_gone(pair: LayerPair, layers: Iterable[Layer]) -> bool:
    """Whether layers were chosen and none of them is there any more."""
    present = {id(la) for la in layers}
    return pair.is_chosen and not any(id(la) in present for la in (*pair.images, pair.labels))


def guess_pair(layers: Sequence[Layer], selected: Iterable[Layer]) -> LayerPair:
    """Return the most likely pair.

    The labels are the selected ones, else the topmost that fit an image, else the topmost. The image is one
    that fits the labels: the selected one, else the nearest below them, else the topmost.

    Parameters
    ----------
    layers : sequence of Layer
        In the viewer's order, the bottom one first.
    selected : iterable of Layer
        Which of them are selected.
    """
    chosen = {id(la) for la in selected}
    images = image_layers(layers)
    labels = [la for la in labels_layers(layers) if not _is_prediction(la)]
    if not labels:
        best = next((im for im in images if id(im) in chosen), images[-1] if images else None)
        return LayerPair((best,) if best is not None else ())
    downwards = labels[::-1]
    annotation = min(downwards, key=lambda la: (id(la) not in chosen, not any(fits(im, la) for im in images)))
    place = [id(la) for la in layers].index(id(annotation))
    below = {id(la) for la in layers[:place]}
    candidates = [im for im in images if fits(im, annotation)][::-1] or images[::-1]
    if not candidates:
        return LayerPair((), annotation)
    image = min(candidates, key=lambda im: (id(im) not in chosen, id(im) not in below))
    return LayerPair((image,), annotation)


def pair_of(labels: LabelsLayer, layers: Sequence[Layer]) -> LayerPair:
    """Return the pair of given labels: with the image they were predicted of, else the nearest below that fits."""
    images = [im for im in image_layers(layers) if fits(im, labels)]
    predicted_of = (labels.metadata.get(METADATA, {}).get("record") or {}).get("image")
    below = {id(la) for la in layers[: list(layers).index(labels)]}
    best = max(
        images, key=lambda im: (im.name == predicted_of, id(im) in below, images.index(im)), default=None
    )
    return LayerPair((best,) if best is not None else (), labels)


def fits(image: ImageLayer, labels: LabelsLayer) -> bool:
    """Whether ``labels`` could have been drawn on ``image``: the same shape, with or without channels."""
    try:
        known = image_from_layers([image])
    except UNetError:
        return False
    data = labels.data[0] if labels.multiscale else labels.data
    return tuple(data.shape) in (known.label_shape, tuple(known.channels[0].shape))


def read_pair(pair: LayerPair, *, snapshot: bool, has_images: bool) -> AnnotatedImage:
    """Return the engine's view of a pair.

    Parameters
    ----------
    pair : LayerPair
        What is chosen.
    snapshot : bool
        Whether the labels are copied, as for a run; without, only shapes may be looked at.
    has_images : bool
        Whether the viewer has an image that could be chosen.

    Raises
    ------
    UNetError
        What is missing or does not fit together.
    """
    if not pair.images:
        if has_images:
            raise InputError("No image is chosen.", "Choose the image layer to learn from.")
        raise InputError("There is no image yet.", "Open or drop one, or use File > Open Sample.")
    if pair.labels is None:
        raise InputError(
            "There are no labels yet.", "Click 'New annotation layer' and paint a little of each class."
        )
    if snapshot:
        return annotated_image(pair.images, pair.labels)
    image = image_from_layers(pair.images)
    labels = pair.labels.data[0] if pair.labels.multiscale else pair.labels.data
    if tuple(labels.shape) == image.label_shape:
        return AnnotatedImage(image, labels)
    return annotated_image(pair.images, pair.labels)


def _is_prediction(layer: Layer) -> bool:
    return bool(layer.metadata.get(METADATA, {}).get("prediction"))


def _is_ours(layer: Layer) -> bool:
    ours = layer.metadata.get(METADATA, {})
    return bool(ours.get("prediction") or ours.get("held_out") or ours.get("errors"))
