from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.ndimage import distance_transform_edt
from skimage.io import imread

from napari_unet.images import AnnotatedImage, Image, Normalisation
from napari_unet.labels import IGNORE, default_annotation
from napari_unet.settings import AugmentationSettings
from napari_unet.training import border_weights as module
from napari_unet.training.augmentation import Augmentation
from napari_unet.training.border_weights import (
    LEVELS,
    BorderWeightedLoss,
    BorderWeightReader,
    border_weights,
    components,
    pack,
    unpack,
)
from napari_unet.training.coverage import annotated_planes
from napari_unet.training.losses import CombinedLoss
from napari_unet.training.patches import PatchReader


def by_formula(objects: np.ndarray, w0: float, sigma: float) -> np.ndarray:
    """Every distance from every pixel to every object, in float64."""
    pixels = np.stack(np.indices(objects.shape), -1).reshape(-1, objects.ndim).astype(float)
    distances = np.full((objects.size, max(2, len(np.unique(objects)))), np.inf)
    for column, value in enumerate(np.unique(objects[objects > 0])):
        members = np.argwhere(objects == value).astype(float)
        distances[:, column] = np.sqrt(((pixels[:, None] - members) ** 2).sum(-1)).min(1)
    d1, d2 = np.sort(distances, axis=1)[:, :2].T
    return (w0 * np.exp(-((d1 + d2) ** 2) / (2 * sigma**2))).reshape(objects.shape)


def dots(shape: tuple[int, ...], n: int, seed: int = 0) -> np.ndarray:
    random = np.random.default_rng(seed)
    objects = np.zeros(shape, np.int32)
    for value in range(1, n + 1):
        at = [int(random.integers(0, size - 4)) for size in shape]
        objects[tuple(slice(a, a + int(random.integers(1, 5))) for a in at)] = 7 * value
    return objects


@pytest.mark.parametrize("shape", [(60,), (31, 42), (9, 14, 12)])
@pytest.mark.parametrize(("w0", "sigma"), [(10, 5), (3, 2)])
def test_equals_the_formula_in_any_number_of_dimensions(shape, w0, sigma):
    objects = dots(shape, 5)
    found = border_weights(objects, w0, sigma)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, by_formula(objects, w0, sigma), atol=w0 * 1e-6)


def test_two_points_by_hand():
    line = np.zeros(12, np.uint8)
    line[2], line[8] = 1, 2  # six pixels apart
    assert border_weights(line)[5] == pytest.approx(10 * np.exp(-36 / 50))
    assert border_weights(line)[2] == pytest.approx(10 * np.exp(-36 / 50))
    assert border_weights(line)[11] == pytest.approx(10 * np.exp(-((3 + 9) ** 2) / 50))


@pytest.mark.parametrize("n", [0, 1])
def test_without_a_second_object_nothing_weighs_more(n):
    assert not border_weights(dots((20, 20), n)).any()


def test_labels_of_any_type_and_without_background():
    halves = np.repeat([[200, 9]], 5, axis=1).repeat(3, axis=0)
    assert border_weights(halves.astype(np.uint8))[0, 4] == pytest.approx(10 * np.exp(-1 / 50))
    np.testing.assert_array_equal(border_weights(-halves), 0)
    np.testing.assert_array_equal(border_weights(halves + 2**40), border_weights(halves))


def test_components_are_connected_along_the_axes_and_of_one_class():
    classes = np.array([[1, 0, 2, 2], [0, 1, 1, 2], [IGNORE, 1, IGNORE, 0]])
    found = components(classes, background=0)
    assert (found == 0).tolist() == ((classes == 0) | (classes == IGNORE)).tolist()
    assert len(np.unique(found)) == 4  # background, the lone 1, the 2s, the other 1s
    assert found[1, 1] == found[2, 1] != found[0, 0]
    cube = np.zeros((2, 2, 2), int)
    cube[0, 0, 0] = cube[1, 1, 1] = 1
    assert components(cube, 0).max() == 2


