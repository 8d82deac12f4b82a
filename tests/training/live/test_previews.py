from __future__ import annotations

import numpy as np
import pytest

from napari_unet.training.live.previews import Previews


def order(previews, step, **options):
    found = []
    while (piece := previews.next(step, **options)) is not None:
        found.append(piece)
        previews.done(piece, step)
        assert len(found) < 500
    return found


def test_nothing_is_predicted_before_anybody_looks():
    previews = Previews([(300, 300)])
    assert not previews.is_looking
    assert previews.next(1) is None


@pytest.mark.parametrize("view", [((0, 64), (0, 64)), ((500, 900), (300, 1000)), ((1990, 2000), (0, 3))])
def test_what_is_in_view_comes_first_then_everything_else(view):
    previews = Previews([(2000, 1500)])
    previews.look(0, view)
    pieces = order(previews, 1)
    times = np.zeros((2000, 1500), int)
    for piece in pieces:
        times[tuple(slice(*bounds) for bounds in piece.region)] += 1
    assert times.min() == 1
    assert times.mean() < 1.2  # around the view some is predicted twice, as pieces are rectangles
    in_view = [piece.in_view for piece in pieces]
    assert in_view == sorted(in_view, reverse=True)
    seen = np.zeros_like(times)
    for piece in pieces[: sum(in_view)]:
        seen[tuple(slice(*bounds) for bounds in piece.region)] = 1
    assert seen[tuple(slice(*bounds) for bounds in view)].all()


def test_a_usual_view_is_predicted_at_once():
    previews = Previews([(4096, 4096)])
    previews.look(0, ((1000, 1512), (2000, 2512)))
    first, *others = order(previews, 3, in_view_only=True)
    assert not others
    assert all(
        low <= a and b <= high
        for (low, high), (a, b) in zip(first.region, ((1000, 1512), (2000, 2512)), strict=True)
    )


def test_a_new_network_makes_everything_old_again_the_view_first():
    previews = Previews([(1024, 1024)])
    previews.look(0, ((0, 200), (0, 200)))
    n = len(order(previews, 1))
    assert previews.next(1) is None
    assert previews.next(2).in_view
    assert len(order(previews, 2)) == n


def test_every_plane_is_remembered_by_itself():
    previews = Previews([(64, 64), (3, 100, 100)])
    previews.look(1, ((2, 3), (0, 100), (0, 100)))
    (piece,) = order(previews, 5)
    assert (piece.image, piece.position, piece.region) == (1, (2,), ((0, 100), (0, 100)))
    previews.look(1, ((0, 1), (0, 100), (0, 100)))
    assert order(previews, 5)[0].position == (0,)
    previews.look(1, ((2, 3), (0, 100), (0, 100)))
    assert order(previews, 5) == []
