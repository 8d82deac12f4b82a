from __future__ import annotations

import numpy as np
import pytest
from skimage.io import imread

from napari_unet.errors import AnnotationError
from napari_unet.images import AnnotatedImage, Image
from napari_unet.labels import Annotation, default_annotation
from napari_unet.training.coverage import annotated_planes, blocks, clear
from napari_unet.training.split import plan_validation

GUARD = 8


def annotated(labels: np.ndarray, axes: str | None = None) -> AnnotatedImage:
    axes = axes or "TZYX"[-labels.ndim :]
    return AnnotatedImage(Image("image", (np.zeros(labels.shape, np.uint8),), axes), labels)


def stripes(*shape: int, classes: int = 2) -> np.ndarray:
    """Diagonal stripes of every class, everywhere."""
    y, x = np.indices(shape[-2:])
    return np.broadcast_to((y + x) // 4 % classes, shape).astype(np.uint8).copy()


def plan(*labels: np.ndarray, kind="masks", values=(0, 1), fraction=0.2, earlier=None, axes=None):
    images = [annotated(array, axes) for array in labels]
    planes = annotated_planes(images, default_annotation(kind, values))
    return plan_validation(planes, [a.labels.shape for a in images], fraction, GUARD, earlier)


def covered(shape, boxes) -> np.ndarray:
    mask = np.zeros(shape, bool)
    clear(mask, tuple((0, n) for n in shape), boxes, 1)
    return mask


def test_many_images_hold_out_whole_ones():
    split = plan(*[stripes(20, 30)] * 10)
    held = [i for i, boxes in enumerate(split.regions) if boxes]
    assert split.honest
    assert len(held) == 2
    assert all(split.regions[i] == (((0, 20), (0, 30)),) for i in held)
    assert split.regions == split.excluded


def test_a_stack_holds_out_its_last_slices_behind_a_guard_slice():
    split = plan(stripes(20, 24, 24))
    assert split.regions == ((((16, 20), (0, 24), (0, 24)),),)
    assert split.excluded == ((((15, 20), (0, 24), (0, 24)),),)


def test_a_stack_counts_annotated_slices_only():
    labels = stripes(60, 24, 24)
    labels[np.arange(60) % 6 != 0] = 0
    split = plan(labels)
    assert split.regions[0][0][0] == (48, 60)


@pytest.mark.parametrize("shape", [(100, 40), (40, 100)])
def test_one_image_holds_out_a_strip_with_a_guard_band(shape):
    split = plan(stripes(*shape))
    region, wide = split.regions[0][0], split.excluded[0][0]
    held, excluded = covered(shape, [region]), covered(shape, [wide])
    assert held.mean() == pytest.approx(0.2, abs=0.03)
    trained = ~excluded
    long_axis = int(np.argmax(shape))
    places = np.flatnonzero(held.any(1 - long_axis)), np.flatnonzero(trained.any(1 - long_axis))
    assert np.abs(places[0][:, None] - places[1]).min() > GUARD
    assert trained.mean() > 0.6


def test_few_images_of_different_size_hold_out_strips():
    shapes = [(80, 100), (50, 50), (50, 50)]
    split = plan(*[stripes(*shape) for shape in shapes])
    held = sum(covered(s, boxes).sum() for s, boxes in zip(shapes, split.regions, strict=True))
    assert held / sum(a * b for a, b in shapes) == pytest.approx(0.2, abs=0.05)
    assert split.honest


def test_scribbles_hold_out_two_classes_and_leave_both():
    labels = np.zeros((120, 200), np.uint8)
    labels[20:24, 10:190] = 1
    labels[90:94, 10:190] = 2
    split = plan(labels, kind="scribbles", values=(1, 2))
    held = covered(labels.shape, split.regions[0])
    left = ~covered(labels.shape, split.excluded[0])
    assert set(np.unique(labels[held])) >= {1, 2}
    assert set(np.unique(labels[left])) >= {1, 2}


def test_too_few_scribbles_give_no_score():
    labels = np.zeros((64, 64), np.uint8)
    labels[10, 10:15] = 1
    labels[50, 10:15] = 2
    split = plan(labels, kind="scribbles", values=(1, 2))
    assert not split.honest
    assert split.regions == ((),)
    assert "too little" in split.reason


def test_a_class_in_one_place_is_not_held_out_entirely():
    labels = stripes(100, 100)
    labels[90:, 90:] = 2
    split = plan(labels, values=(0, 1, 2))
    left = ~covered(labels.shape, split.excluded[0])
    assert (labels[left] == 2).sum() * 3 >= (labels == 2).sum()


def test_zero_holds_nothing_out():
    split = plan(stripes(50, 50), fraction=0)
    assert not split.honest
    assert split.excluded == ((),)


def test_regions_of_a_parent_are_kept():
    box = ((10, 20), (0, 40))
    split = plan(stripes(40, 40), earlier={0: (box,)})
    assert split.regions == ((box,),)
    assert split.excluded == ((((5, 25), (0, 40)),),)
    assert split.honest


def test_what_a_parent_was_trained_on_never_becomes_validation():
    split = plan(*[stripes(40, 40)] * 6, earlier=dict.fromkeys(range(5), ()))
    assert all(boxes == () for boxes in split.regions[:5])
    assert split.regions[5] != ()
    split = plan(stripes(40, 40), earlier={0: ()})
    assert not split.honest
    assert "trained on all" in split.reason


def test_the_same_annotation_gives_the_same_split():
    arguments = [stripes(60, 70), stripes(50, 40)]
    assert plan(*arguments) == plan(*arguments)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("isbi2012_em_membrane", (0, 1)),
        ("axondeepseg_myelin_sem", (0, 1, 2)),
        ("chase_retinal_vessels", (0, 1)),
    ],
)
def test_real_annotations_are_split(shared_data, name, values):
    folder = shared_data / name / "train" / "labels"
    labels = [imread(path)[::2, ::2] for path in sorted(folder.glob("*.png"))]
    split = plan(*labels, values=values)
    held = sum(covered(a.shape, b).sum() for a, b in zip(labels, split.regions, strict=True))
    assert split.honest
    assert 0.1 < held / sum(a.size for a in labels) < 0.3
    found = np.concatenate([a[covered(a.shape, b)] for a, b in zip(labels, split.regions, strict=True)])
    assert set(np.unique(found)) == set(values)


