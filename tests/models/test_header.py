"""What a model file says about itself, and a sentence of its own for everything that is none."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError
from safetensors.numpy import save_file

from napari_unet.errors import ModelFileError
from napari_unet.images import Normalisation
from napari_unet.labels import default_annotation
from napari_unet.models.header import METADATA_KEY, read_record
from napari_unet.models.record import (
    FORMAT_VERSION,
    ClassScore,
    HistoryPoint,
    ModelRecord,
    ValidationRecord,
)
from napari_unet.settings import NetworkSettings, ObjectSettings, TrainSettings

RECORD = ModelRecord(
    name="vessels é",
    network=NetworkSettings(n_channels=1, n_classes=2, width=4, depth=2),
    annotation=default_annotation("masks", [1]),
    normalisation=Normalisation(),
    axes="ZYX",
    training=TrainSettings(minutes=2),
    plan={"patch": 256, "device": "cpu"},
    history=(HistoryPoint(step=10, seconds=1.5, training_loss=0.4, validation_loss=None),),
    validation=ValidationRecord(
        honest=True,
        method="whole images",
        regions={"ab": (((0, 1), (0, 64)),)},
        scores={"1": ClassScore(dice=0.8, iou=None)},
    ),
    images={"a.png": "ab"},
    parents=("cd",),
)


def write(path: Path, metadata: dict[str, str] | None) -> Path:
    save_file({"weight": np.arange(100, dtype=np.float32)}, path, metadata=metadata)
    return path


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write(tmp_path / "model.safetensors", {METADATA_KEY: RECORD.model_dump_json()})


def test_the_record_comes_back(model: Path) -> None:
    assert read_record(model) == RECORD
    assert read_record(str(model)) == RECORD


def test_a_model_written_before_slices_could_be_linked_otherwise(tmp_path: Path) -> None:
    before = {"foreground": 0.7, "splitting": 0.95, "min_size": 21, "fill_holes": True, "edge_objects": True}
    record = json.loads(RECORD.model_dump_json()) | {"objects": before}
    found = read_record(write(tmp_path / "a.safetensors", {METADATA_KEY: json.dumps(record)})).objects
    assert found == ObjectSettings(foreground=0.7, splitting=0.95, min_size=21)
    assert (found.least_slices, found.slice_overlap, found.slices_bridged) == (2, 0.6, 1)


def test_not_there(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="There is no file"):
        read_record(tmp_path / "nowhere.safetensors")
    with pytest.raises(ModelFileError, match="cannot be read"):
        read_record(tmp_path)


@pytest.mark.parametrize(
    "content",
    [b"hello, this is a text", b"\x89PNG\r\n\x1a\n" + bytes(100), b"PK\x03\x04" + bytes(500), bytes(64)],
    ids=["text", "png", "zip", "zeros"],
)
def test_any_other_file(tmp_path: Path, content: bytes) -> None:
    for name in ("photo.png", "model.safetensors"):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ModelFileError, match="is not a model file"):
            read_record(tmp_path / name)


@pytest.mark.parametrize("metadata", [None, {"format": "pt"}])
def test_somebody_elses_weights(tmp_path: Path, metadata: dict[str, str] | None) -> None:
    with pytest.raises(ModelFileError, match="not written by napari-unet"):
        read_record(write(tmp_path / "a.safetensors", metadata))


def test_truncated_at_any_length(model: Path) -> None:
    whole = model.read_bytes()
    for length in [*range(40), *range(40, len(whole) - 1, 37), len(whole) - 1]:
        model.write_bytes(whole[:length])
        with pytest.raises(ModelFileError, match="truncated"):
            read_record(model)
    model.write_bytes(whole)
    assert read_record(model) == RECORD


def test_from_a_newer_version(tmp_path: Path) -> None:
    newer = json.loads(RECORD.model_dump_json()) | {
        "format_version": FORMAT_VERSION + 1,
        "kind": "unknown yet",
    }
    path = write(tmp_path / "a.safetensors", {METADATA_KEY: json.dumps(newer)})
    with pytest.raises(ModelFileError, match=r"newer version.*Update"):
        read_record(path)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "3", "{}", '{"format_version": 1}', '{"format_version": "x"}']
)
def test_a_damaged_record(tmp_path: Path, text: str) -> None:
    with pytest.raises(ModelFileError, match="damaged"):
        read_record(write(tmp_path / "a.safetensors", {METADATA_KEY: text}))


def test_a_damaged_header(model: Path) -> None:
    whole = bytearray(model.read_bytes())
    whole[12:30] = b"\xff" * 18
    model.write_bytes(whole)
    with pytest.raises(ModelFileError, match="not a model file, or it is damaged"):
        read_record(model)


def test_a_length_that_lies_does_not_fill_the_memory(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    path.write_bytes((2**62).to_bytes(8, "little") + b"{" + bytes(100))
    with pytest.raises(ModelFileError, match="is not a model file"):
        read_record(path)


def test_no_torch_is_loaded(model: Path) -> None:
    code = (
        "import sys; from napari_unet.models.header import read_record; "
        f"read_record({str(model)!r}); "
        "print([m for m in ('torch', 'napari', 'qtpy') if m in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_a_header_or_record_nested_too_deeply_is_damaged(tmp_path: Path) -> None:
    deep = tmp_path / "deep.safetensors"
    header = b'{"a":' + b"[" * 200_000
    deep.write_bytes(len(header).to_bytes(8, "little") + header)
    record = write(tmp_path / "record.safetensors", {METADATA_KEY: "[" * 200_000})
    for path in (deep, record):
        with pytest.raises(ModelFileError, match="damaged"):
            read_record(path)


def test_classes_and_logits_must_agree_in_number() -> None:
    with pytest.raises(ValidationError, match="3 classes, but the network gives 2 logits"):
        ModelRecord(
            network=NetworkSettings(n_channels=1, n_classes=2),
            annotation=default_annotation("masks", [1, 2]),
            normalisation=Normalisation(),
        )
