"""Which device works, found by one real forward and backward pass on it, and why a GPU is not used."""

from __future__ import annotations

import shlex
import subprocess
import sys
from typing import Literal, Protocol

import torch
from torch import nn

from napari_unet.device.hardware import Vendor, find_gpu
from napari_unet.events import DeviceReport
from napari_unet.settings import Device

GpuKind = Literal["cuda", "mps", "xpu"]

_ORDER: tuple[GpuKind, ...] = ("cuda", "mps", "xpu")
_NEEDED_BYTES = 2**30
"""What a U-Net needs at the least: 0.5 GB for weights, gradients and Adam's averages, as much for a patch."""


class Backend(Protocol):
    """What the probe asks of torch and of the computer. Tests answer in their place."""

    def is_available(self, kind: GpuKind) -> bool:
        """Whether torch says that it can use such a GPU."""
        ...

    def is_built_for(self, vendor: Vendor) -> bool:
        """Whether this torch contains support for GPUs of this maker."""
        ...

    def name(self, kind: GpuKind) -> str:
        """Name of the GPU."""
        ...

    def memory(self, kind: GpuKind) -> tuple[int, int] | None:
        """Free and total bytes of the GPU; ``None`` if it cannot tell."""
        ...

    def is_too_old(self, kind: GpuKind) -> bool:
        """Whether this torch holds no kernels for so old a GPU."""
        ...

    def run_trial(self, kind: GpuKind) -> None:
        """One small forward and backward pass; raises ``RuntimeError`` if it fails."""
        ...

    def find_gpu(self) -> Vendor | None:
        """Maker of a GPU in this computer, whatever torch can do."""
        ...

    def processor(self) -> str:
        """What to call the processor."""
        ...


class TorchBackend:
    """The real answers."""

    def is_available(self, kind: GpuKind) -> bool:
        """Ask torch."""
        backend = torch.backends.mps if kind == "mps" else getattr(torch, kind)
        return bool(backend.is_available())

    def is_built_for(self, vendor: Vendor) -> bool:
        """Read torch's build."""
        return {
            "nvidia": torch.version.cuda is not None,
            "amd": torch.version.hip is not None,
            "intel": torch.xpu._is_compiled(),
            "apple": torch.backends.mps.is_built(),
        }[vendor]

    def name(self, kind: GpuKind) -> str:
        """Ask the driver."""
        return "Apple GPU" if kind == "mps" else str(getattr(torch, kind).get_device_name(0))

    def memory(self, kind: GpuKind) -> tuple[int, int] | None:
        """Ask the driver; on a Mac what it recommends."""
        if kind == "mps":
            total = torch.mps.recommended_max_memory()
            return total - torch.mps.driver_allocated_memory(), total
        free, total = getattr(torch, kind).mem_get_info()
        return int(free), int(total)

    def is_too_old(self, kind: GpuKind) -> bool:
        """Compare with the oldest architecture that an NVIDIA build holds kernels for."""
        if kind != "cuda" or torch.version.hip is not None:
            return False
        built = [a.split("_")[1].rstrip("af") for a in torch.cuda.get_arch_list() if "_" in a]
        oldest = min((int(a) for a in built if a.isdigit()), default=0)
        major, minor = torch.cuda.get_device_capability(0)
        return 10 * major + minor < oldest

    def run_trial(self, kind: GpuKind) -> None:
        """Convolve, normalise, up-sample, and back."""
        network = nn.Sequential(
            nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.ConvTranspose2d(8, 2, 2, stride=2)
        ).to(kind)
        loss = network(torch.ones(1, 1, 32, 32, device=kind)).square().mean()
        loss.backward()
        loss.item()  # waits for the device, so that its errors show here

    def find_gpu(self) -> Vendor | None:
        """Ask the operating system."""
        return find_gpu()

    def processor(self) -> str:
        """Threads and, where it pays, the 16-bit format."""
        from napari_unet.device.choice import choose_precision, choose_threads

        threads = choose_threads()
        fast = choose_precision(torch.device("cpu")) == torch.bfloat16
        return f"CPU, {threads} thread{'s' * (threads > 1)}{', bfloat16' * fast}"


