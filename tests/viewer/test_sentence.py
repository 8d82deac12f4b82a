import pytest
from qtpy.QtWidgets import QFormLayout, QLineEdit, QVBoxLayout, QWidget

from napari_unet.viewer.sentence import Sentence


@pytest.fixture
def sentence(qtbot):
    """In a column of a form, as in the docks, with room to spare below."""
    page, field = QWidget(), QWidget()
    sentence = Sentence()
    column = QVBoxLayout(field)
    column.addWidget(QLineEdit())
    column.addWidget(sentence)
    form = QFormLayout()
    form.addRow("Labels are", field)
    form.addRow("Model file", QLineEdit())
    outer = QVBoxLayout(page)
    outer.addLayout(form)
    outer.addStretch(1)
    qtbot.addWidget(page)
    page.resize(300, 500)
    page.show()
    sentence.page = page
    return sentence


def height_needed(sentence):
    bounds = sentence.fontMetrics().boundingRect(0, 0, sentence.width(), 1000, 0x1000, sentence.text())
    return bounds.height()  # 0x1000: Qt.TextWordWrap


def test_text_that_grows_is_not_cut_off_and_text_that_shrinks_takes_no_room(sentence, qtbot):
    sentence.setText("short")
    qtbot.wait(20)
    one_line = sentence.height()
    sentence.setText("The only value, 1, could be a mask, an object or the first of several scribbles. " * 2)
    qtbot.wait(20)
    assert sentence.height() >= height_needed(sentence) > 2 * one_line
    sentence.page.resize(600, 500)
    qtbot.wait(20)
    assert sentence.height() >= height_needed(sentence)
    sentence.setText("short")
    qtbot.wait(20)
    assert sentence.height() == one_line
