"""What a model learnt from, beside its file."""

from __future__ import annotations

import json

import numpy as np
import pytest
from safetensors.numpy import save_file

from napari_unet.errors import ModelFileError
from napari_unet.models.examples import (
    Example,
    Origin,
    compact,
    copy_examples,
    examples_path,
    read_examples,
    summarize_examples,
    within,
    write_examples,
)
from napari_unet.models.header import EXAMPLES_KEY, read_record


def example(hash_="a" * 32, dtype=np.uint16, shape=(6, 8), n_channels=2, **origin) -> Example:
    random = np.random.default_rng(0)
    pixels = random.integers(0, 100, (n_channels, *shape)).astype(dtype)
    labels = random.integers(0, 3, shape).astype(np.uint8)
    facts = {
        "image": "cells",
        "hash": hash_,
        "start": (3, 10, 20),
        "kind": "masks",
        "values": (0, 1, 2),
        "regions": (((0, 2), (0, 8)),),
        "excluded": (((0, 3), (0, 8)),),
        "offset": (1 / 3,) * n_channels,
        "scale": (2.5,) * n_channels,
    }
    return Example(Origin(**facts | origin), pixels, labels)


@pytest.fixture
def model(tmp_path):
    return tmp_path / "my.model.safetensors"


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16, np.float16, np.float32, bool])
def test_examples_come_back_as_they_were(model, dtype):
    flat, volume = example(dtype=dtype), example("b" * 32, dtype, (3, 4, 5), regions=(), excluded=())
    write_examples(model, [flat, volume])
    found = read_examples(model)
    assert [e.origin for e in found] == [flat.origin, volume.origin]
    for before, after in zip((flat, volume), found, strict=True):
        assert after.pixels.dtype == dtype
        np.testing.assert_array_equal(after.pixels, before.pixels)
        np.testing.assert_array_equal(after.labels, before.labels)
    assert found[0].annotated.image.n_channels == 2
    assert found[1].annotated.image.label_axes == "ZYX"
    assert found[0].statistics.offset == pytest.approx([1 / 3] * 2)
    assert examples_path(model).name == "my.model.examples.safetensors"


def test_the_summary_reads_no_arrays_and_counts_images(model):
    assert summarize_examples(model) is None
    write_examples(model, [example(), example(), example("b" * 32, image="tissue")])
    summary = summarize_examples(model)
    assert summary.images == {"a" * 32: "cells", "b" * 32: "tissue"}
    assert summary.nbytes == examples_path(model).stat().st_size
    examples_path(model).write_bytes(b"nonsense")
    assert summarize_examples(model) is None


def test_without_examples_those_of_a_model_that_was_replaced_go(model):
    write_examples(model, [example()])
    write_examples(model, [])
    assert not examples_path(model).exists()


def test_a_copy_of_a_model_has_its_examples(model, tmp_path):
    other = tmp_path / "other.safetensors"
    write_examples(model, [example()])
    copy_examples(model, other)
    assert len(read_examples(other)) == 1
    examples_path(model).unlink()
    copy_examples(model, other)
    assert not examples_path(other).exists()


def test_damaged_files_are_refused_in_words(model):
    path = examples_path(model)
    with pytest.raises(ModelFileError, match="no file"):
        read_examples(model)
    write_examples(model, [example()])
    whole = path.read_bytes()
    path.write_bytes(whole[:-10])
    with pytest.raises(ModelFileError, match="damaged"):
        read_examples(model)
    path.write_bytes(whole[:40])
    with pytest.raises(ModelFileError):
        read_examples(model)
    for wrong in ({"offset": (1.0,)}, {"scale": (0.0, 1.0)}, {"regions": (((0, 9), (0, 8)),)}):
        write_examples(model, [example(**wrong)])
        with pytest.raises(ModelFileError, match="damaged"):
            read_examples(model)
    for content in ("[]", "{", json.dumps({"format_version": 1, "examples": [{}]})):
        save_file({"0.pixels": np.zeros(1)}, path, {EXAMPLES_KEY: content})
        with pytest.raises(ModelFileError, match="damaged"):
            read_examples(model)
    save_file({}, path, {EXAMPLES_KEY: json.dumps({"format_version": 99, "examples": []})})
    with pytest.raises(ModelFileError, match="newer version"):
        read_examples(model)


def test_who_opens_examples_as_a_model_is_told_what_they_are(model):
    write_examples(model, [example()])
    with pytest.raises(ModelFileError, match="what one learnt from"):
        read_record(examples_path(model))


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        ((0, 2), "uint8"),
        ((0, 300), "uint16"),
        ((-1, 5), "int8"),
        ((-1, 200), "int16"),
        ((0, 2**40), "uint64"),
    ],
)
def test_labels_are_kept_in_the_smallest_type(values, dtype):
    small = compact(np.array(values, np.int64))
    assert small.dtype == dtype
    assert tuple(small) == values
    assert compact(np.array([True, False])).dtype == np.uint8


def test_boxes_are_cut_to_a_piece():
    boxes = [((0, 1), (0, 10), (5, 30)), ((1, 2), (0, 10), (5, 30))]
    assert within(boxes, ((1, 2), (4, 20), (0, 8))) == (((0, 1), (0, 6), (5, 8)),)
