from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from napari_unet.inference.window import Window


@given(st.integers(1, 12), st.integers(0, 9), st.lists(st.integers(1, 7), min_size=1, max_size=12), st.data())
def test_rows_come_out_as_they_went_in(size: int, first: int, pushes: list[int], data: st.DataObject) -> None:
    everything = torch.arange(200.0).reshape(1, 1, 100, 2).expand(2, 3, 100, 2)
    window = Window(everything, (2, 3, size, 2), first)
    dropped = first
    for n in pushes:
        start = window.stop
        window.push(everything[:, :, start : start + n])
        assert window.stop == start + n
        asked = data.draw(st.integers(dropped, window.stop))
        until = data.draw(st.integers(asked, window.stop))
        assert torch.equal(window.rows(asked, until), everything[:, :, asked:until])
        window.drop(asked)
        dropped = asked


def test_what_is_gone_or_not_there_yet_is_an_error() -> None:
    window = Window.of(torch.zeros(1, 1, 5, 5))
    window.drop(3)
    with pytest.raises(IndexError):
        window.rows(2, 4)
    with pytest.raises(IndexError):
        window.rows(4, 6)
