"""What is measured unless the user says otherwise: the images that are seen."""

from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Image, Labels

from napari_unet.viewer.layers import METADATA
from napari_unet.viewer.objects.measure_choice import MeasureChoice, seen

LABELS = Labels(np.ones((5, 6), int))


def image(name, shape=(5, 6), **keywords):
    return Image(np.zeros(shape), name=name, **keywords)


@pytest.fixture
def choice(qtbot):
    widget = MeasureChoice()
    qtbot.addWidget(widget)
    return widget


def names(layers):
    return [layer.name for layer in layers]


def test_channels_that_are_seen_together_are_chosen():
    below = image("bright field")
    channels = [image("DAPI", blending="additive"), image("GFP", blending="additive")]
    assert names(seen([below, *channels])) == ["bright field", "DAPI", "GFP"]
    channels[0].visible = False
    assert names(seen([below, *channels])) == ["bright field", "GFP"]


def test_what_is_covered_or_predicted_is_not_seen():
    lower, upper = image("first"), image("second")
    ours = image("probabilities", metadata={METADATA: {"prediction": True}})
    assert names(seen([lower, upper, ours])) == ["second"]
    upper.opacity = 0.5
    assert names(seen([lower, upper, ours])) == ["first", "second"]
    lower.visible = upper.visible = False
    assert names(seen([lower, upper, ours])) == ["second"]
    assert seen([]) == []


def test_only_images_of_the_same_pixels_are_offered(choice):
    colour = Image(np.zeros((5, 6, 3), np.uint8), rgb=True, name="stain")
    choice.refresh([image("small", (3, 3)), colour, LABELS], LABELS)
    assert names(choice.image_button.offered) == ["stain"]
    assert choice.image_button.isEnabled()
    choice.refresh([image("small", (3, 3)), LABELS], LABELS)
    assert choice.image_button.text() == "none"
    assert not choice.image_button.isEnabled()


def test_hiding_a_channel_changes_no_choice_and_a_new_one_does(choice):
    dapi, gfp = image("DAPI", blending="additive"), image("GFP", blending="additive")
    choice.refresh([dapi, gfp, LABELS], LABELS)
    gfp.visible = False
    choice.refresh([dapi, gfp, LABELS], LABELS)
    assert choice.images == (dapi, gfp)
    choice.refresh([dapi, gfp, image("RFP", blending="additive"), LABELS], LABELS)
    assert names(choice.images) == ["DAPI", "RFP"]


def test_the_users_choice_stays_while_it_can(choice):
    dapi, gfp, new = image("DAPI"), image("GFP"), image("new")
    choice.refresh([dapi, gfp], LABELS)
    choice.image_button.menu().actions()[0].setChecked(True)
    choice.image_button.menu().actions()[1].setChecked(False)
    choice.refresh([dapi, gfp, new], LABELS)
    assert choice.images == (dapi,)
    choice.refresh([gfp, new], LABELS)  # what was chosen has gone
    assert choice.images == (new,)
    choice.image_button.menu().actions()[1].setChecked(False)
    choice.refresh([gfp, new], LABELS)
    assert choice.images == ()
    other = image("of other pixels", (3, 3))
    choice.refresh([gfp, new, other], Labels(np.ones((3, 3), int)))
    assert choice.images == (other,)


@pytest.mark.parametrize(
    ("shape", "axes", "needed"),
    [((5, 6), "yx", False), ((3, 5, 6), "zyx", True), ((3, 5, 6), "tyx", False), ((1, 5, 6), "zyx", False),
     ((2, 3, 5, 6), "tzyx", True)],
)  # fmt: skip
def test_only_a_stack_is_asked_about(choice, shape, axes, needed):
    labels = Labels(np.ones(shape, int), axis_labels=tuple(axes))
    choice.refresh([labels], labels)
    assert choice.stack_box.isHidden() != needed
    assert choice.volume is None
    choice.refresh([], None)
    assert choice.stack_box.isHidden()


def test_an_image_may_know_that_it_is_a_time_series(choice):
    labels, series = Labels(np.ones((3, 5, 6), int)), image("series", (3, 5, 6), axis_labels=("t", "y", "x"))
    choice.refresh([series, labels], labels)
    assert choice.stack_box.isHidden()
    choice.image_button.menu().actions()[0].setChecked(False)
    assert not choice.stack_box.isHidden()
