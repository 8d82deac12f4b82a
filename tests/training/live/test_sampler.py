from __future__ import annotations

import numpy as np
import pytest

from napari_unet.images import Image, Normalisation
from napari_unet.labels import default_annotation
from napari_unet.models.examples import Example, Origin
from napari_unet.training.live.areas import Area
from napari_unet.training.live.sampler import LiveSampler
from napari_unet.training.patches import UNSEEN


def sampler_of(*images, axes="YX", values=(1, 2)):
    made = [Image(f"image {i}", (image,), axes) for i, image in enumerate(images)]
    statistics = [Normalisation().statistics(image) for image in made]
    return LiveSampler(made, statistics, default_annotation("scribbles", values), seed=0)


def ramp(*shape):
    return np.arange(np.prod(shape), dtype=np.float32).reshape(shape)


def paint(sampler, value, *starts, image=0, side=4):
    region = tuple((start, start + side) for start in starts[-2:])
    leading = tuple((start, start + 1) for start in starts[:-2])
    shape = (1,) * len(leading) + (side, side)
    sampler.paint(image, (*leading, *region), np.full(shape, value, np.uint8))


def test_patches_hold_the_strokes_they_are_drawn_for():
    sampler = sampler_of(ramp(300, 300))
    paint(sampler, 1, 20, 30)
    paint(sampler, 2, 250, 200)
    images, classes = sampler.batch(30, (64, 64), (64, 64))
    assert images.shape == (30, 1, 64, 64)
    assert all((patch >= 0).any() for patch in classes)
    held = [set(np.unique(patch)) - {-1, UNSEEN} for patch in classes]
    assert 5 < sum(found == {0} for found in held) < 25


def test_what_is_painted_later_is_drawn_and_what_is_erased_is_not():
    sampler = sampler_of(ramp(200, 200))
    paint(sampler, 1, 20, 20)
    sampler.batch(2, (32, 32), (32, 32))  # the patches around it are in memory now
    paint(sampler, 2, 22, 20)
    _, classes = sampler.batch(10, (32, 32), (32, 32))
    assert (classes == 1).any()
    paint(sampler, 0, 20, 20, side=8)
    paint(sampler, 1, 100, 100)
    _, classes = sampler.batch(10, (32, 32), (32, 32))
    assert not (classes == 1).any()
    assert sampler.counts == {1: 16}


@pytest.mark.parametrize("axes", ["ZYX", "TYX"])
def test_strokes_in_the_slices_of_a_stack(axes):
    sampler = sampler_of(ramp(5, 80, 80), axes=axes)
    paint(sampler, 1, 3, 10, 10)
    paint(sampler, 2, 1, 60, 60)
    images, classes = sampler.batch(20, (32, 32), (32, 32))
    assert images.shape == (20, 1, 32, 32)
    assert {int(v) for v in np.unique(classes)} >= {0, 1}
    assert all(len(set(np.unique(patch)) & {0, 1}) == 1 for patch in classes)


def test_a_patch_of_an_image_learnt_beside_others():
    sampler = sampler_of(ramp(100, 100), ramp(50, 60) * 0 + 7)
    paint(sampler, 1, 5, 5)
    paint(sampler, 2, 30, 30, image=1)
    assert sampler.class_counts == [16, 16]
    sampler.batch(10, (128, 128), (140, 140))


def test_what_was_painted_last_is_seen_soon_and_then_like_the_rest():
    sampler = sampler_of(ramp(600, 600))
    for y in range(10, 580, 10):  # much of both classes
        paint(sampler, 1, y, 10, side=8)
        paint(sampler, 2, y, 40, side=8)
    paint(sampler, 1, 300, 550)
    _, first = sampler.batch(40, (32, 32), (32, 32))
    sampler.batch(60, (32, 32), (32, 32))
    _, later = sampler.batch(40, (32, 32), (32, 32))
    small = [
        [((patch == 0).sum() == 16) and not (patch == 1).any() for patch in group] for group in (first, later)
    ]
    assert sum(small[0]) >= 18
    assert sum(small[1]) <= 4


