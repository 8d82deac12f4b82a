from __future__ import annotations

import pytest
import torch

from napari_unet.device import choice, choose_precision, choose_threads, is_out_of_memory, release_memory

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def _measure_again() -> None:
    choice._bfloat16_is_faster.cache_clear()


@pytest.mark.parametrize(
    ("wanted", "dtype"), [("fp32", torch.float32), ("bf16", torch.bfloat16), ("fp16", torch.float16)]
)
def test_named_precision_is_taken(wanted: str, dtype: torch.dtype) -> None:
    assert choose_precision(CPU, wanted) is dtype  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("ratios", "dtype"),
    [((0.3, 0.5), torch.bfloat16), ((0.3, 0.9), torch.float32), ((1.6, 1.2), torch.float32)],
)
def test_processor_uses_bfloat16_only_where_it_is_clearly_faster(
    ratios: tuple[float, float], dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured = iter(ratios)
    monkeypatch.setattr(choice, "_bfloat16_is_supported", lambda: True)
    monkeypatch.setattr(choice, "_trial_ratio", lambda *_shape: next(measured))
    assert choose_precision(CPU) is dtype
    assert choose_precision(CPU) is dtype  # measured once


def test_processor_without_bfloat16_is_not_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choice, "_bfloat16_is_supported", lambda: False)
    monkeypatch.setattr(choice, "_trial_ratio", lambda *_shape: pytest.fail("measured"))
    assert choose_precision(CPU) is torch.float32


def test_real_measurement_gives_a_ratio() -> None:
    assert 0 < choice._trial_ratio(8, 16) < 1000


@pytest.mark.parametrize(
    ("device", "native", "dtype"),
    [
        ("cuda", True, torch.bfloat16),
        ("cuda", False, torch.float16),
        ("mps", False, torch.float32),
        ("xpu", False, torch.bfloat16),
    ],
)
def test_precision_of_gpus(
    device: str, native: bool, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: native)
    assert choose_precision(torch.device(device)) is dtype


@pytest.mark.parametrize(("cores", "threads"), [(1, 1), (2, 2), (3, 2), (16, 15)])
def test_one_core_is_left_to_the_viewer(cores: int, threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(choice, "available_cores", lambda: cores)
    assert choose_threads() == threads
    assert choose_threads(7) == 7


@pytest.mark.parametrize(("value", "threads"), [("3", 3), ("4,2", 4), ("", 15), ("many", 15), ("0", 15)])
def test_omp_num_threads_is_respected(value: str, threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", value)
    monkeypatch.setattr(choice, "available_cores", lambda: 16)
    assert choose_threads() == threads
    assert choose_threads(2) == 2


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (MemoryError(), True),
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"), True),
        (
            RuntimeError("[enforce fail at alloc_cpu.cpp:124] DefaultCPUAllocator: can't allocate memory"),
            True,
        ),
        (RuntimeError("MPS backend out of memory (MPS allocated: 9 GB)"), True),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"), True),
        (RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 8 bytes."), True),
        (RuntimeError("Given groups=1, weight of size [64, 1, 3, 3]"), False),
        (ValueError("out of memory"), False),
    ],
)
def test_what_counts_as_out_of_memory(error: Exception, expected: bool) -> None:
    assert is_out_of_memory(error) == expected


def test_a_real_allocation_that_fails_is_out_of_memory() -> None:
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**60, dtype=torch.uint8)
    assert is_out_of_memory(caught.value)
    release_memory(CPU)
