from __future__ import annotations

import numpy as np
import torch

from napari_unet.training.live.committee import MEMBERS, Committee, deal


def clouds(*counts, apart=4.0, seed=0):
    """Points around as many centres, and which they belong to."""
    random = torch.Generator().manual_seed(seed)
    points = [torch.randn(n, 2, generator=random) + apart * index for index, n in enumerate(counts)]
    return torch.cat(points), torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts))


def fitted(features, classes, **options):
    folds, spread = torch.arange(len(classes)) % MEMBERS, features.std(0)
    committee = Committee(features, classes, folds, spread, seed=0, **options)
    assert sum(1 for _ in committee.fit()) == 200
    return committee


def test_tells_apart_what_differs_however_few_there_are_of_one():
    committee = fitted(*clouds(10, 400))
    features, classes = clouds(200, 200, seed=1)
    found = committee.probabilities(features)
    assert found.shape == (400, 2)
    torch.testing.assert_close(found.sum(1), torch.ones(400))
    assert (found.argmax(1) == classes).float().mean() > 0.98


def test_what_was_not_seen_is_answered_by_the_member_that_has_not_seen_it():
    features, classes = clouds(40, 40)
    classes[3] = 1  # painted by mistake
    committee = fitted(features, classes)
    held_out = committee.held_out()
    assert held_out.shape == (80, 2)
    assert held_out[3, 0] > 0.5  # whoever has seen it may have believed it
    assert (held_out.argmax(1) == classes).float().mean() > 0.9


def test_a_feature_that_strokes_do_not_vary_in_says_nothing_elsewhere():
    features, classes = clouds(40, 40)
    features = torch.cat([features, torch.zeros(80, 1)], dim=1)
    folds, spread = torch.arange(80) % MEMBERS, torch.ones(3)
    committee = Committee(features, classes, folds, spread, seed=0)
    for _ in committee.fit():
        pass
    elsewhere = features + torch.tensor([0.0, 0.0, 0.3])
    found = committee.probabilities(elsewhere).argmax(1)
    assert (found == classes).float().mean() > 0.95


def test_the_same_seed_gives_the_same():
    first, second = (fitted(*clouds(20, 20)) for _ in range(2))
    points = torch.randn(10, 2)
    assert torch.equal(first.probabilities(points), second.probabilities(points))


def test_features_are_varied_in_every_step():
    calls = []

    def vary(features, random):
        calls.append(random)
        return features

    fitted(*clouds(20, 20), vary=vary)
    assert len(calls) == 200


def test_neighbours_share_a_fold_and_every_fold_has_some_of_each_class():
    cells = np.repeat(np.arange(40), 25)
    classes = (np.arange(1000) // 25) % 2
    folds = deal(cells, classes)
    assert all(len(set(folds[cells == cell])) == 1 for cell in range(40))
    for each in (0, 1):
        assert np.ptp(np.bincount(folds[classes == each], minlength=MEMBERS)) <= 25


def test_a_class_in_a_single_cell_is_dealt_pixel_by_pixel():
    folds = deal(np.array([0] * 16 + [1] * 8 + [2] * 8), np.array([0] * 16 + [1] * 16))
    assert (np.bincount(folds[:16], minlength=MEMBERS) == 2).all()
    assert len(set(folds[16:24])) == 1
