from __future__ import annotations

import numpy as np
import torch
from scipy.ndimage import gaussian_filter
from skimage.feature import multiscale_basic_features

from napari_unet.training.live.filters import PER_CHANNEL, SIGMAS, filter_bank, restained


def test_are_nearly_those_of_scikit_image():
    """Its edges are of Sobel's filter, and its Gaussians end at four deviations."""
    image = gaussian_filter(np.random.default_rng(0).normal(size=(200, 200)), 3).astype(np.float32)
    expected = multiscale_basic_features(image, sigma_min=1, sigma_max=16)
    found = filter_bank(torch.from_numpy(image)[None, None])[0].movedim(0, -1).numpy()
    assert found.shape[-1] == len(expected[0, 0]) == PER_CHANNEL
    scale = np.array([[1, s, s * s, s * s] for s in SIGMAS], np.float32).ravel()
    inside = (slice(50, 150),) * 2
    for index in range(PER_CHANNEL):
        ours, theirs = found[inside][..., index] / scale[index], expected[inside][..., index]
        assert np.corrcoef(ours.ravel(), theirs.ravel())[0, 1] > 0.98


def test_every_channel_has_its_own():
    torch.manual_seed(0)
    images = torch.randn(2, 3, 40, 50)
    found = filter_bank(images)
    assert found.shape == (2, 3 * PER_CHANNEL, 40, 50)
    alone = filter_bank(images[1:, 2:])
    torch.testing.assert_close(found[1:, 2 * PER_CHANNEL :], alone, atol=1e-5, rtol=1e-4)


def test_a_narrow_image_is_possible():
    assert torch.isfinite(filter_bank(torch.randn(1, 1, 3, 40))).all()


def test_restained_features_are_those_of_an_image_with_other_contrasts():
    torch.manual_seed(0)
    image = torch.randn(1, 2, 30, 30)
    found = restained(filter_bank(image).flatten(2)[0].T[:1].clone(), torch.Generator().manual_seed(3))
    random = torch.Generator().manual_seed(3)
    factor = (0.3 * torch.randn(1, 2, 1, generator=random)).exp().view(1, 2, 1, 1)
    shift = (0.3 * torch.randn(1, 2, 1, generator=random)).view(1, 2, 1, 1)
    again = filter_bank(image * factor + shift).flatten(2)[0].T[:1]
    torch.testing.assert_close(found, again, atol=1e-4, rtol=1e-4)


def test_one_channel_is_not_restained():
    features = torch.randn(5, PER_CHANNEL)
    assert restained(features, torch.Generator()) is features
