"""A request run to its end in this process."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from napari_unet import errors
from napari_unet.events import Event, Failed, Finished
from napari_unet.requests import PredictionRequest, RateSearchRequest, TrainingRequest
from napari_unet.settings import Settings

ProgressCallback = Callable[[Event], None]
"""Receives every event of a run; see :mod:`napari_unet.events`."""

StopCallback = Callable[[], bool]
"""Asked again and again during a run; once it returns True the run ends and keeps what it reached."""

AnySettings = TypeVar("AnySettings", bound=Settings)


def never() -> bool:
    """Do not stop."""
    return False


def run_to_end(
    request: TrainingRequest | RateSearchRequest | PredictionRequest,
    progress: ProgressCallback | None,
    stop: StopCallback | None,
) -> Finished:
    """Run a request and hand its events on.

    Raises
    ------
    UNetError
        Of the kind the job failed with.
    """
    from napari_unet.jobs import run_inline

    for event in run_inline(request, stop or never):
        if progress is not None:
            progress(event)
        if isinstance(event, Failed):
            raise as_error(event)
        if isinstance(event, Finished):
            return event
    raise errors.JobLostError("The work ended without a result.", "Run it again.")


def as_error(failed: Failed) -> errors.UNetError:
    """Return the exception a failed job stands for; details for a bug report become its note."""
    kind = getattr(errors, failed.kind, errors.UNetError)
    error: errors.UNetError = kind(failed.problem, failed.remedy)
    if failed.detail:
        error.add_note(failed.detail)
    return error


def merged(settings: AnySettings, overrides: dict[str, Any]) -> AnySettings:
    """Settings with some fields replaced, checked again; nested ones may be given as a partial dict.

    Raises
    ------
    pydantic.ValidationError
        For an unknown field or a value out of bounds.
    """
    values = settings.model_dump()
    for name, value in overrides.items():
        nested = isinstance(value, dict) and isinstance(values.get(name), dict)
        values[name] = {**values[name], **value} if nested else value
    return type(settings).model_validate(values)
