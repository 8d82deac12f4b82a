"""Arrays, files and folders become images and annotations."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_unet.api.inputs import annotated_images, as_image, find_annotation
from napari_unet.errors import AmbiguousAnnotationError, AnnotationError, InputError, ShapeMismatchError
from napari_unet.images import Image, write_labels
from napari_unet.labels import Annotation, LabelClass


def disks(size: int = 64) -> np.ndarray:
    """Two objects' worth of mask."""
    y, x = np.mgrid[:size, :size]
    near = ((y - 20) ** 2 + (x - 20) ** 2 < 100) | ((y - 45) ** 2 + (x - 44) ** 2 < 150)
    return near.astype(np.uint8)


def noisy(mask: np.ndarray) -> np.ndarray:
    rng = np.random.default_rng(0)
    return (mask * 120 + rng.integers(0, 60, mask.shape)).astype(np.uint8)


def annotation_of(*labels: np.ndarray, kind=None, known=None) -> Annotation:
    images, _ = annotated_images([noisy(x) for x in labels], list(labels))
    return find_annotation(images, kind, known)[0]


def test_an_array_gets_the_usual_axes() -> None:
    assert as_image(np.zeros((5, 8, 9))).axes == "ZYX"
    assert as_image(np.zeros((5, 8, 9)), "tyx").axes == "TYX"
    image = Image("layer", (np.zeros((8, 9)),), "YX")
    assert as_image(image) is image


@pytest.mark.parametrize(
    ("shape", "n_channels", "axes"),
    [((8, 9, 3), 3, "YXC"), ((3, 8, 9), 3, "CYX"), ((4, 2, 8, 9), 2, "ZCYX"), ((5, 8, 9), 1, "ZYX")],
)
def test_channels_are_found_by_their_number(shape: tuple[int, ...], n_channels: int, axes: str) -> None:
    image = as_image(np.zeros(shape, np.uint8), n_channels=n_channels)
    assert (image.axes, image.n_channels) == (axes, n_channels)


@pytest.mark.parametrize("shape", [(16, 18, 3), (2, 16, 18, 4)])
def test_colour_for_a_grey_model_is_asked_about(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match=r"looks like a colour image.*axes='ZYX'"):
        as_image(np.zeros(shape, np.uint8), n_channels=1)
    axes = "TZYX"[-len(shape) :]
    assert as_image(np.zeros(shape, np.uint8), axes, n_channels=1).axes == axes


@pytest.mark.parametrize(("shape", "axes"), [((16, 18, 3), "YXC"), ((2, 16, 18), "CYX"), ((16, 18), "YX")])
def test_channels_are_the_axis_the_labels_lack(shape: tuple[int, ...], axes: str) -> None:
    images, said = annotated_images(np.zeros(shape, np.uint8), np.ones((16, 18), np.uint8))
    assert [image.image.axes for image in images] == [axes]
    assert said == ()


def test_shapes_that_do_not_match_are_named() -> None:
    with pytest.raises(ShapeMismatchError, match=r"\(16, 17\).*\(16, 18\)"):
        annotated_images(np.zeros((16, 18)), np.ones((16, 17), np.uint8))


def test_lists_need_partners() -> None:
    with pytest.raises(InputError, match="2 images and 1 label"):
        annotated_images([np.zeros((8, 8))] * 2, [np.ones((8, 8), int)])
    with pytest.raises(InputError, match="as many"):
        annotated_images([np.zeros((8, 8))], np.ones((8, 8), int))
    with pytest.raises(InputError, match="two dimensions"):
        annotated_images(np.zeros(8), np.ones(8, int))


def test_folders_are_paired_by_stem_and_the_rest_is_named(tmp_path: Path) -> None:
    mask = disks()
    for name in ("a", "b", "c"):
        write_labels(tmp_path / "images" / f"{name}.png", noisy(mask))
    for name in ("a", "b", "x"):
        write_labels(tmp_path / "labels" / f"{name}.tif", mask)
    images, said = annotated_images(tmp_path / "images", str(tmp_path / "labels"))
    assert [image.image.name for image in images] == ["a.png", "b.png"]
    assert "c.png" in said[0]
    assert "x.tif" in said[1]


def test_images_and_labels_the_wrong_way_round_are_noticed(tmp_path: Path) -> None:
    write_labels(tmp_path / "images" / "a.png", noisy(disks()))
    write_labels(tmp_path / "labels" / "a.png", disks())
    with pytest.raises(InputError, match="wrong way round"):
        annotated_images(tmp_path / "labels", tmp_path / "images")


def test_the_kind_can_be_given_and_must_be_where_it_is_not_clear() -> None:
    nothing_clear = np.zeros((64, 64), np.uint8)
    nothing_clear[10:20, 10:20], nothing_clear[30:40, 30:40] = 1, 2
    with pytest.raises(AmbiguousAnnotationError, match="labels_are="):
        annotation_of(nothing_clear)
    assert annotation_of(nothing_clear, kind="masks").values == (0, 1, 2)
    assert annotation_of(nothing_clear, kind="scribbles").values == (1, 2)
    assert annotation_of(nothing_clear, kind="objects").values == (0, 1)


def test_classes_are_those_of_all_images() -> None:
    one, two = disks(), 2 * disks()
    assert annotation_of(one, two, kind="masks").values == (0, 1, 2)


def test_unpainted_labels_are_an_error() -> None:
    with pytest.raises(AnnotationError):
        annotation_of(np.zeros((32, 32), np.uint8), kind="masks")


def test_further_training_keeps_classes_names_and_colours() -> None:
    known = Annotation(
        kind="masks",
        classes=(
            LabelClass(value=0, name="rest", color="#000000"),
            LabelClass(value=1, name="axon", color="#123456"),
            LabelClass(value=2, name="myelin", color="#654321"),
        ),
    )
    assert annotation_of(disks(), kind="masks", known=known).classes == known.classes
    other = annotation_of(disks() * 3 + (disks() == 0), kind="scribbles", known=known)
    assert [(c.value, c.name) for c in other.classes] == [(1, "axon"), (3, "class 3")]


@pytest.mark.parametrize(
    ("name", "kind", "n_classes"),
    [
        ("chase_retinal_vessels", "masks", 2),
        ("dsb2018_histology_rgb", "objects", 2),
        ("axondeepseg_myelin_sem", "masks", 3),
    ],
)
def test_real_folders(shared_data: Path, name: str, kind: str, n_classes: int) -> None:
    folder = shared_data / name / "train"
    images, _ = annotated_images(folder / "images", folder / "labels")
    assert len(images) == len(list((folder / "images").iterdir()))
    annotation, _ = find_annotation(images[:5], kind)
    assert len(annotation.classes) == n_classes
    assert images[0].image.n_channels == (3 if "rgb" in name else 1)
