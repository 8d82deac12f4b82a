from __future__ import annotations

import pytest
import torch

from napari_unet.training.live.guided import MOST_CHANNELS, guided_filter


def step(at, height=24, width=32, channels=1):
    """Dark left of a column, bright from it on."""
    image = torch.zeros(channels, height, width)
    image[:, :, at:] = 3
    return image


@pytest.mark.parametrize("channels", [1, 3, MOST_CHANNELS + 1])
def test_answers_end_where_the_image_has_its_edge(channels):
    guide, answers = step(16, channels=channels), torch.zeros(2, 24, 32)
    answers[1, :, 14:] = 1  # two pixels too far
    answers[0] = 1 - answers[1]
    found = guided_filter(guide, answers).argmax(0)
    assert (found == 1).sum() < (answers.argmax(0) == 1).sum()
    assert (found[:, 16:] == 1).all()
    assert (found[:, :14] == 0).all()


def test_where_the_image_is_even_answers_are_smoothed():
    answers = torch.rand(2, 24, 32, generator=torch.Generator().manual_seed(0))
    answers = answers / answers.sum(0)
    found = guided_filter(torch.zeros(1, 24, 32), answers)
    assert found.std() < 0.5 * answers.std()
    torch.testing.assert_close(found.mean((1, 2)), answers.mean((1, 2)), atol=0.02, rtol=0)


def test_probabilities_stay_probabilities():
    generator = torch.Generator().manual_seed(1)
    guide = torch.randn(3, 20, 20, generator=generator)
    answers = torch.randn(4, 20, 20, generator=generator).mul(4).softmax(0)
    found = guided_filter(guide, answers)
    assert found.min() >= 0
    torch.testing.assert_close(found.sum(0), torch.ones(20, 20))


def test_one_pixel_is_left_as_it_is():
    answers = torch.tensor([0.3, 0.7]).view(2, 1, 1)
    torch.testing.assert_close(guided_filter(torch.ones(1, 1, 1), answers), answers)
