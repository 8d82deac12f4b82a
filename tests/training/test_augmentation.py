from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter
from skimage.io import imread

from napari_unet.settings import AugmentationSettings
from napari_unet.training.augmentation import Augmentation, blurred, centre_crop
from napari_unet.training.patches import UNSEEN

CPU = torch.device("cpu")
STILL = {"brightness": 0, "contrast": 0, "noise": 0, "gamma": 0, "blur": 0}
PLAIN = AugmentationSettings(flips=False, turns=False, rotation=0, scale=0, elastic=0, distorted=1, **STILL)


def squares(n: int = 3, side: int = 48) -> tuple[torch.Tensor, torch.Tensor]:
    """Images that show their own labels: smooth enough to survive interpolation."""
    labels = torch.randint(0, 3, (n, side // 12, side // 12), generator=torch.Generator().manual_seed(0))
    labels = labels.repeat_interleave(12, 1).repeat_interleave(12, 2)
    return labels.unsqueeze(1).float(), labels.to(torch.int16)


def test_nothing_asked_for_returns_the_centre():
    images, labels = squares()
    moved, classes = Augmentation(PLAIN, CPU, 0)(images, labels, (32, 32))
    torch.testing.assert_close(moved, centre_crop(images, (32, 32)))
    assert (classes == centre_crop(labels, (32, 32))).all()
    assert classes.dtype == torch.int64


@pytest.mark.parametrize(
    "change", [{"flips": True}, {"turns": True}, {"rotation": 30}, {"scale": 0.3}, {"elastic": 3}]
)
def test_image_and_labels_move_together(change):
    images, labels = squares()
    augmentation = Augmentation(PLAIN.model_copy(update=change), CPU, 5)
    moved, classes = augmentation(images, labels, (32, 32))
    known = classes >= 0
    agree = ((moved[:, 0].round() == classes) & known).sum() / known.sum()
    assert agree > 0.9
    assert not torch.equal(classes, centre_crop(labels, (32, 32)).long())


def test_flips_and_turns_only_permute_pixels():
    images, labels = squares()
    options = PLAIN.model_copy(update={"flips": True, "turns": True})
    moved, classes = Augmentation(options, CPU, 1)(images, labels, (48, 48))
    torch.testing.assert_close(moved[:, 0].flatten(1).sort().values, images[:, 0].flatten(1).sort().values)
    assert (moved[:, 0].round() == classes).all()


@pytest.mark.parametrize("size", [(24, 24), (25, 32), (6, 24, 24), (5, 17, 17)])
def test_what_is_not_distorted_is_made_of_the_pixels_there_are(size):
    options = AugmentationSettings(distorted=0.5, turns=len(set(size[-2:])) == 1, **STILL)
    augmentation = Augmentation(options, CPU, 4)
    source = augmentation.source_size(size)
    assert all(wide >= n and (wide - n) % 2 == 0 for wide, n in zip(source, size, strict=True))
    images = torch.randn(64, 1, *source, generator=torch.Generator().manual_seed(0))
    moved, classes = augmentation(images, torch.ones(64, *source), size)
    inner = centre_crop(images, size).flatten(1).sort().values
    same = [
        torch.allclose(a, b, atol=1e-4) for a, b in zip(moved.flatten(1).sort().values, inner, strict=True)
    ]
    assert 20 < sum(same) < 44
    assert (classes == 1).all()


def test_beyond_the_source_is_ignored():
    images, labels = squares()
    options = PLAIN.model_copy(update={"rotation": 45.0})
    _, classes = Augmentation(options, CPU, 1)(images, labels, (48, 48))
    assert (classes == UNSEEN).any()


def test_the_source_fills_a_turned_patch():
    augmentation = Augmentation(AugmentationSettings(elastic=0, **STILL), CPU, 2)
    source = augmentation.source_size((40, 40))
    images = torch.zeros(16, 1, *source)
    _, classes = augmentation(images, torch.zeros(16, *source), (40, 40))
    assert (classes == 0).all()


def test_ignored_labels_stay_ignored():
    images, labels = squares()
    _, classes = Augmentation(AugmentationSettings(), CPU, 2)(images, torch.full_like(labels, -1), (32, 32))
    assert (classes == -1).all()


@settings(max_examples=20, deadline=None)
@given(
    brightness=st.floats(0, 1),
    contrast=st.floats(0, 0.9),
    noise=st.floats(0, 1),
    seed=st.integers(0, 2**31 - 1),
)
def test_intensities_stay_within_what_was_asked(brightness, contrast, noise, seed):
    changed = {"brightness": brightness, "contrast": contrast, "noise": noise, "color": 0}
    options = PLAIN.model_copy(update=changed)
    images = torch.ones(4, 2, 8, 8)
    moved, _ = Augmentation(options, CPU, seed)(images, torch.zeros(4, 8, 8), (8, 8))
    assert (moved - 1).abs().max() <= brightness + contrast + 6 * noise + 1e-5


def test_channels_vary_apart_within_what_was_asked():
    options = PLAIN.model_copy(update={"brightness": 0.2, "contrast": 0.1, "color": 0.5})
    images = torch.ones(200, 3, 4, 4)
    moved, _ = Augmentation(options, CPU, 0)(images, torch.zeros(200, 4, 4), (4, 4))
    values = moved[..., 0, 0]
    assert (moved == values[..., None, None]).all()
    assert values.max() <= 1.1 * 1.05 + 0.3 + 1e-5
    assert values.min() >= 0.9 * 0.95 - 0.3 - 1e-5
    apart, together = values.std(1).mean(), values.mean(1).std()
    assert 0.02 < apart < together


def test_a_single_channel_has_no_color():
    images, labels = squares()
    plain, color = (
        Augmentation(AugmentationSettings(color=c), CPU, 1)(images, labels, (32, 32))[0] for c in (0, 1)
    )
    assert images.shape[1] == 1
    torch.testing.assert_close(plain, color, atol=0, rtol=0)


def test_gamma_bends_the_grey_curve_between_its_ends():
    options = PLAIN.model_copy(update={"gamma": 1.0})
    ramp = torch.linspace(-2, 3, 64).view(1, 1, 8, 8).repeat(6, 2, 1, 1)
    moved, _ = Augmentation(options, CPU, 3)(ramp, torch.zeros(6, 8, 8), (8, 8))
    values = moved.flatten(2)
    torch.testing.assert_close(values[..., 0], torch.full((6, 2), -2.0))
    torch.testing.assert_close(values[..., -1], torch.full((6, 2), 3.0))
    assert (values.diff(dim=2) > 0).all()
    middle = (values[:, 0, 32] + 2) / 5
    exponents = middle.log() / torch.tensor(32 / 63).log()
    assert ((exponents >= 0.5) & (exponents <= 2)).all()
    assert exponents.std() > 0.1


@pytest.mark.parametrize("shape", [(3, 2, 40, 30), (3, 1, 4, 40, 30)])
def test_blur_is_gaussian(shape):
    images = torch.rand(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    sigma = torch.tensor([0.0, 0.8, 2.0])
    result = blurred(images, sigma)
    torch.testing.assert_close(result[0], images[0])
    for image, other, width in zip(images[1:], result[1:], (0.8, 2.0), strict=True):
        axes = (0,) * (image.ndim - 2)
        expected = gaussian_filter(image.numpy(), (*axes, width, width), mode="mirror", radius=(*axes, 6, 6))
        np.testing.assert_allclose(other.numpy(), expected, atol=1e-6)


def test_blur_of_an_image_smaller_than_its_kernel():
    assert torch.isfinite(blurred(torch.rand(1, 1, 3, 1), torch.tensor([5.0]))).all()


def test_the_same_seed_repeats_it():
    images, labels = squares()
    first, second = (Augmentation(AugmentationSettings(), CPU, 7)(images, labels, (32, 32)) for _ in range(2))
    assert torch.equal(first[0], second[0])
    assert torch.equal(first[1], second[1])
    other = Augmentation(AugmentationSettings(), CPU, 8)(images, labels, (32, 32))
    assert not torch.equal(first[0], other[0])


def test_volumes_too():
    volume = torch.rand(2, 1, 12, 40, 40, generator=torch.Generator().manual_seed(0))
    labels = (volume[:, 0] > 0.5).to(torch.int16)
    moved, classes = Augmentation(AugmentationSettings(), CPU, 0)(volume, labels, (8, 24, 24))
    assert moved.shape == (2, 1, 8, 24, 24)
    assert classes.shape == (2, 8, 24, 24)
    assert torch.isfinite(moved).all()


def test_a_real_image_keeps_its_classes(shared_data):
    folder = shared_data / "axondeepseg_myelin_sem" / "train"
    image = imread(folder / "images" / "patch0.png").astype(np.float32)
    labels = imread(folder / "labels" / "patch0.png").astype(np.int16)
    image = (image - image.mean()) / image.std()
    still = AugmentationSettings(**STILL)
    moved, classes = Augmentation(still, CPU, 0)(
        torch.from_numpy(image)[None, None].repeat(4, 1, 1, 1),
        torch.from_numpy(labels)[None].repeat(4, 1, 1),
        (160, 160),
    )
    for value in range(3):  # rest, myelin, axon keep their grey
        before = image[labels == value].mean()
        assert moved[:, 0][classes == value].mean() == pytest.approx(before, abs=0.25)


def test_second_views_have_the_same_geometry_and_other_intensities():
    images, labels = squares()
    options = AugmentationSettings()
    moved, classes = Augmentation(options, CPU, 1)(images, labels, (32, 32), again=2)
    assert moved.shape == (5, 1, 32, 32)
    assert torch.equal(classes[3:], classes[:2])
    assert not torch.allclose(moved[3:], moved[:2], atol=0.01)
    still = options.model_copy(update=STILL)
    moved, _ = Augmentation(still, CPU, 1)(images, labels, (32, 32), again=2)
    assert torch.equal(moved[3:], moved[:2])
