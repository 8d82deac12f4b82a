"""The verbs, for scripts and the command line: train, fine_tune, find_learning_rate, predict, evaluate, measure...

Importing this room does not load torch; what needs it loads it when called.
"""

from napari_unet.api.inspection import load_model, open_network, trace_network
from napari_unet.api.measurement import measure, measure_files
from napari_unet.api.prediction import predict, predict_files
from napari_unet.api.rate_search import find_learning_rate
from napari_unet.api.scoring import evaluate
from napari_unet.api.training import fine_tune, train

__all__ = [
    "evaluate",
    "find_learning_rate",
    "fine_tune",
    "load_model",
    "measure",
    "measure_files",
    "open_network",
    "predict",
    "predict_files",
    "trace_network",
    "train",
]
