"""How fast is it, against other ways to run the same weights, and against what the processor can do?

    python -m benchmarks.speed [--side 2048] [--rounds 3] [--threads 2] [--skip training] [--only ours monai]

Prediction: the 31M-parameter U-Net on an image of ``side``² pixels by every contestant of
``benchmarks/speed_contestants.py`` that is installed, each in a process of its own, one at a time in turns (the
order is reversed every round). Beside seconds there is the share of the machine's peak, a bf16 matrix product timed in
every round, that the untiled network's floating-point operations amount to: what tiles compute twice is not
credited. Training: see ``benchmarks/speed_training.py``. One JSON line per run is appended to
``benchmarks/results/speed.jsonl``. Only ratios within a line mean anything where other programs run.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.accuracy.lines import append_line, commit_of, load, machine, now, versions
from benchmarks.accuracy.task import ROOT
from benchmarks.speed_contestants import CONTESTANTS
from benchmarks.speed_training import SAMPLE, request, step_ratio, trainer_share
from napari_unet.events import Box
from napari_unet.images.files import read_image
from napari_unet.inference import TiledNetwork
from napari_unet.nets import UNet
from napari_unet.samples import sample
from napari_unet.training.fit import fit

RESULTS = ROOT / "benchmarks" / "results" / "speed.jsonl"
SOURCES = (
    "src/napari_unet/inference",
    "src/napari_unet/training",
    "src/napari_unet/nets",
    "src/napari_unet/device",
)
PACKAGES = {"monai": "monai", "monai_4": "monai", "openvino": "openvino", "onnxruntime": "onnxruntime"}
STEPS = 25
"""Of a training that makes the weights: untrained ones would have ties everywhere."""


class Contestant:
    """Predicts the image when it is its turn, in a fresh process each time, so that memory is given back."""

    def __init__(self, name: str, model: Path, image: Path, threads: int) -> None:
        arguments = [name, str(model), str(image), str(threads)]
        self._command = [sys.executable, "-m", "benchmarks.speed_contestants", *arguments]
        self.name = name
        self.turns: list[dict[str, Any]] = []
        self.works = True

    def turn(self) -> None:
        """Predict once; what fails, for want of memory say, is left out from then on."""
        if self.works:
            answer = subprocess.run(self._command, cwd=ROOT, capture_output=True, text=True, check=False)
            self.works = answer.returncode == 0
            if self.works:
                self.turns.append(json.loads(answer.stdout))
            else:
                print(f"{self.name} failed: {answer.stderr.strip().splitlines()[-1:]}", file=sys.stderr)


def prediction(model: Path, folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Every contestant in turns; returns seconds, ratios, shares of the peak, memory and agreement."""
    side, image = options.side, folder / "image.npy"
    np.save(image, picture(side))
    skipped = {name: "not installed" for name in options.only if not installed(PACKAGES.get(name, "torch"))}
    names = [name for name in options.only if name not in skipped]
    contestants = [Contestant(name, model, image, options.threads) for name in ("peak", *names)]
    for number in range(options.rounds):
        order = contestants[1:][:: 1 if number % 2 == 0 else -1]
        for one in (contestants[0], *order, contestants[0]):
            one.turn()
            print(f"round {number + 1}: {one.name} {one.turns[-1:]}", file=sys.stderr, flush=True)
    peak = {kind: median(turn[kind] for turn in contestants[0].turns) for kind in ("fp32", "bf16")}
    found = {one.name: one for one in contestants[1:] if one.works}
    skipped |= {one.name: "failed" for one in contestants[1:] if not one.works}
    needed = flops(side)
    labels = {name: np.load(folder / f"{name}.npy") for name in found}
    exact = labels.get("channels_last", labels.get("plain", labels.get("monai")))
    result: dict[str, Any] = {"side": side, "rounds": options.rounds, "skipped": skipped}
    result["peak_gflops"] = {kind: round(value / 1e9) for kind, value in peak.items()}
    result["tflop_untiled"] = round(needed / 1e12, 3)
    result["tflop_executed_by_ours"] = round(executed(side) / 1e12, 3)
    result["contestants"] = {
        name: figures(one, needed, peak["bf16"], found.get("ours"), agreement(labels[name], exact))
        for name, one in found.items()
    }
    return result


