from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_unet.training.live import committee
from napari_unet.training.live import panel as module
from napari_unet.training.live.panel import Lesson, Panel, class_shares


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(committee, "STEPS", 60)


def lesson(n=60):
    """One kind of features that tells the classes apart, and one that does not."""
    random = torch.Generator().manual_seed(0)
    classes = torch.arange(2 * n) % 2
    good = torch.randn(2 * n, 3, generator=random) + 4 * classes[:, None]
    kinds, spreads = (good, torch.randn(2 * n, 5, generator=random)), (torch.ones(3), torch.ones(5))
    return Lesson(kinds, classes, torch.arange(2 * n) // 2 % 8, spreads)


def fitted():
    panel = Panel(lesson(), 0, (None, None))
    for _ in panel.fit():
        pass
    return panel


def test_what_tells_classes_apart_has_more_to_say():
    panel = fitted()
    good, noise = panel._say
    assert good > 0.8
    assert good + noise == pytest.approx(1)
    kinds = torch.randn(50, 3) + 4, torch.randn(50, 5)
    found = panel.probabilities(kinds)
    assert found.shape == (50, 2)
    assert (found[:, 1] > 0.5).float().mean() > 0.9


def test_shares_are_between_the_estimate_and_even_ones():
    shares = fitted().shares(torch.tensor([0.9, 0.1]))
    assert 0.5 < shares[0] < 0.9
    assert shares.sum() == pytest.approx(1)


def test_what_is_painted_is_never_taken_to_be_nowhere(monkeypatch):
    monkeypatch.setattr(module, "class_shares", lambda *_: np.array([1.0, 0.0]))
    shares = fitted().shares(torch.tensor([1.0, 0.0]))
    expected = module.LEAST_SHARE ** (1 - module.EVEN)
    np.testing.assert_allclose(shares, np.array([1, expected]) / (1 + expected))


def test_shares_follow_from_what_is_taken_for_what():
    mistakes = torch.tensor([[0.8, 0.2], [0.3, 0.7]])
    held_out, classes = mistakes.repeat_interleave(20, 0), torch.arange(2).repeat_interleave(20)
    mean = 0.9 * mistakes[0] + 0.1 * mistakes[1]
    np.testing.assert_allclose(class_shares(held_out, classes, mean), [0.9, 0.1], atol=0.02)


@pytest.mark.parametrize(
    ("mistakes", "n"),
    [
        ([[0.8, 0.2], [0.3, 0.7]], 5),  # too few pixels
        ([[0.8, 0.2], [0.6, 0.4]], 20),  # the second is taken for the first
    ],
)
def test_shares_are_even_where_mistakes_are_not_known(mistakes, n):
    held_out = torch.tensor(mistakes).repeat_interleave(n, 0)
    classes = torch.arange(2).repeat_interleave(n)
    np.testing.assert_allclose(class_shares(held_out, classes, torch.tensor([0.9, 0.1])), 0.5)


def test_shares_of_answers_without_mistakes_are_those_of_the_answers():
    held_out, classes = torch.eye(3).repeat_interleave(20, 0), torch.arange(3).repeat_interleave(20)
    shares = class_shares(held_out, classes, torch.tensor([1.0, 0.0, 0.0]))
    assert np.isfinite(shares).all()
    assert shares[0] > 0.99
