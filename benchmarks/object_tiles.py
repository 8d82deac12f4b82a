"""Are the objects of a tiled prediction those of the untiled one? For any model for objects.

``python -m benchmarks.object_tiles MODEL.safetensors --image IMAGE``

The image is mirrored to 2048², predicted at once and in tiles whose cores (the halo comes on top) have 128, 256 and 512
pixels, each in the precision that the program would choose and in 32 bits. Prints how many objects there are, the AP at
IoU 0.9 between them and those of the untiled prediction, and how many pixels differ.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.tiling import example
from napari_unet.inference import predict_array
from napari_unet.models.files import Model, load_model
from napari_unet.scores.objects import THRESHOLDS, score_image
from napari_unet.settings import PredictSettings

IOU = 0.9


def objects(
    model: Model, pixels: NDArray[Any], tile_size: int, precision: str, threads: int
) -> NDArray[np.int32]:
    """Numbers of the objects, (Y, X)."""
    settings = PredictSettings(device="cpu", threads=threads, tile_size=tile_size, precision=precision)  # type: ignore[arg-type]
    return np.asarray(predict_array(model, pixels, settings)[0]).reshape(pixels.shape[-2:])


def agreement(one: NDArray[np.int32], other: NDArray[np.int32]) -> dict[str, Any]:
    """Of two predictions of an image."""
    scores = score_image(one, other)
    ap = float(scores.ap[THRESHOLDS.index(IOU)])
    return {"ap_90": round(ap, 5), "pixels_differing": int(np.count_nonzero(one != other))}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", type=Path)
    parser.add_argument("--image", type=Path, required=True, help="mirrored to the size")
    parser.add_argument("--side", type=int, default=2048)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--tile-sizes", type=int, nargs="+", default=[128, 256, 512])
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    model = load_model(options.model)
    pixels = example(options.side, model.record.network.n_channels, options.image)
    for precision in ("auto", "fp32"):
        whole = objects(model, pixels, options.side, precision, options.threads)
        print(json.dumps({"precision": precision, "tile": "untiled", "objects": int(whole.max())}))
        for size in options.tile_sizes:
            start = perf_counter()
            tiled = objects(model, pixels, size, precision, options.threads)
            seconds = round(perf_counter() - start, 1)
            facts = {"precision": precision, "tile": size, "objects": int(tiled.max()), "seconds": seconds}
            print(json.dumps(facts | agreement(tiled, whole)), flush=True)


if __name__ == "__main__":
    main()
