from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_unet.nets import UNet
from napari_unet.settings import AugmentationSettings
from napari_unet.training.augmentation import Augmentation
from napari_unet.training.batches import Batches
from patch_support import halves, ramp, setting

CPU = torch.device("cpu")
STILL = AugmentationSettings(brightness=0, contrast=0, noise=0)


def batches(batch_size, *, two_views=True, excluded=None, network=None, patch=16, settings=STILL, ndim=2):
    shape = (12, 60, 60)[-ndim:]
    _, sampler, _, _ = setting(ramp(*shape), halves(*shape), "ZYX"[-ndim:], excluded=excluded, ndim=ndim)
    network = network or UNet(1, 2, width=2, depth=1, ndim=ndim)
    augmentation = Augmentation(settings, CPU, 0)
    return Batches(sampler, augmentation, network, patch, batch_size, CPU, two_views)


@pytest.mark.parametrize("ndim", [2, 3])
@pytest.mark.parametrize("batch_size", [2, 5, 8])
def test_the_last_half_are_the_first_half_turned(batch_size, ndim):
    with batches(batch_size, ndim=ndim) as source:
        for _ in range(5):
            images, targets, views, _ = source.next()
            assert len(images) == len(targets) == batch_size
            n = batch_size // 2
            assert torch.equal(views.symmetry.undo(images[-n:]), images[:n])
            assert torch.equal(views.symmetry.undo(targets[-n:]), targets[:n])
            assert views.counted.shape == targets[:n].shape


def test_second_views_have_other_intensities():
    with batches(4, settings=AugmentationSettings()) as source:
        images, _, views, _ = source.next()
    assert not torch.allclose(views.symmetry.undo(images[-2:]), images[:2], atol=0.01)


@pytest.mark.parametrize(("batch_size", "two_views"), [(1, True), (4, False)])
def test_without_second_views_every_patch_is_another(batch_size, two_views):
    with batches(batch_size, two_views=two_views) as source:
        images, _, views, _ = source.next()
    assert views is None
    assert len(images) == batch_size


def test_halving_the_batch_leaves_pairs():
    with batches(8) as source:
        source.next()
        source.batch_size = 4  # what is read ahead was for eight
        for _ in range(2):
            images, _, views, _ = source.next()
            assert len(images) == 4
            assert torch.equal(views.symmetry.undo(images[-2:]), images[:2])


def test_held_out_pixels_do_not_count_and_are_ignored():
    plain = AugmentationSettings(
        flips=False, turns=False, rotation=0, scale=0, elastic=0, brightness=0, contrast=0, noise=0
    )
    with batches(4, excluded=[(((0, 60), (40, 60)),)], patch=32, settings=plain) as source:
        found = [source.next() for _ in range(10)]
    for _, targets, views, _ in found:
        assert targets.min() >= -1
        assert ((targets[:2] == -1) == ~views.counted).all()
    assert any((~views.counted).any() for _, _, views, _ in found)


def test_an_unpadded_network_gets_pairs_of_its_output_size():
    network = UNet(1, 2, width=2, depth=1, padding="valid", norm=None)
    with batches(4, network=network, patch=network.input_size(16)) as source:
        _, targets, views, _ = source.next()
    assert targets.shape[1:] == views.counted.shape[1:]
    assert torch.equal(views.symmetry.undo(targets[-2:]), targets[:2])


class Taught:
    """Draws ramps, and beside them in which half of a patch a pixel lies."""

    def batch(self, n, size, source):
        images = np.zeros((n, 3, *source), np.float32)
        images[:, 0] = np.arange(source[1])
        images[:, 1, :, : source[1] // 2] = images[:, 2, :, source[1] // 2 :] = 1
        return images, np.full((n, *source), -1, np.int16)


@pytest.mark.parametrize("padding", ["same", "valid"])
def test_what_is_taught_moves_with_the_image_and_keeps_its_values(padding):
    augmentation = Augmentation(AugmentationSettings(), CPU, 0)
    network = UNet(1, 2, width=2, depth=1, padding=padding)
    with Batches(Taught(), augmentation, network, 32, 6, CPU) as source:
        images, targets, _, taught = source.next()
        assert images.shape[1] == 1
        assert taught.shape == (6, 2, *targets.shape[1:])
        assert taught.min() >= 0
        torch.testing.assert_close(taught.sum(1), torch.ones(targets.shape))
        if padding == "same":
            for image, answer in zip(images[:, 0], taught[:, 0], strict=True):
                assert np.corrcoef(image.ravel(), answer.ravel())[0, 1] < -0.6
        assert source.plain(1)[0].shape[1] == 1


def test_what_was_read_ahead_can_be_dropped():
    sampler = Taught()
    with Batches(sampler, Augmentation(STILL, CPU, 0), UNet(1, 2, width=2, depth=1), 16, 2, CPU) as source:
        source.next()
        sampler.batch = lambda n, size, source: (
            np.zeros((n, 1, *source), np.float32),
            np.zeros((n, *source), np.int16),
        )
        source.drop()
        assert source.next().taught is None
