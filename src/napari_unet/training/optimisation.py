"""One optimiser step: precision, clipping, and what to do when numbers overflow."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from math import isfinite
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import ReduceLROnPlateau

from napari_unet.errors import TrainingDivergedError
from napari_unet.nets import UNet
from napari_unet.training.averaging import MEMORY, AveragedNetwork
from napari_unet.training.classic import setup_training
from napari_unet.training.distillation import HELD, LEAST_CHANCE, forgetting
from napari_unet.training.losses import CombinedLoss
from napari_unet.training.muon import default_optimizers, set_learning_rate, take_gradients
from napari_unet.training.views import TwoViews, disagreement

MAX_NORM = 1.0
"""Longest gradient; longer ones are shortened to it (default recipe)."""

HELD_MEMORY = 0.5
"""Of the average of a network that keeps its parent's answers: the mean of all weights, the parent's among them."""

UNSTABLE = "Training became unstable; it goes on from the last good weights in full precision."
"""What to say of :meth:`Optimisation.fall_back`."""

IN_A_ROW = 3
"""Steps without finite numbers after which the last good weights come back."""


class Optimisation:
    """A network in training, its average, and how a step is made.

    Parameters
    ----------
    network : UNet
        On the CPU; moved to ``device``.
    recipe : {"default", "classic"}
        Which loss, optimiser and schedule.
    learning_rate : float
        Largest step size of the default recipe.
    device : torch.device
        Where to train.
    precision : torch.dtype
        Number format of activations: float32, bfloat16, or float16 with loss scaling.
    criterion : Module, optional
        Loss of the default recipe, if not :class:`~napari_unet.training.losses.CombinedLoss` with a pooled Dice.
    consistency : float
        Weight of what two views of a patch disagree by, beside the loss.
    parent : UNet, optional
        What the network began as, whose answers it keeps where nothing is painted; for batches with two views.

    Attributes
    ----------
    taught_weight : float
        Of what a batch teaches where nothing is painted, beside the loss.
    parts : int
        Batches per step: gradients are their mean. Set by :meth:`split`.
    average : AveragedNetwork
        What is validated and saved.
    optimizers : tuple of Optimizer
        Adam for the classic recipe; AdamW, and Muon for inner kernels, for the default.
    scheduler : ReduceLROnPlateau or None
        Of the classic recipe.
    """

    def __init__(
        self,
        network: UNet,
        recipe: str,
        learning_rate: float,
        device: torch.device,
        precision: torch.dtype,
        criterion: nn.Module | None = None,
        consistency: float = 0.0,
        parent: UNet | None = None,
    ) -> None:
        self.device = device
        self.precision = precision
        self.network = network.to(device)
        self.network.to(memory_format=network.memory_format).train()  # type: ignore[call-overload]
        self.criterion: nn.Module
        self.optimizers: tuple[Optimizer, ...]
        self.scheduler: ReduceLROnPlateau | None = None
        if recipe == "classic":
            _, self.criterion, optimizer, self.scheduler = setup_training(network, device)
            self.optimizers = (optimizer,)
        else:
            self.criterion = (criterion or CombinedLoss(pooled=True)).to(device)
            self.optimizers = default_optimizers(self.network, learning_rate, precision)
        self._consistency = consistency
        self._parent = None if parent is None else parent.to(device).eval().requires_grad_(False)
        self.average = AveragedNetwork(
            self.network,
            max_decay=0.0 if recipe == "classic" else 0.999,
            memory=MEMORY if parent is None else HELD_MEMORY,
        )
        self._clip = MAX_NORM if recipe == "default" else float("inf")
        self._scaler = torch.amp.GradScaler(
            device.type, init_scale=2.0**10, enabled=precision == torch.float16
        )
        self.parts = 1
        self.taught_weight = 1.0
        self._losses: list[Tensor] = []  # of the parts taken in since the last step
        self._failures = 0
        self._fell_back = False
        self._good = self._copy_of_average()

    def set_learning_rate(self, rate: float) -> None:
        """Use ``rate`` from the next step on."""
        set_learning_rate(self.optimizers, rate)

    @property
    def learning_rate(self) -> float:
        """Of the next step, of all but the kernels that Muon trains."""
        return float(self._groups()[0]["lr"])

    def forward(self, network: Callable[[Tensor], Tensor], images: Tensor) -> Tensor:
        """What a network, or part of one, makes of images in the run's precision: logits, usually."""
        with autocast(self.device, self.precision):
            return network(images)

    def split(self, parts: int) -> None:
        """Take in ``parts`` batches per step from now on, for want of memory; what was begun is dropped."""
        self.parts = parts
        self._losses.clear()
        self._forget_gradients()

    def losses(
        self, images: Tensor, classes: Tensor, views: TwoViews | None = None, taught: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Loss of a :class:`~napari_unet.training.batches.Batch`, and what a step makes small.

        The latter has more beside the loss: what differs from what is taught, or what two views of a patch disagree by
        and what is forgotten of the parent.
        """
        logits = self.forward(self.network, images)
        loss: Tensor = self.criterion(logits, classes)
        if taught is not None:
            answers, known = taught.clamp(min=LEAST_CHANCE).log(), taught.sum(1) > 0.5
            return loss, loss + self.taught_weight * forgetting(logits, answers, classes, known)
        if views is None:
            return loss, loss
        total = loss + self._consistency * disagreement(logits, views, self.network.settings.outputs)
        if self._parent is not None:
            n = len(views.counted)
            with torch.no_grad():
                before = self.forward(self._parent, images[:n])
            total = total + HELD * forgetting(logits[:n], before, classes[:n], views.counted)
        return loss, total

    def step(
        self, images: Tensor, classes: Tensor, views: TwoViews | None = None, taught: Tensor | None = None
    ) -> float | None:
        """Take in one batch; the last of :attr:`parts` makes the step.

        Without norm layers that see the whole batch, and with a loss that is a mean over equally labelled patches, a
        step in parts is the step of all patches at once. Batch norm and a pooled Dice see each part by itself.

        Parameters
        ----------
        images, classes, views, taught
            A :class:`~napari_unet.training.batches.Batch`.

        Returns
        -------
        float or None
            The mean loss of the parts so far, without what views disagree by; ``None`` if it or its gradient was not
            finite, so that nothing was changed.
        """
        if not self._losses:
            self._forget_gradients()
        loss, total = self.losses(images, classes, views, taught)
        torch.autograd.backward(self._scaler.scale(total / self.parts))
        self._losses.append(loss.detach())
        mean = torch.stack(self._losses).mean()
        if len(self._losses) < self.parts:
            return value if isfinite(value := float(mean)) else None
        self._losses.clear()
        take_gradients(self.optimizers)
        for optimizer in self.optimizers:
            self._scaler.unscale_(optimizer)
        weights = [weight for group in self._groups() for weight in group["params"]]
        norm = nn.utils.get_total_norm([weight.grad for weight in weights if weight.grad is not None])
        # Both at once: a GPU is waited for here, and nowhere else in a step.
        value, length = map(float, torch.stack([mean.float(), norm.float()]).tolist())
        if not (isfinite(value) and isfinite(length)):
            self._failures += 1
            self._scaler.update()  # lowers the scale
            return None
        self._failures = 0
        if length > self._clip:
            nn.utils.clip_grads_with_norm_(weights, self._clip, norm)
        for optimizer in self.optimizers:
            self._scaler.step(optimizer)
        self._scaler.update()
        self.average.update(self.network)
        return value

    @property
    def failed(self) -> bool:
        """Whether too many steps in a row had no finite numbers."""
        return self._failures >= IN_A_ROW

    def fall_back(self) -> None:
        """Go on from the last good weights in full precision.

        Raises
        ------
        TrainingDivergedError
            If that was done before.
        """
        if self._fell_back:
            raise TrainingDivergedError(
                "Training failed: its numbers grew beyond all bounds, in full precision too.",
                "Train again with a lower learning rate.",
            )
        self._fell_back = True
        self._failures = 0
        self.precision = torch.float32
        self._scaler = torch.amp.GradScaler(self.device.type, enabled=False)
        self.network.load_state_dict(self._good)
        self.average.network.load_state_dict(self._good)
        for optimizer in self.optimizers:
            optimizer.state.clear()

    def mark_good(self) -> None:
        """Remember the average as it is, to go back to if training fails."""
        self._good = self._copy_of_average()

    def _groups(self) -> list[dict[str, Any]]:
        return [group for optimizer in self.optimizers for group in optimizer.param_groups]

    def _forget_gradients(self) -> None:
        self.network.zero_grad(set_to_none=True)  # Muon's matrices have gradients of their own
        for optimizer in self.optimizers:
            optimizer.zero_grad(set_to_none=True)

    def _copy_of_average(self) -> dict[str, Tensor]:
        return {name: tensor.clone() for name, tensor in self.average.network.state_dict().items()}


def autocast(device: torch.device, precision: torch.dtype) -> AbstractContextManager[object]:
    """Compute in a number format, where it suits."""
    if precision == torch.float32:
        return nullcontext()
    return torch.autocast(device.type, dtype=precision)


@contextmanager
def torch_threads(n: int) -> Iterator[None]:
    """Let torch use ``n`` threads, then as many as before."""
    before = torch.get_num_threads()
    torch.set_num_threads(n)
    try:
        yield
    finally:
        torch.set_num_threads(before)
