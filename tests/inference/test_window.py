from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from napari_unet.inference.window import Scratch, Strip, Window


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


@given(st.integers(0, 9), st.lists(st.integers(0, 7), min_size=1, max_size=12), st.booleans(), st.data())
def test_strips_that_share_memory_take_turns(
    first: int, writes: list[int], shared: bool, data: st.DataObject
) -> None:
    everything = torch.arange(1200.0).reshape(2, 3, 100, 2)
    scratch = Scratch(everything, 8) if shared else None
    strips = [Strip(torch.empty(2, 3, 0, 2), first, scratch) for _ in range(2)]
    for n in writes:
        for strip, values in zip(strips, (everything, -everything), strict=True):
            start = strip.stop
            strip.room(n).copy_(values[:, :, start : start + n])
            asked = data.draw(st.integers(start, strip.stop))
            rows = strip.rows(asked, strip.stop)
            assert torch.equal(rows, values[:, :, asked : strip.stop])
            assert rows.stride(1) == 1  # channels last
            strip.drop(asked)
            assert torch.equal(strip.rows(asked, strip.stop), values[:, :, asked : strip.stop])


@pytest.mark.parametrize("kind", [Window, Strip])
def test_what_is_gone_or_not_there_yet_is_an_error(kind: type[Window] | type[Strip]) -> None:
    rows = torch.zeros(1, 1, 5, 5)
    window = Strip(rows) if kind is Strip else Window(rows, rows.shape)
    if isinstance(window, Window):
        window.push(rows)
    window.drop(3)
    with pytest.raises(IndexError):
        window.rows(2, 4)
    with pytest.raises(IndexError):
        window.rows(4, 6)
