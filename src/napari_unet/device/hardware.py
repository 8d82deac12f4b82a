"""What this computer has, asked of the operating system, not of torch."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import psutil

Vendor = Literal["nvidia", "amd", "intel", "apple"]

_DISPLAY_CLASSES = ("0x0300", "0x0302", "0x0380")
_INTEL_ARC_IDS = ("0x56", "0xe2")  # Alchemist and Battlemage; other Intel graphics is part of the processor
_SEPARATE_GPU_BYTES = 4 * 2**30  # AMD graphics that is part of the processor reports less memory of its own


def find_gpu(root: Path = Path("/")) -> Vendor | None:
    """Find a GPU that a suitable build of torch could use, whatever the installed one can do.

    Parameters
    ----------
    root : Path
        Where ``proc`` and ``sys`` are.

    Returns
    -------
    {"nvidia", "amd", "intel", "apple"} or None
        Maker of the GPU. Graphics built into an Intel or AMD processor does not count.
    """
    if os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1"):
        return None  # hidden on purpose
    if sys.platform == "darwin":
        return "apple" if platform.machine() == "arm64" else None
    if _nvidia_driver_answers() or any((root / "proc/driver/nvidia/gpus").glob("*")):
        return "nvidia"
    return _gpu_on_pci_bus(root / "sys/bus/pci/devices")


def _nvidia_driver_answers() -> bool:
    program = shutil.which("nvidia-smi")
    if program is None:
        return False
    try:
        answer = subprocess.run(
            [program, "-L"],
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return answer.returncode == 0 and "GPU 0" in answer.stdout


def _gpu_on_pci_bus(devices: Path) -> Vendor | None:
    for device in sorted(devices.glob("*")):
        if not _read(device / "class").startswith(_DISPLAY_CLASSES):
            continue
        vendor = _read(device / "vendor")
        if vendor == "0x10de":
            return "nvidia"
        if vendor == "0x1002" and int(_read(device / "mem_info_vram_total") or 0) >= _SEPARATE_GPU_BYTES:
            return "amd"
        if vendor == "0x8086" and _read(device / "device").startswith(_INTEL_ARC_IDS):
            return "intel"
    return None


def available_cores(root: Path = Path("/")) -> int:
    """Processor cores this process may use: its affinity, and a container's quota."""
    # sched_getaffinity does not exist on macOS and Windows.
    affinity = getattr(os, "sched_getaffinity", None)
    cores = len(affinity(0)) if affinity is not None else os.cpu_count() or 1
    quota, _, period = _read(root / "sys/fs/cgroup/cpu.max").partition(" ")
    if quota.isdigit() and period.isdigit():
        cores = min(cores, max(1, int(quota) // int(period)))
    return cores


def available_memory(root: Path = Path("/")) -> int:
    """Bytes of main memory that can be taken without swapping, a container's limit respected."""
    free = int(psutil.virtual_memory().available)
    limit, used = (_read(root / "sys/fs/cgroup" / name) for name in ("memory.max", "memory.current"))
    if limit.isdigit() and used.isdigit():
        free = min(free, max(0, int(limit) - int(used)))
    return free


def short_waits(environment: Mapping[str, str]) -> dict[str, str]:
    """Environment variables that keep torch's threads from waiting for each other with the processor at full speed.

    GNU's OpenMP lets a thread that waits count to 300,000 before it gives its core away. Where another program keeps
    a core busy that makes training and prediction up to ten times slower, as the thread that is waited for gets no
    core. Read when torch is loaded.

    Parameters
    ----------
    environment : mapping of str to str
        What is set already; what somebody chose is left alone.
    """
    chosen = {"GOMP_SPINCOUNT", "OMP_WAIT_POLICY"} & set(environment)
    return {} if chosen else {"GOMP_SPINCOUNT": "10000"}


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