def test_packed_classes_and_weights_come_back_after_augmentation():
    """Label and weight stay together, whatever moves them."""
    random = np.random.default_rng(0)
    classes = random.integers(-1, 5, (4, 60, 60)).astype(np.int16)
    levels = (classes.clip(0) * 50 + random.integers(0, 50, classes.shape)).astype(
        np.uint8
    )  # tells its class
    packed = torch.from_numpy(pack(classes, levels, 5))
    bare, weights = unpack(packed, 5)
    np.testing.assert_array_equal(bare, classes)
    np.testing.assert_allclose(weights * LEVELS, np.where(classes < 0, 0, levels), atol=1e-4)
    augmentation = Augmentation(AugmentationSettings(), torch.device("cpu"), 0)
    _, moved = augmentation(torch.zeros(4, 1, 60, 60), packed, (40, 40))
    bare, weights = unpack(moved, 5)
    levels = (weights * LEVELS).round()
    assert set(bare.unique().tolist()) == {-1, 0, 1, 2, 3, 4}
    assert torch.equal(torch.where(bare == IGNORE, IGNORE, (levels // 50).long()), bare)
    assert len(levels.unique()) > 200


def setting(labels, values=(0, 1), ndim=2, axes="YX", excluded=(), **options):
    pairs = [AnnotatedImage(Image("image", (np.random.default_rng(0).random(labels.shape),), axes), labels)]
    annotation = default_annotation("masks", values)
    plain = PatchReader(pairs, [Normalisation().statistics(pairs[0].image)], annotation, ndim)
    planes = annotated_planes(pairs, annotation, ndim)
    return BorderWeightReader(plain, pairs, annotation, [excluded], **options), plain, planes


def test_a_patch_has_the_weights_of_its_plane():
    """A ring cut by the patch's edge is still one object."""
    labels = np.zeros((60, 70), np.uint8)
    labels[5:50, 5:50] = 3
    labels[10:45, 10:45] = 0
    labels[13:40, 15:42] = 4
    reader, plain, planes = setting(labels, (0, 3, 4))
    region = ((2, 24), (-5, 30))
    patch = reader.read(planes[0], region)
    classes, weights = unpack(torch.from_numpy(patch.classes), 3)
    np.testing.assert_array_equal(classes, plain.read(planes[0], region).classes)
    np.testing.assert_array_equal(patch.image, plain.read(planes[0], region).image)
    assert not weights[:, :5].any()  # beyond the image
    expected = border_weights(labels, 1.0)[2:24, :30]
    np.testing.assert_allclose(weights[:, 5:], expected, atol=0.51 / LEVELS)
    assert expected.max() > 0.5


def test_large_planes_are_done_in_blocks_and_forgotten_when_memory_is_short(monkeypatch):
    labels = (dots((90, 100), 40) > 0).astype(np.uint8)
    whole = setting(labels)[0]
    monkeypatch.setattr(module, "_BLOCK", {2: 32})
    monkeypatch.setattr(module, "_CONTEXT", {2: 30})
    blocks, _, planes = setting(labels, cache_bytes=1500)
    for region in (((0, 90), (0, 100)), ((20, 70), (31, 33))):
        np.testing.assert_array_equal(
            blocks.read(planes[0], region).classes, whole.read(planes[0], region).classes
        )
    assert sum(a.nbytes for a in blocks._cache.values()) <= 1500


def test_held_out_labels_give_no_weight():
    labels = np.zeros((40, 40), np.uint8)
    labels[:, 5:10] = 1
    labels[:, 13:20] = 1
    reader, _, planes = setting(labels, excluded=(((0, 40), (12, 40)),))
    _, weights = unpack(torch.from_numpy(reader.read(planes[0], ((0, 40), (0, 12))).classes), 2)
    assert not weights.any()


def test_a_stack_gives_each_plane_its_own_weights():
    labels = np.stack([dots((40, 40), 9, seed) > 0 for seed in (0, 1)]).astype(np.uint8)
    reader, _, planes = setting(labels, axes="ZYX")
    for plane, flat in zip(planes, labels, strict=True):
        _, weights = unpack(torch.from_numpy(reader.read(plane, ((0, 40), (0, 40))).classes), 2)
        expected = border_weights(components(flat, 0), 1.0)
        np.testing.assert_allclose(weights, expected, atol=0.51 / LEVELS)


def test_volumes():
    labels = (dots((20, 30, 30), 12) > 0).astype(np.uint8)
    reader, _, planes = setting(labels, ndim=3, axes="ZYX")
    patch = reader.read(planes[0], ((0, 20), (4, 24), (4, 24)))
    _, weights = unpack(torch.from_numpy(patch.classes), 2)
    expected = border_weights(components(labels, 0), 1.0)[:, 4:24, 4:24]
    np.testing.assert_allclose(weights, expected, atol=0.51 / LEVELS)


@pytest.mark.parametrize("class_weights", [None, (1.0, 4.0)])
def test_the_loss_is_the_formula_in_float64(class_weights):
    """Eq. 1 and 2 of the paper, divided by the sum of the weights."""
    random = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 2, 12, 11, generator=random, dtype=torch.float64, requires_grad=True)
    classes = torch.randint(-1, 2, (2, 12, 11), generator=random)
    levels = torch.randint(0, LEVELS + 1, classes.shape, generator=random)
    packed = torch.from_numpy(pack(classes.short().numpy(), levels.byte().numpy(), 2))
    loss = BorderWeightedLoss(CombinedLoss(1, 0, class_weights=class_weights), 10)(logits, packed)
    total = cost = 0.0
    log_p = logits.detach().log_softmax(1).numpy()
    for n, y, x in np.argwhere(classes.numpy() >= 0):
        k = int(classes[n, y, x])
        weight = (class_weights[k] if class_weights else 1) + 10 * int(levels[n, y, x]) / 255
        total += weight
        cost -= weight * log_p[n, k, y, x]
    assert loss.item() == pytest.approx(cost / total, rel=1e-6)
    loss.backward()
    assert torch.isfinite(logits.grad).all()
    assert (logits.grad.movedim(1, -1)[classes < 0] == 0).all()


def test_bare_targets_count_without_border():
    random = torch.Generator().manual_seed(0)
    logits, target = (
        torch.randn(2, 3, 8, 8, generator=random),
        torch.randint(-1, 3, (2, 8, 8), generator=random),
    )
    torch.testing.assert_close(
        BorderWeightedLoss(CombinedLoss())(logits, target), CombinedLoss()(logits, target)
    )


def test_real_cells(shared_data):
    folder = shared_data / "isbi2012_em_membrane" / "train" / "labels"
    labels = imread(sorted(folder.glob("*.png"))[0])[:200, :200]
    weights = border_weights(components(labels, 0))
    cells = components(labels, 0)
    distances = np.stack([distance_transform_edt(cells != c) for c in range(1, cells.max() + 1)])
    d1, d2 = np.sort(distances, axis=0)[:2]
    np.testing.assert_allclose(weights, 10 * np.exp(-((d1 + d2) ** 2) / 50), atol=1e-5)
    assert weights[labels == 0].mean() > 3 * weights[labels == 1].mean()  # the membranes
