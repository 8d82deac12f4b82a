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
    assert measure([LABELS, other], volume=True)["voxels"].tolist() == [10, 10]
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


def test_real_files(shared_data) -> None:
    folder = shared_data / "dsb2018_histology_rgb" / "train"
    label = sorted((folder / "labels").iterdir())[0]
    table = measure(label, folder / "images" / label.name)
    assert len(table) > 3
    assert {"mean_channel_1", "mean_channel_2", "mean_channel_3"} < set(table.columns)
    assert (table["mean_channel_1"] < 255).all()
