"""Patches of small images, for the tests of reading and of sampling them."""

from __future__ import annotations

import numpy as np

from napari_unet.images import AnnotatedImage, Image, Normalisation
from napari_unet.labels import default_annotation
from napari_unet.training.coverage import annotated_planes
from napari_unet.training.patches import PatchReader
from napari_unet.training.sampling import PatchSampler


class Watched:
    """An array that counts what is read of it."""

    def __init__(self, array: np.ndarray) -> None:
        self.array, self.shape, self.dtype, self.pixels = array, array.shape, array.dtype, 0

    def __getitem__(self, key):
        piece = self.array[key]
        self.pixels += piece.size
        return piece


def setting(image, labels, axes, kind="masks", values=(0, 1), excluded=None, seed=0, ndim=2, **options):
    pairs = [AnnotatedImage(Image("image", (image,), axes), labels)]
    annotation = default_annotation(kind, values)
    statistics = [Normalisation().statistics(pairs[0].image)]
    reader = PatchReader(pairs, statistics, annotation, ndim, **options)
    planes = annotated_planes(pairs, annotation, ndim)
    sampler = PatchSampler(reader, pairs, annotation, planes, excluded or [()], seed)
    return reader, sampler, planes, statistics[0]


def ramp(*shape: int) -> np.ndarray:
    return np.arange(np.prod(shape), dtype=np.float32).reshape(shape)


def halves(*shape: int) -> np.ndarray:
    labels = np.zeros(shape, np.uint8)
    labels[..., shape[-1] // 2 :] = 1
    return labels
