"""The network of a live run: it learns in slices of time, and can be shown after each of them."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic
from types import TracebackType

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from napari_unet.errors import InputError
from napari_unet.inference.tiled import TiledNetwork
from napari_unet.labels import Annotation
from napari_unet.models.record import ModelRecord
from napari_unet.nets import UNet, init_weights
from napari_unet.settings import AugmentationSettings
from napari_unet.training.augmentation import Augmentation
from napari_unet.training.batches import Batches
from napari_unet.training.live.sampler import LiveSampler
from napari_unet.training.live.teacher import Teacher
from napari_unet.training.losses import CombinedLoss, balanced_weights
from napari_unet.training.optimisation import Optimisation

PATCH, BATCH = 128, 8
RATE = 2e-3
CONSISTENCY = 0.3
"""Weight of what two views of a patch disagree by: what is learnt without a teacher from pixels that nobody painted."""

TAUGHT, STROKES = 1.0, 4000
"""Weight of what is taught, and the painted pixels from which on they are heard more than the teacher."""

ANYWHERE = 0.5
"""Part of the patches that are drawn for what the teacher says, wherever that is, as long as it is fully heard."""

LEAST_TAUGHT = 0.1
"""Weight below which a teacher learns no more."""

LISTENING = 0.5
"""Part of the time for what the teacher makes of new strokes, until that is done."""

TURNS = 2
"""How a tile and its mirror image are answered is averaged: where the two differ, the network is not sure."""

STATISTICS_BATCHES = 4
"""Batches from which batch norm's statistics are taken whenever the network is shown."""


class Learner:
    """Learns from a sampler's patches; to be entered as a context manager.

    Parameters
    ----------
    sampler : LiveSampler
        What is painted.
    annotation : Annotation
        The classes, one output each.
    network : UNet
        To begin with, on the CPU.
    device, precision : torch.device, torch.dtype
        Where, and in which number format.
    seed : int
        Start of the random numbers.
    teacher : Teacher, optional
        What the sampler's patches are taught by.
    waits : bool
        Whether nothing is learnt before the teacher has answers: a new network has nothing to show without.

    Attributes
    ----------
    annotation : Annotation
        The classes by now.
    steps : int
        Made so far.
    has_fallen_back : bool
        Whether it became unstable once, and went on from earlier weights in full precision.
    """

    def __init__(
        self,
        sampler: LiveSampler,
        annotation: Annotation,
        network: UNet,
        device: torch.device,
        precision: torch.dtype,
        seed: int,
        teacher: Teacher | None = None,
        *,
        waits: bool = False,
    ) -> None:
        self._sampler = sampler
        self._waits = waits
        self._teacher = sampler.teacher = teacher
        self.annotation = annotation
        self._device = device
        self._precision = precision
        self._optimisation = self._optimise(network)
        augmentation = Augmentation(AugmentationSettings(), device, seed)
        self._batches = Batches(
            sampler, augmentation, network, PATCH, BATCH, device, two_views=teacher is None
        )
        self._is_heard = True
        self.steps = 0
        self.has_fallen_back = False

    def __enter__(self) -> Learner:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._batches.__exit__(kind, error, trace)

    @property
    def network(self) -> UNet:
        """The averaged network, in evaluation mode; its batch norm is right only right after :meth:`shown`."""
        return self._optimisation.average.network

    def weigh(self) -> None:
        """Take note of what is painted: every class counts the same, however much there is of it."""
        counts = self._sampler.all_class_counts
        weight = TAUGHT * min(1.0, STROKES / max(1, sum(counts))) if self._teacher is not None else 0.0
        self._is_heard = weight > LEAST_TAUGHT
        # Shares shift the logits of a likelihood, which a Dice is not.
        loss: nn.Module = CombinedLoss(
            *((1.0, 0.0) if self._is_heard else (0.5, 0.5)),
            pooled=True,
            class_weights=balanced_weights(counts),
        )
        if self._teacher is not None:
            shares = self._teacher.shares
            if shares is not None:
                loss = AtShares(loss, shares)
                if any(n and not share for n, share in zip(counts, shares, strict=True)):
                    weight = 0.0  # the teacher does not know of a class yet, and would say it is nowhere
                    self._teacher.hurry()
            self._optimisation.taught_weight = weight
            self._sampler.anywhere = ANYWHERE * weight
        self._optimisation.criterion = loss.to(self._device)

    def use(self, annotation: Annotation) -> None:
        """Tell these classes apart from now on: outputs of known ones are kept, the others start anew."""
        if annotation.values == self.annotation.values:
            self.annotation = annotation
            return
        network = with_classes(self._optimisation.network.cpu(), self.annotation, annotation)
        self.annotation = annotation
        self._batches.drop()
        if self._teacher is not None:
            self._teacher.forget()
        self._optimisation = self._optimise(network)

    def learn(self, seconds: float, interrupted: Callable[[], bool] = lambda: False) -> float:
        """Learn for so long or until interrupted, at least one step, unless a teacher is waited for.

        Returns
        -------
        float
            The mean loss, ``nan`` where there was no step, or none had finite numbers.
        """
        until = monotonic() + seconds
        teacher, is_waiting = self._teacher, self._waits and not self.steps
        if teacher is not None and self._is_heard:
            share = 1.0 if is_waiting and not teacher.is_ready else LISTENING
            if teacher.work(share * seconds, interrupted):
                self.weigh()
            if is_waiting and teacher.is_busy and not teacher.is_ready:
                return float("nan")
        losses: list[float] = []
        while not losses or (monotonic() < until and not interrupted()):
            loss = self._optimisation.step(*self._batches.next())
            self.steps += 1
            if loss is not None:
                losses.append(loss)
            elif self._optimisation.failed:
                self._optimisation.fall_back()
                self.has_fallen_back = True
                break
        return sum(losses) / len(losses) if losses else float("nan")

    def shown(self, *, quickly: bool = False) -> TiledNetwork:
        """The network as it is now, ready to predict: averaged weights, with statistics of their own.

        ``quickly``: without mirror images, for somebody who has just painted and waits.
        """
        optimisation = self._optimisation
        optimisation.average.estimate_statistics(
            self._batches.plain(STATISTICS_BATCHES), optimisation.forward
        )
        if all(bool(torch.isfinite(weight).all()) for weight in self.network.parameters()):
            optimisation.mark_good()
        turns = 1 if quickly else TURNS
        return TiledNetwork(self.network, self._device, optimisation.precision, turns=turns)

    def _optimise(self, network: UNet) -> Optimisation:
        return Optimisation(network, "default", RATE, self._device, self._precision, consistency=CONSISTENCY)


