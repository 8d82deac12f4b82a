"""Batches on the training device, read ahead of their use."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_unet.labels import IGNORE
from napari_unet.nets import UNet
from napari_unet.training.augmentation import Augmentation, centre_crop
from napari_unet.training.patches import UNSEEN
from napari_unet.training.views import TwoViews

_Arrays = tuple[NDArray[np.float32], NDArray[np.signedinteger]]


class DrawsBatches(Protocol):
    """What patches come from; see :class:`~napari_unet.training.sampling.PatchSampler`."""

    def batch(self, n: int, size: tuple[int, ...], source: tuple[int, ...]) -> _Arrays:
        """Draw ``n`` patches: images (N, C, *source), class indices or :data:`UNSEEN` (N, *source).

        Channels beyond those that the network sees are what is taught: probabilities of the classes, all 0 where
        nothing is known.
        """
        ...


class Batch(NamedTuple):
    """What a step learns from.

    Attributes
    ----------
    images : Tensor of float32, (N, C, *patch)
        Varied.
    targets : Tensor of int64, (N, *output)
        Of the run's loss.
    views : TwoViews or None
        Which patches are second views of others; ``None`` where none is.
    taught : Tensor of float32, (N, K, *output), or None
        Probabilities of the classes, all 0 where nothing is taught.
    """

    images: Tensor
    targets: Tensor
    views: TwoViews | None = None
    taught: Tensor | None = None


class Batches:
    """Endless training batches; the next one is read in a thread while the network works on the last.

    Use it as a context manager: leaving ends the thread.

    Parameters
    ----------
    sampler : DrawsBatches
        Draws patches.
    augmentation : Augmentation
        Varies them on the device.
    network : UNet
        What they are for; an unpadded network gets labels without the border its output lacks.
    patch_size, batch_size : int
        Side of a patch, patches per batch.
    device : torch.device
        Where batches go.
    two_views : bool
        Whether half of a batch are second views of the other half.
    """

    def __init__(
        self,
        sampler: DrawsBatches,
        augmentation: Augmentation,
        network: UNet,
        patch_size: int,
        batch_size: int,
        device: torch.device,
        two_views: bool = False,
    ) -> None:
        self._sampler = sampler
        self._augmentation = augmentation
        self._device = device
        self._format = network.memory_format
        self._channels = network.settings.n_channels
        self._size = (patch_size,) * network.settings.ndim
        self._output = (patch_size - 2 * network.margin,) * network.settings.ndim
        self._source = augmentation.source_size(self._size)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="patches")
        self._ahead: Future[_Arrays] | None = None
        self._two_views = two_views
        self.batch_size = batch_size

    def __enter__(self) -> Batches:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._thread.shutdown(wait=True, cancel_futures=True)

    def next(self) -> Batch:
        """Draw and vary the next batch."""
        arrays = self._ahead.result() if self._ahead is not None else self._read()
        self._ahead = self._thread.submit(self._read)
        again = self._n_second
        images, targets = (torch.from_numpy(a[: self.batch_size - again]).to(self._device) for a in arrays)
        images, targets = self._augmentation(images, targets, self._size, again, self._channels)
        targets = centre_crop(targets, self._output)
        views = None
        if again:
            views = TwoViews(self._augmentation.random_symmetry(len(self._size)), targets[:again] != UNSEEN)
            images, targets = (
                torch.cat([batch[:-again], views.symmetry.turn(batch[-again:])])
                for batch in (images, targets)
            )
        images, taught = images[:, : self._channels], images[:, self._channels :]
        return Batch(
            images.contiguous(memory_format=self._format),
            targets.clamp(min=IGNORE),
            views,
            centre_crop(taught, self._output) if taught.shape[1] else None,
        )

    def drop(self) -> None:
        """Do not use what was read ahead: it means something else by now."""
        if self._ahead is not None:
            self._ahead.result()
            self._ahead = None

    def plain(self, n: int) -> list[Tensor]:
        """``n`` batches of images as they are, for the statistics of batch norm."""
        if self._ahead is not None:
            self._ahead.result()  # the sampler serves one thread at a time
        drawn = [self._sampler.batch(self.batch_size, self._output, self._size)[0] for _ in range(n)]
        seen = [torch.from_numpy(a[:, : self._channels]).to(self._device) for a in drawn]
        return [images.contiguous(memory_format=self._format) for images in seen]

    @property
    def _n_second(self) -> int:
        """Second views in a batch."""
        return self.batch_size // 2 if self._two_views else 0

    def _read(self) -> _Arrays:
        return self._sampler.batch(self.batch_size - self._n_second, self._output, self._source)
