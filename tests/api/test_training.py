"""train and fine_tune at toy size, with the real engine."""

from __future__ import annotations

import errno
import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from napari_unet import TrainSettings, evaluate, fine_tune, load_model, predict, train
from napari_unet.errors import (
    AmbiguousAnnotationError,
    AnnotationError,
    InputError,
    ModelFileError,
    StorageError,
)
from napari_unet.events import Event, Finished, Notice, Started, TrainingStep
from napari_unet.labels import Annotation, LabelClass

from .conftest import TOY, squares


def weights(path: Path) -> dict[str, torch.Tensor]:
    return load_model(path).network.state_dict()


def test_what_was_trained_is_saved_and_works(toy_path: Path) -> None:
    model = load_model(toy_path)
    assert model.record.annotation.values == (0, 1)
    assert model.record.training is not None
    assert (model.record.training.steps, model.record.training.minutes) == (80, None)
    image, mask = squares(99)
    assert evaluate(predict(model, image), mask, "masks").to_dict()["foreground"]["dice"] > 0.8


def test_progress_receives_every_event(tmp_path: Path) -> None:
    events: list[Event] = []
    image, mask = squares(0)
    train(image, mask, tmp_path / "m", labels_are="masks", steps=3, progress=events.append, **TOY)
    assert (tmp_path / "m.safetensors").exists()
    kinds = [type(event) for event in events]
    assert Started in kinds
    assert TrainingStep in kinds
    assert kinds[-1] is Finished


def test_the_inferred_kind_is_told_with_its_reason(tmp_path: Path) -> None:
    images, masks = zip(*(squares(seed) for seed in range(3)), strict=True)
    events: list[Event] = []
    model = train(list(images), list(masks), tmp_path / "m", steps=1, progress=events.append, **TOY)
    assert model.record.annotation.kind == "masks"
    assert any(isinstance(event, Notice) and "taken as masks" in event.text for event in events)


def test_an_unclear_kind_is_asked_for(tmp_path: Path) -> None:
    image, mask = squares(0)
    mask[:10] = 2
    with pytest.raises(AmbiguousAnnotationError, match="labels_are="):
        train(image, mask, tmp_path / "m", steps=1, **TOY)


def test_same_seed_same_steps_same_weights(tmp_path: Path) -> None:
    image, mask = squares(0)
    for name in ("one", "two"):
        train(image, mask, tmp_path / name, labels_are="masks", steps=4, seed=7, **TOY)
    one, two = weights(tmp_path / "one.safetensors"), weights(tmp_path / "two.safetensors")
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_fine_tuning_goes_on_from_a_file_or_a_model(toy_path: Path, tmp_path: Path) -> None:
    before = toy_path.read_bytes()
    image, mask = squares(5)
    for start in (toy_path, load_model(toy_path)):
        tuned = fine_tune(
            start, image, mask, tmp_path / "tuned", labels_are="masks", steps=2, **(TOY | {"seed": 1})
        )
        assert tuned.record.network == load_model(toy_path).record.network
        assert len(tuned.record.parents) == 1
    assert toy_path.read_bytes() == before


def test_fine_tuning_with_another_class_keeps_the_rest(toy_path: Path, tmp_path: Path) -> None:
    image, mask = squares(5)
    labels = mask.copy()
    labels[:10] = 2
    tuned = fine_tune(toy_path, image, labels, tmp_path / "tuned", labels_are="masks", steps=1, **TOY)
    assert tuned.record.annotation.values == (0, 1, 2)
    assert tuned.network.settings.n_classes == 3


def test_names_and_colours_given_by_hand_are_kept(tmp_path: Path) -> None:
    image, mask = squares(0)
    annotation = Annotation(
        kind="masks",
        classes=(
            LabelClass(value=0, name="glass", color="#000000"),
            LabelClass(value=1, name="cell", color="#123456"),
        ),
    )
    model = train(image, mask, tmp_path / "m", annotation=annotation, steps=1, **TOY)
    assert model.record.annotation == annotation


def test_stopping_before_the_first_step_is_an_error(tmp_path: Path) -> None:
    image, mask = squares(0)
    with pytest.raises(AnnotationError, match="stopped before"):
        train(image, mask, tmp_path / "m", labels_are="masks", steps=5, stop=lambda: True, **TOY)
    assert list(tmp_path.iterdir()) == []


