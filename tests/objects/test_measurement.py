"""Measurements against scikit-image and plain counting, object by object."""

from __future__ import annotations

import csv
import io

import dask.array as da
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from skimage.draw import ellipse
from skimage.measure import perimeter_crofton, regionprops

from napari_unet.errors import InputError, ShapeMismatchError
from napari_unet.images import Image, read_image, read_labels
from napari_unet.objects import measurement
from napari_unet.objects.measurement import measure, measure_steps

PLANES = arrays(
    np.int32, st.tuples(st.integers(1, 7), st.integers(1, 8)), elements=st.sampled_from([-1, 0, 1, 2, 900])
)
VOLUMES = arrays(np.uint16, (3, 4, 5), elements=st.integers(0, 3))


def in_hull(points):
    """How many grid points lie in the convex hull: on no outer side of any line through two of the points."""
    lines = []
    for p in points:
        for q in points:
            side = [(q[0] - p[0]) * (r[1] - p[1]) - (q[1] - p[1]) * (r[0] - p[0]) for r in points]
            if p != q and min(side) >= 0:
                lines.append((p, q))
    low, high = np.min(points, axis=0), np.max(points, axis=0)
    return sum(
        all((q[0] - p[0]) * (x - p[1]) - (q[1] - p[1]) * (y - p[0]) >= 0 for p, q in lines)
        for y in range(low[0], high[0] + 1)
        for x in range(low[1], high[1] + 1)
    )


@settings(max_examples=120, deadline=None)
@given(PLANES, st.integers(0, 2**31), st.sampled_from([1, 9, 10**6]))
def test_every_column_in_2d_is_that_of_plain_counting(labels, seed, at_once):
    image = np.random.default_rng(seed).normal(1e4, 3, labels.shape).astype(np.float32)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(measurement, "PIXELS_AT_ONCE", at_once)
        table = measure(labels, image)
    ids = sorted(set(labels[labels > 0].tolist()))
    assert table["label"].tolist() == ids
    for row, label in enumerate(ids):
        mask = labels == label
        points = np.argwhere(mask)
        (props,) = regionprops(mask.astype(np.uint8))
        assert table["pixels"][row] == table["area"][row] == mask.sum()
        assert table["equivalent_diameter"][row] == pytest.approx(props.equivalent_diameter_area)
        assert (table["y"][row], table["x"][row]) == pytest.approx(props.centroid)
        box = tuple(int(table[name][row]) for name in ("y_start", "x_start", "y_stop", "x_stop"))
        assert box == props.bbox
        edge = box[0] == 0 or box[1] == 0 or box[2] == labels.shape[0] or box[3] == labels.shape[1]
        assert table["touches_edge"][row] == edge
        assert table["perimeter"][row] == pytest.approx(perimeter_crofton(np.pad(mask, 1), directions=4))
        assert table["circularity"][row] == pytest.approx(
            min(1, 4 * np.pi * mask.sum() / table["perimeter"][row] ** 2)
        )
        assert table["solidity"][row] == pytest.approx(
            mask.sum() / in_hull([tuple(p) for p in points.tolist()])
        )
        # the pixels as 40 x 40 smaller ones: squares, not points
        fine = np.kron(mask, np.ones((40, 40), np.uint8))
        (props,) = regionprops(fine)
        assert table["major_axis"][row] == pytest.approx(props.axis_major_length / 40, rel=2e-3)
        assert table["minor_axis"][row] == pytest.approx(props.axis_minor_length / 40, rel=2e-3)
        assert table["eccentricity"][row] == pytest.approx(props.eccentricity, abs=0.02)
        if props.eccentricity > 0.3:
            apart = abs(table["orientation"][row] - (np.rad2deg(props.orientation) + 90)) % 180
            assert min(apart, 180 - apart) < 0.1
        values = image[mask].astype(np.float64)
        assert table["mean_intensity"][row] == pytest.approx(values.mean(), rel=1e-12)
        assert table["std_intensity"][row] == pytest.approx(values.std(), rel=1e-6, abs=1e-9)
        assert (table["min_intensity"][row], table["max_intensity"][row]) == (values.min(), values.max())


@settings(max_examples=40, deadline=None)
@given(VOLUMES, st.sampled_from([1, 10**6]))
def test_volumes_are_measured_like_by_scikit_image(labels, at_once):
    image = np.arange(labels.size, dtype=np.float32).reshape(labels.shape)
    scale = (2.0, 0.5, 0.25)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(measurement, "PIXELS_AT_ONCE", at_once)
        table = measure(labels, image, scale=scale, unit="µm")
    assert table["label"].tolist() == sorted(set(labels[labels > 0].tolist()))
    for row, props in enumerate(regionprops(labels, image, spacing=scale)):
        assert table["volume"][row] == pytest.approx(props.area)
        assert table["voxels"][row] == pytest.approx(props.area / 0.25)
        assert [table[c][row] for c in "zyx"] == pytest.approx(props.centroid)
        assert table["equivalent_diameter"][row] == pytest.approx(props.equivalent_diameter_area)
        box = [int(table[f"{c}_{end}"][row]) for end in ("start", "stop") for c in "zyx"]
        assert box == list(props.bbox)
        assert table["mean_intensity"][row] == pytest.approx(props.intensity_mean)
        points = np.argwhere(labels == table["label"][row]) * scale
        spread = np.cov(points.T, bias=True) + np.diag(np.square(scale)) / 12
        lengths = np.sqrt(20 * np.linalg.eigvalsh(spread))
        assert [table[f"{name}_axis"][row] for name in ("minor", "middle", "major")] == pytest.approx(lengths)
    assert table.units["volume"] == "µm³"


