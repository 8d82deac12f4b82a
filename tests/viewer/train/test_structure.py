import dask.array
import numpy as np
import pytest
from napari.layers import Image

from napari_unet.viewer.train.structure import structure_width


def stripes(width, shape=(200, 200)):
    """Lines and gaps of this width, their edges blurred as a microscope does."""
    x = np.arange(shape[1])
    return np.broadcast_to(np.sin(np.pi * x / width), shape).astype(np.float32)


@pytest.mark.parametrize("width", [6, 12, 24])
def test_follows_the_width_of_structures(width):
    found = structure_width(Image(stripes(width)))
    assert found == pytest.approx(0.36 * width, rel=0.15)


def test_the_middle_of_a_stack_and_of_colours_counts():
    plane = stripes(12)
    stack = Image(np.stack([np.zeros_like(plane), plane, np.zeros_like(plane)]))
    colours = Image((np.stack([plane] * 3, axis=-1) + 1) / 2, rgb=True)
    assert structure_width(stack) == pytest.approx(structure_width(Image(plane)))
    assert structure_width(colours) == pytest.approx(structure_width(Image(plane)), rel=0.01)


@pytest.mark.parametrize("data", [np.zeros((50, 50)), dask.array.zeros((50, 50)), np.full((50, 50), np.nan)])
def test_where_nothing_can_be_told_at_once(data):
    assert structure_width(Image(data)) is None
