from __future__ import annotations

import numpy as np
import pytest

from napari_unet.directions import direction_table
from napari_unet.errors import InputError


@pytest.mark.parametrize(("ndim", "apart"), [(2, 1.40), (3, 10.0)])
def test_directions_are_unit_vectors_evenly_spread(ndim, apart):
    table = direction_table(ndim)
    assert table.dtype == np.float32
    np.testing.assert_allclose((table**2).sum(1), 1, rtol=1e-6)
    cosines = (table @ table.T).astype(np.float64)
    np.fill_diagonal(cosines, -1)
    nearest = np.degrees(np.arccos(cosines.max(1).clip(max=1)))
    assert nearest.min() > apart
    assert nearest.max() < 1.5 * apart
    np.testing.assert_allclose(table.mean(0), 0, atol=0.01)


def test_codes_turn_from_x_towards_y():
    table = direction_table(2)
    np.testing.assert_allclose(table[[0, 64, 128, 192]], [(0, 1), (1, 0), (0, -1), (-1, 0)], atol=1e-6)


def test_other_dimensions_have_no_table():
    with pytest.raises(InputError, match="4 dimensions"):
        direction_table(4)
