from __future__ import annotations

import pytest

from napari_unet.training.schedule import LOWEST, WARM_UP, Schedule, annealed


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_the_rate_rises_shortly_then_falls_to_almost_nothing():
    assert annealed(0) == pytest.approx(0.1)
    assert annealed(WARM_UP) == pytest.approx(1)
    assert annealed(1) == pytest.approx(LOWEST)
    falling = [annealed(WARM_UP + i * (1 - WARM_UP) / 50) for i in range(51)]
    assert falling == sorted(falling, reverse=True)


def test_a_run_by_steps_never_asks_the_clock():
    clock = Clock()
    schedule = Schedule(10, 5.0, clock)
    schedule.begin()
    fractions = []
    while not schedule.done:
        schedule.step += 1
        clock.now += 1000
        fractions.append((schedule.fraction, schedule.validation_due))
    assert [f for f, _ in fractions] == pytest.approx([i / 10 for i in range(1, 11)])
    assert all(due for _, due in fractions)


@pytest.mark.parametrize(("steps", "validations"), [(7, 7), (25, 25), (100, 25), (1000, 25)])
def test_validations_are_spread_over_the_steps(steps, validations):
    schedule = Schedule(steps, None)
    due = 0
    while not schedule.done:
        schedule.step += 1
        due += schedule.validation_due
    assert due == validations


@pytest.mark.parametrize(
    ("step_seconds", "validation_seconds"), [(0.3, 1.0), (1.0, 4.0), (0.01, 0.2), (5.0, 9.0)]
)
def test_a_timed_run_ends_in_time_with_its_last_validation(step_seconds, validation_seconds):
    clock = Clock()
    schedule = Schedule(None, 5.0, clock)
    clock.now += 3  # preparation
    schedule.begin()
    validating = 0.0
    while not schedule.done:
        clock.now += step_seconds
        schedule.step += 1
        if schedule.validation_due and not schedule.done:
            clock.now += validation_seconds
            validating += validation_seconds
            schedule.validated(validation_seconds)
    clock.now += validation_seconds
    assert schedule.elapsed <= 300
    assert schedule.elapsed > 300 - 2 * step_seconds - validation_seconds - 1
    assert validating < 0.1 * 300


def test_there_is_always_one_step():
    clock = Clock()
    schedule = Schedule(None, 0.01, clock)
    clock.now += 10
    schedule.begin()
    assert not schedule.done
    schedule.step += 1
    assert schedule.done


def test_time_left_of_a_run_by_steps_is_estimated():
    clock = Clock()
    schedule = Schedule(100, None, clock)
    schedule.begin()
    assert schedule.seconds_left is None
    clock.now += 20
    schedule.step = 10
    assert schedule.seconds_left == pytest.approx(180)
