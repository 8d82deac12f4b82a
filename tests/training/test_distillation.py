from __future__ import annotations

import pytest
import torch

from napari_unet.training.distillation import forgetting

SEEN = torch.ones(1, 4, 4, dtype=torch.bool)
UNPAINTED = torch.full((1, 4, 4), -1)


def answers(inside: float) -> torch.Tensor:
    """Logits (1, 2, 4, 4) of two classes, all alike."""
    return torch.tensor([0.0, inside]).view(1, 2, 1, 1).expand(1, 2, 4, 4).clone()


def test_nothing_is_forgotten_by_the_same_answers():
    random = torch.randn(2, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    assert forgetting(random, random + 5, torch.full((2, 4, 4), -1), SEEN.expand(2, 4, 4)) == pytest.approx(
        0, abs=1e-6
    )


def test_it_is_the_divergence_of_kullback_and_leibler():
    p, q = torch.sigmoid(torch.tensor(2.0)), torch.sigmoid(torch.tensor(-1.0))
    expected = p * (p / q).log() + (1 - p) * ((1 - p) / (1 - q)).log()
    found = forgetting(answers(-1), answers(2), UNPAINTED, SEEN)
    assert found == pytest.approx(float(expected), rel=1e-5)


def test_only_what_is_seen_and_not_painted_counts():
    now = answers(0)
    now[..., :2, :] = 9
    now[:, 0, :2] = 0
    assert forgetting(now, answers(0), UNPAINTED, SEEN) > 0.1
    painted, seen = UNPAINTED.clone(), SEEN.clone()
    painted[:, 0] = 1
    seen[:, 1] = False
    assert forgetting(now, answers(0), painted, seen) == pytest.approx(0, abs=1e-6)
    assert forgetting(now, answers(0), torch.ones_like(UNPAINTED), SEEN) == 0


def test_half_precision_is_computed_in_single():
    found = forgetting(answers(-1).bfloat16(), answers(2).bfloat16(), UNPAINTED, SEEN)
    assert found.dtype == torch.float32
