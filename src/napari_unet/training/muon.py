"""The default recipe's optimisers: Muon for the kernels of convolutions, AdamW for everything else.

In the same minutes that learns more than AdamW alone: docs/decisions/0004-optimiser.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn
from torch.optim import AdamW, Optimizer

from napari_unet.nets import UNet
from napari_unet.nets.blocks import DoubleConv

WEIGHT_DECAY = 0.1

MOMENTUM = 0.95
"""Nesterov's, as in torch.optim.Muon."""

STEP_OF_ADAM = 0.2
"""Root mean square of one of AdamW's steps, in learning rates (Liu et al. 2025)."""

KERNEL_RATE = 2.5
"""Learning rate of the kernels, in those of everything else: more of the way in the first few hundred steps."""


class KernelMuon(Optimizer):
    """Muon, which takes matrices, for kernels.

    A kernel is a matrix of output channels times everything that one of them sees, as in Jordan et al.,
    *Muon: An optimizer for hidden layers in neural networks* (2024). Its step is orthogonalised, so that all directions
    are learnt and not only those with the largest gradients, and scaled to the length of one of AdamW's (Liu et al.,
    *Muon is scalable for LLM training*, 2025, section 2.2), so that learning rates of the same size suit both.

    The same as ``torch.optim.Muon``, which computes in bfloat16 wherever it is: a processor without instructions for
    that takes a hundred times as long.

    Parameters
    ----------
    kernels : sequence of Parameter, (out_channels, in_channels, *size)
        In channels_last memory format, in which the matrix is a view of the kernel; to be kept there.
    lr : float
        Learning rate.
    precision : torch.dtype
        That steps are orthogonalised in.

    Raises
    ------
    RuntimeError
        If a kernel is in another memory format.
    """

    def __init__(
        self, kernels: Sequence[nn.Parameter], lr: float, precision: torch.dtype = torch.float32
    ) -> None:
        self._kernels = list(kernels)
        self._precision = precision
        views = [_rows(kernel.data).view(len(kernel), -1) for kernel in kernels]
        self._matrices = [nn.Parameter(view) for view in views]
        super().__init__(self._matrices, {"lr": lr, "weight_decay": WEIGHT_DECAY})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Go one step with the gradients that were taken."""
        for group in self.param_groups:
            rate = group["lr"]
            for matrix in group["params"]:
                if matrix.grad is None:
                    continue
                state = self.state[matrix]
                momentum = state.setdefault("momentum", torch.zeros_like(matrix))
                momentum.lerp_(matrix.grad, 1 - MOMENTUM)
                update = orthogonalised(matrix.grad.lerp(momentum, MOMENTUM).to(self._precision))
                matrix.mul_(1 - rate * group["weight_decay"])
                matrix.add_(update, alpha=-rate * STEP_OF_ADAM * max(matrix.shape) ** 0.5)

    def take_gradients(self) -> None:
        """Take what backward passes have left in the kernels."""
        for kernel, matrix in zip(self._kernels, self._matrices, strict=True):
            matrix.grad = None if kernel.grad is None else _rows(kernel.grad).reshape(matrix.shape)
            kernel.grad = None


def default_optimizers(
    network: UNet, learning_rate: float, precision: torch.dtype = torch.float32
) -> tuple[Optimizer, ...]:
    """AdamW at ``learning_rate`` and, where there are inner kernels, :class:`KernelMuon` at :data:`KERNEL_RATE` of it.

    For a network in its memory format, and the precision it is trained in.
    """
    kernels = inner_kernels(network)
    taken = {id(kernel) for kernel in kernels}
    others = [weight for weight in network.parameters() if id(weight) not in taken and weight.requires_grad]
    fused = others[0].device.type in ("cpu", "cuda")
    adam = AdamW(others, lr=learning_rate, fused=fused)
    if not kernels:
        return (adam,)
    # float16 has too small a range for it
    exact = precision if precision == torch.bfloat16 else torch.float32
    return adam, KernelMuon(kernels, KERNEL_RATE * learning_rate, exact)


def take_gradients(optimizers: Iterable[Optimizer]) -> None:
    """Between backward passes and whatever is done to gradients: let Muon take its own."""
    for optimizer in optimizers:
        if isinstance(optimizer, KernelMuon):
            optimizer.take_gradients()


def set_learning_rate(optimizers: Iterable[Optimizer], rate: float) -> None:
    """Use ``rate`` from the next step on, for kernels :data:`KERNEL_RATE` of it."""
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = rate * (KERNEL_RATE if isinstance(optimizer, KernelMuon) else 1.0)


def inner_kernels(network: UNet) -> list[nn.Parameter]:
    """Kernels that Muon suits and is cheap for.

    Not the first, which sees the image, and not the output layer: they are no matrices from features to features. Not
    those of the lowest level either: orthogonalising them would take two thirds of the time of all. None
    that is frozen.
    """
    inner: list[nn.Parameter] = []
    for name, block in network.named_modules():
        if isinstance(block, DoubleConv) and not name.startswith(f"down{network.settings.depth}."):
            kernels = (layer.weight for layer in block if isinstance(layer, nn.Conv2d | nn.Conv3d))
            inner += [kernel for kernel in kernels if isinstance(kernel, nn.Parameter)]
    return [kernel for kernel in inner[1:] if kernel.requires_grad]


def orthogonalised(update: Tensor) -> Tensor:
    """Matrix with the same singular vectors, and singular values between about 0.7 and 1.2.

    Five Newton-Schulz iterations of the fifth order, with the coefficients of Jordan et al. (2024), in the update's
    number format.
    """
    a, b, c = 3.4445, -4.7750, 2.0315
    is_tall = update.shape[0] > update.shape[1]
    matrix = update.T if is_tall else update
    matrix = matrix / matrix.norm().clamp(min=1e-7)
    for _ in range(5):
        gram = matrix @ matrix.T
        matrix = torch.addmm(matrix, torch.addmm(gram, gram, gram, beta=b, alpha=c), matrix, beta=a)
    return matrix.T if is_tall else matrix


def _rows(kernel: Tensor) -> Tensor:
    """Output channels first, input channels last: the order in memory of channels_last."""
    return kernel.movedim(1, -1)