class AtShares(nn.Module):
    """A loss of strokes, of which there are as many of every class, for a network that is to know how rare classes are.

    Menon et al., Long-tail learning via logit adjustment. ICLR 2021.

    Parameters
    ----------
    loss : Module
        Of logits that take all classes for equally common.
    shares : ndarray, (K,)
        How much each class covers; 0 for one of which nothing is known.
    """

    log_shares: Tensor

    def __init__(self, loss: nn.Module, shares: NDArray[np.float64]) -> None:
        super().__init__()
        self.loss = loss
        known = shares > 0
        relative = np.where(known, shares * known.sum(), 1.0)
        self.register_buffer("log_shares", torch.from_numpy(np.log(relative)).float())

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        """Loss of logits (N, K, ...) and classes (N, ...)."""
        shares = self.log_shares.view(1, -1, *[1] * (logits.ndim - 2))
        loss: Tensor = self.loss(logits.float() - shares, target)
        return loss


def check_planar(record: ModelRecord) -> None:
    """Refuse a model of volumes.

    Raises
    ------
    InputError
        What to do instead.
    """
    if record.network.ndim != 2:
        raise InputError(
            "The model to start from looks at volumes; live learning goes slice by slice.",
            "Start from a new network, or from a 2D model.",
        )


def new_network(n_channels: int, n_classes: int, width: int, seed: int) -> UNet:
    """A network that has learnt nothing."""
    torch.manual_seed(seed)
    network = UNet(n_channels, n_classes, width=width)
    init_weights(network)
    return network


def with_classes(network: UNet, before: Annotation | None, after: Annotation) -> UNet:
    """A copy of a network for other classes: outputs of those it knows are kept, the others start anew.

    Parameters
    ----------
    network : UNet
        On the CPU; one output for each class of ``before``.
    before, after : Annotation
        The classes it knows, and those it is to know; without the former, its outputs mean something else.
    """
    settings = network.settings.model_copy(update={"n_classes": len(after.classes), "outputs": "classes"})
    known = before.values if before is not None else ()
    wider = UNet.from_settings(settings)
    init_weights(wider)
    weights = wider.state_dict()
    for name, old in network.state_dict().items():
        if not name.startswith("outc."):
            weights[name] = old
            continue
        for index, value in enumerate(after.values):
            if value in known:
                weights[name][index] = old[known.index(value)]
    wider.load_state_dict(weights)
    return wider