@pytest.mark.parametrize("scale", [(1, 1), (2, 0.5), (0.1, 0.3)])
def test_a_turned_ellipse_in_real_units(scale):
    labels = np.zeros((1300, 1300), np.uint8)
    centre, axes, turn = (60.0, 70.0), (40.0, 20.0), np.deg2rad(30)
    y, x = np.mgrid[:1300, :1300]
    size = np.array(scale) / max(scale) * 0.4
    x, y = x * size[1] - centre[1], centre[0] - y * size[0]  # Y upwards
    along, across = x * np.cos(turn) + y * np.sin(turn), y * np.cos(turn) - x * np.sin(turn)
    labels[(along / axes[0]) ** 2 + (across / axes[1]) ** 2 <= 1] = 5
    table = measure(labels, scale=size, unit="mm")
    assert table["area"][0] == pytest.approx(np.pi * 800, rel=0.01)
    assert table["major_axis"][0] == pytest.approx(80, rel=0.01)
    assert table["minor_axis"][0] == pytest.approx(40, rel=0.01)
    assert table["eccentricity"][0] == pytest.approx(np.sqrt(0.75), rel=0.01)
    assert table["orientation"][0] == pytest.approx(30, abs=0.2)
    assert table["perimeter"][0] == pytest.approx(193.77, rel=0.03)
    assert table["solidity"][0] > 0.995
    assert (table["y"][0], table["x"][0]) == pytest.approx(centre, rel=0.01)
    assert table["y_pixels"][0] == pytest.approx(table["y"][0] / size[0])
    assert table.units["area"] == "mm²"


def test_frames_and_slices_are_measured_for_themselves():
    labels = np.zeros((2, 3, 6, 6), np.uint8)
    labels[0, :, 1:3, 1:3], labels[1, 2, 4, 4:] = 1, 7
    volumes = measure(labels)
    assert volumes.positions == ("frame",)
    assert volumes["frame"].tolist() == [0, 1]
    assert volumes["voxels"].tolist() == [12, 2]
    slices = measure(labels, volume=False)
    assert slices.positions == ("frame", "slice")
    assert list(zip(slices["frame"], slices["slice"], slices["label"], strict=True)) == [
        (0, 0, 1), (0, 1, 1), (0, 2, 1), (1, 2, 7)
    ]  # fmt: skip
    assert slices.at((1, 2))["pixels"].tolist() == [2]
    assert measure(labels[:, 0], axes="TYX")["frame"].tolist() == [0]
    assert list(measure(labels, axes="SPYX")["s"]) == [0, 0, 0, 1]
    assert list(measure(labels[0], axes="TYX")["frame"]) == [0, 1, 2]


def test_channels_and_pixels_that_are_not_finite():
    labels = np.array([[1, 1, 2], [0, 1, 2]], np.uint8)
    image = np.zeros((2, 3, 2), np.float32)
    image[..., 0] = [[1, np.nan, np.inf], [8, 4, np.nan]]
    image[..., 1] = 7
    table = measure(labels, Image("colours", (image,), "YXC"), channel_names=["DAPI", "GFP"])
    assert table["mean_DAPI"].tolist() == pytest.approx([2.5, np.nan], nan_ok=True)
    assert table["std_DAPI"].tolist() == pytest.approx([1.5, np.nan], nan_ok=True)
    assert table["max_DAPI"].tolist() == pytest.approx([4, np.nan], nan_ok=True)
    assert table["min_GFP"].tolist() == [7, 7]
    assert "mean_channel_2" in measure(labels, Image("colours", (image,), "YXC")).columns
    line = next(csv.DictReader(io.StringIO(table.rows([1]).to_csv())))
    assert (line["mean_DAPI"], line["mean_GFP"], line["touches_edge"], line["unit"]) == (
        "",
        "7",
        "yes",
        "pixel",
    )


@pytest.mark.parametrize("shape", [(4, 5), (2, 3, 4), (2, 2, 3, 4), (0, 5), (0, 4, 5)])
@pytest.mark.parametrize("volume", [True, False])
def test_without_objects_the_columns_are_there(shape, volume):
    image = None if 0 in shape else np.zeros(shape)
    empty = measure(np.zeros(shape, np.uint8), image, volume=volume)
    full = measure(
        np.ones([max(n, 1) for n in shape], np.uint8), None if image is None else image, volume=volume
    )
    assert len(empty) == 0
    assert list(empty.columns) == list(full.columns)
    assert all(len(values) == 0 for values in empty.columns.values())
    assert empty.to_csv().count("\n") == 1
    assert "index" in empty.to_features().columns


