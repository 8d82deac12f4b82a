"""find_learning_rate at toy size, with the real engine."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from napari_unet import find_learning_rate, load_model
from napari_unet.errors import AmbiguousAnnotationError, InputError
from napari_unet.events import Event, Finished, Notice, RateFound, TrainingStep

from .conftest import TOY, squares


def test_a_rate_for_arrays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    events: list[Event] = []
    image, mask = squares(0)
    found = find_learning_rate(image, mask, labels_are="masks", tries=40, progress=events.append, **TOY)
    assert found.suggestion is not None
    assert 1e-6 < found.suggestion < 1
    kinds = [type(event) for event in events]
    assert kinds[-2:] == [RateFound, Finished]
    assert kinds.count(TrainingStep) == len(found.losses)
    assert list(tmp_path.iterdir()) == []
    again = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert again["suggestion"] == found.suggestion
    np.testing.assert_allclose(again["learning_rates"], found.learning_rates, rtol=1e-3)
    np.testing.assert_allclose(again["smoothed"], found.smoothed, atol=1e-6)


def test_a_model_to_start_from_as_a_file_or_in_memory(toy_path: Path) -> None:
    before = toy_path.read_bytes()
    image, mask = squares(0)
    model = load_model(toy_path)
    weights = {name: tensor.clone() for name, tensor in model.network.state_dict().items()}
    options = TOY | {
        "labels_are": "masks",
        "tries": 10,
        "rehearsal": False,
    }  # only a file has examples beside it
    curves = [
        find_learning_rate(image, mask, start_from=start, **options).losses for start in (toy_path, model)
    ]
    np.testing.assert_array_equal(*curves)
    assert toy_path.read_bytes() == before
    assert all(bool((tensor == weights[name]).all()) for name, tensor in model.network.state_dict().items())


def test_what_is_inferred_is_told_and_what_is_unclear_asked() -> None:
    images, masks = zip(*(squares(seed) for seed in range(3)), strict=True)
    events: list[Event] = []
    find_learning_rate(list(images), list(masks), tries=10, progress=events.append, **TOY)
    assert any(isinstance(event, Notice) and "taken as masks" in event.text for event in events)
    image, mask = squares(0)
    mask[:10] = 2
    with pytest.raises(AmbiguousAnnotationError, match="labels_are="):
        find_learning_rate(image, mask, **TOY)


def test_stopping_gives_what_was_seen_without_a_suggestion() -> None:
    image, mask = squares(0)
    found = find_learning_rate(image, mask, labels_are="masks", stop=lambda: True, **TOY)
    assert found.suggestion is None
    assert len(found.losses) == 0


def test_misuse_is_said() -> None:
    image, mask = squares(0)
    with pytest.raises(InputError, match="of its own"):
        find_learning_rate(image, mask, labels_are="masks", recipe="classic", **TOY)
    with pytest.raises(ValidationError):
        find_learning_rate(image, mask, labels_are="masks", widht=4)
