"""Maps of objects that hold directions, made by hand."""

from __future__ import annotations

import numpy as np

from napari_unet.directions import direction_table


def codes_of(vectors: np.ndarray) -> np.ndarray:
    """The code of the direction of each vector ``(ndim, *spatial)``."""
    table = direction_table(len(vectors))
    return np.argmax(np.tensordot(table, vectors, 1), axis=0).astype(np.uint8)


def directed_maps(objects: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What a perfect network says: the foreground, and from each pixel the direction to the centre of its object.

    That is the pixel of the object which is nearest to its centre of mass.
    """
    towards = np.zeros((objects.ndim, *objects.shape))
    for number in np.unique(objects[objects > 0]):
        pixels = np.argwhere(objects == number)
        centre = pixels[((pixels - pixels.mean(0)) ** 2).sum(1).argmin()]
        towards[(slice(None), *pixels.T)] = (centre - pixels).T
    return np.where(objects > 0, 255, 0).astype(np.uint8), codes_of(towards)
