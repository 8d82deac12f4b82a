from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchmarks import report_speed


def line(date: str = "2026-01-02T03:04:05+00:00", ours: float = 10.0, **more: Any) -> dict[str, Any]:
    def one(seconds: float, memory: int) -> dict[str, Any]:
        return {
            "side": 2048,
            "seconds": [seconds],
            "share_of_bf16_peak": 8 / seconds,
            "peak_memory_mib": memory,
            "same_class_as_fp32": None,
            "times_as_long_as_ours": seconds / ours,
        }

    prediction = {
        "side": 2048,
        "rounds": 1,
        "peak_gflops": {"fp32": 100, "bf16": 200},
        "tflop_untiled": 2.0,
        "tflop_executed_by_ours": 2.2,
        "contestants": {"ours": one(ours, 300), "monai": one(60, 700), "channels_last": one(12, 900)},
    }
    machine = {"cpu": "a processor", "cores": 2}
    common = {"date": date, "commit": "abc", "threads": 2, "machine": machine, "versions": {"torch": "2"}}
    return common | {"prediction": prediction} | more


def aims(lines: list[dict[str, Any]]) -> dict[str, list[str]]:
    rows = [
        text.strip("| ").split(" | ")
        for text in report_speed.section(lines).split("### Aims")[1].splitlines()
    ]
    return {cells[0]: cells[1:] for cells in rows if len(cells) == 4}


def test_nothing_measured_gives_no_section() -> None:
    assert report_speed.section([]) == ""


def test_what_is_reached_is_compared_with_the_aim() -> None:
    found = aims([line()])
    assert found["share of the bf16 peak, executed operations"] == ["88%", "at least 75%", "reached"]
    assert found["MONAI's sliding window takes, times ours"] == ["6.00", "at least 7.00", "missed"]
    assert found["peak memory, of that of MONAI's sliding window"] == ["43%", "at most 50%", "reached"]
    assert not any("AVX2" in title or "trainer" in title for title in found)


def test_newer_lines_count_and_limited_ones_only_for_their_aim() -> None:
    limited = line("2026-03-01", ours=11.0, instructions="AVX2")
    found = aims([line(), line("2026-02-01", ours=8.0), limited])
    assert found["MONAI's sliding window takes, times ours"][0] == "7.50"
    assert found["without bf16 (AVX2), torch untiled with channels last takes, times ours"][0] == "1.09"


def test_training_may_be_in_another_line() -> None:
    trained = {key: value for key, value in line().items() if key != "prediction"}
    trained |= {
        "step": {"ours_to_plain_fp32": 0.3},
        "trainer": [{"width": 64, "share": 0.95, "batch_share": 0.02}],
    }
    found = aims([line(), trained])
    assert found["training step, of a plain fp32 step"] == ["0.30", "at most 0.28", "missed"]
    assert found["trainer of width 64, of the steps per second of a bare loop"][2] == "reached"
    share = found["augmentation and loading, of a step of the bare loop of width 64"]
    assert share == ["2%", "at most 8%", "reached"]


def test_the_plot_is_the_same_for_the_same_lines(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    for name in ("a.svg", "b.svg"):
        report_speed.draw([line()], tmp_path / name)
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
