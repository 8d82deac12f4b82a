"""The section on speed of docs/benchmarks.md and its plot, from the lines of ``benchmarks/results/speed.jsonl``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.accuracy.lines import Line
from benchmarks.markdown import table

PLOT = Path("images") / "speed.svg"

TITLES = {
    "ours": "napari-unet",
    "ours_from_file": "the same, preparing and adapting to the image included",
    "monai": "MONAI's sliding window, fp32",
    "monai_4": "the same, 4 windows at once",
    "plain": "torch, fp32, untiled",
    "channels_last": "torch, fp32, untiled, channels last",
    "openvino": "OpenVINO, bf16, untiled",
    "onnxruntime": "ONNX Runtime, fp32, untiled",
}
"""Contestants of ``benchmarks/speed_contestants.py``."""

HEAD = """## Speed

By `python -m benchmarks.speed`: the 31M-parameter U-Net on one image, everybody with the same weights, in turns, each
in a process of its own that begins with a prepared network and normalised pixels. Times are ratios within one run,
because they depend on what else the machine does. The peak is that of a bf16 matrix product in the same run; counted
are the operations of the untiled network, what tiles compute twice is not credited. Memory is the peak above that of
the process with weights and image loaded. A `*`: an image of a smaller side fitted into memory, scaled to the whole by
its pixels.
"""


def newest(lines: Sequence[Line], key: str, limit: str | None = None) -> Line | None:
    """The last line that measured this, under a limit of the processor's instructions or none."""
    found = [line for line in lines if key in line and line.get("instructions") == limit]
    return max(found, key=lambda line: line["date"], default=None)


def section(lines: Sequence[Line]) -> str:
    """Text and tables; empty if nothing has been measured."""
    full, limited = newest(lines, "prediction"), newest(lines, "prediction", "AVX2")
    parts = []
    for line in (full, limited):
        if line is not None:
            parts += [_circumstances(line), _contestants(line["prediction"])]
            if line is full:
                parts.append(f"![Seconds and memory of one prediction]({PLOT.as_posix()})")
    goals = _goals(full, limited, newest(lines, "step"), newest(lines, "trainer"))
    if not goals:
        return ""
    return "\n\n".join([HEAD.strip(), *parts, "### Aims", table(["", "reached", "aim", ""], goals)])


def _circumstances(line: Line) -> str:
    found, machine = line["prediction"], line["machine"]
    limit = f" with `ONEDNN_MAX_CPU_ISA={line['instructions']}`" if line.get("instructions") else ""
    peaks = " and ".join(
        f"{value} GFLOP/s in {kind}" for kind, value in found["peak_gflops"].items() if value
    )
    packages = ", ".join(f"{name} {number}" for name, number in line["versions"].items())
    return (
        f"{line['date'][:10]}, commit {line['commit']}, {line['threads']} cores of {machine['cpu']}{limit}, "
        f"{found['side']}² pixels, {found['rounds']} rounds; peak {peaks}; {packages}."
    )


def _contestants(found: dict[str, Any]) -> str:
    rows, has_bf16 = [], found["peak_gflops"]["bf16"] > found["peak_gflops"]["fp32"]
    for name, one in sorted(found["contestants"].items(), key=lambda item: min(item[1]["seconds"])):
        star = "*" if one["side"] != found["side"] else ""
        agrees = one["same_class_as_fp32"]
        rows.append(
            [
                TITLES.get(name, name) + star,
                ", ".join(f"{seconds:.1f}" for seconds in one["seconds"]),
                f"{one['times_as_long_as_ours']:.2f}" if "times_as_long_as_ours" in one else "–",
                f"{one['share_of_bf16_peak']:.0%}" if has_bf16 else "–",
                f"{one['peak_memory_mib']}",
                "–" if agrees is None else f"{agrees:.3%}",
            ]
        )
    titles = ["", "seconds", "times ours", "of the bf16 peak", "memory, MiB", "same class as torch fp32"]
    return table(titles, rows)


