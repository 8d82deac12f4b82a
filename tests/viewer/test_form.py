from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

from napari_unet.errors import InputError
from napari_unet.settings import AugmentationSettings, PredictSettings, TrainSettings
from napari_unet.viewer.form import SettingsForm


@pytest.fixture(scope="module")
def form(qapp):
    form = SettingsForm(TrainSettings, basic=["labels_are", "minutes"], name="train")
    yield form
    form.close()


@pytest.fixture
def shown(qtbot):
    form = SettingsForm(TrainSettings, basic=["labels_are", "minutes"], name="train")
    qtbot.addWidget(form.native)
    form.native.show()
    qtbot.waitExposed(form.native)
    return form


def floats(low, high):
    return st.floats(low, high, exclude_min=low == 0, allow_nan=False)


augmentations = st.builds(
    AugmentationSettings,
    flips=st.booleans(), rotation=st.floats(0, 180), scale=st.floats(0, 0.9), noise=st.floats(0, 2),
)  # fmt: skip
train_settings = st.builds(
    TrainSettings,
    labels_are=st.sampled_from([None, "scribbles", "masks", "objects"]),
    minutes=floats(0, 10080),
    steps=st.none() | st.integers(1, 10**15),
    seed=st.integers(0, 2**31 - 1),
    width=st.none() | st.integers(1, 512),
    norm=st.sampled_from([None, "batch", "group", "instance"]),
    patch_size=st.none() | st.integers(16, 4096),
    learning_rate=st.none() | floats(0, 1),
    validation_fraction=st.floats(0, 0.5),
    threads=st.none() | st.integers(1, 512),
    device=st.sampled_from(["auto", "cpu", "cuda"]),
    augmentation=augmentations,
)


@given(wanted=train_settings)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
def test_any_settings_come_back_as_they_were(form, wanted):
    form.set(wanted)
    assert form.value == wanted
    form.suggest({"width": 32, "patch_size": 256, "labels_are": "masks"})
    assert form.value == wanted
    form.suggest({"width": None, "patch_size": None, "labels_are": None})


def test_defaults_are_those_of_the_model_and_reset_brings_them_back(form):
    form.set(TrainSettings(seed=7, learning_rate=1e-3, augmentation=AugmentationSettings(flips=False)))
    form.reset_button.click()
    assert form.value == TrainSettings()


def text_of(form, field):
    return form.fields[field].native.lineEdit().text()


def test_auto_is_shown_with_what_it_would_be(form):
    form.reset()
    assert text_of(form, "width") == "auto"
    form.suggest({"width": 32, "labels_are": "masks"})
    assert text_of(form, "width") == "auto (32)"
    assert form.fields["labels_are"].native.currentText() == "auto (masks)"
    assert form.value.width is None
    form.suggest({"width": 64, "labels_are": None})
    assert text_of(form, "width") == "auto (64)"
    assert form.fields["labels_are"].native.currentText() == "auto"
    form.suggest({"width": None})


@pytest.mark.parametrize(("number", "text"), [(1e-4, "0.0001"), (1e-6, "1e-06"), (0.5, "0.5"), (1.0, "1")])
def test_small_numbers_are_shown_as_they_are(form, number, text):
    form.set(TrainSettings(learning_rate=number))
    assert text_of(form, "learning_rate") == text
    form.reset()


def test_numbers_do_not_stop_at_999(form):
    form.set(TrainSettings(steps=998))
    box = form.fields["steps"].native
    for _ in range(3):
        box.stepUp()
    assert form.value.steps > 999
    form.set(TrainSettings(steps=123_456))
    assert form.value.steps == 123_456
    form.reset()


def is_framed(widget):
    """Whether a frame is really painted: magicgui's object names break style sheets that select by name."""
    picture = widget.grab().toImage()
    edge = {picture.pixelColor(x, 0).name() for x in range(5, picture.width() - 5)}
    return edge in ({"#ff9e6b"}, {"#b23c00"})


