"""Outlines of what is picked, in a layer of their own."""

from __future__ import annotations

import numpy as np
from napari.components import ViewerModel
from napari.layers import Labels

from napari_unet.viewer.objects.highlight import Highlight


def outlines(qapp, labels, objects):
    viewer = ViewerModel()
    layer = viewer.add_layer(Labels(labels))
    highlight = Highlight(viewer, layer)
    highlight.show(objects)
    drawn = viewer.layers["picked"].data
    highlight.remove()
    assert len(viewer.layers) == 1
    return drawn


def test_large_numbers_are_outlined_like_small_ones(qapp):
    labels = np.zeros((8, 9), np.uint64)
    labels[1:4, 1:4], labels[1:4, 4:7], labels[6:, 2:5] = 1, 2, 3
    expected = outlines(qapp, labels, [1, 2])
    assert len(expected) == 3 + 3 + 3 + 6 + 6  # three upright sides, an upper and a lower one
    ids = np.array([0, 2**63 + 1, 2**63 + 2, 2**63 + 3], np.uint64)
    np.testing.assert_array_equal(outlines(qapp, ids[labels], [int(ids[1]), int(ids[2])]), expected)
    assert len(outlines(qapp, ids[labels], [5, int(ids[3])])) == 3 + 3 + 2 + 2
