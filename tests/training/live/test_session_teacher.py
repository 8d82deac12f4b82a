"""Who is taught in a live run, and what becomes of it when classes change."""

from __future__ import annotations

import numpy as np
import pytest

from napari_unet.events import LiveState, Preview
from napari_unet.labels import default_annotation
from napari_unet.models.header import read_record
from napari_unet.requests import Renamed
from training.live.test_session import Run, picture, request_of, small, stroke, view

__all__ = ["small"]  # the fixture: everything at toy size


def learnt(request, *, leading=()):
    """Run until something is shown, and to the end."""
    run = Run(request)
    run.say(view((0, 64), (0, 64)), stroke(1, 5, 5), stroke(2, 50, 50))
    run.until(lambda e: isinstance(e, Preview))
    run.end()
    return run


@pytest.mark.usefixtures("small")
def test_who_goes_on_with_the_same_image_is_taught_and_who_takes_another_is_not(tmp_path):
    first = picture(64, 64)
    request = request_of(tmp_path, first)
    learnt(request)
    assert read_record(request.output).plan["taught"]
    for image, expected in ((first, True), (first + np.eye(64, dtype=np.float32), False)):
        folder = tmp_path / str(expected)
        folder.mkdir()
        again = request_of(folder, image, start_from=request.output)
        learnt(again)
        assert read_record(again.output).plan["taught"] is expected


@pytest.mark.usefixtures("small")
def test_a_model_to_start_from_shows_at_once_what_it_knows(tmp_path):
    image = picture(64, 64)
    learnt(request_of(tmp_path, image))
    (tmp_path / "again").mkdir()
    run = learnt(request_of(tmp_path / "again", image, start_from=tmp_path / "live.safetensors"))
    first = next(e for e in run.heard if isinstance(e, LiveState) and e.state == "learning")
    assert first.step > 0  # it did not wait for a teacher


@pytest.mark.usefixtures("small")
def test_the_same_number_of_other_classes(tmp_path):
    run = Run(request_of(tmp_path, picture(64, 64)))
    run.say(view((0, 64), (0, 64)), stroke(1, 5, 5), stroke(2, 50, 50))
    before = run.until(lambda e: isinstance(e, Preview))
    run.say(stroke(9, 20, 40), Renamed(default_annotation("scribbles", [1, 9])))
    after = run.until(lambda e: isinstance(e, Preview) and 2 not in e.labels and e.step > before.step)
    assert set(np.unique(after.labels)) <= {1, 9}
    later = run.until(lambda e: isinstance(e, Preview) and e.step > after.step)
    assert set(np.unique(later.labels)) <= {1, 9}
    run.end()