@pytest.mark.parametrize(
    ("field", "text", "sentence"),
    [
        ("width", "abc", "Width must be a whole number from 1 to 512, or auto, not 'abc'."),
        ("width", "9000", "Width must be a whole number from 1 to 512, or auto, not 9000."),
        ("width", "3.5", "Width must be a whole number from 1 to 512, or auto, not '3.5'."),
        ("steps", "0", "Steps must be a whole number of at least 1, or by time, not 0."),
        ("learning_rate", "0", "Learning rate must be a number above 0 up to 1, or auto, not 0.0."),
        ("augmentation.noise", "9", "Noise must be a number from 0 to 2, not 9.0."),
        ("minutes", "auto7", "Minutes must be a number above 0 up to 10080, or by steps, not 'auto7'."),
    ],
)
def test_a_bad_field_is_framed_and_explained(shown, field, text, sentence):
    shown.advanced.expand()
    QApplication.processEvents()
    box = shown.fields[field].native
    box.lineEdit().setFocus()
    box.lineEdit().selectAll()
    QTest.keyClicks(box.lineEdit(), text)
    assert shown.problem == sentence
    assert is_framed(box)
    assert sentence in box.toolTip()
    with pytest.raises(InputError, match="must be"):
        _ = shown.value
    shown.reset()
    assert shown.problem == ""
    assert not is_framed(box)


def test_what_no_single_field_is_to_blame_for_is_said(form):
    form.fields["minutes"].value = None
    assert form.problem == "Give the length of the training, in minutes or in steps."
    form.fields["steps"].value = 100
    assert form.value.minutes is None
    form.reset()


def test_changes_are_announced(shown):
    heard = []
    shown.changed.connect(heard.append)
    shown.fields["width"].native.lineEdit().selectAll()
    QTest.keyClicks(shown.fields["width"].native.lineEdit(), "48")
    assert shown.value.width == 48
    assert heard
    heard.clear()
    shown.fields["augmentation.flips"].value = False
    assert len(heard) == 1


def test_hidden_fields_keep_what_was_set(qtbot):
    form = SettingsForm(TrainSettings, basic=["minutes"], name="train", hidden=["labels_are"])
    qtbot.addWidget(form.native)
    assert "labels_are" not in form.fields
    form.set(TrainSettings(labels_are="objects"))
    assert form.value.labels_are == "objects"


def test_every_field_can_be_reached_with_the_keyboard(shown, qtbot):
    shown.native.activateWindow()
    shown.advanced.expand()
    first = shown.fields["labels_are"].native
    order, widget = [], first
    while True:
        widget = widget.nextInFocusChain()
        if widget is first:
            break
        order += [name for name, field in shown.fields.items() if field.native is widget]
    names = [name for name in shown.fields if name != "labels_are"]
    assert order == names


def test_arrows_change_the_leading_digit(form):
    form.set(TrainSettings(learning_rate=1e-4, minutes=5, patch_size=256))
    for field in ("learning_rate", "minutes", "patch_size"):
        form.fields[field].native.stepUp()
    assert (form.value.learning_rate, form.value.minutes, form.value.patch_size) == (2e-4, 6, 400)
    form.set(TrainSettings(learning_rate=1e-4, minutes=1))
    form.fields["learning_rate"].native.stepDown()
    form.fields["width"].native.stepUp()
    assert form.value.learning_rate == pytest.approx(9e-5)
    assert form.value.width == 1
    form.reset()


def test_the_box_under_the_mouse_is_not_turned_by_scrolling(shown):
    from qtpy.QtCore import QPoint, QPointF
    from qtpy.QtGui import QWheelEvent

    box = shown.fields["minutes"].native
    shown.fields["labels_are"].native.setFocus()
    event = QWheelEvent(
        QPointF(5, 5), QPointF(5, 5), QPoint(0, 120), QPoint(0, 120), Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip
    QApplication.sendEvent(box, event)
    assert shown.value.minutes == 5


def test_prediction_settings_fit_into_a_form_too(qtbot):
    form = SettingsForm(PredictSettings, basic=["probabilities"], name="segment")
    qtbot.addWidget(form.native)
    wanted = PredictSettings(probabilities=True, tile_size=512, device="cpu")
    form.set(wanted)
    assert form.value == wanted
