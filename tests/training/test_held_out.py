from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_unet.images import AnnotatedImage, Image, Normalisation
from napari_unet.labels import default_annotation
from napari_unet.nets import UNet, init_weights
from napari_unet.scores import Confusion
from napari_unet.training import held_out
from napari_unet.training.coverage import annotated_planes
from napari_unet.training.held_out import HeldOut
from napari_unet.training.losses import CombinedLoss
from napari_unet.training.patches import PatchReader

CPU = torch.device("cpu")


def setting(shape, regions, axes="YX", labels=None):
    random = np.random.default_rng(0)
    image = random.normal(size=shape).astype(np.float32)
    labels = random.integers(0, 2, shape, np.uint8) if labels is None else labels
    pairs = [AnnotatedImage(Image("image", (image,), axes), labels)]
    annotation = default_annotation("masks", (0, 1))
    statistics = Normalisation().statistics(pairs[0].image)
    reader = PatchReader(pairs, [statistics], annotation)
    planes = annotated_planes(pairs, annotation)
    return HeldOut(reader, planes, [regions]), statistics.apply(image[None])[0], labels


def network(**options) -> UNet:
    torch.manual_seed(0)
    made = UNet(1, 2, width=4, depth=2, **options).eval()
    init_weights(made)
    return made


def score(held: HeldOut, made: UNet, stop=lambda: False):
    with torch.no_grad():
        return held.score(made, lambda n, x: n(x), CombinedLoss(), CPU, stop)


def test_a_region_scores_as_within_the_whole_image():
    """Real surroundings: the result is that of the whole image, cropped."""
    box = ((40, 80), (0, 64))
    held, image, labels = setting((160, 64), (box,))
    made = network()
    loss, confusion, _ = score(held, made)
    crop = tuple(slice(*bounds) for bounds in box)
    with torch.no_grad():
        logits = made(torch.from_numpy(image)[None, None])[(..., *crop)]
    target = labels[crop]
    expected = Confusion(2)
    expected.add(logits.argmax(1)[0].numpy(), target)
    # the surroundings are two strides wide, the network sees a little further
    assert np.abs(confusion.matrix - expected.matrix).sum() <= 0.01 * target.size
    assert confusion.matrix.sum() == target.size
    assert loss == pytest.approx(float(CombinedLoss()(logits, torch.from_numpy(target)[None])), abs=1e-3)


@pytest.mark.parametrize("options", [{}, {"padding": "valid", "norm": None}])
def test_where_memory_is_short_a_window_is_scored_in_parts(options):
    box = ((0, 200), (0, 260))
    held, _, _ = setting((200, 260), (box,))
    made = network(**options)
    sizes = []

    def small_gpu(n, x):
        if x[0, 0].numel() > 150 * 150:
            raise torch.OutOfMemoryError
        sizes.append(x[0, 0].numel())
        return n(x)

    whole, confusion, _ = score(held, made)
    with torch.no_grad():
        loss, in_parts, _ = held.score(made, small_gpu, CombinedLoss(), CPU, lambda: False)
        assert len(sizes) > 1
        assert in_parts.matrix.sum() == 200 * 260
        assert np.abs(in_parts.matrix - confusion.matrix).sum() <= 0.01 * 200 * 260
        assert loss == pytest.approx(whole, abs=1e-3)
        with pytest.raises(torch.OutOfMemoryError):
            held.score(
                made, lambda *_: small_gpu(made, torch.zeros(1, 1, 999, 999)), CombinedLoss(), CPU, bool
            )


def test_an_unpadded_network_scores_every_held_out_pixel():
    box = ((0, 50), (10, 64))
    held, _, _ = setting((100, 64), (box,))
    _, confusion, _ = score(held, network(padding="valid", norm=None))
    assert confusion.matrix.sum() == 50 * 54


def test_slices_outside_the_region_and_ignored_pixels_do_not_count():
    labels = np.random.default_rng(1).integers(0, 2, (6, 20, 24)).astype(np.int16)
    labels[4, :10] = -1
    held, _, _ = setting((6, 20, 24), (((4, 6), (0, 20), (0, 24)),), "TYX", labels)
    _, confusion, _ = score(held, network())
    assert confusion.matrix.sum() == 2 * 20 * 24 - 10 * 24


def test_large_regions_are_scored_on_evenly_spread_windows(monkeypatch):
    monkeypatch.setitem(held_out.WINDOW, 2, 16)
    monkeypatch.setattr(held_out, "MAX_PIXELS", 5 * 16 * 16)
    held, _, _ = setting((64, 64), (((0, 64), (0, 64)),))
    _, confusion, _ = score(held, network())
    assert confusion.matrix.sum() == 5 * 16 * 16
    corners = [window for _, window in held._windows]
    assert corners[0] == ((0, 16), (0, 16))
    assert corners[-1] == ((48, 64), (48, 64))


def test_stop_ends_a_validation():
    held, _, _ = setting((32, 32), (((0, 32), (0, 32)),))
    assert score(held, network(), stop=lambda: True) is None


def test_nothing_held_out_is_false():
    held, _, _ = setting((32, 32), ())
    assert not held


def test_the_loss_is_finite_for_every_network_norm():
    held, _, _ = setting((32, 32), (((0, 32), (0, 32)),))
    for norm in ("batch", "group", "instance", None):
        loss, _, _ = score(held, network(norm=norm))
        assert np.isfinite(loss)
