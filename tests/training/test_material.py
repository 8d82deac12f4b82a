from __future__ import annotations

import numpy as np
import pytest
from skimage.draw import disk

from napari_unet.images import AnnotatedImage, Image
from napari_unet.images.files import read_image, read_labels
from napari_unet.labels import default_annotation
from napari_unet.training.coverage import annotated_planes
from napari_unet.training.material import describe_material


def described(labels, kind, axes="YX"):
    image = Image("image", (np.zeros(labels.shape, np.uint8),), axes)
    annotation = default_annotation(kind, np.unique(labels).tolist())
    images = [AnnotatedImage(image, labels)]
    return describe_material(images, annotation, annotated_planes(images, annotation))


def discs(radius, step, side=400, touching=False):
    labels, n = np.zeros((side, side), np.int32), 0
    for y in range(radius + 2, side - radius, step):
        for x in range(radius + 2, side - radius, 2 * radius if touching else step):
            n += 1
            labels[disk((y, x), radius)] = n
    return labels


@pytest.mark.parametrize("radius", [5, 12, 40])
def test_objects_are_as_large_as_their_diameter(radius):
    material = described(discs(radius, 3 * radius), "objects")
    assert material.structure_size == pytest.approx(2 * radius, abs=2)
    assert material.shapes == ((400, 400),)
    assert material.annotated_pixels == 400 * 400


def test_objects_that_touch_are_two():
    assert described(discs(12, 40, touching=True), "objects").structure_size == pytest.approx(24, abs=2)


def test_masks_are_measured_without_the_most_frequent_class():
    assert described((discs(12, 40) > 0).astype(np.uint8), "masks").structure_size == pytest.approx(24, abs=2)


def test_long_structures_count_by_their_thickness():
    lines = np.zeros((300, 300), np.uint8)
    lines[:, 100:107] = 1
    assert described(lines, "masks").structure_size == pytest.approx(7, abs=2)


def test_large_structures_count_by_their_pixels_not_their_number():
    labels = discs(4, 12, side=200)
    labels[40:160, 40:160] = 0
    labels[disk((100, 100), 58)] = labels.max() + 1
    assert described(labels, "objects").structure_size == pytest.approx(116, abs=3)


def test_scribbles_say_nothing_about_sizes():
    labels = np.zeros((64, 64), np.uint8)
    labels[10, 10:20], labels[30, 10:20] = 1, 2
    material = described(labels, "scribbles")
    assert material.structure_size is None
    assert material.annotated_pixels == 20


def test_a_stack_is_sampled():
    stack = np.zeros((40, 100, 100), np.int32)
    stack[:] = discs(8, 24, side=100)
    material = described(stack, "objects", "ZYX")
    assert material.structure_size == pytest.approx(16, abs=2)
    assert len(material.shapes) == 40


def test_real_nuclei_and_vessels(shared_data):
    def size(folder, kind):
        files = sorted((shared_data / folder / "train" / "images").iterdir())[:3]
        images = [
            AnnotatedImage(read_image(f), read_labels(next((f.parents[1] / "labels").glob(f"{f.stem}.*"))))
            for f in files
        ]
        annotation = default_annotation(kind, np.unique(np.asarray(images[0].labels)).tolist())
        return describe_material(images, annotation, annotated_planes(images, annotation)).structure_size

    assert 10 < size("bbbc039_nuclei", "objects") < 40
    assert 3 < size("chase_retinal_vessels", "masks") < 40
