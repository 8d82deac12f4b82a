from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from napari_unet.errors import AnnotationError, InputError, OutOfMemoryError
from napari_unet.events import Finished, Notice, Progress, RateFound, Started, TrainingStep
from napari_unet.images import AnnotatedImage, Image, read_image, read_labels
from napari_unet.labels import default_annotation
from napari_unet.requests import RateSearchRequest, TrainingRequest
from napari_unet.settings import TrainSettings
from napari_unet.training import rate_finder
from napari_unet.training.fit import fit
from napari_unet.training.optimisation import Optimisation
from napari_unet.training.rate_finder import find_rate, judge, smooth

TOY: dict[str, Any] = {
    "width": 4,
    "depth": 2,
    "patch_size": 32,
    "batch_size": 4,
    "device": "cpu",
    "threads": 1,
    "precision": "fp32",
}
RATES = np.geomspace(1e-6, 1, 100)


def never() -> bool:
    return False


def blobs() -> AnnotatedImage:
    random = np.random.default_rng(0)
    mask = np.zeros((64, 72), np.uint8)
    for y, x in random.integers(0, 54, (6, 2)):
        mask[y : y + 10, x : x + 10] = 1
    image = (50 + 100 * mask + random.normal(0, 12, mask.shape)).astype(np.uint8)
    return AnnotatedImage(Image("blobs", (image,), "YX"), mask)


def ask(*, tries: int | None = 25, start_from: Path | None = None, **options: Any) -> RateSearchRequest:
    settings = TrainSettings(**(TOY | options))
    return RateSearchRequest((blobs(),), default_annotation("masks", [0, 1]), settings, start_from, tries)


def curve(middle: float = 1e-3, rise: float = 0.1) -> np.ndarray:
    """Falls from 1 to 0.3, half of it at ``middle``, and rises steeply above ``rise``."""
    decades = np.log10(RATES)
    return (
        1
        - 0.7 / (1 + np.exp(-4 * (decades - np.log10(middle))))
        + 3 * np.maximum(decades - np.log10(rise), 0)
    )


def found_in(events: list[Any]) -> RateFound:
    (found,) = [event for event in events if isinstance(event, RateFound)]
    return found


# The verdict


@pytest.mark.parametrize("middle", [1e-4, 1e-3, 1e-2])
def test_the_suggestion_lies_where_two_thirds_of_the_fall_are_made(middle):
    found = judge(RATES, curve(middle), diverged=False, stopped=False)
    expected = middle * 10 ** (np.log(2) / 4)  # where the logistic function is 2/3
    assert abs(np.log10(found.suggestion / expected)) < 0.1
    assert f"{found.suggestion:.1e}" in found.reason
    assert found.suggestion < RATES[found.smoothed.argmin()]


@given(st.integers(0, 50))
def test_the_suggestion_withstands_the_noise_of_batches(seed):
    noisy = curve() + np.random.default_rng(seed).normal(0, 0.05, len(RATES))
    clean = judge(RATES, curve(), diverged=False, stopped=False).suggestion
    assert abs(np.log10(judge(RATES, noisy, diverged=False, stopped=False).suggestion / clean)) < 0.3


@given(st.integers(0, 50))
def test_noise_alone_is_no_suggestion(seed):
    noise = 1 + np.random.default_rng(seed).normal(0, 0.1, len(RATES))
    found = judge(RATES, noise, diverged=False, stopped=False)
    assert found.suggestion is None
    assert "none stands out" in found.reason


def test_a_loss_that_only_rises_is_no_suggestion():
    rising = 0.1 + np.maximum(np.log10(RATES) + 3, 0)
    assert judge(RATES, rising, diverged=True, stopped=False).suggestion is None


@pytest.mark.parametrize(("n", "stopped"), [(0, False), (3, False), (0, True), (100, True)])
def test_too_little_or_stopped_is_no_suggestion(n, stopped):
    found = judge(RATES[:n], curve()[:n], diverged=False, stopped=stopped)
    assert found.suggestion is None
    assert len(found.losses) == len(found.smoothed) == n


def test_smoothing_does_not_shift_a_fall():
    step = (np.log10(RATES) < -3).astype(float)
    smoothed, noise = smooth(RATES, step)
    crossing = RATES[np.argmax(smoothed <= 0.5)]
    assert abs(np.log10(crossing) + 3) < 0.07
    assert 0 < noise < np.std(step - smoothed)


def test_divergence_is_noticed_and_noise_is_not():
    watch = rate_finder._Watch()
    losses = curve(rise=1.0) + np.random.default_rng(0).normal(0, 0.05, len(RATES))
    assert not any(watch.has_diverged(float(loss)) for loss in losses)
    assert any(watch.has_diverged(2.0) for _ in range(rate_finder.RUNNING * 2))


# The search


def test_rates_rise_by_equal_factors_and_everything_is_said():
    events = list(find_rate(ask(), never))
    assert isinstance(events[0], Started)
    assert "learning_rate" not in events[0].plan
    found, finished = events[-2:]
    assert isinstance(found, RateFound)
    assert isinstance(finished, Finished)
    assert not finished.stopped
    assert finished.model_path is None
    assert finished.summary["suggestion"] == found.suggestion
    steps = [event for event in events if isinstance(event, TrainingStep)]
    assert [step.learning_rate for step in steps] == list(found.learning_rates)
    assert [step.loss for step in steps] == list(found.losses)
    np.testing.assert_allclose(found.learning_rates, np.geomspace(1e-6, 1, 25)[: len(steps)])
    assert [e.fraction for e in events if isinstance(e, Progress)][-1] == 1


