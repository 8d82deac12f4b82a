import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from napari_unet.errors import InputError
from napari_unet.viewer.train.survey import Surveyor, count_values


@given(
    hnp.arrays(
        st.sampled_from([np.uint8, np.int16, np.int64, np.bool_]),
        hnp.array_shapes(min_dims=1, max_dims=4, max_side=6),
    )
)
def test_counts_are_those_of_numpy(labels):
    values, pixels = np.unique(labels, return_counts=True)
    assert count_values(labels) == dict(zip(values.astype(int).tolist(), pixels.tolist(), strict=True))


def test_large_labels_are_read_in_blocks():
    class Watched:
        shape, dtype = (3, 2000, 1500), np.dtype(np.uint8)
        largest = 0

        def __getitem__(self, key):
            block = np.broadcast_to(np.uint8(7), self.shape)[key]
            self.largest = max(self.largest, block.size)
            return block

    labels = Watched()
    assert count_values(labels) == {7: 9_000_000}
    assert labels.largest <= 1 << 20


def test_the_last_question_is_answered_and_nothing_is_counted_twice(qtbot):
    surveyor = Surveyor()
    reads, gate = [], threading.Event()

    def slow():
        gate.wait(5)
        return np.full((4, 4), 3)

    def quick():
        reads.append(1)
        return np.eye(4, dtype=int)

    answers = []
    surveyor.surveyed.connect(answers.append)
    surveyor.ask([("a", slow)])
    surveyor.ask([("b", quick)])
    assert surveyor.is_busy
    gate.set()
    qtbot.waitUntil(lambda: len(answers) == 1, timeout=5000)
    assert answers[0].counts == {0: 12, 1: 4}
    surveyor.ask([("b", quick)])
    assert (len(answers), len(reads)) == (2, 1)
    surveyor.forget("b")
    surveyor.ask([("b", quick)])
    qtbot.waitUntil(lambda: len(answers) == 3, timeout=5000)
    assert len(reads) == 2
    surveyor.close()


def test_what_was_painted_on_while_it_was_counted_is_counted_again(qtbot):
    surveyor = Surveyor()
    labels, read, painted = np.ones((4, 4), int), threading.Event(), threading.Event()

    def opens():
        found = labels.copy()
        read.set()
        painted.wait(5)
        return found

    answers = []
    surveyor.surveyed.connect(answers.append)
    surveyor.ask([("a", opens)])
    assert read.wait(5)
    labels[:] = 2
    surveyor.forget("a")
    painted.set()
    qtbot.waitUntil(lambda: len(answers) == 1, timeout=5000)
    surveyor.ask([("a", opens)])
    qtbot.waitUntil(lambda: len(answers) == 2, timeout=5000)
    assert answers[1].counts == {2: 16}
    surveyor.close()


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (InputError("It is damaged.", "Use another."), "It is damaged. Use another."),
        (OSError("no such file"), "The labels cannot be read: no such file"),
        (MemoryError("too much"), "The labels cannot be read: too much"),
    ],
)
def test_labels_that_cannot_be_read_are_a_sentence(qtbot, error, words):
    def broken():
        raise error

    surveyor = Surveyor()
    with qtbot.waitSignal(surveyor.surveyed, timeout=5000) as heard:
        surveyor.ask([("a", broken)])
    assert heard.args[0].error == words
    assert not surveyor.is_busy
    surveyor.close()
