from __future__ import annotations

import os
import sys
from pathlib import Path

import psutil
import pytest

from napari_unet.device import hardware
from napari_unet.device.hardware import available_cores, available_memory, find_gpu, short_waits


@pytest.fixture
def linux(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(hardware.shutil, "which", lambda _program: None)


def add_card(root: Path, number: int, **files: str) -> None:
    folder = root / "sys/bus/pci/devices" / f"0000:0{number}:00.0"
    folder.mkdir(parents=True)
    for name, text in ({"class": "0x030000"} | {n.removesuffix("_"): t for n, t in files.items()}).items():
        (folder / name).write_text(text + "\n")


@pytest.mark.parametrize(
    ("files", "vendor"),
    [
        ({"vendor": "0x10de", "device": "0x2684"}, "nvidia"),
        ({"vendor": "0x10de", "device": "0x20b5", "class": "0x030200"}, "nvidia"),
        ({"vendor": "0x10de", "device": "0x22ba", "class": "0x040300"}, None),  # the card's sound
        ({"vendor": "0x1002", "mem_info_vram_total": str(24 * 2**30)}, "amd"),
        ({"vendor": "0x1002", "mem_info_vram_total": str(2**29)}, None),  # built into the processor
        ({"vendor": "0x8086", "device": "0x56a0"}, "intel"),  # Arc A770
        ({"vendor": "0x8086", "device": "0x9a49"}, None),  # built into the processor
        ({"vendor": "0x1234", "device": "0x1111"}, None),  # a virtual machine's screen
    ],
    ids=str,
)
def test_gpu_on_the_pci_bus(linux: None, tmp_path: Path, files: dict[str, str], vendor: str | None) -> None:
    add_card(tmp_path, 1, vendor="0x8086", device="0x9a49")
    add_card(tmp_path, 2, **files)
    assert find_gpu(tmp_path) == vendor


def test_gpu_known_to_the_driver(linux: None, tmp_path: Path) -> None:
    assert find_gpu(tmp_path) is None
    (tmp_path / "proc/driver/nvidia/gpus/0000:01:00.0").mkdir(parents=True)
    assert find_gpu(tmp_path) == "nvidia"


@pytest.mark.skipif(sys.platform == "win32", reason="the stand-in for nvidia-smi is a shell script")
@pytest.mark.parametrize(
    ("script", "vendor"),
    [("echo 'GPU 0: NVIDIA RTX A4000 (UUID: x)'", "nvidia"), ("echo 'No devices were found'; exit 6", None)],
)
def test_gpu_that_nvidia_smi_lists(
    linux: None, tmp_path: Path, script: str, vendor: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "nvidia-smi"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setattr(hardware.shutil, "which", lambda _program: str(program))
    assert find_gpu(tmp_path / "empty") == vendor


@pytest.mark.parametrize("hidden", ["", "-1"])
def test_gpu_hidden_on_purpose(
    linux: None, tmp_path: Path, hidden: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_card(tmp_path, 1, vendor="0x10de")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", hidden)
    assert find_gpu(tmp_path) is None


@pytest.mark.parametrize(("machine", "vendor"), [("arm64", "apple"), ("x86_64", None)])
def test_gpu_of_a_mac(machine: str, vendor: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(hardware.platform, "machine", lambda: machine)
    assert find_gpu() == vendor


@pytest.mark.parametrize(("quota", "cores"), [("200000 100000", 2), ("50000 100000", 1), ("max 100000", 8)])
def test_cores_of_a_container(
    tmp_path: Path, quota: str, cores: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: set(range(8)), raising=False)
    assert available_cores(tmp_path) == 8
    (tmp_path / "sys/fs/cgroup").mkdir(parents=True)
    (tmp_path / "sys/fs/cgroup/cpu.max").write_text(quota + "\n")
    assert available_cores(tmp_path) == cores


def test_memory_of_a_container(tmp_path: Path) -> None:
    free = available_memory(tmp_path)
    assert 0 < free <= psutil.virtual_memory().total
    folder = tmp_path / "sys/fs/cgroup"
    folder.mkdir(parents=True)
    (folder / "memory.max").write_text("max\n")
    (folder / "memory.current").write_text("1000\n")
    assert available_memory(tmp_path) > 1000
    (folder / "memory.max").write_text("3000\n")
    assert available_memory(tmp_path) == 2000


def test_threads_wait_shortly_unless_somebody_chose_how() -> None:
    assert short_waits({"PATH": "/bin"}) == {"GOMP_SPINCOUNT": "10000"}
    assert short_waits({"GOMP_SPINCOUNT": "7"}) == {}
    assert short_waits({"OMP_WAIT_POLICY": "ACTIVE"}) == {}
