"""Dice and IoU of one foreground class, for tensors and arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_unet.errors import ShapeMismatchError


def calculate_metrics(pred: Any, target: Any, threshold: float = 0.5) -> dict[str, float]:
    """Dice and IoU from true positives, false positives and false negatives over all elements.

    Parameters
    ----------
    pred : torch.Tensor or array_like
        Probabilities, of which those above ``threshold`` are foreground; or labels or bool, of which
        everything above 0 is. Any shape.
    target : torch.Tensor or array_like
        The truth, same shape, read in the same way.
    threshold : float
        Used for floating point input only.

    Returns
    -------
    dict
        ``{"dice": 2 tp / (2 tp + fp + fn), "iou": tp / (tp + fp + fn)}``; ``nan`` where both are empty, since
        nothing can be said about a class that occurs in neither.

    Raises
    ------
    ShapeMismatchError
        If the shapes differ.
    """
    predicted, true = _foreground(pred, threshold), _foreground(target, threshold)
    if predicted.shape != true.shape:
        raise ShapeMismatchError(
            f"The prediction has shape {predicted.shape}, the target has {true.shape}.",
            "Compare arrays of the same shape.",
        )
    tp = int(np.count_nonzero(predicted & true))
    wrong = int(np.count_nonzero(predicted ^ true))
    if tp + wrong == 0:
        return {"dice": float("nan"), "iou": float("nan")}
    return {"dice": 2 * tp / (2 * tp + wrong), "iou": tp / (tp + wrong)}


def _foreground(values: Any, threshold: float) -> NDArray[np.bool_]:
    if hasattr(values, "detach"):  # a torch tensor, on any device; bfloat16 has no NumPy counterpart
        values = values.detach().cpu()
        values = (values.float() if values.is_floating_point() else values).numpy()
    array = np.asarray(values)
    return np.asarray(array > (threshold if array.dtype.kind == "f" else 0), bool)
