"""Dice, IoU, confusion matrices and scores of objects, from label images or folders. Free of torch."""

from napari_unet.scores.comparison import Comparison, Score, compare, compare_steps
from napari_unet.scores.confusion import Confusion
from napari_unet.scores.evaluate import evaluate_folders, evaluate_pair
from napari_unet.scores.evaluation import Evaluation
from napari_unet.scores.metrics import calculate_metrics
from napari_unet.scores.objects import (
    ObjectComparison,
    ObjectScores,
    ObjectSummary,
    score_image,
    score_object_steps,
    score_objects,
    summarize,
)

__all__ = [
    "Comparison",
    "Confusion",
    "Evaluation",
    "ObjectComparison",
    "ObjectScores",
    "ObjectSummary",
    "Score",
    "calculate_metrics",
    "compare",
    "compare_steps",
    "evaluate_folders",
    "evaluate_pair",
    "score_image",
    "score_object_steps",
    "score_objects",
    "summarize",
]
