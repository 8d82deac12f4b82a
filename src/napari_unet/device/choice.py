"""Choosing device, number format and threads for a run."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from time import perf_counter

import torch
from torch.nn import functional as F

from napari_unet.device.hardware import available_cores
from napari_unet.device.trial import probe
from napari_unet.errors import DeviceError
from napari_unet.events import DeviceReport
from napari_unet.settings import Device, Precision

_PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}

# Channels and side of the convolutions that bf16 has to win: one as in a U-Net's first levels, one deeper.
_TRIAL_SHAPES = ((32, 96), (128, 24))
# Turns at least, and at most while another program keeps the processor busy: a choice that depended on the load
# would make equal runs differ.
_TRIAL_TURNS = (3, 30)
# bf16 has to be clearly faster: where it is native the ratio is 0.2 to 0.6, where it is emulated 1 and more;
# a choice near the threshold would differ from run to run.
_WORTH_IT = 0.75

_OUT_OF_MEMORY = ("out of memory", "can't allocate memory", "not enough memory", "alloc_failed", "bad_alloc")


def choose_device(wanted: Device = "auto", report: DeviceReport | None = None) -> torch.device:
    """Device for a run: a GPU that passes a trial, else the processor.

    Parameters
    ----------
    wanted : {"auto", "cpu", "cuda", "mps", "xpu"}
        ``"auto"`` tries CUDA, MPS and XPU, in this order.
    report : DeviceReport, optional
        What :func:`probe` said about ``wanted``, if it was asked before.

    Raises
    ------
    DeviceError
        If a device was named and cannot be used.
    """
    if wanted == "cpu":
        return torch.device("cpu")
    report = report or probe(wanted)
    if wanted not in ("auto", report.device):
        raise DeviceError(f"The device {wanted!r} cannot be used here.", report.advice)
    return torch.device(report.device)


def open_device(device: torch.device | str) -> torch.device:
    """Device that was named as for torch, after it has held a value.

    Raises
    ------
    DeviceError
        If torch knows no device of this name, or it cannot be used here.
    """
    try:
        opened = torch.device(device)
        torch.empty(1, device=opened)
    # All of them are what torch says of a device that it was built without, that is not there, or is none.
    except (RuntimeError, AssertionError, NotImplementedError, TypeError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise DeviceError(
            f"The device {str(device)!r} cannot be used here: {reason.rstrip('.')}.",
            'Use "cpu"; `napari-unet device` tells whether there is a GPU.',
        ) from error
    return opened


def choose_precision(device: torch.device, wanted: Precision = "auto") -> torch.dtype:
    """Number format for a run.

    ``"auto"``: on CUDA bfloat16 where the GPU has it, else float16; on XPU bfloat16; on MPS float32; on a
    processor bfloat16 where a convolution measures clearly faster with it (once per process), else float32.
    """
    if wanted != "auto":
        return _PRECISIONS[wanted]
    if device.type == "cuda":
        native = torch.cuda.is_bf16_supported(including_emulation=False)
        return torch.bfloat16 if native else torch.float16
    if device.type == "xpu":
        return torch.bfloat16
    if device.type == "cpu" and _bfloat16_is_faster():
        return torch.bfloat16
    return torch.float32


def choose_threads(wanted: int | None = None) -> int:
    """Processor threads for a run.

    Parameters
    ----------
    wanted : int, optional
        Taken as it is. Otherwise ``OMP_NUM_THREADS`` where set, else all cores, one of them left to the
        viewer when there are more than two.
    """
    if wanted is not None:
        return wanted
    by_user = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    if by_user.isdigit() and int(by_user) > 0:
        return int(by_user)
    cores = available_cores()
    return cores - 1 if cores > 2 else cores


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory, of whatever device, ran out."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error).lower() for words in _OUT_OF_MEMORY)


def release_memory(device: torch.device) -> None:
    """Give back what torch keeps for later, after running out of memory."""
    gc.collect()
    if device.type in ("cuda", "mps", "xpu"):
        getattr(torch, device.type).empty_cache()


def _bfloat16_is_supported() -> bool:
    if not torch._C._has_mkldnn:
        return False
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


@cache
def _bfloat16_is_faster() -> bool:
    return _bfloat16_is_supported() and all(
        _trial_ratio(channels, side) < _WORTH_IT for channels, side in _TRIAL_SHAPES
    )


def _trial_ratio(channels: int, side: int) -> float:
    """Time of a convolution in bfloat16 over that in float32, the best of a few turns each.

    On one thread: several threads that wait for each other on a busy processor measure the other programs.
    """
    generator = torch.Generator().manual_seed(0)
    image = torch.rand(1, channels, side, side, generator=generator).to(memory_format=torch.channels_last)
    weight = torch.rand(channels, channels, 3, 3, generator=generator).to(memory_format=torch.channels_last)
    best = {torch.float32: float("inf"), torch.bfloat16: float("inf")}
    with torch.inference_mode(), _one_thread():
        for turn in range(1, _TRIAL_TURNS[1] + 1):  # in turns, so that a busy moment hits both
            for dtype in best:
                best[dtype] = min(best[dtype], _seconds(_convolution(image.to(dtype), weight.to(dtype))))
            if turn >= _TRIAL_TURNS[0] and best[torch.bfloat16] < _WORTH_IT * best[torch.float32]:
                break
    return best[torch.bfloat16] / best[torch.float32]


@contextmanager
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _convolution(image: torch.Tensor, weight: torch.Tensor) -> Callable[[], torch.Tensor]:
    return lambda: F.conv2d(image, weight, padding=1)


def _seconds(work: Callable[[], object]) -> float:
    start = perf_counter()
    work()
    return perf_counter() - start
