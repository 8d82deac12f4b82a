"""Which pieces of what is learnt from are kept beside a model."""

from __future__ import annotations

import os

import numpy as np
import pytest

from napari_unet.images import AnnotatedImage, Image, Normalisation
from napari_unet.labels import default_annotation
from napari_unet.models.examples import examples_path, read_examples
from napari_unet.training import examples
from napari_unet.training.coverage import find_planes
from napari_unet.training.examples import Learnt, choose_examples, keep_examples

SCRIBBLES = default_annotation("scribbles", (1, 2))
MASKS = default_annotation("masks", (0, 1))


def learnt(
    labels, annotation=SCRIBBLES, axes="YX", name="a", regions=(), excluded=(), ndim=2, dtype=np.uint8
):
    pixels = np.random.default_rng(0).integers(0, 200, labels.shape).astype(dtype)
    annotated = AnnotatedImage(Image(name, (pixels,), axes), labels)
    statistics = Normalisation().statistics(annotated.image)
    planes = find_planes([annotated], annotation, ndim)
    return Learnt(annotated, name * 32, statistics, planes, regions, excluded)


def strokes(shape, *places):
    labels = np.zeros(shape, np.int64)
    for value, at in places:
        labels[(*at[:-2], slice(at[-2], at[-2] + 3), slice(at[-1], at[-1] + 9))] = value
    return labels


def test_a_small_image_with_strokes_is_kept_whole():
    labels = strokes((150, 160), (1, (60, 50)), (2, (80, 90)))
    image = learnt(labels)
    (kept,) = choose_examples([image], SCRIBBLES)
    np.testing.assert_array_equal(kept.labels, labels[: 80 + 3 + 64])
    np.testing.assert_array_equal(kept.pixels[0], image.annotated.image.channels[0][:147])
    assert kept.origin.start == (0, 0)
    assert kept.origin.kind == "scribbles"
    assert kept.labels.dtype == np.uint8
    assert kept.statistics.offset == image.statistics.offset


def test_of_a_large_stack_what_is_around_strokes_is_kept_with_what_is_held_out(monkeypatch):
    monkeypatch.setattr(examples, "SIDE", {2: 100, 3: 32})
    monkeypatch.setattr(examples, "AROUND", {2: 10, 3: 4})
    labels = strokes((4, 300, 400), (1, (2, 20, 30)), (2, (2, 250, 380)))
    held = ((2, 3), (240, 300), (0, 400))
    kept = choose_examples([learnt(labels, axes="ZYX", regions=(held,), excluded=(held,))], SCRIBBLES)
    assert {e.origin.start for e in kept} == {(2, 10, 20), (2, 240, 370)}
    (first,) = (e for e in kept if e.origin.start == (2, 10, 20))
    assert first.labels.shape == (23, 29)
    assert first.origin.regions == ()
    (second,) = (e for e in kept if e is not first)
    assert second.origin.regions == second.origin.excluded == (((0, 23), (0, 29)),)
    np.testing.assert_array_equal(second.labels, labels[2, 240:263, 370:399])


def test_volumes_are_kept_as_volumes():
    labels = np.zeros((2, 10, 40, 50), np.uint8)
    labels[1, 3, 5:10] = 1
    kept = choose_examples([learnt(labels, MASKS, "TZYX", ndim=3)], MASKS)
    assert [e.labels.shape for e in kept] == [(10, 40, 50)]
    assert kept[0].origin.start == (1, 0, 0, 0)


def test_large_numbers_are_kept_in_the_precision_that_is_learnt_from():
    labels = strokes((30, 30), (1, (5, 5)), (2, (15, 5)))
    (kept,) = choose_examples([learnt(labels, dtype=np.float64)], SCRIBBLES)
    assert kept.pixels.dtype == np.float32


def test_the_room_is_shared_fairly_and_old_images_are_not_crowded_out(monkeypatch):
    monkeypatch.setattr(examples, "SIDE", {2: 50, 3: 32})
    monkeypatch.setattr(examples, "AROUND", {2: 0, 3: 0})
    mask = np.zeros((50, 50), np.uint8)
    mask[10:20] = 1
    old = choose_examples([learnt(mask, MASKS, name=n) for n in "abc"], MASKS)
    new = learnt(np.tile(mask, (10, 10)), MASKS, name="n")
    room = 6 * old[0].nbytes
    kept = choose_examples([new], MASKS, old, room)
    counts = {n: sum(e.origin.hash[0] == n for e in kept) for n in "nabc"}
    assert counts == {"n": 3, "a": 1, "b": 1, "c": 1}
    assert sum(e.nbytes for e in kept) <= room
    again = choose_examples([new], MASKS, old, room)
    assert [e.origin for e in again] == [e.origin for e in kept]


def test_of_too_many_images_some_are_kept_from_everywhere():
    mask = np.eye(20, dtype=np.uint8)
    names = [chr(ord("a") + i) for i in range(20)]
    kept = choose_examples([learnt(mask, MASKS, name=n) for n in names], MASKS, room=5 * 800)
    places = [names.index(e.origin.hash[0]) for e in kept]
    assert len(places) == 5
    assert max(np.diff([-1, *sorted(places), 20])) <= 8


def test_a_rare_class_comes_first_and_held_out_pixels_are_kept_too(monkeypatch):
    monkeypatch.setattr(examples, "SIDE", {2: 20, 3: 32})
    monkeypatch.setattr(examples, "AROUND", {2: 0, 3: 0})
    labels = np.zeros((20, 200), np.uint8)
    labels[5:8, 130:135] = 1
    held = ((0, 20), (180, 200))
    image = learnt(labels, MASKS, regions=(held,), excluded=(held,))
    kept = choose_examples([image], MASKS, room=2 * 800)
    assert {e.origin.start[1] for e in kept} == {120, 180}


def test_what_is_painted_now_replaces_what_was_kept_of_the_image():
    old = choose_examples(
        [learnt(strokes((40, 40), (1, (5, 5)), (2, (20, 5))), name=n) for n in "ab"], SCRIBBLES
    )
    new = learnt(strokes((40, 40), (2, (5, 5)), (1, (20, 5))), name="a")
    kept = choose_examples([new], SCRIBBLES, old)
    assert [e.origin.hash[0] for e in kept] == ["a", "b"]
    np.testing.assert_array_equal(kept[0].labels, new.annotated.labels)


def test_a_full_disk_is_a_notice(tmp_path, monkeypatch):
    image = learnt(strokes((40, 40), (1, (5, 5)), (2, (20, 5))))
    model = tmp_path / "model.safetensors"
    assert keep_examples(model, [image], SCRIBBLES, ()) == []
    assert len(read_examples(model)) == 1
    before = examples_path(model).read_bytes()

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    (notice,) = keep_examples(model, [image], SCRIBBLES, ())
    assert "disk is full" in notice.text
    assert "may fade" in notice.text
    assert examples_path(model).read_bytes() == before


@pytest.mark.parametrize("size", [1, 511, 512, 513, 3000])
def test_cells_cover_a_plane_once(size):
    cells = list(examples._cells((size, 7), 512))
    assert sum((b - a) * (d - c) for (a, b), (c, d) in cells) == size * 7
    assert max(b - a for (a, b), _ in cells) <= 512
