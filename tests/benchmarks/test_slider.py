"""What is said about how long a move of the slider took."""

from __future__ import annotations

from benchmarks.slider import Move, numbers


def test_median_and_worst_of_the_moves() -> None:
    moves = [Move(100.04, 150, 3), Move(120, 400, 1), Move(110, 160, 9)]
    assert numbers(moves) == {
        "to_layer_median": 110.0,
        "to_layer_worst": 120.0,
        "to_screen_median": 160.0,
        "to_screen_worst": 400.0,
    }
