from __future__ import annotations

import numpy as np
import pytest

from napari_unet.errors import ShapeMismatchError
from napari_unet.images import Image
from napari_unet.objects.measurement_plan import plan_measurement

LABELS = np.zeros((2, 3, 4), np.uint8)


@pytest.mark.parametrize(
    ("axes", "volume", "ndim", "n_leading"),
    [("ZYX", True, 3, 0), ("ZYX", False, 2, 1), ("TYX", True, 2, 1), (None, True, 3, 0)],
)
def test_axes_say_what_an_object_extends_along(axes, volume, ndim, n_leading):
    plan = plan_measurement(LABELS, None, axes, None, "", None, volume)
    assert (plan.ndim, plan.n_leading, plan.n_channels) == (ndim, n_leading, 0)


def test_the_image_gives_axes_and_scale_unless_they_are_given():
    image = Image("series", (np.zeros((2, 5, 3, 4)),), "TCYX", (1.0, 0.5, 0.5))
    plan = plan_measurement(LABELS, image, None, None, "", None, True)
    assert (plan.axes, plan.scale, plan.unit, plan.n_channels) == ("TYX", (1, 0.5, 0.5), "unit", 5)
    assert plan_measurement(LABELS, image, None, (1, 1, 1), "", None, True).unit == "pixel"
    assert plan_measurement(LABELS, image, None, (1, 2, 2), "µm", None, True).unit == "µm"


def test_several_images_give_their_channels_one_after_the_other():
    plain = Image("DAPI", (np.full((2, 3, 4), 7, np.uint8),), "TYX")
    stack = Image("stain", (np.zeros((2, 3, 4, 3)),), "TYXC", (1.0, 0.5, 0.5))
    plan = plan_measurement(LABELS, (plain, stack), None, None, "", None, True)
    assert plan.channels == ("DAPI", "stain_channel_1", "stain_channel_2", "stain_channel_3")
    assert (plan.axes, plan.scale) == ("TYX", (1, 0.5, 0.5))
    read = plan.read(((1, 2), (0, 2), (1, 4)))
    assert read.shape == (4, 1, 2, 3)
    assert read.reshape(4, -1).sum(axis=1).tolist() == [42, 0, 0, 0]
    named = plan_measurement(LABELS, (plain, plain), None, None, "", ["a", "b"], True)
    assert named.channels == ("a", "b")
    assert plan_measurement(LABELS, (), None, None, "", None, True).read(((0, 1), (0, 1), (0, 1))) is None
    with pytest.raises(ShapeMismatchError, match="DAPI, DAPI"):
        plan_measurement(LABELS, (plain, plain), None, None, "", None, True)
    small = Image("GFP", (np.zeros((2, 3, 3)),), "TYX")
    with pytest.raises(ShapeMismatchError, match="GFP needs labels of"):
        plan_measurement(LABELS, (plain, small), None, None, "", None, True)
