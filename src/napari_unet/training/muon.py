"""The default recipe's optimisers: Muon for the kernels of convolutions, AdamW for everything else.

In the same minutes that learns more than AdamW alone: docs/decisions/0004-optimiser.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from torch import Tensor, nn
from torch.optim import AdamW, Muon, Optimizer

from napari_unet.nets import UNet
from napari_unet.nets.blocks import DoubleConv

WEIGHT_DECAY = 0.1

KERNEL_RATE = 2.5
"""Learning rate of the kernels, in those of everything else: more of the way in the first few hundred steps."""


class KernelMuon(Muon):
    """torch's Muon, which takes matrices, for kernels.

    A kernel is a matrix of output channels times everything that one of them sees, as in Jordan et al.,
    *Muon: An optimizer for hidden layers in neural networks* (2024). Its step is orthogonalised, so that all directions
    are learnt and not only those with the largest gradients, and scaled to the length of one of AdamW's (Liu et al.,
    *Muon is scalable for LLM training*, 2025, section 2.2), so that learning rates of the same size suit both.

    Parameters
    ----------
    kernels : sequence of Parameter, (out_channels, in_channels, *size)
        In channels_last memory format, in which the matrix is a view of the kernel; to be kept there.
    lr : float
        Learning rate.

    Raises
    ------
    RuntimeError
        If a kernel is in another memory format.
    """

    def __init__(self, kernels: Sequence[nn.Parameter], lr: float) -> None:
        self._kernels = list(kernels)
        views = [_rows(kernel.data).view(len(kernel), -1) for kernel in kernels]
        self._matrices = [nn.Parameter(view) for view in views]
        super().__init__(self._matrices, lr=lr, weight_decay=WEIGHT_DECAY, adjust_lr_fn="match_rms_adamw")

    def take_gradients(self) -> None:
        """Take what backward passes have left in the kernels."""
        for kernel, matrix in zip(self._kernels, self._matrices, strict=True):
            matrix.grad = None if kernel.grad is None else _rows(kernel.grad).reshape(matrix.shape)
            kernel.grad = None


def default_optimizers(network: UNet, learning_rate: float) -> tuple[Optimizer, ...]:
    """AdamW at ``learning_rate`` and, where there are inner kernels, :class:`KernelMuon` at :data:`KERNEL_RATE` of it.

    For a network in its memory format.
    """
    kernels = inner_kernels(network)
    taken = {id(kernel) for kernel in kernels}
    others = [weight for weight in network.parameters() if id(weight) not in taken]
    fused = others[0].device.type in ("cpu", "cuda")
    adam = AdamW(others, lr=learning_rate, fused=fused)
    return (adam, KernelMuon(kernels, KERNEL_RATE * learning_rate)) if kernels else (adam,)


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
    those of the lowest level either: orthogonalising them would take two thirds of the time of all.
    """
    inner: list[nn.Parameter] = []
    for name, block in network.named_modules():
        if isinstance(block, DoubleConv) and not name.startswith(f"down{network.settings.depth}."):
            kernels = (layer.weight for layer in block if isinstance(layer, nn.Conv2d | nn.Conv3d))
            inner += [kernel for kernel in kernels if isinstance(kernel, nn.Parameter)]
    return inner[1:]


def _rows(kernel: Tensor) -> Tensor:
    """Output channels first, input channels last: the order in memory of channels_last."""
    return kernel.movedim(1, -1)
