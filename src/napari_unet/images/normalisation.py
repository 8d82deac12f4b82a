"""Intensities brought to a common range, by statistics taken once for a whole image.

A slice, a tile and the whole image are normalised by the same numbers, so that predictions do not depend on
the tile.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from napari_unet.images.blocks import spread_blocks
from napari_unet.images.image import Image

LARGEST = 100.0
"""Normalised values beyond this are cut: hot pixels and sentinels must not overflow 16-bit arithmetic."""

_SAMPLE = 1 << 21


@dataclass(frozen=True, eq=False)
class IntensityStatistics:
    """Offset and scale of one image.

    Attributes
    ----------
    offset, scale : ndarray of float32
        One value per channel, in the image's units; always finite, ``scale`` positive.
    constant : tuple of bool
        Per channel: every sampled value was the same (or none was finite). Nothing can be learned from it.
    n_invalid : int
        NaN and infinite values in the sample, over all channels.
    n_sampled : int
        Values in the sample, over all channels.
    """

    offset: NDArray[np.float32]
    scale: NDArray[np.float32]
    constant: tuple[bool, ...]
    n_invalid: int
    n_sampled: int

    @property
    def fault(self) -> str:
        """What is wrong with the image, to be said after its name; empty if nothing is."""
        if self.n_invalid == self.n_sampled:
            return "holds no numbers, only NaN or infinite values"
        if all(self.constant):
            return "holds the same value everywhere"
        if self.n_invalid:
            return "holds values that are not numbers (NaN or infinite); they count as its mean"
        return ""

    def apply(self, block: NDArray[Any]) -> NDArray[np.float32]:
        """Normalise a block.

        Parameters
        ----------
        block : ndarray, (C, ...)
            Raw values of any real dtype.

        Returns
        -------
        ndarray of float32
            Same shape: ``(value - offset) / scale``, within ±100; NaN and infinite values become 0, the mean.
        """
        per_channel = (len(self.offset),) + (1,) * (block.ndim - 1)
        values = np.asarray(block, np.float32)
        with np.errstate(invalid="ignore", over="ignore"):
            normal = (values - self.offset.reshape(per_channel)) / self.scale.reshape(per_channel)
        np.clip(normal, -LARGEST, LARGEST, out=normal)
        normal[~np.isfinite(values)] = 0
        return normal


class Normalisation(BaseModel):
    """How images are normalised; stored in the model, so that prediction does what training did.

    Each channel of each image gets mean 0 and standard deviation 1, both taken after the values were cut at
    two percentiles, so that a few hot or dead pixels do not set the range.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    method: Literal["standardise"] = "standardise"
    low: float = Field(
        0.1, ge=0, lt=50, description="lower percentile at which values are cut for the statistics"
    )
    high: float = Field(99.9, gt=50, le=100, description="upper percentile at which values are cut")

    def statistics(self, image: Image) -> IntensityStatistics:
        """Statistics of a whole image from a bounded, deterministic sample of it.

        Parameters
        ----------
        image : Image
            Any size and real dtype; at most 256 blocks of it are read, see :func:`~.blocks.spread_blocks`.

        Returns
        -------
        IntensityStatistics
            Finite for NaN, infinite and constant images too.
        """
        boxes = list(spread_blocks(image.label_shape))
        per_block = max(1, _SAMPLE // len(boxes))
        sample = np.concatenate([_thin(image.read(box), per_block) for box in boxes], axis=1)
        channels = [self._channel(values.astype(np.float64)) for values in sample]
        return IntensityStatistics(
            offset=np.array([offset for offset, _, _ in channels], np.float32),
            scale=np.array([scale for _, scale, _ in channels], np.float32),
            constant=tuple(constant for _, _, constant in channels),
            n_invalid=int(np.count_nonzero(~np.isfinite(sample))),
            n_sampled=sample.size,
        )

    def _channel(self, values: NDArray[np.float64]) -> tuple[float, float, bool]:
        values = values[np.isfinite(values)]
        if not values.size:
            return 0.0, 1.0, True
        low, high = np.percentile(values, [self.low, self.high])
        if low == high:  # sparser than the percentiles can see: a few bright spots, or constant
            low, high = values.min(), values.max()
        values = np.clip(values, low, high)
        offset, scale = float(values.mean()), float(values.std())
        if low == high or scale < np.finfo(np.float32).tiny:
            return float(low), 1.0, True
        return offset, scale, False


def _thin(block: NDArray[np.float32], n: int) -> NDArray[np.float32]:
    """Keep about ``n`` evenly spread values per channel of a (C, ...) block, as (C, n).

    The step is odd and taken over the flat block, so that it does not follow the rows of an even-sized image.
    """
    flat = block.reshape(len(block), -1)
    step = -(-flat.shape[1] // n)
    return flat[:, :: step if step % 2 or step == 1 else step + 1]
