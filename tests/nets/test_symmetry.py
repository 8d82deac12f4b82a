from __future__ import annotations

from math import prod

import numpy as np
import pytest
import torch

from napari_unet.nets.outputs import undo_symmetry
from napari_unet.nets.symmetry import symmetries


@pytest.mark.parametrize(("ndim", "n"), [(2, 8), (3, 16)])
def test_each_is_undone_and_the_same_for_arrays_and_tensors(ndim, n):
    found = symmetries(ndim)
    assert len(set(found)) == n
    shape = (2, *(3, 4, 5)[-ndim:])
    pixels = torch.arange(prod(shape)).view(shape)
    for symmetry in found:
        turned = symmetry.turn(pixels)
        assert torch.equal(symmetry.undo(turned), pixels)
        np.testing.assert_array_equal(symmetry.apply(pixels.numpy()), turned.numpy())
        assert turned.shape[1:] == symmetry.shape(pixels.shape[1:])


@pytest.mark.parametrize("ndim", [2, 3])
def test_vectors_keep_pointing_to_the_same_pixel(ndim):
    """The offsets to a marked pixel, as they are found in a changed image, are those of the image once undone."""
    shape = (5, 6, 7)[-ndim:]
    mark = torch.zeros(1, *shape)
    mark[(0, *(1, 2, 4)[-ndim:])] = 1

    def offsets(image: torch.Tensor) -> torch.Tensor:
        at = torch.nonzero(image[0])[0]
        places = torch.stack(torch.meshgrid(*map(torch.arange, image.shape[1:]), indexing="ij"))
        return (at.view(-1, *[1] * ndim) - places)[None].float()

    for symmetry in symmetries(ndim):
        answer = offsets(symmetry.turn(mark))
        assert torch.equal(symmetry.undo_vectors(answer), offsets(mark))
        logits = torch.cat([symmetry.turn(mark)[None], answer], dim=1)
        assert torch.equal(
            undo_symmetry(symmetry, logits, "flows"), torch.cat([mark[None], offsets(mark)], dim=1)
        )
        assert torch.equal(undo_symmetry(symmetry, logits, "borders"), symmetry.undo(logits))
