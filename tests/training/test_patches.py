from __future__ import annotations

import numpy as np
import pytest

from napari_unet.errors import AnnotationError
from napari_unet.images import AnnotatedImage, Image, Normalisation
from napari_unet.labels import IGNORE, default_annotation
from napari_unet.training.coverage import annotated_planes
from napari_unet.training.patches import ClassReader, PatchReader, PatchSampler


class Watched:
    """An array that counts what is read of it."""

    def __init__(self, array: np.ndarray) -> None:
        self.array, self.shape, self.dtype, self.pixels = array, array.shape, array.dtype, 0

    def __getitem__(self, key):
        piece = self.array[key]
        self.pixels += piece.size
        return piece


def setting(image, labels, axes, kind="masks", values=(0, 1), excluded=None, seed=0, ndim=2, **options):
    pairs = [AnnotatedImage(Image("image", (image,), axes), labels)]
    annotation = default_annotation(kind, values)
    statistics = [Normalisation().statistics(pairs[0].image)]
    reader = PatchReader(pairs, statistics, annotation, ndim, **options)
    planes = annotated_planes(pairs, annotation, ndim)
    sampler = PatchSampler(reader, pairs, annotation, planes, excluded or [()], seed)
    return reader, sampler, planes, statistics[0]


def ramp(*shape: int) -> np.ndarray:
    return np.arange(np.prod(shape), dtype=np.float32).reshape(shape)


def halves(*shape: int) -> np.ndarray:
    labels = np.zeros(shape, np.uint8)
    labels[..., shape[-1] // 2 :] = 1
    return labels


def test_a_patch_is_that_piece_of_the_normalised_image():
    image, labels = ramp(600, 700), halves(600, 700)
    reader, _, planes, statistics = setting(image, labels, "YX")
    region = ((490, 530), (300, 560))  # over the corners of four blocks
    patch = reader.read(planes[0], region)
    key = tuple(slice(*bounds) for bounds in region)
    np.testing.assert_array_equal(patch.image, statistics.apply(image[key][None]))
    np.testing.assert_array_equal(patch.classes, labels[key])


def test_beyond_the_edge_the_image_is_mirrored_and_labels_are_ignored():
    image, labels = ramp(20, 30), halves(20, 30)
    reader, _, planes, statistics = setting(image, labels, "YX")
    patch = reader.read(planes[0], ((-25, 30), (-3, 33)))
    expected = np.pad(statistics.apply(image[None])[0], ((25, 10), (3, 3)), mode="symmetric")
    np.testing.assert_array_equal(patch.image[0], expected)
    assert (patch.classes[25:45, 3:33] == labels).all()
    patch.classes[25:45, 3:33] = IGNORE
    assert (patch.classes == IGNORE).all()


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


def test_memory_for_blocks_is_bounded():
    image = Watched(np.random.default_rng(0).integers(0, 99, (8, 512, 512), np.uint8))
    reader, _, planes, _ = setting(image, halves(8, 512, 512), "TYX", cache_bytes=4 * 512 * 512 * 6)
    for plane in planes:
        reader.read(plane, ((0, 64), (0, 64)))
    image.pixels = 0
    reader.read(planes[-1], ((0, 64), (0, 64)))
    assert image.pixels == 0
    reader.read(planes[0], ((0, 64), (0, 64)))
    assert image.pixels == 512 * 512
    kept = sum(block.image.nbytes + block.classes.nbytes for block in reader._cache.values())
    assert kept <= 4 * 512 * 512 * 6


def test_large_numbers_of_objects_become_small_ones():
    labels = np.zeros((40, 50), np.uint32)
    labels[5:20, 5:20], labels[5:20, 25:40], labels[25:35, 5:20] = 2**32 - 1, 2**31, 7
    reader, _, planes, _ = setting(ramp(40, 50), labels, "YX", kind="objects")
    numbers = reader.read(planes[0], ((-2, 40), (0, 50))).classes
    assert set(np.unique(numbers)) == {IGNORE, 0, 1, 2, 3}
    for value in (0, 7, 2**31, 2**32 - 1):
        assert len(np.unique(numbers[2:][labels == value])) == 1
    assert set(np.unique(ClassReader(reader).read(planes[0], ((-2, 40), (0, 50))).classes)) == {IGNORE, 0, 1}
