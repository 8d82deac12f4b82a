"""Measuring from scripts: what is given in which form, and how files belong together."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_unet import measure
from napari_unet.api import measure_files
from napari_unet.errors import InputError, ShapeMismatchError
from napari_unet.images import Image, write_labels

LABELS = np.zeros((6, 8), np.uint8)
LABELS[1:3, 1:4], LABELS[4:, 6:] = 1, 5


def test_arrays_lists_and_tensors() -> None:
    for labels in (LABELS, LABELS.tolist(), torch.from_numpy(LABELS), LABELS.astype(float)):
        assert measure(labels)["pixels"].tolist() == [6, 4]
    with pytest.raises(InputError, match="whole numbers"):
        measure(LABELS * 0.5)


@pytest.mark.parametrize("axis", [2, 0])
def test_channels_are_the_axis_that_labels_lack(axis: int) -> None:
    image = np.stack([LABELS * 2, LABELS * 3, LABELS * 0], axis).astype(np.float32)
    table = measure(LABELS, image, channel_names=["r", "g", "b"])
    assert table["mean_r"].tolist() == [2, 10]
    assert table["max_g"].tolist() == [3, 15]
    series = measure(np.stack([LABELS] * 2), np.stack([image] * 2), axes="TYX")
    assert series["mean_channel_2"].tolist() == [3, 15, 3, 15]


def test_the_axes_of_the_image_are_those_of_the_labels() -> None:
    stack = np.stack([LABELS, LABELS])
    table = measure(stack, Image("series", (stack,), "TYX", (1.0, 0.5, 0.5)))
    assert table["frame"].tolist() == [0, 0, 1, 1]
    assert table["area"].tolist() == [1.5, 1, 1.5, 1]
    with pytest.raises(ShapeMismatchError, match="needs labels of"):
        measure(LABELS, np.zeros((8, 6)))


def test_a_stack_is_a_volume_where_numbers_go_on() -> None:
    assert measure([LABELS, LABELS])["voxels"].tolist() == [12, 8]
    other = np.where(LABELS, 6 - LABELS, 0)
    assert measure([LABELS, other])["slice"].tolist() == [0, 0, 1, 1]
    told: list[str] = []
    assert measure([LABELS, other], volume=True, notice=told.append)["voxels"].tolist() == [10, 10]
    assert len(told) == 1  # of both numbers there are two pieces
    assert measure([LABELS, LABELS], volume=False)["slice"].tolist() == [0, 0, 1, 1]
    assert measure([LABELS, LABELS], scale=(0.5, 0.5), unit="µm")["volume"].tolist() == [3, 2]


def test_files_are_paired_by_name(tmp_path) -> None:
    for name in ("a", "b"):
        (tmp_path / "labels").mkdir(exist_ok=True)
        (tmp_path / "images").mkdir(exist_ok=True)
        write_labels(tmp_path / f"labels/{name}.png", LABELS)
        write_labels(tmp_path / f"images/{name}.tif", LABELS * (2 + (name == "b")))
    found = dict(measure_files(tmp_path / "labels", tmp_path / "images"))
    assert [path.name for path in found] == ["a.png", "b.png"]
    assert [table["mean_intensity"].tolist() for table in found.values()] == [[2, 10], [3, 15]]
    (tmp_path / "images/b.tif").unlink()
    with pytest.raises(InputError, match=r"No image belongs to b\.png"):
        next(measure_files(tmp_path / "labels", tmp_path / "images"))
    write_labels(tmp_path / "images/b.tif", LABELS[:4])
    with pytest.raises(ShapeMismatchError, match=r"b\.png: .*needs labels of"):
        list(measure_files(tmp_path / "labels", tmp_path / "images"))


def test_images_by_name_are_channels() -> None:
    colour = np.stack([LABELS * 3, LABELS * 0], -1)
    table = measure(LABELS, {"DAPI": LABELS * 2, "stain": colour})
    assert table["mean_DAPI"].tolist() == [2, 10]
    assert table["max_stain_channel_1"].tolist() == [3, 15]
    assert table["max_stain_channel_2"].tolist() == [0, 0]
    assert "mean_a" in measure(LABELS, {"x": LABELS, "y": LABELS}, channel_names=["a", "b"]).columns
    assert not any("mean" in name for name in measure(LABELS, {}).columns)
    with pytest.raises(ShapeMismatchError, match="GFP needs labels of"):
        measure(LABELS, {"DAPI": LABELS, "GFP": LABELS[:3]})


def test_several_folders_are_channels(tmp_path) -> None:
    for folder, factor in (("labels", 1), ("DAPI", 2), ("GFP", 3), ("more/GFP", 4)):
        for name in ("a", "b"):
            write_labels(tmp_path / f"{folder}/{name}.tif", LABELS * factor)
    labels = tmp_path / "labels"
    found = dict(measure_files(labels, [tmp_path / "DAPI", str(tmp_path / "GFP")]))
    assert [path.name for path in found] == ["a.tif", "b.tif"]
    assert [found[labels / "b.tif"][f"mean_{name}"].tolist() for name in ("DAPI", "GFP")] == [
        [2, 10],
        [3, 15],
    ]
    named = dict(measure_files(labels / "a.tif", {"green": tmp_path / "GFP/a.tif"}))
    assert named[labels / "a.tif"]["mean_green"].tolist() == [3, 15]
    with pytest.raises(InputError, match="called the same"):
        next(measure_files(labels, [tmp_path / "GFP", tmp_path / "more/GFP"]))
    (tmp_path / "GFP/b.tif").unlink()
    with pytest.raises(InputError, match=r"No GFP image belongs to b\.tif"):
        next(measure_files(labels, [tmp_path / "DAPI", tmp_path / "GFP"]))


def test_numbers_beyond_those_with_a_sign_are_measured(recwarn: pytest.WarningsRecorder) -> None:
    assert measure(np.where(LABELS > 0, np.uint64(2**63 + 1), np.uint64(0)))["label"].tolist() == [2**63 + 1]
    assert not list(recwarn)


def test_masks_are_noticed_and_their_pieces_measured() -> None:
    mask = np.where(LABELS > 0, np.uint64(2**40), np.uint64(0))
    with pytest.warns(UserWarning, match="look like masks"):
        assert measure(mask)["label"].tolist() == [2**40]
    pieces = measure(mask, components=True)
    assert pieces["label"].tolist() == [1, 2]
    assert pieces["pixels"].tolist() == [6, 4]
    stack = np.stack([mask > 0, mask > 0])
    assert measure(stack, components=True)["voxels"].tolist() == [12, 8]
    assert measure(stack, components=True, volume=False)["pixels"].tolist() == [6, 4, 6, 4]
    assert measure(stack, components=True, axes="TYX")["frame"].tolist() == [0, 0, 1, 1]


def test_objects_are_no_masks() -> None:
    told: list[str] = []
    measure(LABELS, notice=told.append)
    measure(np.stack([LABELS] * 3), axes="TYX", notice=told.append)
    measure(np.zeros((3, 3), int), notice=told.append)
    many = np.arange(1, 50).reshape(7, 7).repeat(2, 0)
    measure(np.concatenate([many, 0 * many, many]), notice=told.append)  # more values than masks have
    assert not told


def test_the_file_of_a_mask_is_named(tmp_path) -> None:
    write_labels(tmp_path / "cells.png", (LABELS > 0).astype(np.uint8))
    told: list[str] = []
    list(measure_files(tmp_path / "cells.png", notice=told.append))
    assert told[0].startswith("cells.png: The labels look like masks")
    with pytest.warns(UserWarning, match=r"cells\.png"):
        list(measure_files(tmp_path / "cells.png"))


def test_real_files(shared_data) -> None:
    folder = shared_data / "dsb2018_histology_rgb" / "train"
    label = sorted((folder / "labels").iterdir())[0]
    table = measure(label, folder / "images" / label.name)
    assert len(table) > 3
    assert {"mean_channel_1", "mean_channel_2", "mean_channel_3"} < set(table.columns)
    assert (table["mean_channel_1"] < 255).all()
