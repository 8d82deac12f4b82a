"""Dice, IoU and confusion matrices, from class indices, label images or folders. Free of torch."""

from napari_unet.scores.comparison import Comparison, Score, compare, compare_steps
from napari_unet.scores.confusion import Confusion
from napari_unet.scores.evaluate import Evaluation, evaluate_folders, evaluate_pair
from napari_unet.scores.metrics import calculate_metrics

__all__ = [
    "Comparison",
    "Confusion",
    "Evaluation",
    "Score",
    "calculate_metrics",
    "compare",
    "compare_steps",
    "evaluate_folders",
    "evaluate_pair",
]