@pytest.mark.parametrize("annotated_slices", [(5, 6), (0, 1, 2), (4, 5, 11)])
def test_what_is_held_out_of_a_slice_is_not_learnt_from_in_the_next(annotated_slices):
    labels = np.zeros((12, 90, 80), np.uint8)
    labels[list(annotated_slices)] = stripes(90, 80) + 1
    split = plan(labels, kind="scribbles", values=(1, 2))
    assert split.honest
    held = covered(labels.shape, split.regions[0]) & (labels > 0)
    learnt = ~covered(labels.shape, split.excluded[0]) & (labels > 0)
    assert held.any()
    assert learnt.any()
    for step in (-1, 1):
        beside = np.roll(held, step, axis=0)
        beside[0 if step > 0 else -1] = False
        assert not (beside & learnt).any()


def test_nothing_labelled_and_one_class_only_are_errors():
    nothing = [annotated(np.zeros((8, 8), np.uint8))]
    with pytest.raises(AnnotationError, match="Nothing is labelled"):
        annotated_planes(nothing, default_annotation("scribbles", (1, 2)))
    one = [annotated(np.ones((8, 8), np.uint8))]
    with pytest.raises(AnnotationError, match=r"Only one class is labelled \(class 1\)"):
        annotated_planes(one, default_annotation("scribbles", (1, 2)))
    with pytest.raises(AnnotationError, match="Only one class"):
        annotated_planes(nothing, default_annotation("masks", (0, 1)))


def test_profiles_count_every_annotated_pixel():
    labels = stripes(2, 30, 20, classes=3)
    labels[0] = 0
    annotation: Annotation = default_annotation("scribbles", (1, 2))
    planes = annotated_planes([annotated(labels)], annotation)
    assert [plane.position for plane in planes] == [(1,)]
    for axis, profile in enumerate(planes[0].profiles):
        for index, value in enumerate(annotation.values):
            assert (profile[index] == (labels[1] == value).sum(1 - axis)).all()


def test_blocks_cover_every_pixel_once():
    count = np.zeros((23, 41), int)
    for box in blocks(count.shape, 10):
        count[tuple(slice(*b) for b in box)] += 1
    assert (count == 1).all()
