"""The network of a live run: it learns in slices of time, and can be shown after each of them."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic
from types import TracebackType

import torch

from napari_unet.errors import InputError
from napari_unet.inference.tiled import TiledNetwork
from napari_unet.labels import Annotation
from napari_unet.models.record import ModelRecord
from napari_unet.models.starter import Starter
from napari_unet.nets import UNet, init_weights
from napari_unet.settings import AugmentationSettings
from napari_unet.training.augmentation import Augmentation
from napari_unet.training.batches import Batches
from napari_unet.training.live.head import solve
from napari_unet.training.live.sampler import LiveSampler
from napari_unet.training.losses import CombinedLoss, balanced_weights
from napari_unet.training.optimisation import Optimisation

PATCH, BATCH = 128, 8
RATE = 2e-3
CONSISTENCY = 0.3
"""Weight of what two views of a patch disagree by: what is learnt from pixels that nobody painted."""

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

    Attributes
    ----------
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
    ) -> None:
        self._sampler = sampler
        self._annotation = annotation
        self._device = device
        self._precision = precision
        self._optimisation = self._optimise(network)
        augmentation = Augmentation(AugmentationSettings(), device, seed)
        self._batches = Batches(sampler, augmentation, network, PATCH, BATCH, device, two_views=True)
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
        """Let every class count the same, however much of it is painted by now."""
        counts = self._sampler.all_class_counts
        self._optimisation.criterion = CombinedLoss(pooled=True, class_weights=balanced_weights(counts)).to(
            self._device
        )

    def use(self, annotation: Annotation) -> None:
        """Tell these classes apart from now on: outputs of known ones are kept, the others start anew."""
        if annotation.values == self._annotation.values:
            self._annotation = annotation
            return
        network = with_classes(self._optimisation.network.cpu(), self._annotation, annotation)
        self._annotation = annotation
        self._optimisation = self._optimise(network)

    def solve_output(self, starter: Starter) -> None:
        """Set the output layer at once to what suits the features at the painted pixels best, in closed form."""
        network, device = self.network, self._device
        size = (PATCH,) * network.settings.ndim
        drawn = [self._sampler.batch(BATCH, size, size) for _ in range(STATISTICS_BATCHES)]
        batches = [
            torch.from_numpy(images).to(device).contiguous(memory_format=network.memory_format)
            for images, _ in drawn
        ]
        average = self._optimisation.average
        average.estimate_statistics(batches, self._optimisation.forward)
        features, classes = [], []
        with torch.no_grad():
            for batch, (_, labels) in zip(batches, drawn, strict=True):
                found = self._optimisation.forward(network.features, batch).float().movedim(1, -1)
                painted = torch.from_numpy(labels >= 0).to(device)
                features.append(found[painted])
                classes.append(torch.from_numpy(labels).to(device).long()[painted])
            solution = solve(
                torch.cat(features), torch.cat(classes), network.settings.n_classes, starter.strength
            )
            weight, bias = (solution[:-1] * starter.scale).T, solution[-1] * starter.scale
            for each in (network, self._optimisation.network):
                layer = each.outc.conv
                layer.load_state_dict({"weight": weight.reshape_as(layer.weight), "bias": bias})

    def learn(self, seconds: float, interrupted: Callable[[], bool] = lambda: False) -> float:
        """Learn for so long or until interrupted, at least one step.

        Returns
        -------
        float
            The mean loss, ``nan`` where no step had finite numbers.
        """
        until = monotonic() + seconds
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
