"""One way to predict the image, in a process of its own that waits for its turn: ``python -m`` this, by speed.py.

The process loads libraries, weights and image, then predicts once and says its seconds, and the peak of its memory
above what it took before.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

import numpy as np
import psutil
import torch
from numpy.typing import NDArray

from napari_unet.device import available_memory, choose_precision
from napari_unet.events import Box, Notice
from napari_unet.images import Image
from napari_unet.inference import TiledNetwork, predict_array
from napari_unet.models.files import Model, load_model
from napari_unet.settings import PredictSettings

Predict = Callable[[], NDArray[np.integer]]

MATMUL = 2048
"""Side of the matrices whose product is taken for the peak of the machine."""


def ours(model: Model, image: NDArray[np.uint8], threads: int) -> Predict:
    """Prepared and with normalised pixels like all others; the check of the first tile is part of it."""
    cpu = torch.device("cpu")
    network = TiledNetwork(model.network, cpu, choose_precision(cpu, "auto"), checked=True)
    pixels = normalised(model, image)

    def read(box: Box) -> NDArray[np.float32]:
        return pixels[(slice(None), *(slice(start, stop) for start, stop in box))]

    def predict() -> NDArray[np.integer]:
        labels = np.empty(image.shape, np.uint8)
        for item in network.logits(read, image.shape):
            if not isinstance(item, Notice):
                core, logits = item
                labels[tuple(slice(start, stop) for start, stop in core)] = logits.argmax(0).numpy()
        return labels

    return predict


def ours_from_file(model: Model, image: NDArray[np.uint8], threads: int) -> Predict:
    """As a script does it: preparing and normalising are part of it, and batch norm meets the image."""
    settings = PredictSettings(device="cpu", threads=threads)
    return lambda: predict_array(model, image, settings)[0]


def monai(model: Model, image: NDArray[np.uint8], threads: int) -> Predict:
    """Its sliding window in fp32, one window at a time, which takes the least memory."""
    return _sliding_window(model, image, 1)


def monai_4(model: Model, image: NDArray[np.uint8], threads: int) -> Predict:
    """The same with four windows at a time, as in its tutorials."""
    return _sliding_window(model, image, 4)


def _sliding_window(model: Model, image: NDArray[np.uint8], windows: int) -> Predict:
    from monai.inferers import sliding_window_inference

    pixels = torch.from_numpy(normalised(model, image))[None]

    def predict() -> NDArray[np.integer]:
        with torch.inference_mode():
            return (
                sliding_window_inference(pixels, (512, 512), windows, model.network, overlap=0.25)[0]
                .argmax(0)
                .numpy()
            )

    return predict


def plain(model: Model, image: NDArray[np.uint8], threads: int) -> Predict:
    """The network in fp32 on the whole image."""
    pixels = torch.from_numpy(normalised(model, image))[None]
    return lambda: untiled(model, pixels)


def channels_last(model: Model, image: NDArray[np.uint8], threads: int) -> Predict:
    """The same with torch's faster order of values."""
    pixels = torch.from_numpy(normalised(model, image))[None].to(memory_format=torch.channels_last)
    model.network.to(memory_format=torch.channels_last)
    return lambda: untiled(model, pixels)


def untiled(model: Model, pixels: torch.Tensor) -> NDArray[np.integer]:
    with torch.inference_mode():
        return model.network(pixels)[0].argmax(0).numpy()


def openvino(model: Model, image: NDArray[np.uint8], threads: int) -> Predict:
    """In bf16 on the whole image, with its own optimisations."""
    import openvino as ov

    pixels = normalised(model, image)[None]
    converted = ov.convert_model(
        model.network, example_input=torch.zeros(1, 1, 64, 64), input=[1, 1, *image.shape]
    )
    options = {
        "INFERENCE_PRECISION_HINT": "bf16",
        "INFERENCE_NUM_THREADS": threads,
        "PERFORMANCE_HINT": "LATENCY",
    }
    compiled = ov.Core().compile_model(converted, "CPU", options)
    return lambda: compiled(pixels)[0][0].argmax(0)


def onnxruntime(model: Model, image: NDArray[np.uint8], threads: int) -> Predict:
    """In fp32 on the whole image."""
    import io

    import onnxruntime as ort

    pixels, file = normalised(model, image)[None], io.BytesIO()
    torch.onnx.export(
        model.network,
        (torch.zeros(1, 1, 64, 64),),
        file,
        input_names=["image"],
        dynamic_axes={"image": [2, 3]},
        dynamo=False,
    )
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    session = ort.InferenceSession(file.getvalue(), options, providers=["CPUExecutionProvider"])
    return lambda: session.run(None, {"image": pixels})[0][0].argmax(0)


CONTESTANTS = {
    f.__name__: f for f in (ours, ours_from_file, monai, monai_4, plain, channels_last, openvino, onnxruntime)
}


def normalised(model: Model, image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(1, Y, X), as the network was trained on."""
    statistics = model.record.normalisation.statistics(Image("image", (image,), "YX"))
    return statistics.apply(image[None])


def matmul_flops(dtype: torch.dtype) -> float:
    """Floating-point operations per second of a large matrix product, the best of a few."""
    one = torch.rand(MATMUL, MATMUL).to(dtype)
    best = float("inf")
    for _ in range(6):
        start = perf_counter()
        one @ one
        best = min(best, perf_counter() - start)
    return 2 * MATMUL**3 / best


def side_that_fits(name: str, side: int) -> int:
    """Halved until the features of an untiled network fit into memory; tiled ones always do."""
    if name in ("ours", "ours_from_file", "monai", "monai_4"):
        return side
    while 8 * 64 * 4 * side**2 > 0.8 * available_memory():
        side //= 2
    return side


def main() -> None:
    name, path, image_path, threads = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4])
    torch.set_num_threads(threads)
    answers = os.fdopen(os.dup(1), "w")  # what libraries print shall not be taken for an answer
    os.dup2(2, 1)
    if name == "peak":
        formats = {"fp32": torch.float32, "bf16": torch.bfloat16}
        print(json.dumps({n: matmul_flops(dtype) for n, dtype in formats.items()}), file=answers, flush=True)
        return
    model, image = load_model(path), np.load(image_path)
    side = side_that_fits(name, len(image))
    predict = CONTESTANTS[name](model, np.ascontiguousarray(image[:side, :side]), threads)
    idle = psutil.Process().memory_info().rss
    _forget_peak()
    start = perf_counter()
    labels = predict()
    seconds = perf_counter() - start
    memory = _peak() - idle
    np.save(image_path.with_name(f"{name}.npy"), labels.astype(np.uint8))
    print(json.dumps({"seconds": seconds, "side": side, "memory": memory}), file=answers, flush=True)


def _forget_peak() -> None:
    clear = Path("/proc/self/clear_refs")
    if clear.exists():
        clear.write_text("5")


def _peak() -> int:
    status = Path("/proc/self/status")
    if status.exists():
        return int(status.read_text().split("VmHWM:")[1].split()[0]) * 1024
    return int(getattr(psutil.Process().memory_info(), "peak_wset", 0))


if __name__ == "__main__":
    main()
