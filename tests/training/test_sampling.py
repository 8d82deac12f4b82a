from __future__ import annotations

import numpy as np
import pytest

from napari_unet.errors import AnnotationError
from napari_unet.training.patches import UNSEEN
from patch_support import Watched, halves, ramp, setting


@pytest.mark.parametrize("axes", ["YX", "TYX", "TZYX", "CTYX", "TYXC"])
def test_any_axes_give_patches(axes):
    sizes = {"T": 2, "Z": 3, "C": 4, "Y": 40, "X": 50}
    image = ramp(*[sizes[a] for a in axes])
    labels = halves(*[sizes[a] for a in axes if a != "C"])
    _, sampler, _, _ = setting(image, labels, axes)
    images, classes = sampler.batch(3, (16, 16), (24, 24))
    assert images.shape == (3, 4 if "C" in axes else 1, 24, 24)
    assert classes.shape == (3, 24, 24)


def test_volumes_give_patches():
    _, sampler, _, _ = setting(ramp(12, 40, 50), halves(12, 40, 50), "ZYX", ndim=3)
    images, classes = sampler.batch(2, (8, 16, 16), (8, 24, 24))
    assert images.shape == (2, 1, 8, 24, 24)
    assert classes.shape == (2, 8, 24, 24)


def test_an_image_smaller_than_a_patch_is_in_its_middle():
    _, sampler, _, _ = setting(ramp(10, 12), halves(10, 12), "YX")
    _, classes = sampler.batch(1, (32, 32), (32, 32))
    assert (classes[0, 11:21, 10:22] >= 0).all()
    assert (classes >= 0).sum() == 120
    assert (classes == UNSEEN).sum() == 32 * 32 - 120


def test_held_out_labels_are_never_seen():
    labels = halves(60, 60)
    image = ramp(60, 60)
    box = ((0, 60), (40, 60))
    _, sampler, _, statistics = setting(image, labels, "YX", excluded=[(box,)])
    for _ in range(40):
        patch = sampler.draw((24, 24), (32, 32))
        raw = patch.image[0] * statistics.scale[0] + statistics.offset[0]
        columns = np.rint(raw).astype(int) % 60
        assert (columns[patch.classes >= 0] < 40).all()
        assert ((patch.classes == UNSEEN) | (columns < 40)).all()


def test_everything_held_out_is_an_error():
    with pytest.raises(AnnotationError, match="held out"):
        setting(ramp(20, 20), halves(20, 20), "YX", excluded=[(((0, 20), (0, 20)),)])


def test_a_rare_class_is_seen_often():
    labels = np.zeros((400, 400), np.uint8)
    labels[300:304, 100:104] = 1  # 1 pixel in 10,000
    _, sampler, _, _ = setting(ramp(400, 400), labels, "YX")
    seen = sum((sampler.draw((32, 32), (32, 32)).classes == 1).any() for _ in range(400))
    assert 80 < seen < 140  # a quarter, and 1 % by chance


def test_scribbles_are_in_the_central_half():
    labels = np.zeros((200, 200), np.uint8)
    labels[100, 60:64] = 1
    labels[40, 150] = 2
    _, sampler, _, _ = setting(ramp(200, 200), labels, "YX", kind="scribbles", values=(1, 2))
    for _ in range(20):
        classes = sampler.draw((64, 64), (64, 64)).classes
        assert (classes[12:52, 12:52] >= 0).any()


def test_the_same_seed_draws_the_same():
    arguments = ramp(80, 80), halves(80, 80), "YX"
    first, second, other = (setting(*arguments, seed=s)[1].batch(4, (16, 16), (16, 16)) for s in (1, 1, 2))
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))
    assert not np.array_equal(first[0], other[0])


def test_only_what_is_needed_is_read():
    image = Watched(np.zeros((40, 1200, 1200), np.uint8))
    labels = np.zeros(image.shape, np.uint8)
    labels[7, 100:110, 100:110] = 1
    labels[7, 120:130, 100:110] = 2
    image.array[7, 100:110, 100:110] = 50
    _, sampler, _, _ = setting(image, labels, "TYX", kind="scribbles", values=(1, 2))
    image.pixels = 0
    sampler.batch(20, (64, 64), (90, 90))
    assert image.pixels <= 512**2
