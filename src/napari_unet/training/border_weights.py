"""The U-Net paper's border weights: pixels between objects that nearly touch cost more, so that they stay apart.

Weights are taken from whole planes before augmentation, as in the paper: within a patch, one object cut by the patch's
edge would look like two. Class and weight of a pixel then travel as one whole number (:func:`pack`), so that
augmentation, which moves labels to their nearest pixel, keeps them together.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from skimage.measure import label
from torch import Tensor, nn

from napari_unet.events import Box
from napari_unet.images import AnnotatedImage
from napari_unet.labels import IGNORE, Annotation
from napari_unet.training.coverage import Plane, clear, read_classes
from napari_unet.training.losses import CombinedLoss
from napari_unet.training.patches import Patch, PatchReader, grid_cells

W0 = 10.0
SIGMA = 5.0
"""Strength and width (pixels) of the U-Net paper."""

LEVELS = 255
"""Steps in which weights are kept."""

REACH = 3.6
"""Sigmas from which on a weight is below half a step."""

_BLOCK = {2: 1024, 3: 128}
_CONTEXT = {2: 128, 3: 32}
"""Side of the blocks whose weights are found at once, and how far around them is looked to tell what is one object."""

CACHE_BYTES = 256 << 20


def border_weights(
    objects: NDArray[np.integer], w0: float = W0, sigma: float = SIGMA, reach: float = 6.0
) -> NDArray[np.float32]:
    """``w0 * exp(-(d1 + d2)**2 / (2 sigma**2))``: the second term of eq. 2 of Ronneberger et al. (2015).

    ``d1`` and ``d2`` are the Euclidean distances of a pixel's centre to the nearest pixel of the nearest and of the
    second nearest object; 0 inside an object. The weight is 0 where there is no second object.

    Parameters
    ----------
    objects : ndarray of int, any number of dimensions
        0 and below belong to no object, each other value is one object, connected or not.
    w0 : float
        Weight of a pixel in two objects, which none is: the limit.
    sigma : float
        Width, in pixels.
    reach : float
        Distances beyond so many sigmas count as infinite: the weight there is below ``w0 * exp(-reach**2 / 2)``.

    Returns
    -------
    ndarray of float32
        Of the shape of ``objects``, without the first term, which balances the classes.
    """
    values, numbered = np.unique(np.maximum(objects, 0), return_inverse=True)
    numbered = numbered.reshape(objects.shape).astype(np.int32) + (values[0] > 0)
    around = int(np.ceil(reach * sigma))
    nearest = np.full(objects.shape, np.inf, np.float32)
    second = np.full(objects.shape, np.inf, np.float32)
    for number, bounds in enumerate(ndimage.find_objects(numbered), start=1):
        near = tuple(slice(max(b.start - around, 0), b.stop + around) for b in bounds)
        distance = ndimage.distance_transform_edt(numbered[near] != number).astype(np.float32)
        np.minimum(second[near], np.maximum(nearest[near], distance), out=second[near])
        np.minimum(nearest[near], distance, out=nearest[near])
    weights: NDArray[np.float32] = w0 * np.exp(-((nearest + second) ** 2) / np.float32(2 * sigma**2))
    return weights.astype(np.float32)


def components(classes: NDArray[np.integer], background: int) -> NDArray[np.int32]:
    """Number the connected pieces of equal class: along the axes, so 4-connected in 2D and 6-connected in 3D.

    Parameters
    ----------
    classes : ndarray of int
        Class indices.
    background : int
        Class that is no object; neither is :data:`~napari_unet.labels.IGNORE`.

    Returns
    -------
    ndarray of int32
        0 where there is no object.
    """
    foreground = np.where(classes == IGNORE, background, classes)
    return np.asarray(label(foreground, background=background, connectivity=1), np.int32)


def pack(classes: NDArray[np.signedinteger], levels: NDArray[np.uint8], n_classes: int) -> NDArray[np.int32]:
    """Class index and level of the weight as one number; ignored pixels stay ignored."""
    packed = classes + np.int32(n_classes) * levels
    return np.where(classes == IGNORE, np.int32(IGNORE), packed)


def unpack(target: Tensor, n_classes: int) -> tuple[Tensor, Tensor]:
    """Class indices and weights, as fractions of ``w0``, of a packed target; a bare one has weights of 0."""
    ignored = target == IGNORE
    classes = torch.where(ignored, target, target % n_classes)
    return classes, (target // n_classes).clamp(min=0) / LEVELS


class BorderWeightedLoss(nn.Module):
    """A loss whose packed targets say how much more a pixel counts.

    Parameters
    ----------
    loss : CombinedLoss
        What is weighted.
    w0 : float
        Weight added where objects touch, to the 1 (or the weight of the class) every pixel has.
    """

    def __init__(self, loss: CombinedLoss, w0: float = W0) -> None:
        super().__init__()
        self.loss = loss
        self.w0 = w0

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        """Loss of a batch: logits (N, K, ...), class indices bare or packed with weights (N, ...)."""
        classes, fractions = unpack(target.long(), max(logits.shape[1], 2))
        loss: Tensor = self.loss(logits, classes, self.w0 * fractions)
        return loss


class BorderWeightReader:
    """Reads patches whose classes are packed with border weights.

    Objects are connected pieces of equal class; what is learnt of numbered objects is in
    :mod:`~napari_unet.training.object_weights`. Of a plane larger than a block they are told apart by what is seen
    within the block and a broad margin around it.
    Held-out labels are not used.

    Parameters
    ----------
    reader : PatchReader
        Reads what the weights are added to.
    images : sequence of AnnotatedImage
        The request's images.
    annotation : Annotation
        What the labels mean.
    excluded : sequence of sequence of Box
        Per image, the held-out regions with their guard.
    cache_bytes : int
        Memory for weights, one byte per pixel.
    """

    def __init__(
        self,
        reader: PatchReader,
        images: Sequence[AnnotatedImage],
        annotation: Annotation,
        excluded: Sequence[Sequence[Box]],
        cache_bytes: int = CACHE_BYTES,
    ) -> None:
        self._reader = reader
        self._images = images
        self._annotation = annotation
        self._excluded = excluded
        self._cache: OrderedDict[tuple[int, Box], NDArray[np.uint8]] = OrderedDict()
        self._free = cache_bytes

    def read(self, plane: Plane, region: Box) -> Patch:
        """Read a spatial region of a plane; it may reach beyond the plane on any side."""
        patch = self._reader.read(plane, region)
        levels = np.zeros(patch.classes.shape, np.uint8)
        for cell in grid_cells(region, _BLOCK[len(region)], plane.shape):
            levels[cell.to] = self._levels(plane, cell.bounds)[cell.of]
        return Patch(patch.image, pack(patch.classes, levels, len(self._annotation.classes)))

    def _levels(self, plane: Plane, block: Box) -> NDArray[np.uint8]:
        key = plane.image, plane.box(block)
        if key in self._cache:
            self._cache.move_to_end(key)
            return self._cache[key]
        margin = _CONTEXT[len(block)]
        seen = tuple(
            (max(low - margin, 0), min(high + margin, full))
            for (low, high), full in zip(block, plane.shape, strict=True)
        )
        weights = border_weights(self._objects(plane, seen), LEVELS, reach=REACH)
        kept = tuple(slice(low - s, high - s) for (low, high), (s, _) in zip(block, seen, strict=True))
        levels = weights[kept].round().astype(np.uint8)
        self._cache[key] = levels
        self._free -= levels.nbytes
        while self._free < 0 and len(self._cache) > 1:
            self._free += self._cache.popitem(last=False)[1].nbytes
        return levels

    def _objects(self, plane: Plane, region: Box) -> NDArray[np.integer]:
        annotated, box = self._images[plane.image], plane.box(region)
        size = [high - low for low, high in region]
        excluded = self._excluded[plane.image]
        classes = read_classes(annotated, self._annotation, box)
        clear(classes, box, excluded, IGNORE)
        values = self._annotation.values
        return components(classes.reshape(size), values.index(0) if 0 in values else IGNORE)
