"""A fingerprint of an image's pixels, to recognise a training image whatever it is called."""

from __future__ import annotations

from hashlib import blake2b
from math import prod

import numpy as np

from napari_unet.images.blocks import spread_blocks
from napari_unet.images.image import Image


def image_hash(image: Image) -> str:
    """Fingerprint of the pixels: 32 hexadecimal digits, BLAKE2b.

    The same pixels give the same hash whatever they are stored in: values are compared as float32, channels
    first, axes of length one left out; the dtype, the file format, the name and the chunks do not matter.

    Notes
    -----
    The cost is bounded: of images larger than 16 planes, or planes larger than 1024², evenly spread blocks
    are read (:func:`~.blocks.spread_blocks`). Two large images that differ only elsewhere share their hash.
    It tells images apart; it is no protection against tampering.

    Parameters
    ----------
    image : Image
        Any size.
    """
    shape = image.label_shape
    digest = blake2b(digest_size=16)
    digest.update(repr((image.n_channels, [n for n in shape if n > 1], prod(shape))).encode())
    for box in spread_blocks(shape):
        block = image.read(box)
        block = np.where(
            np.isnan(block), np.float32(np.nan), block + np.float32(0)
        )  # one NaN, no negative zero
        digest.update(np.ascontiguousarray(block, dtype="<f4").tobytes())
    return digest.hexdigest()