def test_it_can_be_repeated_and_leaves_random_numbers_and_threads_alone():
    state, threads = torch.get_rng_state(), torch.get_num_threads()
    first, again = (found_in(list(find_rate(ask(), never))) for _ in range(2))
    np.testing.assert_array_equal(first.losses, again.losses)
    other = found_in(list(find_rate(ask(seed=1), never)))
    assert not np.array_equal(first.losses, other.losses)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.get_num_threads() == threads


def test_no_file_is_written_and_the_model_to_start_from_is_only_read(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "parent.safetensors"
    request = ask()
    settings = request.settings.model_copy(update={"minutes": None, "steps": 30})
    list(fit(TrainingRequest(request.images, request.annotation, settings, path), never))
    before = path.read_bytes(), path.stat().st_mtime_ns
    files = set(tmp_path.iterdir())
    found = found_in(list(find_rate(ask(start_from=path), never)))
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before
    assert set(tmp_path.iterdir()) == files
    fresh = found_in(list(find_rate(ask(), never)))
    assert found.losses[:5].mean() < fresh.losses[:5].mean()  # it began where the parent ended


def test_it_ends_early_when_the_loss_diverges(monkeypatch):
    step = Optimisation.step

    def exploding(self: Optimisation, *batch: torch.Tensor) -> float | None:
        loss = step(self, *batch)
        return 100.0 if self.learning_rate > 1e-3 else loss

    monkeypatch.setattr(Optimisation, "step", exploding)
    found = found_in(list(find_rate(ask(tries=60), never)))
    assert found.diverged
    assert found.learning_rates[-1] < 1e-2


def test_numbers_that_are_not_finite_end_it_and_stay_out_of_the_curve(monkeypatch):
    step = Optimisation.step

    def overflowing(self: Optimisation, images: torch.Tensor, *more: Any) -> float | None:
        return step(self, images * float("inf") if self.learning_rate > 1e-3 else images, *more)

    monkeypatch.setattr(Optimisation, "step", overflowing)
    found = found_in(list(find_rate(ask(tries=60), never)))
    assert found.diverged
    assert np.isfinite(found.losses).all()
    assert found.learning_rates[-1] <= 1e-3


@pytest.mark.parametrize("after", [0, 1, 8])
def test_it_can_be_stopped_at_any_step(after):
    asked = iter([*[False] * after, *[True] * 1000])
    events = list(find_rate(ask(), lambda: next(asked)))
    assert events[-1].stopped
    assert found_in(events).suggestion is None
    assert len(found_in(events).losses) == after


def test_closing_the_generator_ends_its_thread():
    import threading

    generator = find_rate(ask(), never)
    assert any(isinstance(event, TrainingStep) for event in (next(generator) for _ in range(3)))
    generator.close()
    assert not [t for t in threading.enumerate() if t.name.startswith("patches")]


def test_without_being_told_it_tries_as_many_rates_as_its_rule_is_made_for():
    found = found_in(list(find_rate(ask(tries=None), never)))
    ratio = found.learning_rates[1] / found.learning_rates[0]
    assert ratio == pytest.approx(10 ** (6 / (rate_finder.TRIES - 1)))


def test_short_of_memory_it_goes_on_with_smaller_batches(monkeypatch):
    step, sizes = Optimisation.step, []

    def hungry(self: Optimisation, images: torch.Tensor, *more: Any) -> float | None:
        if len(images) > 2:
            raise torch.cuda.OutOfMemoryError("out of memory")
        sizes.append(len(images))
        return step(self, images, *more)

    monkeypatch.setattr(Optimisation, "step", hungry)
    events = list(find_rate(ask(), never))
    assert [e.text for e in events if isinstance(e, Notice)][-1].endswith("2 patches at once.")
    assert len(sizes) == 2 * len(found_in(events).losses)

    def starving(self: Optimisation, *batch: torch.Tensor) -> float | None:
        raise torch.cuda.OutOfMemoryError("out of memory")

    monkeypatch.setattr(Optimisation, "step", starving)
    with pytest.raises(OutOfMemoryError, match="single patch"):
        list(find_rate(ask(), never))


def test_what_cannot_be_searched_is_said():
    with pytest.raises(InputError, match="of its own"):
        list(find_rate(ask(recipe="classic"), never))
    with pytest.raises(InputError, match="at least 10"):
        list(find_rate(ask(tries=5), never))
    nothing = AnnotatedImage(blobs().image, np.zeros((64, 72), np.uint8))
    request = RateSearchRequest((nothing,), default_annotation("scribbles", [1, 2]), TrainSettings(**TOY))
    with pytest.raises(AnnotationError):
        list(find_rate(request, never))


def test_a_rate_is_found_for_a_real_image(shared_data):
    folder = shared_data / "isbi2012_em_membrane" / "train"
    pair = AnnotatedImage(
        read_image(folder / "images" / "slice00.png"), read_labels(folder / "labels" / "slice00.png")
    )
    settings = TrainSettings(**(TOY | {"patch_size": 64}))
    request = RateSearchRequest((pair,), default_annotation("masks", [0, 1]), settings, tries=60)
    found = found_in(list(find_rate(request, never)))
    assert found.suggestion is not None
    assert 5e-4 < found.suggestion < 1e-1