def _goals(
    full: Line | None, limited: Line | None, step: Line | None, trainer: Line | None
) -> list[list[str]]:
    """Rows of the table of aims, for what has been measured."""
    goals: list[list[str]] = []

    def goal(title: str, reached: float, aim: float, least: bool = True, percent: bool = False) -> None:
        form = "{:.0%}" if percent else "{:.2f}"
        met = reached >= aim if least else reached <= aim
        bound = "at least" if least else "at most"
        verdict = "reached" if met else "missed"
        goals.append([title, form.format(reached), f"{bound} {form.format(aim)}", verdict])

    if full is not None and "ours" in full["prediction"]["contestants"]:
        found = full["prediction"]
        others, ours = found["contestants"], found["contestants"]["ours"]
        share = ours["share_of_bf16_peak"]
        executed = found["tflop_executed_by_ours"] / found["tflop_untiled"]
        goal("share of the bf16 peak, untiled operations", share, 0.5, percent=True)
        goal("share of the bf16 peak, executed operations", share * executed, 0.75, percent=True)
        if "monai" in others:
            goal("MONAI's sliding window takes, times ours", others["monai"]["times_as_long_as_ours"], 7)
            memory = ours["peak_memory_mib"] / others["monai"]["peak_memory_mib"]
            goal("peak memory, of that of MONAI's sliding window", memory, 0.5, least=False, percent=True)
        if "openvino" in others:
            goal("OpenVINO takes, times ours", others["openvino"]["times_as_long_as_ours"], 1)
    if limited is not None and "channels_last" in limited["prediction"]["contestants"]:
        times = limited["prediction"]["contestants"]["channels_last"]["times_as_long_as_ours"]
        goal("without bf16 (AVX2), torch untiled with channels last takes, times ours", times, 1)
    if step is not None:
        found = step["step"]["ours_to_plain_fp32"]
        goal("training step, of a plain fp32 step", found, 0.28, least=False)
    for found in trainer["trainer"] if trainer is not None else []:
        title = f"trainer of width {found['width']}, of the steps per second of a bare loop"
        goal(title, found["share"], 0.92, percent=True)
        if "batch_share" in found:
            title = f"augmentation and loading, of a step of the bare loop of width {found['width']}"
            goal(title, found["batch_share"], 0.08, least=False, percent=True)
    return goals


def draw(lines: Sequence[Line], path: Path) -> None:
    """Draw seconds and memory of the newest run; the same lines give the same file."""
    import matplotlib
    from matplotlib.figure import Figure

    line = newest(lines, "prediction")
    if line is None:
        return
    found = sorted(line["prediction"]["contestants"].items(), key=lambda item: -min(item[1]["seconds"]))
    names = [TITLES.get(name, name) for name, _ in found]
    colours = ["C0" if name == "ours" else "0.7" for name, _ in found]
    figure = Figure(figsize=(9, 0.4 * len(found) + 0.9), layout="constrained")
    seconds, memory = figure.subplots(1, 2, sharey=True)
    seconds.barh(names, [min(one["seconds"]) for _, one in found], color=colours)
    seconds.set_xlabel("seconds", fontsize=8)
    memory.barh(names, [one["peak_memory_mib"] for _, one in found], color=colours)
    memory.set_xlabel("peak memory, MiB", fontsize=8)
    for axis in (seconds, memory):
        axis.bar_label(axis.containers[0], fmt="{:.0f}", fontsize=7, padding=2)
        axis.tick_params(labelsize=8)
        axis.spines[["top", "right"]].set_visible(False)
        axis.margins(x=0.12)
    path.parent.mkdir(parents=True, exist_ok=True)
    with matplotlib.rc_context({"svg.hashsalt": "napari-unet"}):
        figure.savefig(path, metadata={"Date": None})
