"""Steps that are followed to their ends."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_unet.objects.ascent import (
    STAYS,
    climb,
    components,
    followed,
    jump_of,
    meetings,
    neighbours,
    per_pair,
    ranks,
)


@settings(deadline=None)
@given(st.data(), st.integers(1, 40))
def test_steps_are_followed_to_their_circles(data: st.DataObject, n: int) -> None:
    step = np.array(data.draw(st.lists(st.integers(0, n - 1), min_size=n, max_size=n)))
    target, circles = followed(step)
    circle_of = []
    for member in range(n):
        for _ in range(n):
            member = step[member]
        circle = {int(member)}
        while (member := step[member]) not in circle:
            circle.add(int(member))
        circle_of.append(circle)
    assert circles.tolist() == sorted(set().union(*circle_of))
    assert all(end in circle for end, circle in zip(target.tolist(), circle_of, strict=True))


def code_of(*offset: int) -> int:
    return neighbours(len(offset)).index(offset) + 1


def test_a_circle_is_a_top_and_so_is_what_stays_beside_it() -> None:
    framed = np.zeros((8, 9), int)
    framed[2:6, 2:7] = 1
    code = np.zeros(framed.shape, np.uint8)
    code[2:6, 2:7] = code_of(0, -1)  # to the left
    code[2:6, 2] = STAYS
    code[2:4, 5:7] = [[code_of(0, 1), code_of(1, 0)], [code_of(-1, 0), code_of(0, -1)]]
    ascent = climb(framed, code)
    assert ascent.inner.tolist() == [False, True, True]
    assert ascent.ends[2:6, 2:7].tolist() == [[1, 1, 1, 2, 2]] * 2 + [[1] * 5] * 2
    assert ascent.pixels.tolist() == [0, 9 * 2 + 2, 9 * 2 + 5]
    circle = [9 * y + x for y in (2, 3) for x in (5, 6)]
    assert sorted(ascent.tops.tolist()) == sorted(circle + [9 * y + 2 for y in range(2, 6)])


def test_a_block_ends_at_the_ring() -> None:
    framed = np.zeros((8, 8), int)
    framed[1:-1, 1:-1] = 1  # core 4x4 around which all is known
    code = np.zeros(framed.shape, np.uint8)
    code[2:-2, 2:-2] = code_of(0, 1)
    ascent = climb(framed, code)
    assert not ascent.inner.any()
    assert len(ascent.tops) == 0
    assert (ascent.pixels[ascent.ends[2:-2, 2:-2]] % 8 == 6).all()  # all in the ring at the right


def test_every_pair_is_met_by_one_block() -> None:
    ends = np.arange(1, 73, dtype=np.int32).reshape(8, 9)  # each pixel has its own
    for offset, here, there in meetings(ends, [(0, 1), (1, -1), (1, 0)]):
        rows, columns = np.unravel_index(here, ends.shape)
        assert sorted(zip(rows.tolist(), columns.tolist(), strict=True)) == [
            (y, x) for y in range(2, 6) for x in range(2, 7)
        ]
        assert (there - here == jump_of(ends, offset)).all()


def test_numbers_follow_the_first_members() -> None:
    numbers, n = components(6, np.array([5, 4]), np.array([1, 0]))
    assert (numbers.tolist(), n) == ([0, 1, 2, 3, 0, 1], 4)
    assert ranks(4, np.array([2, 0, 2]), np.array([7, 5, 3])).tolist() == [2, 0, 1, 0]


def test_values_of_a_pair_are_made_one() -> None:
    pairs = np.array([3, 1, 2]), np.array([1, 3, 1])
    one, other, height = per_pair(*pairs, np.array([4, 6, 5]), np.maximum)
    assert (one.tolist(), other.tolist(), height.tolist()) == ([1, 1], [2, 3], [5, 6])
    assert per_pair(*pairs, np.array([[4, 1], [6, 1], [5, 1]]), np.add)[2].tolist() == [[5, 1], [10, 2]]
