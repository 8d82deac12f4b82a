from __future__ import annotations

import os
from itertools import count
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np
import pytest
import torch
from skimage.io import imread

from napari_unet.device import probe
from napari_unet.errors import (
    AnnotationError,
    InputError,
    OutOfMemoryError,
    ShapeMismatchError,
    StorageError,
    TrainingDivergedError,
)
from napari_unet.events import (
    Before,
    Finished,
    ModelSaved,
    Notice,
    Progress,
    Started,
    TrainingStep,
    Validation,
    ValidationRegions,
)
from napari_unet.images import AnnotatedImage, Image
from napari_unet.labels import default_annotation
from napari_unet.models.files import load_model
from napari_unet.requests import TrainingRequest
from napari_unet.settings import TrainSettings
from napari_unet.training import loop
from napari_unet.training.fit import fit
from napari_unet.training.optimisation import Optimisation

TOY: dict[str, Any] = {
    "width": 4,
    "depth": 2,
    "patch_size": 32,
    "batch_size": 4,
    "device": "cpu",
    "threads": 1,
    "precision": "fp32",
    "minutes": None,
}


def never() -> bool:
    return False


def blobs(shape=(64, 72), seed=0) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    mask = np.zeros(shape, np.uint8)
    for _ in range(max(4, mask.size // 800)):
        y, x = (int(random.integers(0, n - 8)) for n in shape[-2:])
        mask[..., y : y + 10, x : x + 10] = 1
    return (50 + 100 * mask + random.normal(0, 12, shape)).astype(np.uint8), mask


def pair(image: np.ndarray, labels: np.ndarray, axes: str = "YX", name: str = "image") -> AnnotatedImage:
    return AnnotatedImage(Image(name, (image,), axes), labels)


def ask(output: Path, *pairs: AnnotatedImage, kind="masks", values=(0, 1), start_from=None, **options):
    settings = TrainSettings(**(TOY | options))
    pairs = pairs or (pair(*blobs()),)
    return TrainingRequest(tuple(pairs), default_annotation(kind, values), settings, output, start_from)


@pytest.fixture
def output(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "model.safetensors"


def of_type(events, kind):
    return [event for event in events if isinstance(event, kind)]


def test_a_run_learns_and_says_what_it_does(output):
    events = list(fit(ask(output, steps=60), never))
    assert isinstance(events[0], Started)
    assert events[0].device == probe("cpu").name  # as in prediction: what to call it
    assert events[0].plan["device"] == "cpu"
    assert events[0].plan["width"] == 4
    assert len(of_type(events, ValidationRegions)) == 1
    assert of_type(events, TrainingStep)
    assert of_type(events, Progress)[-1].fraction == 1
    validations = of_type(events, Validation)
    assert validations[-1].mean_dice > 0.85
    assert set(validations[-1].dice) == {0, 1}
    finished = events[-1]
    assert isinstance(finished, Finished)
    assert not finished.stopped
    assert finished.model_path == str(output)
    assert finished.summary["steps"] == 60
    assert finished.summary["mean_dice"] == max(v.mean_dice for v in validations)
    assert of_type(events, ModelSaved)[-1].path == str(output)
    assert of_type(events, Notice) == []


def test_the_record_tells_the_whole_story(output):
    request = ask(output, steps=30, seed=7)
    events = list(fit(request, never))
    record = load_model(output).record
    assert record.plan["seed"] == 7
    assert record.plan["threads"] == 1
    assert record.plan["steps"] == 30
    assert record.training == request.settings
    assert record.annotation == request.annotation
    assert record.axes == "YX"
    assert record.validation.honest
    assert record.validation.mean_dice == events[-1].summary["mean_dice"]
    assert set(record.validation.scores) == {"0", "1"}
    assert list(record.validation.regions.values()) == [of_type(events, ValidationRegions)[0].regions[0]]
    assert record.images == {"image": next(iter(record.validation.regions))}
    assert [point.step for point in record.history] == [v.step for v in of_type(events, Validation)]
    assert record.versions["torch"] == torch.__version__.split("+")[0] or record.versions["torch"]
    assert record.parents == ()


def test_the_history_goes_on_after_the_best_weights_were_saved(output, monkeypatch):
    monkeypatch.setattr(loop, "SAVE_SECONDS", 0.0)
    # Weights that cannot change: the first are the best, and saved at once.
    events = list(fit(ask(output, steps=8, learning_rate=1e-30, norm=None), never))
    validations = of_type(events, Validation)
    assert [v.is_best for v in validations] == [True] + [False] * (len(validations) - 1)
    assert len(validations) > 1
    assert [p.step for p in load_model(output).record.history] == [v.step for v in validations]


@pytest.mark.parametrize("options", [{}, {"precision": "bf16"}, {"recipe": "classic"}])
def test_steps_and_seed_repeat_a_run_bit_for_bit(tmp_path, options):
    weights = []
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        path = tmp_path / f"{name}.safetensors"
        list(fit(ask(path, steps=8, seed=seed, **options), never))
        weights.append(load_model(path).network.state_dict())
    assert all(torch.equal(weights[0][k], weights[1][k]) for k in weights[0])
    assert not all(torch.equal(weights[0][k], weights[2][k]) for k in weights[0])


def test_a_timed_run_ends_in_time(output):
    start = monotonic()
    *_, finished = fit(ask(output, minutes=0.05, width=2), never)
    assert monotonic() - start < 3.5
    assert finished.summary["steps"] > 3


@pytest.mark.parametrize("after", [0, 1, 5])
def test_stop_ends_at_the_next_batch_and_keeps_what_was_reached(output, after):
    asked = count()
    events = list(fit(ask(output, steps=10_000, validation_fraction=0), lambda: next(asked) >= after))
    finished = events[-1]
    assert finished.stopped
    assert finished.summary["steps"] == after
    assert output.exists() == (after > 0)
    assert finished.model_path == (str(output) if after else None)


def test_a_closed_generator_leaves_no_thread(output):
    events = fit(ask(output, steps=1000), never)
    for event in events:
        if isinstance(event, Validation):
            break
    events.close()
    import threading

    assert not [t for t in threading.enumerate() if t.name.startswith("patches")]


@pytest.mark.parametrize(
    ("image_shape", "axes"),
    [((3, 40, 44), "TYX"), ((40, 44, 3), "YXC"), ((2, 2, 40, 44), "TZYX"), ((20, 9), "YX")],
)
def test_any_axes_train(output, image_shape, axes):
    shape = tuple(n for n, a in zip(image_shape, axes, strict=True) if a != "C")
    image, mask = blobs(shape)
    if "C" in axes:
        image = np.stack([image, 255 - image, image // 2], -1)
    list(fit(ask(output, pair(image, mask, axes), steps=2), never))
    model = load_model(output)
    assert model.network.settings.n_channels == (3 if "C" in axes else 1)


def test_images_of_different_sizes_and_types_train_together(output):
    pairs = [
        pair(*blobs((64, 72))),
        pair(*(blobs((30, 200), 1)), name="wide"),
        pair(blobs((20, 24), 2)[0].astype(np.float64) * 1e6, blobs((20, 24), 2)[1], name="small"),
    ]
    events = list(fit(ask(output, *pairs, steps=3), never))
    assert isinstance(events[-1], Finished)
    assert len(load_model(output).record.images) == 3


def test_a_few_scribbles_train_without_a_score(output):
    image, mask = blobs()
    labels = np.zeros_like(mask)
    rows = np.argwhere(mask == 1)[::40], np.argwhere(mask == 0)[::400]
    for value, places in enumerate(rows, start=1):
        labels[tuple(places.T)] = value
    events = list(
        fit(ask(output, pair(image, labels), kind="scribbles", values=(1, 2), steps=150, width=8), never)
    )
    (regions,) = of_type(events, ValidationRegions)
    assert not regions.honest
    assert of_type(events, Validation) == []
    record = load_model(output).record
    assert not record.validation.honest
    assert record.validation.mean_dice is None
    network = load_model(output).network
    statistics = record.normalisation.statistics(pair(image, labels).image)
    batch = torch.from_numpy(statistics.apply(image[None]))[None]

    def dice() -> float:
        with torch.inference_mode():
            found = network(batch).argmax(1)[0].numpy() == 0
        return float(2 * (found & (mask == 1)).sum() / (found.sum() + mask.sum()))

    evaluated = dice()
    assert evaluated > 0.7
    network.train()
    assert evaluated > dice() - 0.05  # batch norm's statistics are right for the saved weights


def test_an_unpadded_network_trains(output):
    request = ask(output, pair(*blobs((120, 130))), padding="valid", norm=None, patch_size=60, steps=4)
    events = list(fit(request, never))
    assert of_type(events, Validation)
    assert load_model(output).network.margin > 0


def test_fine_tuning_keeps_architecture_and_regions(output, tmp_path):
    list(fit(ask(output, steps=40), never))
    parent = load_model(output).record
    child = tmp_path / "child.safetensors"
    other = pair(*blobs(seed=5), name="other")
    request = ask(child, other, pair(*blobs()), start_from=output, steps=2, width=9, learning_rate=1e-6)
    events = list(fit(request, never))
    assert len(of_type(events, Before)) == 1
    record = load_model(child).record
    assert record.network == parent.network
    assert len(record.parents) == 1
    known = next(iter(parent.validation.regions.items()))
    assert record.validation.regions[known[0]] == known[1]
    (regions,) = of_type(events, ValidationRegions)
    assert regions.regions[1] == known[1]
    first = of_type(events, Validation)[0]
    assert first.mean_dice > 0.8  # it starts from what was learned


def test_the_model_to_start_from_is_scored_on_the_same_regions(output, tmp_path):
    (*_, first) = of_type(list(fit(ask(output, steps=40), never)), Validation)
    request = ask(tmp_path / "child.safetensors", start_from=output, steps=1, learning_rate=1e-9)
    events = list(fit(request, never))
    (before,) = of_type(events, Before)
    record = load_model(output).record
    assert before.mean_dice == pytest.approx(record.validation.mean_dice, abs=1e-6)
    assert events.index(before) < events.index(of_type(events, Validation)[0])
    child = load_model(tmp_path / "child.safetensors").record.validation
    assert child.mean_dice_before == before.mean_dice
    assert of_type(events, Finished)[0].summary["mean_dice_before"] == before.mean_dice
    assert first.mean_dice <= before.mean_dice


def test_fine_tuning_with_other_classes_makes_a_new_output_layer(output, tmp_path):
    list(fit(ask(output, steps=2), never))
    image, mask = blobs()
    mask[:20][mask[:20] == 1] = 2
    child = tmp_path / "child.safetensors"
    request = ask(child, pair(image, mask), values=(0, 1, 2), start_from=output, steps=1, learning_rate=1e-9)
    events = list(fit(request, never))
    assert not of_type(events, Before)
    assert any("output layer" in n.text for n in of_type(events, Notice))
    before, after = load_model(output).network, load_model(child).network
    assert after.settings.n_classes == 3
    torch.testing.assert_close(after.inc[0].weight, before.inc[0].weight, atol=1e-5, rtol=1e-5)


def test_bad_input_is_refused_in_words(output):
    image, mask = blobs()
    with pytest.raises(AnnotationError, match="Only one class"):
        list(fit(ask(output, pair(image, np.zeros_like(mask)), steps=1), never))
    with pytest.raises(AnnotationError, match="Nothing is labelled"):
        list(fit(ask(output, pair(image, mask * 0), kind="scribbles", values=(1, 2), steps=1), never))
    with pytest.raises(InputError, match="same value everywhere"):
        list(fit(ask(output, pair(np.full_like(image, 7), mask), steps=1), never))
    rgb = pair(np.stack([image] * 3, -1), mask, "YXC", "colour")
    with pytest.raises(ShapeMismatchError, match="colour has 3"):
        list(fit(ask(output, pair(image, mask), rgb, steps=1), never))
    list(fit(ask(output, steps=1), never))
    with pytest.raises(InputError, match="1 channel"):
        list(fit(ask(output, rgb, start_from=output, steps=1), never))
    with pytest.raises(InputError, match="no image"):
        list(fit(TrainingRequest((), default_annotation("masks", (0, 1)), TrainSettings(), output), never))


def test_nan_and_inf_and_a_constant_image_are_noticed(output):
    image, mask = blobs()
    broken = image.astype(np.float32)
    broken[3:6, 3:6] = np.nan
    broken[8, 8] = np.inf
    flat = pair(np.zeros_like(image), mask, name="flat")
    events = list(fit(ask(output, pair(broken, mask), flat, steps=2), never))
    texts = " ".join(n.text for n in of_type(events, Notice))
    assert "not numbers" in texts
    assert "flat holds the same value" in texts


def test_a_folder_that_cannot_be_written_is_said_before_training(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="cannot be saved"):
        next(iter(fit(ask(tmp_path / "file" / "model.safetensors", steps=1), never)))
    with pytest.raises(StorageError, match="folder"):
        next(iter(fit(ask(tmp_path, steps=1), never)))
    if os.name == "posix" and os.geteuid():
        locked = tmp_path / "locked"
        locked.mkdir(0o500)
        with pytest.raises(StorageError):
            next(iter(fit(ask(locked / "model.safetensors", steps=1), never)))


def poison(monkeypatch, steps, precision=None):
    """Make the loss of some steps infinite."""
    original, calls = Optimisation.forward, count()

    def forward(self, network, images):
        logits = original(self, network, images)
        if network.training and next(calls) in steps and (precision is None or self.precision == precision):
            return logits * float("inf")
        return logits

    monkeypatch.setattr(Optimisation, "forward", forward)


def test_single_bad_steps_are_skipped(output, monkeypatch):
    poison(monkeypatch, {2, 4, 5})
    events = list(fit(ask(output, steps=12), never))
    assert of_type(events, Notice) == []
    assert all(torch.isfinite(t).all() for t in load_model(output).network.state_dict().values())


def test_three_bad_steps_in_a_row_go_back_to_full_precision(output, monkeypatch):
    poison(monkeypatch, range(4, 100), torch.bfloat16)
    events = list(fit(ask(output, steps=20, precision="bf16"), never))
    assert any("full precision" in n.text for n in of_type(events, Notice))
    assert all(torch.isfinite(t).all() for t in load_model(output).network.state_dict().values())


def test_a_run_without_finite_numbers_fails_and_saves_nothing(output, monkeypatch):
    poison(monkeypatch, range(100))
    with pytest.raises(TrainingDivergedError):
        list(fit(ask(output, steps=20), never))
    assert not output.exists()


def test_out_of_memory_halves_the_batch_and_goes_on(output, monkeypatch):
    original = Optimisation.step

    def step(self, images, *more):
        if len(images) > 1:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory")
        return original(self, images, *more)

    monkeypatch.setattr(Optimisation, "step", step)
    events = list(fit(ask(output, steps=3), never))
    assert [n.text.split(" with ")[1][0] for n in of_type(events, Notice)] == ["2", "1"]
    assert events[-1].summary["steps"] == 3
    plan = load_model(output).record.plan
    assert (plan["batch_size"], plan["batches_per_step"]) == (1, 4)

    def full(self, *batch):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(Optimisation, "step", full)
    with pytest.raises(OutOfMemoryError, match="single patch"):
        list(fit(ask(output, steps=3), never))


def test_stop_during_the_last_validation_keeps_the_weights(output, monkeypatch):
    monkeypatch.setattr("napari_unet.training.held_out.HeldOut.score", lambda *_: None)
    events = list(fit(ask(output, steps=1), never))
    assert events[-1].stopped
    assert load_model(output).record.validation.scores == {}


def test_an_error_in_the_middle_keeps_the_best_weights(output, monkeypatch):
    poison(monkeypatch, range(6, 100))
    with pytest.raises(TrainingDivergedError):
        list(fit(ask(output, steps=50), never))
    assert load_model(output).record.validation.mean_dice is not None


def test_training_ends_early_when_nothing_improves(output):
    request = ask(output, steps=200, learning_rate=1e-12, patience=2)
    events = list(fit(request, never))
    assert any("ended early" in n.text for n in of_type(events, Notice))
    assert events[-1].summary["steps"] < 200


def test_best_weights_are_kept(output):
    events = list(fit(ask(output, steps=30), never))
    best = [v for v in of_type(events, Validation) if v.is_best][-1]
    record = load_model(output).record
    assert record.validation.mean_dice == best.mean_dice
    assert record.validation.scores["1"].dice == best.dice[1]


def test_a_real_stack_trains(shared_data, output):
    folder = shared_data / "isbi2012_em_membrane" / "train"
    pairs = [
        pair(imread(path), imread(folder / "labels" / path.name), name=path.stem)
        for path in sorted((folder / "images").glob("*.png"))[:6]
    ]
    events = list(fit(ask(output, *pairs, steps=40, patch_size=64, width=8), never))
    (regions,) = of_type(events, ValidationRegions)
    assert sum(map(bool, regions.regions)) == 1
    assert events[-1].summary["mean_dice"] > 0.5
