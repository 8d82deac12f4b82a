"""What the buttons offer, without a viewer: what they do is the dock's."""

from __future__ import annotations

import numpy as np
import pytest

from napari_unet.viewer.score.actions import EVERY_CLASS, OBJECTS, Actions
from napari_unet.viewer.score.counting import counting_steps
from napari_unet.viewer.score.results import Result
from napari_unet.viewer.score.tables import ClassLooks
from score_support import LABELS, PREDICTION


def result(prediction, labels, kind, objects=False):
    steps = counting_steps(prediction, labels, kind, (), objects=objects, components=objects, volume=None)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            counted = end.value
            break
    gone = (lambda: None, lambda: None)
    return Result(counted, gone, ("guess", "truth"), ClassLooks.of(kind, (), counted.comparison.values))


@pytest.fixture
def actions(qtbot):
    widget = Actions()
    qtbot.addWidget(widget)
    return widget


def offered(actions):
    box = actions.error_class
    return [(box.itemText(i), box.itemData(i)) for i in range(box.count())]


def test_without_scores_there_is_nothing_to_do(actions):
    actions.show_result(None)
    assert actions.isHidden()
    assert offered(actions) == []


def test_every_class_comes_before_each(actions):
    actions.show_result(result(PREDICTION, LABELS, "masks"))
    assert not actions.isHidden()
    assert offered(actions) == [(EVERY_CLASS, None), ("background", 0), ("class 1", 1), ("class 2", 2)]
    assert actions.errors_of is None
    assert actions.objects_button.isHidden()


def test_the_only_foreground_is_chosen(actions):
    actions.show_result(result(PREDICTION > 0, LABELS > 0, "masks"))
    assert actions.errors_of == 1
    assert actions.error_class.currentText() == "foreground"


@pytest.mark.parametrize(
    ("kind", "others"),
    [
        ("objects", [("foreground", 1)]),
        ("masks", [(EVERY_CLASS, None), ("background", 0), ("foreground", 1)]),
    ],
)
def test_objects_come_first(actions, kind, others):
    actions.show_result(result(PREDICTION > 0, LABELS > 0, kind, objects=True))
    assert offered(actions) == [("objects", OBJECTS), *others]
    assert actions.errors_of == OBJECTS
    assert not actions.objects_button.isHidden()


def test_the_legend_and_the_button_are_those_of_the_choice(actions):
    actions.show_result(result(PREDICTION > 0, LABELS > 0, "masks", objects=True))
    for value, text, meaning in (
        (OBJECTS, "Add error layers", "merged"),
        (1, "Add error layer", "negative"),
        (None, "Add error layer", "wrong"),
    ):
        actions.error_class.setCurrentIndex(actions.error_class.findData(value))
        assert actions.errors_of == value
        assert actions.error_button.text() == text
        assert meaning in actions.legend.text()


def test_other_scores_replace_what_was_offered(actions):
    actions.show_result(result(PREDICTION > 0, LABELS > 0, "objects", objects=True))
    actions.show_result(result(PREDICTION, LABELS, "masks"))
    assert [value for _, value in offered(actions)] == [None, 0, 1, 2]
    assert actions.objects_button.isHidden()
    actions.show_result(result(np.zeros_like(LABELS), LABELS, "objects", objects=True))
    assert [value for _, value in offered(actions)] == [OBJECTS, 1]


def test_nothing_may_be_pressed_meanwhile(actions):
    actions.show_result(result(PREDICTION, LABELS, "objects", objects=True))
    widgets = (actions.error_class, actions.error_button, actions.csv_button, actions.objects_button)
    for is_ready in (False, True):
        actions.set_ready(is_ready)
        assert {widget.isEnabledTo(actions) for widget in widgets} == {is_ready}