def probe(wanted: Device = "auto", backend: Backend | None = None) -> DeviceReport:
    """Find the device that a run would use, and say why not a GPU.

    Parameters
    ----------
    wanted : {"auto", "cpu", "cuda", "mps", "xpu"}
        ``"auto"`` tries CUDA, MPS and XPU, in this order.
    backend : Backend, optional
        Who answers; torch and the operating system if not given.

    Returns
    -------
    DeviceReport
        ``device`` is ``"cpu"`` where no GPU passed; ``status`` and ``advice`` say why.
    """
    backend = backend or TorchBackend()
    if wanted == "cpu":
        return _on_processor(backend, "no_gpu")
    for kind in _ORDER if wanted == "auto" else (wanted,):
        if backend.is_available(kind):
            return _try(kind, backend)
    return _explain_missing(wanted, backend)


def _try(kind: GpuKind, backend: Backend) -> DeviceReport:
    name = kind.upper()
    free = total = None
    try:
        name = backend.name(kind)
        memory = backend.memory(kind)
        if memory is not None:
            free, total = memory
        if backend.is_too_old(kind):
            return _on_processor(backend, "gpu_too_old", _advice_too_old(name), free, total)
        if free is not None and free < _NEEDED_BYTES:
            return _on_processor(backend, "gpu_full", _advice_full(name, free, total), free, total)
        backend.run_trial(kind)
    except (
        RuntimeError,
        AssertionError,
    ) as error:  # torch raises both, and its out-of-memory error is the first
        message = str(error)
        if "no kernel image" in message:
            return _on_processor(backend, "gpu_too_old", _advice_too_old(name), free, total)
        if "out of memory" in message.lower():
            return _on_processor(backend, "gpu_full", _advice_full(name, free, total), free, total)
        first_line = message.strip().splitlines()[0] if message.strip() else type(error).__name__
        advice = f"The GPU ({name}) failed a trial step: {first_line} Restart, or update its driver."
        return _on_processor(backend, "gpu_failed", advice, free, total)
    return DeviceReport(kind, name, "gpu", "", free, total)


def _explain_missing(wanted: Device, backend: Backend) -> DeviceReport:
    vendor = backend.find_gpu()
    if vendor is None:
        advice = (
            "" if wanted == "auto" else f"There is no GPU for {wanted!r} in this computer; choose 'auto'."
        )
        return _on_processor(backend, "no_gpu", advice)
    if not backend.is_built_for(vendor):
        return _on_processor(backend, "torch_without_gpu", _advice_install(vendor))
    if vendor == "apple":
        advice = "This torch cannot use the Mac's GPU. Update macOS."
    else:
        advice = f"Torch cannot reach the {_NAMES[vendor]} GPU. Install or update its driver, then restart."
    return _on_processor(backend, "gpu_failed", advice)


def _on_processor(
    backend: Backend,
    status: Literal["no_gpu", "torch_without_gpu", "gpu_too_old", "gpu_full", "gpu_failed"],
    advice: str = "",
    free: int | None = None,
    total: int | None = None,
) -> DeviceReport:
    return DeviceReport("cpu", backend.processor(), status, advice, free, total)


_NAMES = {"nvidia": "NVIDIA", "amd": "AMD", "intel": "Intel", "apple": "Apple"}
_BUILDS = {"nvidia": "CUDA", "amd": "ROCm", "intel": "XPU"}


def _advice_install(vendor: Vendor) -> str:
    """The command that installs torch with support for this GPU on this system, into this Python."""
    found = f"There is a GPU ({_NAMES[vendor]}), but this torch was built without support for it."
    command = [sys.executable, "-m", "pip", "install", "--force-reinstall", "torch"]
    # The default wheels hold CUDA on Linux and MPS on a Mac; the others are served from their own addresses.
    if vendor == "apple" or (vendor == "nvidia" and sys.platform.startswith("linux")):
        return f"{found} Close napari and run: {_quoted(command)}"
    command += ["--index-url", "ADDRESS"]
    return (
        f"{found} Close napari and run: {_quoted(command)} "
        f"(ADDRESS: the one in the command that pytorch.org/get-started/locally shows for {_BUILDS[vendor]}.)"
    )


def _quoted(command: list[str]) -> str:
    return subprocess.list2cmdline(command) if sys.platform == "win32" else shlex.join(command)


def _advice_too_old(name: str) -> str:
    return (
        f"The GPU ({name}) is too old for this torch ({torch.__version__}). "
        "An older torch (2.9 or newer) may still support it."
    )


def _advice_full(name: str, free: int | None, total: int | None) -> str:
    how_much = (
        "" if free is None or total is None else f": {_gigabytes(free)} of {_gigabytes(total)} are free"
    )
    return f"Other programs fill the memory of the GPU ({name}){how_much}. Close them, then try again."


def _gigabytes(n: int) -> str:
    return f"{n / 2**30:.1f} GB"
