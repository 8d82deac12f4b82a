"""Errors: sentences, picklable, and none that a worker thread would swallow."""

from __future__ import annotations

import pickle

import pytest

from napari_unet import errors


def every_error() -> list[type[errors.UNetError]]:
    found, queue = [], [errors.UNetError]
    while queue:
        queue += queue[0].__subclasses__()
        found.append(queue.pop(0))
    return [e for e in found if e.__module__ == errors.__name__]


@pytest.mark.parametrize("error", every_error())
def test_round_trip_and_ancestry(error: type[errors.UNetError]) -> None:
    raised = error("It is broken.", "Repair it.")
    assert not isinstance(raised, RuntimeError)  # superqt's generator worker swallows those
    copy = pickle.loads(pickle.dumps(raised))
    assert type(copy) is error
    assert (copy.problem, copy.remedy) == ("It is broken.", "Repair it.")
    assert str(copy) == "It is broken. Repair it."


def test_a_remedy_is_optional() -> None:
    assert str(errors.InputError("It is broken.")) == "It is broken."


def test_the_tree_holds_what_callers_catch() -> None:
    assert len(every_error()) >= 11
    assert issubclass(errors.AmbiguousAnnotationError, errors.AnnotationError)
    assert issubclass(errors.ShapeMismatchError, errors.InputError)
    assert issubclass(errors.OutOfMemoryError, errors.DeviceError)
