"""Is tiled prediction the untiled one, and how much memory does it take? For any model file.

    python benchmarks/tiling.py MODEL.safetensors [--image IMAGE] [--threads 2] [--sides 1024 2048 4096]

Prints JSON. First the largest difference of logits and of probabilities, in 32-bit precision, between a 2048²
image predicted in tiles and the same image at once: by the same network, and by the network as it was trained,
its batch norm not folded into the convolutions and sums in another order (what remains is rounding). Then for
each side the peak memory of a prediction in MiB, above that of a process which has predicted a small image and
holds the input, less the output.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import psutil
import torch
from numpy.typing import NDArray

from napari_unet.images import Image
from napari_unet.images.files import read_image
from napari_unet.inference import predict_array, predict_logits
from napari_unet.models.files import Model, load_model
from napari_unet.settings import PredictSettings

MIB = 2**20


def example(side: int, n_channels: int, image: Path | None) -> NDArray[np.uint8]:
    """Image (C, side, side): a real one mirrored to the size, or blurred noise."""
    if image is None:
        coarse = np.random.default_rng(0).integers(0, 256, (n_channels, side // 4, side // 4), dtype=np.uint8)
        return coarse.repeat(4, 1).repeat(4, 2)
    source = read_image(image)
    block = source.read(tuple((0, n) for n in source.label_shape))
    if block.shape[0] != n_channels or block.ndim != 3:
        raise SystemExit(f"{image} has the shape {block.shape}; the model takes {n_channels} channels in 2D.")
    block = np.interp(block, (block.min(), block.max()), (0, 255)).astype(np.uint8)
    return np.pad(block, [(0, 0), *((0, max(0, side - n)) for n in block.shape[1:])], mode="symmetric")[
        :, :side, :side
    ]


def difference(model: Model, image: Path | None, side: int, tile_size: int | None) -> dict[str, Any]:
    """Largest differences between tiled and untiled, on one image."""
    pixels = example(side, model.record.network.n_channels, image)
    statistics = model.record.normalisation.statistics(Image("example", (pixels,), "CYX"))
    normalised = statistics.apply(pixels)
    start = perf_counter()
    tiled = torch.from_numpy(predict_logits(model.network, normalised, tile_size))
    between = perf_counter()
    whole = torch.from_numpy(predict_logits(model.network, normalised, side))
    end = perf_counter()
    with torch.inference_mode():
        as_trained = model.network.eval()(torch.from_numpy(normalised)[None])[0]
    return {
        "side": side,
        "tile_size": tile_size or "auto",
        "logits_range": [round(float(whole.min()), 3), round(float(whole.max()), 3)],
        "against_untiled": compare(tiled, whole),
        "against_untiled_as_trained": compare(tiled, as_trained),
        "seconds_tiled": round(between - start, 2),
        "seconds_untiled": round(end - between, 2),
    }


def compare(one: torch.Tensor, other: torch.Tensor) -> dict[str, float]:
    return {
        "logits": float((one - other).abs().max()),
        "probabilities": float((probabilities(one) - probabilities(other)).abs().max()),
        "labels_differing": int((one.argmax(0) != other.argmax(0)).sum()),
    }


def probabilities(logits: torch.Tensor) -> torch.Tensor:
    return logits.sigmoid() if len(logits) == 1 else logits.softmax(0)


def peak_memory(path: Path, side: int, settings: PredictSettings) -> dict[str, Any]:
    """Of this very process, which has to be a fresh one: its peak cannot be taken back."""
    model = load_model(path)
    n_channels = model.record.network.n_channels
    predict_array(model, example(64, n_channels, None), settings)
    pixels = example(side, n_channels, None)
    before = psutil.Process().memory_info().rss
    start = perf_counter()
    labels, _ = predict_array(model, pixels, settings)
    seconds = perf_counter() - start
    beyond = peak_bytes() - before - labels.nbytes
    return {
        "side": side,
        "peak_beyond_input_and_output_mib": round(beyond / MIB),
        "seconds": round(seconds, 2),
    }


def peak_bytes() -> int:
    if sys.platform == "win32":
        return int(psutil.Process().memory_info().peak_wset)
    status = Path("/proc/self/status")
    if status.exists():  # getrusage also counts the parent's memory at the moment of the start
        return int(status.read_text().split("VmHWM:")[1].split()[0]) * 1024
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", type=Path)
    parser.add_argument("--image", type=Path, help="a real image, mirrored to the size")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--sides", type=int, nargs="+", default=[1024, 2048, 4096])
    parser.add_argument(
        "--tile-sizes", type=int, nargs="+", default=[256, 0], help="0: chosen by the program"
    )
    parser.add_argument("--precision", default="fp32", help="of the memory measurement")
    parser.add_argument("--only-memory-of", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    settings = PredictSettings(device="cpu", precision=options.precision, threads=options.threads)
    if options.only_memory_of:
        print(json.dumps(peak_memory(options.model, options.only_memory_of, settings)))
        return
    model = load_model(options.model)
    network = model.record.network.model_dump()
    results = [difference(model, options.image, 2048, size or None) for size in options.tile_sizes]
    memory = []
    for side in options.sides:
        command = [sys.executable, __file__, str(options.model), "--only-memory-of", str(side)]
        command += ["--threads", str(options.threads), "--precision", options.precision]
        memory.append(json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout))
    print(json.dumps({"network": network, "tiled_against_untiled": results, "memory": memory}, indent=1))


if __name__ == "__main__":
    main()
