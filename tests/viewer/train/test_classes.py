import numpy as np
import pytest
from napari.layers import Labels
from qtpy.QtCore import Qt
from qtpy.QtGui import QColor

from napari_unet.errors import AnnotationError
from napari_unet.labels import Annotation, LabelClass
from napari_unet.viewer.layers import annotation_of
from napari_unet.viewer.train.classes import (
    ClassTable,
    annotation_for,
    announce,
    announced_values,
    class_pixels,
    keep_annotation,
    painted_part,
    said_kind,
)

COUNTS = {0: 900, 1: 60, 3: 40}


def test_names_and_colours_already_given_are_kept():
    known = Annotation(kind="scribbles", classes=(LabelClass(value=3, name="axon", color="#112233"),))
    found = annotation_for("scribbles", COUNTS, (None, known))
    assert [(c.value, c.name) for c in found.classes] == [(1, "class 1"), (3, "axon")]
    assert found.classes[1].color == "#112233"


def test_the_first_that_knows_a_value_counts():
    first, second = (
        Annotation(kind="masks", classes=(LabelClass(value=1, name=name, color="#112233"),))
        for name in ("mine", "the model's")
    )
    assert annotation_for("masks", COUNTS, (first, second)).classes[1].name == "mine"


def test_names_of_classes_say_nothing_about_objects():
    known = Annotation(kind="masks", classes=(LabelClass(value=1, name="myelin", color="#112233"),))
    assert annotation_for("objects", COUNTS, (known,)).classes[1].name == "foreground"


def test_what_was_alone_has_another_default_name_beside_others():
    alone = annotation_for("masks", {0: 900, 1: 60})
    assert [c.name for c in alone.classes] == ["background", "foreground"]
    both = annotation_for("masks", {0: 900, 1: 60, 2: 40}, (alone,))
    assert [c.name for c in both.classes] == ["background", "class 1", "class 2"]
    assert annotation_for("masks", {0: 900, 1: 60}, (both,)) == alone


def test_pixels_of_objects_are_pooled():
    annotation = annotation_for("objects", {0: 10, 5: 3, 9: 4})
    assert class_pixels(annotation, {0: 10, 5: 3, 9: 4}) == {0: 10, 1: 7}


def test_nothing_painted_is_said():
    with pytest.raises(AnnotationError, match="Nothing is labelled"):
        annotation_for("masks", {0: 100})


def test_a_guessed_kind_is_not_taken_for_the_users_word():
    layer = Labels(np.eye(3, dtype=np.uint8))
    annotation = annotation_for("scribbles", {0: 6, 1: 3})
    keep_annotation([layer], annotation, is_guessed=True)
    assert annotation_of(layer) == annotation
    assert said_kind([layer]) is None
    keep_annotation([layer], annotation, is_guessed=False)
    assert said_kind([layer]) == "scribbles"


def test_announced_classes_are_there_before_they_are_painted():
    layer = Labels(np.zeros((3, 3), np.uint8))
    announce(layer, [2, 1])
    announce(layer, [4])
    assert announced_values("scribbles", [layer]) == [1, 2, 4]
    assert announced_values("objects", [layer]) == []
    shown = annotation_for("scribbles", {0: 9, 1: 0}, announced=[1, 2, 4])
    assert shown.values == (1, 2, 4)
    assert painted_part(shown, {0: 9, 1: 0}) is None
    assert painted_part(shown, {0: 8, 2: 1}).values == (2,)


def test_the_background_of_masks_is_learnt_and_objects_are_one_class():
    shown = annotation_for("masks", {1: 5}, announced=[1, 2])
    assert painted_part(shown, {1: 5}).values == (0, 1)
    assert painted_part(annotation_for("objects", {7: 5}), {7: 5}).values == (0, 1)


@pytest.fixture
def table(qtbot):
    table = ClassTable()
    qtbot.addWidget(table)
    table.show_annotation(annotation_for("scribbles", COUNTS), COUNTS)
    return table


def test_shows_values_names_and_pixels(table):
    rows = [[table.item(row, column).text() for column in (1, 2, 3)] for row in range(table.rowCount())]
    assert rows == [["1", "class 1", "60"], ["3", "class 3", "40"]]


def test_a_name_typed_is_told(table, qtbot):
    with qtbot.waitSignal(table.edited) as heard:
        table.item(1, 2).setText("  axon ")
    assert heard.args[0].classes[1].name == "axon"
    assert table.item(1, 2).text() == "axon"


def test_a_class_keeps_its_name_when_the_new_one_is_empty(table, qtbot):
    with qtbot.assertNotEmitted(table.edited):
        table.item(0, 2).setText(" ")
    assert table.item(0, 2).text() == "class 1"


def test_a_colour_is_chosen_in_a_dialog(table, qtbot):
    table.cellClicked.emit(0, 0)
    dialog = table._dialog
    assert dialog.currentColor().name() == "#0072b2"
    with qtbot.waitSignal(table.edited) as heard:
        dialog.setCurrentColor(QColor("#ff0000"))
        dialog.accept()
    assert heard.args[0].classes[0].color == "#ff0000"


def test_only_names_can_be_typed(table):
    editable = [
        [bool(table.item(r, c).flags() & Qt.ItemFlag.ItemIsEditable) for c in range(5)] for r in range(2)
    ]
    assert editable == [[False, False, True, False, False]] * 2


def test_strokes_are_shown_of_scribbles_only(table):
    table.show_annotation(annotation_for("scribbles", COUNTS), COUNTS, {1: 3, 3: 1})
    assert not table.isColumnHidden(4)
    assert [table.item(row, 4).text() for row in range(2)] == ["3", "1"]
    for kind, strokes in (("masks", {1: 3, 3: 1}), ("scribbles", {})):  # and not where nobody counts them
        table.show_annotation(annotation_for(kind, COUNTS), COUNTS, strokes)
        assert table.isColumnHidden(4)


def test_a_click_on_a_row_chooses_its_class(table, qtbot):
    where = table.visualItemRect(table.item(1, 3)).center()
    with qtbot.waitSignal(table.chosen) as heard:
        qtbot.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, pos=where)
    assert heard.args == [3]


def test_the_chosen_class_is_highlighted(table):
    table.show_chosen(3)
    assert [index.row() for index in table.selectionModel().selectedRows()] == [1]
    table.show_chosen(8)
    assert not table.selectionModel().selectedRows()
