"""Which labels belong to which image, and which way round."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import imagecodecs
import numpy as np
import pytest

from napari_unet.errors import InputError
from napari_unet.images import check_direction, looks_swapped, pair_files


def folder(path: Path, names: Sequence[str]) -> Path:
    path.mkdir()
    for name in names:
        (path / name).write_bytes(b"")
    return path


def names(pairs: Sequence[tuple[Path, Path]]) -> list[tuple[str, str]]:
    return [(a.name, b.name) for a, b in pairs]


def test_by_stem_whatever_the_format_with_the_rest_named(tmp_path: Path) -> None:
    images = folder(tmp_path / "i", ["a10.tif", "a2.png", "b.png", "c.ome.tif"])
    labels = folder(tmp_path / "l", ["a2.tif", "a10.png", "c.png", "other.png"])
    pairing = pair_files(images, labels)
    assert names(pairing.pairs) == [("a2.png", "a2.tif"), ("a10.tif", "a10.png"), ("c.ome.tif", "c.png")]
    assert [p.name for p in pairing.unpaired_images] == ["b.png"]
    assert [p.name for p in pairing.unpaired_labels] == ["other.png"]
    assert pairing.summary() == [
        "3 images are paired with their labels.",
        "Images without labels, left out: b.png.",
        "Labels without image, left out: other.png.",
    ]


@pytest.mark.parametrize(
    ("image", "label"),
    [
        ("A.png", "a.png"),
        ("a.png", "a_mask.png"),
        ("a.png", "a-labels.tif"),
        ("a_img.png", "a_seg.png"),
        ("a.png", "A_cp_masks.png"),
        ("Image_01L.jpg", "Image_01L_GT.png"),
        ("x raw.tif", "x ground truth.tif"),
    ],
)
def test_common_endings_are_tolerated(tmp_path: Path, image: str, label: str) -> None:
    images = folder(tmp_path / "i", [image, "z.png"])
    labels = folder(tmp_path / "l", [label, "z.png"])
    pairing = pair_files(images, labels)
    assert (image, label) in names(pairing.pairs)
    assert len(pairing.pairs) == 2


def test_equal_stems_win_over_endings(tmp_path: Path) -> None:
    images = folder(tmp_path / "i", ["a.png", "a_img.png"])
    labels = folder(tmp_path / "l", ["a.png", "a_img.png"])
    assert names(pair_files(images, labels).pairs) == [("a.png", "a.png"), ("a_img.png", "a_img.png")]


def test_one_folder_that_holds_both(tmp_path: Path) -> None:
    both = folder(tmp_path / "b", ["a.png", "a_mask.png", "b.png", "b_mask.png"])
    assert names(pair_files(both, both).pairs) == [("a.png", "a_mask.png"), ("b.png", "b_mask.png")]
    same = folder(tmp_path / "s", ["a.png", "b.png"])
    with pytest.raises(InputError, match="same files"):
        pair_files(same, same)


def test_one_image_and_one_label_file_belong_together(tmp_path: Path) -> None:
    images, labels = folder(tmp_path / "i", ["cells.png"]), folder(tmp_path / "l", ["painted.tif"])
    assert names(pair_files(images / "cells.png", labels).pairs) == [("cells.png", "painted.tif")]


def test_two_candidates_are_not_guessed(tmp_path: Path) -> None:
    images = folder(tmp_path / "i", ["a.png", "b.png"])
    with pytest.raises(InputError, match="not clear"):
        pair_files(images, folder(tmp_path / "l", ["a.png", "a.tif"]))
    with pytest.raises(InputError, match="not clear"):
        pair_files(images, folder(tmp_path / "m", ["a_mask.png", "a_label.png"]))


def test_nothing_in_common(tmp_path: Path) -> None:
    images = folder(tmp_path / "i", [f"a{i}.png" for i in range(8)])
    with pytest.raises(InputError, match=r"None of the 8 images.*and 3 more.*x\.png"):
        pair_files(images, folder(tmp_path / "l", ["x.png", "y.png"]))


def test_every_real_set_is_paired_and_the_right_way_round(shared_data: Path) -> None:
    for train in sorted(shared_data.glob("*/train")):
        pairing = pair_files(train / "images", train / "labels")
        assert not pairing.unpaired_images
        assert not pairing.unpaired_labels
        assert all(a.stem == b.stem for a, b in pairing.pairs)
        swapped = [(b, a) for a, b in pairing.pairs]
        assert not looks_swapped(pairing.pairs)
        assert looks_swapped(swapped), train
        with pytest.raises(InputError, match="Exchange --images and --labels"):
            check_direction(swapped)
        check_direction(pairing.pairs)


def test_smooth_images_are_not_taken_for_labels_unless_all_are(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    noisy, flat = rng.integers(0, 255, (50, 50)).astype(np.uint8), np.zeros((50, 50), np.uint8)
    for name, pixels in {"noisy": noisy, "flat": flat}.items():
        (tmp_path / f"{name}.png").write_bytes(imagecodecs.png_encode(pixels))
    noisy_file, flat_file = tmp_path / "noisy.png", tmp_path / "flat.png"
    assert looks_swapped([(flat_file, noisy_file)])
    assert not looks_swapped([(flat_file, noisy_file), (noisy_file, flat_file)])
    assert not looks_swapped([(flat_file, flat_file)])
    assert not looks_swapped([])