def test_ids_of_any_size_and_lazy_arrays():
    labels = np.array([[2**63 + 5, 0, 3], [2**63 + 5, 2**33, 3]], np.uint64)
    table = measure(da.from_array(labels, chunks=1))
    assert table["label"].tolist() == [3, 2**33, 2**63 + 5]
    assert table["pixels"].tolist() == [2, 1, 2]
    assert measure(np.array([[True, False]]))["label"].tolist() == [1]


@pytest.mark.parametrize("volume", [True, False])
def test_large_ids_stay_exact_through_many_slices(volume):
    large = [2**63 + 1, 2**64 - 1]
    stack = np.zeros((70, 2, 3), np.uint64)
    stack[1:69, 0, 0], stack[1:69, 1, 1:] = large
    table = measure(stack, volume=volume)
    assert table["label"].dtype == np.uint64
    assert np.unique(table["label"]).tolist() == large
    assert len(table) == (2 if volume else 136)
    size = table["voxels" if volume else "pixels"]
    assert size[table["label"] == large[1]].sum() == 136


def test_one_object_that_is_the_image():
    table = measure(np.ones((30, 20), bool), unit="µm")
    assert (table["pixels"][0], table["solidity"][0], table["touches_edge"][0]) == (600, 1, True)
    assert (table["major_axis"][0], table["minor_axis"][0]) == pytest.approx((120 / 12**0.5, 80 / 12**0.5))


def test_features_have_a_row_per_label():
    labels = np.array([[[1, 0]], [[1, 5]]], np.uint8)
    table = measure(labels, axes="TYX")
    assert table.at((1,)).to_features()["index"].tolist() == [1, 5]
    with pytest.raises(InputError, match="frame"):
        table.to_features()


def test_steps_go_up_to_one():
    fractions = list(measure_steps(np.ones((3, 4, 4), np.uint8), volume=False))
    assert fractions == pytest.approx([1 / 3, 2 / 3, 1])


def test_bad_input_is_told():
    labels = np.ones((4, 5), np.uint8)
    for wrong, words in (
        ({"labels": labels.astype(np.float32)}, "whole numbers"),
        ({"intensity": np.zeros((4, 6))}, "needs labels of"),
        ({"axes": "TYX"}, "name 3 dimensions"),
        ({"axes": "XY"}, "Move Y and X"),
        ({"axes": "CYX", "labels": labels[None]}, "no channels"),
        ({"scale": (1, 0)}, "above 0"),
        ({"scale": (1, np.nan)}, "above 0"),
        ({"scale": (1, 1, 1)}, "one for each axis"),
        ({"channel_names": ["a", "b"], "intensity": labels}, "name of its own"),
    ):
        with pytest.raises(InputError, match=words):
            measure(**{"labels": labels, **wrong})
    with pytest.raises(ShapeMismatchError):
        measure(labels, np.zeros((5, 4)))


def test_many_objects_take_little_time():
    """The time of a call per object alone, as of skimage.measure.regionprops, would be a multiple of this."""
    import time

    y, x = ellipse(4, 4, 4, 3)
    one = np.zeros((9, 9), np.int32)
    one[y, x] = 1
    labels = np.kron(np.arange(1, 450 * 450 + 1, dtype=np.int32).reshape(450, 450), one)
    begun = time.process_time()
    assert len(measure(labels)) == 450**2
    assert time.process_time() - begun < 20


def test_real_nuclei(shared_data):
    folder = shared_data / "bbbc039_nuclei" / "train"
    path = sorted((folder / "labels").glob("*.png"))[0]
    labels, image = np.asarray(read_labels(path)), read_image(folder / "images" / path.name)
    table = measure(read_labels(path), image, scale=(0.65, 0.65), unit="µm")
    found = regionprops(labels, np.asarray(image.channels[0]), spacing=0.65)
    assert len(table) == len(found) > 50
    for row, props in enumerate(found):
        assert table["area"][row] == pytest.approx(props.area)
        assert table["mean_intensity"][row] == pytest.approx(props.intensity_mean)
        assert table["perimeter"][row] == pytest.approx(0.65 * perimeter_crofton(np.pad(props.image, 1), 4))
        assert table["solidity"][row] == pytest.approx(props.solidity, abs=0.06)
    assert np.median(table["circularity"]) > 0.8


def test_real_embryo(shared_data):
    folder = shared_data / "bbbc050_embryo_nuclei3d" / "train"
    table = measure(
        read_labels(folder / "labels/Emb01_t401.tif"), read_image(folder / "images/Emb01_t401.tif")
    )
    labels = np.asarray(read_labels(folder / "labels/Emb01_t401.tif"))
    assert table["voxels"].tolist() == np.bincount(labels.ravel())[1:].tolist()
    assert table.axes == "ZYX"
