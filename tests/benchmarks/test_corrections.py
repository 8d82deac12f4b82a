"""The pieces of the corrections benchmark; the measurement itself takes minutes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from benchmarks.corrections import Subject, dice, held_out_of, not_kept

from napari_unet.models.examples import Example, Origin, write_examples


def subject(shape=(40, 40)) -> Subject:
    truth = np.zeros(shape, bool)
    truth[10:30, 10:30] = True
    return Subject(Path("cells.png"), truth, np.zeros(shape, np.uint8))


def test_corrections_are_right_where_something_was_wrong_and_overwrite_nothing():
    found = subject()
    where = np.zeros(found.truth.shape, bool)
    where[:20] = True
    found.strokes[12, 12:20] = 2
    before = found.strokes.copy()
    n_painted = found.paint(np.random.default_rng(0), where, 60)
    new = (found.strokes != before) & (before == 0)
    assert n_painted == new.sum() > 20
    np.testing.assert_array_equal(found.strokes[before > 0], before[before > 0])
    np.testing.assert_array_equal(found.strokes[new], found.truth[new] + 1)
    assert not new[20:].any()


def test_dice_is_of_the_held_out_region_only():
    region = held_out_of([((0, 2), (0, 4))], (4, 4))
    assert region.sum() == 8
    truth, found = np.eye(4, dtype=bool), np.eye(4, dtype=bool)
    found[1, 1] = False
    found[3] = True  # not held out
    assert dice(found, truth, region) == pytest.approx(2 / 3, abs=1e-5)
    with pytest.raises(ValueError, match="nothing"):
        held_out_of([], (4, 4))


def test_a_stroke_that_is_not_kept_is_counted(tmp_path):
    found = subject()
    found.strokes[5, 5:15] = 1
    origin = Origin(
        image="cells.png",
        hash="a",
        start=(0, 10),
        kind="scribbles",
        values=(1, 2),
        offset=(0.0,),
        scale=(1.0,),
    )
    labels = found.strokes[:, 10:]
    model = tmp_path / "model.safetensors"
    write_examples(model, [Example(origin, labels[None], labels)])
    assert not_kept(model, [found]) == 5
