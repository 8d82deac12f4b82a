from __future__ import annotations

import torch
from scripts.starter.head import solve


def test_tells_apart_what_a_line_can_tell_apart_however_few_there_are_of_one():
    torch.manual_seed(0)
    few, many = torch.randn(5, 4) + 3, torch.randn(500, 4) - 3
    features = torch.cat([few, many])
    classes = torch.cat([torch.ones(5), torch.zeros(500)]).long()
    solution = solve(features, classes, 2, 0.01)
    logits = features @ solution[:-1] + solution[-1]
    assert (logits.argmax(1) == classes).all()


def test_a_class_without_pixels_is_possible():
    solution = solve(torch.randn(20, 3), torch.zeros(20, dtype=torch.long), 3, 0.1)
    assert solution.shape == (4, 3)
    assert torch.isfinite(solution).all()


def test_features_can_be_learnt_through_it():
    features = torch.randn(30, 6, requires_grad=True)
    solve(features, torch.arange(30) % 3, 3, torch.tensor(0.1)).pow(2).sum().backward()
    assert torch.isfinite(features.grad).all()
    assert features.grad.abs().sum() > 0
