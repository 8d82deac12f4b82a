"""Prediction as in the usual U-Net tutorial: the whole image at once, plain tensors."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from napari_unet.device import is_out_of_memory, open_device
from napari_unet.errors import InputError, OutOfMemoryError
from napari_unet.nets.outputs import class_indices


def predict(model: nn.Module, image: Tensor, device: torch.device | str) -> Tensor:
    """Class index of every pixel.

    Parameters
    ----------
    model : nn.Module
        From ``(N, C, H, W)`` to logits ``(N, K, H, W)``. Moved to ``device``; used in evaluation mode, and
        left in the mode it was in.
    image : Tensor
        ``(C, H, W)`` or ``(N, C, H, W)``, normalised as for training: floats, of whatever precision.
    device : torch.device or str
        Where to compute.

    Returns
    -------
    Tensor of int64
        ``(H, W)`` or ``(N, H, W)``, on ``device``: the largest of several logits; for a single one 1 where
        its sigmoid is above 0.5, else 0.

    Raises
    ------
    InputError
        If the image has neither 3 nor 4 dimensions, or does not hold floats.
    DeviceError
        If the device does not exist here.
    OutOfMemoryError
        If the whole image does not fit into its memory.
    """
    if image.ndim not in (3, 4):
        raise InputError(
            f"The image has {image.ndim} dimensions, {tuple(image.shape)}.", "Give it as CHW or NCHW."
        )
    if not image.is_floating_point():
        raise InputError(
            f"The image holds {str(image.dtype).removeprefix('torch.')} values, a network computes with floats.",
            "Convert and normalise it as for training, for example image.float() / 255.",
        )
    device = open_device(device)
    like = next(model.parameters(), image)
    batch = image if image.ndim == 4 else image[None]
    training = model.training
    try:
        model.to(device).eval()
        with torch.no_grad():
            logits = model(batch.to(device, like.dtype))
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        raise OutOfMemoryError(
            "The whole image does not fit into memory at once.",
            "Save the model and predict with its file: that cuts the image into tiles.",
        ) from None
    finally:
        model.train(training)
    classes = class_indices(logits)
    return classes if image.ndim == 4 else classes[0]