def test_stopping_keeps_what_was_reached(tmp_path: Path) -> None:
    image, mask = squares(0)
    events: list[Event] = []

    def stop() -> bool:
        return any(isinstance(event, TrainingStep) for event in events)

    train(
        image, mask, tmp_path / "m", labels_are="masks", steps=10**6, progress=events.append, stop=stop, **TOY
    )
    assert load_model(tmp_path / "m.safetensors").record.annotation.values == (0, 1)
    assert isinstance(events[-1], Finished)
    assert events[-1].stopped


def test_settings_and_overrides_are_checked(tmp_path: Path) -> None:
    image, mask = squares(0)
    with pytest.raises(ValidationError, match="stepz"):
        train(image, mask, tmp_path / "m", stepz=5)
    settings = TrainSettings(steps=1, augmentation={"elastic": 2.0})
    model = train(
        image,
        mask,
        tmp_path / "m",
        labels_are="masks",
        settings=settings,
        augmentation={"flips": False},
        **TOY,
    )
    assert model.record.training is not None
    assert model.record.training.augmentation.elastic == 2.0
    assert not model.record.training.augmentation.flips


@pytest.mark.parametrize(
    ("image", "mask", "error", "words"),
    [
        (np.zeros((40, 40)), np.zeros((40, 41), int), InputError, r"\(40, 41\).*\(40, 40\)"),
        (np.zeros((40, 40)), np.zeros((40, 40), int), AnnotationError, "labelled"),
        (np.zeros((0, 40)), np.zeros((0, 40), int), InputError, "empty"),
        (np.zeros((40, 40)), np.zeros((40, 40)), InputError, "float64"),
    ],
)
def test_bad_input_is_refused_in_words(
    tmp_path: Path, image: np.ndarray, mask: np.ndarray, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        train(image, mask, tmp_path / "m", labels_are="masks", steps=1, **TOY)
    assert list(tmp_path.iterdir()) == []


def test_a_bad_output_is_refused_before_training(tmp_path: Path) -> None:
    image, mask = squares(0)
    with pytest.raises(InputError, match="is a folder"):
        train(image, mask, tmp_path, labels_are="masks", steps=1)
    (tmp_path / "file").touch()
    with pytest.raises(StorageError):
        train(image, mask, tmp_path / "file" / "m.safetensors", labels_are="masks", steps=1)


def test_a_folder_without_permission_is_refused_before_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image, mask = squares(0)

    def refused(**where: Any) -> None:  # also to root, to whom no folder is locked
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), where["dir"])

    monkeypatch.setattr(tempfile, "TemporaryFile", refused)
    with pytest.raises(StorageError, match=r"(?i)permission"):
        train(image, mask, tmp_path / "m", labels_are="masks", steps=1)


def test_a_bad_parent_is_refused(tmp_path: Path) -> None:
    image, mask = squares(0)
    with pytest.raises(ModelFileError):
        fine_tune(tmp_path / "absent.safetensors", image, mask, tmp_path / "m", labels_are="masks")


def test_a_real_image_from_files(shared_data: Path, tmp_path: Path) -> None:
    folder = shared_data / "axondeepseg_myelin_sem" / "train"
    model = train(folder / "images", folder / "labels", tmp_path / "m", labels_are="masks", steps=2, **TOY)
    assert model.record.annotation.values == (0, 1, 2)
    assert len(model.record.images) == 3


def test_a_file_of_another_kind_is_not_replaced_by_a_model(tmp_path: Path) -> None:
    image, mask = squares(0)
    precious = tmp_path / "image.png"
    precious.write_bytes(b"pixels")
    with pytest.raises(StorageError, match="no model that could be replaced"):
        train(image, mask, precious, labels_are="masks", steps=1, **TOY)
    assert precious.read_bytes() == b"pixels"


def test_tensors_are_taken_for_arrays(tmp_path: Path) -> None:
    image, mask = (torch.from_numpy(array) for array in squares(0))
    model = train(image.float(), mask, tmp_path / "m", labels_are="masks", steps=1, **TOY)
    assert predict(model, image.bfloat16()).shape == tuple(image.shape)
