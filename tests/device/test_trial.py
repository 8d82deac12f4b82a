from __future__ import annotations

import sys
from dataclasses import dataclass, field

import pytest
import torch

from napari_unet.device import choose_device, probe
from napari_unet.device.trial import TorchBackend
from napari_unet.errors import DeviceError

GB = 2**30


@dataclass
class FakeComputer:
    """A computer with any GPUs and any build of torch."""

    available: tuple[str, ...] = ()
    built_for: tuple[str, ...] = ()
    gpu: str | None = None
    free: tuple[int, int] | None = (20 * GB, 24 * GB)
    too_old: bool = False
    error: Exception | None = None
    tried: list[str] = field(default_factory=list)

    def is_available(self, kind: str) -> bool:
        return kind in self.available

    def is_built_for(self, vendor: str) -> bool:
        return vendor in self.built_for

    def name(self, kind: str) -> str:
        return f"Fast {kind}"

    def memory(self, kind: str) -> tuple[int, int] | None:
        return self.free

    def is_too_old(self, kind: str) -> bool:
        return self.too_old

    def run_trial(self, kind: str) -> None:
        self.tried.append(kind)
        if self.error is not None:
            raise self.error

    def find_gpu(self) -> str | None:
        return self.gpu

    def processor(self) -> str:
        return "CPU, 2 threads"


@pytest.mark.parametrize(
    ("available", "used"),
    [(("cuda", "mps", "xpu"), "cuda"), (("mps", "xpu"), "mps"), (("xpu",), "xpu")],
)
def test_order_of_devices(available: tuple[str, ...], used: str) -> None:
    computer = FakeComputer(available=available)
    report = probe("auto", computer)
    assert (report.device, report.status, report.name) == (used, "gpu", f"Fast {used}")
    assert (report.free_bytes, report.total_bytes) == computer.free
    assert computer.tried == [used]
    assert not report.needs_confirmation


def test_no_gpu() -> None:
    report = probe("auto", FakeComputer())
    assert (report.device, report.status, report.advice) == ("cpu", "no_gpu", "")
    assert report.name == "CPU, 2 threads"
    assert not report.needs_confirmation


def test_processor_on_request_tries_no_gpu() -> None:
    computer = FakeComputer(available=("cuda",), gpu="nvidia")
    assert probe("cpu", computer).device == "cpu"
    assert not computer.tried


@pytest.mark.parametrize(
    ("platform", "gpu", "command"),
    [
        ("linux", "nvidia", "-m pip install --force-reinstall torch"),
        ("win32", "nvidia", "-m pip install --force-reinstall torch --index-url ADDRESS"),
        ("linux", "amd", "-m pip install --force-reinstall torch --index-url ADDRESS"),
        ("win32", "intel", "-m pip install --force-reinstall torch --index-url ADDRESS"),
        ("darwin", "apple", "-m pip install --force-reinstall torch"),
    ],
)
def test_torch_without_gpu_gives_the_command(
    platform: str, gpu: str, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    report = probe("auto", FakeComputer(gpu=gpu))
    assert (report.device, report.status) == ("cpu", "torch_without_gpu")
    assert command in report.advice
    assert ("pytorch.org/get-started" in report.advice) == ("ADDRESS" in command)
    assert report.needs_confirmation


def test_command_works_from_a_folder_with_spaces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/opt/my napari/python")
    monkeypatch.setattr(sys, "platform", "linux")
    assert "'/opt/my napari/python' -m pip" in probe("auto", FakeComputer(gpu="nvidia")).advice
    monkeypatch.setattr(sys, "platform", "win32")
    assert '"/opt/my napari/python" -m pip' in probe("auto", FakeComputer(gpu="nvidia")).advice


def test_driver_missing() -> None:
    report = probe("auto", FakeComputer(gpu="nvidia", built_for=("nvidia",)))
    assert report.status == "gpu_failed"
    assert "driver" in report.advice


@pytest.mark.parametrize(
    "computer",
    [
        FakeComputer(available=("cuda",), too_old=True),
        FakeComputer(
            available=("cuda",),
            error=RuntimeError("CUDA error: no kernel image is available for execution on the device"),
        ),
    ],
    ids=["architecture", "first kernel"],
)
def test_gpu_too_old(computer: FakeComputer) -> None:
    report = probe("auto", computer)
    assert (report.device, report.status) == ("cpu", "gpu_too_old")
    assert "too old" in report.advice
    assert report.needs_confirmation


@pytest.mark.parametrize(
    "computer",
    [
        FakeComputer(available=("cuda",), free=(GB // 2, 24 * GB)),
        FakeComputer(
            available=("cuda",), error=torch.OutOfMemoryError("CUDA out of memory."), free=(2 * GB, 24 * GB)
        ),
    ],
    ids=["free memory", "trial"],
)
def test_gpu_full_says_how_much_is_free(computer: FakeComputer) -> None:
    assert computer.free is not None
    report = probe("auto", computer)
    assert (report.device, report.status) == ("cpu", "gpu_full")
    assert f"{computer.free[0] / GB:.1f} GB of 24.0 GB" in report.advice
    assert report.free_bytes == computer.free[0]
    assert report.needs_confirmation


def test_any_other_failure_is_told() -> None:
    error = RuntimeError("cuDNN error: CUDNN_STATUS_NOT_INITIALIZED\nmany lines of stack")
    report = probe("auto", FakeComputer(available=("cuda",), error=error))
    assert (report.device, report.status) == ("cpu", "gpu_failed")
    assert "CUDNN_STATUS_NOT_INITIALIZED" in report.advice
    assert "stack" not in report.advice


def test_choose_device_refuses_what_is_not_there() -> None:
    report = probe("mps", FakeComputer(available=("cuda",)))
    assert "no GPU" in report.advice
    with pytest.raises(DeviceError, match="'mps'"):
        choose_device("mps", report)
    assert choose_device("auto", probe("auto", FakeComputer(available=("xpu",)))).type == "xpu"
    assert choose_device("cpu").type == "cpu"


@pytest.mark.parametrize(
    ("architectures", "capability", "too_old"),
    [
        (["sm_75", "sm_80", "compute_90"], (6, 1), True),
        (["sm_75", "sm_80", "sm_90a"], (7, 5), False),
        (["sm_75", "sm_120"], (12, 0), False),
        ([], (3, 0), False),
    ],
)
def test_age_of_an_nvidia_gpu(
    architectures: list[str], capability: tuple[int, int], too_old: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "get_arch_list", lambda: architectures)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _index: capability)
    assert TorchBackend().is_too_old("cuda") == too_old


def test_trial_step_runs() -> None:
    TorchBackend().run_trial("cpu")  # type: ignore[arg-type]


def test_real_probe_of_this_computer() -> None:
    report = probe()
    assert report.device in ("cpu", "cuda", "mps", "xpu")
    assert (report.status == "gpu") == (report.device != "cpu")
    assert torch.zeros(1, device=choose_device("auto", report)).device.type == report.device