def figures(
    one: Contestant, needed: float, peak: float, ours: Contestant | None, agrees: float | None
) -> dict[str, Any]:
    """What one contestant reached; a smaller image is scaled to the whole by its pixels."""
    side = one.turns[0]["side"]
    whole = needed / flops(side)
    seconds = [turn["seconds"] * whole for turn in one.turns]
    result = {
        "side": side,
        "seconds": [round(s, 2) for s in seconds],
        "share_of_bf16_peak": round(needed / median(seconds) / peak, 3),
        "peak_memory_mib": round(max(turn["memory"] for turn in one.turns) / 2**20),
        "same_class_as_fp32": agrees,
    }
    if ours is not None:
        pairs = zip(seconds, ours.turns, strict=True)
        result["times_as_long_as_ours"] = round(median(s / turn["seconds"] for s, turn in pairs), 2)
    return result


def agreement(labels: NDArray[Any], exact: NDArray[Any] | None) -> float | None:
    """Share of pixels of equal class, where both predicted the same image."""
    if exact is None or exact.shape != labels.shape:
        return None
    return round(float((labels == exact).mean()), 5)


def flops(side: int) -> int:
    """Floating-point operations of the untiled network."""
    with torch.device("meta"):
        network, image = UNet.padded(1, len(sample(SAMPLE).annotation.classes)), torch.empty(1, 1, side, side)
    return counted(lambda: network(image))


def executed(side: int) -> int:
    """Those that our tiles come to."""
    network = TiledNetwork(UNet.padded(1, 3).eval(), torch.device("meta"), torch.bfloat16)

    def read(box: Box) -> NDArray[np.float32]:
        return np.zeros((1, *(stop - start for start, stop in box)), np.float32)

    return counted(lambda: list(network.logits(read, (side, side))))


def counted(work: Any) -> int:
    with FlopCounterMode(display=False) as counter:
        work()
    return int(counter.get_total_flops())


def picture(side: int) -> NDArray[np.uint8]:
    """A real image, mirrored to the size."""
    source = read_image(sample(SAMPLE).pairs()[0][0])
    block = source.read(tuple((0, n) for n in source.label_shape))[0]
    block = np.interp(block, (block.min(), block.max()), (0, 255)).astype(np.uint8)
    return np.pad(block, [(0, max(0, side - n)) for n in block.shape], mode="symmetric")[:side, :side]


def installed(package: str) -> bool:
    return importlib.util.find_spec(package) is not None


def trained(folder: Path, threads: int) -> Path:
    """Weights of the 31M-parameter network after a short training."""
    output = folder / "model.safetensors"
    options = {"width": 64, "steps": STEPS, "patch_size": 96, "batch_size": 4, "threads": threads}
    for _ in fit(request(output, validation_fraction=0, **options), lambda: False):
        pass
    return output


def main() -> None:
    """Measure, print and append a line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--side", type=int, default=2048, help="of the image, in pixels")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument(
        "--only", nargs="+", choices=CONTESTANTS, default=list(CONTESTANTS), metavar="CONTESTANT"
    )
    parser.add_argument("--skip", nargs="+", choices=("prediction", "training"), default=[])
    parser.add_argument("--model", type=Path, help="weights of this network, if not trained for the occasion")
    parser.add_argument("--seconds", type=float, default=300, help="of a training: the default five minutes")
    parser.add_argument("--results", type=Path, default=RESULTS)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    packages = ("torch", "monai", "openvino", "onnxruntime")
    line: dict[str, Any] = {"date": now(), "commit": commit_of(SOURCES), "threads": options.threads}
    if limit := os.environ.get("ONEDNN_MAX_CPU_ISA"):
        line["instructions"] = limit  # the most that the kernels may use
    line |= {"machine": machine() | {"load_before": load()}, "versions": versions(packages)}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if "prediction" not in options.skip:
            model = (options.model or trained(folder, options.threads)).resolve()
            line["prediction"] = prediction(model, folder, options)
    if "training" not in options.skip:
        line["step"] = step_ratio(options.rounds, options.threads)
        line["trainer"] = [
            trainer_share(options.seconds, options.threads),
            trainer_share(options.seconds, options.threads, width=64),
        ]
    append_line(options.results, line)
    print(json.dumps(line, indent=1))


if __name__ == "__main__":
    main()