def test_when_everything_is_erased_nothing_is_seen_and_nothing_breaks():
    sampler = sampler_of(ramp(100, 100))
    paint(sampler, 1, 5, 5)
    paint(sampler, 0, 5, 5)
    _, classes = sampler.batch(200, (32, 32), (32, 32))
    assert (classes < 0).all()


def test_a_value_that_is_no_class_yet_waits_for_its_name():
    sampler = sampler_of(ramp(100, 100))
    paint(sampler, 1, 5, 5)
    paint(sampler, 3, 50, 50)
    assert sampler.class_counts == [16, 0]
    sampler.use(default_annotation("scribbles", [1, 2, 3]))
    assert sampler.class_counts == [16, 0, 16]
    _, classes = sampler.batch(20, (32, 32), (32, 32))
    assert {int(v) for v in np.unique(classes)} >= {0, 2}


def test_classes_of_earlier_images_count_too():
    image, labels = ramp(1, 64, 64), np.zeros((64, 64), np.uint8)
    labels[:8] = 3
    origin = Origin(
        image="a", hash="1", start=(0, 0), kind="scribbles", values=(3,), offset=(0.0,), scale=(1.0,)
    )
    made = Image("image", (ramp(64, 64),), "YX")
    statistics, annotation = [Normalisation().statistics(made)], default_annotation("scribbles", (1, 2, 3))
    sampler = LiveSampler([made], statistics, annotation, 0, [Example(origin, image, labels)])
    paint(sampler, 1, 20, 20)
    assert sampler.class_counts == [16, 0, 0]
    assert sampler.all_class_counts == [16, 0, 8 * 64]


class FakeTeacher:
    def __init__(self, *areas):
        self._areas = areas

    def areas(self):
        return self._areas

    def answers(self, image, position, region, n_classes):
        found = np.zeros((n_classes, *(high - low for low, high in region)), np.float32)
        found[image] = 1
        return found


def test_a_teacher_is_heard_wherever_it_has_answers():
    sampler = sampler_of(ramp(600, 600), ramp(600, 600))
    paint(sampler, 1, 20, 30)
    paint(sampler, 2, 40, 30)
    sampler.teacher, sampler.anywhere = FakeTeacher(Area(1, (), 2, 2)), 0.5
    sampler.batch(100, (16, 16), (16, 16))  # what is new comes first
    images, classes = sampler.batch(60, (64, 64), (70, 70))
    assert images.shape == (60, 3, 70, 70)
    from_teacher = images[:, 2, 0, 0] == 1
    assert 15 < from_teacher.sum() < 45
    assert not (classes[from_teacher] >= 0).any()
    assert (images[~from_teacher, 1] == 1).all()


def test_no_answers_are_drawn_from_a_teacher_that_has_none():
    sampler = sampler_of(ramp(100, 100))
    paint(sampler, 1, 20, 30)
    paint(sampler, 2, 40, 30)
    sampler.teacher, sampler.anywhere = FakeTeacher(), 0.5
    _, classes = sampler.batch(20, (64, 64), (64, 64))
    assert all((patch >= 0).any() for patch in classes)


def test_the_edge_of_a_plane_is_not_drawn_more_often_than_the_rest():
    sampler = sampler_of(ramp(260, 260))
    paint(sampler, 1, 20, 30)
    paint(sampler, 2, 40, 30)
    areas = [Area(0, (), row, column) for row in range(2) for column in range(2)]
    sampler.teacher, sampler.anywhere = FakeTeacher(*areas), 1.0
    sampler.batch(100, (16, 16), (16, 16))
    images, _ = sampler.batch(50, (16, 16), (16, 16))
    at_the_edge = images[:, 0, 15, 0] == images[:, 0, 15, 0].max()
    assert at_the_edge.sum() < 10
