"""``napari-unet device``."""

from __future__ import annotations

from napari_unet.cli.options import ProgramOptions
from napari_unet.cli.report import Reporter
from napari_unet.settings import Device

_PROGRAM = ProgramOptions()


def device(wanted: Device = "auto", *, program: ProgramOptions = _PROGRAM) -> None:
    """Say where training and prediction would run, after a real trial step there.

    Parameters
    ----------
    wanted
        The device to try.
    program
        How the program behaves.
    """
    from napari_unet.device import choose_device, probe

    report = probe(wanted)
    choose_device(wanted, report)  # a device that was named and does not work is an error
    print(f"{report.device}: {report.name}")
    if report.total_bytes and report.free_bytes is not None:
        print(f"Memory: {report.free_bytes / 2**30:.1f} of {report.total_bytes / 2**30:.1f} GiB free")
    if report.advice:
        print(report.advice)


def warn_if_gpu_is_unused(wanted: Device, report: Reporter) -> None:
    """Say so if the run would use the processor although there is a GPU: nobody falls back in silence."""
    from napari_unet.device import probe

    found = probe(wanted)
    if found.needs_confirmation:
        report.say(f"Warning: this runs on {found.name}, although there is a GPU. {found.advice}".strip())
