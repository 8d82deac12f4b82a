from __future__ import annotations

from dataclasses import replace
from typing import Any, get_args

import numpy as np
import pytest
import torch
from skimage.io import imread
from skimage.measure import label

from napari_unet.device import probe
from napari_unet.events import Finished, Notice, TrainingStep, Validation
from napari_unet.images import AnnotatedImage, Image
from napari_unet.labels import default_annotation
from napari_unet.models.files import load_model
from napari_unet.requests import TrainingRequest
from napari_unet.settings import LossName, TrainSettings
from napari_unet.training.fit import fit
from napari_unet.training.losses import TERMS, CombinedLoss
from napari_unet.training.object_flows import FlowLoss
from napari_unet.training.object_targets import BorderClassLoss, DistanceLoss
from napari_unet.training.object_weights import SeparatedLoss, pair_weights, separated
from napari_unet.training.objective import applicable, choose_objective
from napari_unet.training.optimisation import Optimisation
from napari_unet.training.patches import UNSEEN, PatchReader
from napari_unet.training.preparation import prepare
from napari_unet.training.sizing import settle_plan

TOY: dict[str, Any] = {
    "width": 4,
    "depth": 2,
    "patch_size": 32,
    "batch_size": 4,
    "device": "cpu",
    "threads": 1,
    "precision": "fp32",
    "minutes": None,
    "steps": 40,
}


def ask(tmp_path, kind="masks", image=None, labels=None, **options) -> TrainingRequest:
    if labels is None:
        random = np.random.default_rng(0)
        labels = np.zeros((64, 72), np.uint8)
        for _ in range(8):
            y, x = (int(random.integers(0, n - 8)) for n in labels.shape)
            labels[y : y + 9, x : x + 9] = 1
        image = (50 + 100 * labels + random.normal(0, 12, labels.shape)).astype(np.uint8)
    settings = TrainSettings(**(TOY | options))
    pair = AnnotatedImage(Image("image", (image,), "YX"), labels)
    values = [1] if kind == "objects" else list(map(int, np.unique(labels)))
    return TrainingRequest((pair,), default_annotation(kind, values), settings, tmp_path / "m.safetensors")


def objective(request: TrainingRequest):
    preparation = prepare(request)
    reader = PatchReader(request.images, preparation.used_statistics, request.annotation)
    plan = settle_plan(request, preparation, torch.device("cpu"), torch.float32, probe("cpu"))
    return choose_objective(request, preparation, plan, reader), preparation


def never() -> bool:
    return False


def test_every_name_has_its_terms():
    assert set(TERMS) == set(get_args(LossName))
    for terms in TERMS.values():
        assert sum(terms.values()) == 1


def test_the_default_is_half_cross_entropy_and_half_pooled_dice(tmp_path):
    (loss, _, notices), _ = objective(ask(tmp_path))
    assert type(loss) is CombinedLoss
    assert (loss.weight_ce, loss.weight_dice, loss.weight_focal, loss.pooled) == (0.5, 0.5, 0, True)
    assert loss.class_weights is None
    assert notices == ()


def test_class_weights_are_those_of_the_pixels_that_are_not_held_out(tmp_path):
    request = ask(tmp_path, class_weights=True)
    (loss, _, _), preparation = objective(request)
    labels = np.asarray(request.images[0].labels).astype(int)
    for box in preparation.split.excluded[0]:
        labels[tuple(slice(*b) for b in box)] = -1
    counts = np.bincount(labels[labels >= 0])
    assert loss.class_weights.tolist() == pytest.approx(list(counts.sum() / (2 * counts)))
    assert counts.sum() < labels.size


@pytest.mark.parametrize(
    ("kind", "options", "words"),
    [
        ("masks", {"recipe": "classic", "loss": "focal", "class_weights": True}, "Loss and Balance classes"),
        ("masks", {"recipe": "classic", "consistency": 0.5}, "Consistency"),
        ("masks", {"loss": "dice", "border_weight": 10}, "Dice alone"),
        ("scribbles", {"border_weight": 10}, "Scribbles"),
    ],
)
def test_options_without_effect_are_said(kind, options, words):
    annotation = default_annotation(kind, [1, 2])
    settings, notices = applicable(TrainSettings(**options), annotation)
    assert [words in n.text and n.level == "warning" for n in notices] == [True]
    kept = {"recipe", "loss"} if options.get("loss") == "dice" else {"recipe"}
    assert settings == TrainSettings(**{k: v for k, v in options.items() if k in kept})
    assert applicable(TrainSettings(recipe=settings.recipe), annotation)[1] == ()


@pytest.mark.parametrize(
    "options",
    [
        {"loss": "cross-entropy", "class_weights": True},
        {"loss": "focal"},
        {"loss": "focal+dice", "border_weight": 10},
        {"loss": "dice"},
        {"border_weight": 10, "class_weights": True, "precision": "bf16"},
        {"border_weight": 5, "padding": "valid", "depth": 1, "learning_rate": 1e-2},
    ],
)
def test_every_loss_learns(tmp_path, options):
    request = ask(tmp_path, **options)
    events = list(fit(request, never))
    assert [e for e in events if isinstance(e, Notice)] == []
    assert [e for e in events if isinstance(e, Validation)][-1].mean_dice > 0.75
    assert load_model(request.output).record.training == request.settings


def test_the_classic_recipe_keeps_its_loss(tmp_path, monkeypatch):
    seen = []
    original = Optimisation.step
    monkeypatch.setattr(
        Optimisation, "step", lambda self, *batch: seen.append(self.criterion) or original(self, *batch)
    )
    events = list(fit(ask(tmp_path, recipe="classic", border_weight=10, steps=2), never))
    assert ["classic" in e.text for e in events if isinstance(e, Notice)] == [True]
    assert type(seen[0]) is CombinedLoss
    assert (seen[0].weight_ce, seen[0].weight_dice, seen[0].pooled) == (0.5, 0.5, False)


def test_border_weights_on_real_touching_nuclei(shared_data, tmp_path):
    folder = shared_data / "stardist_sample_nuclei2d" / "train"
    path = next(p for p in sorted((folder / "labels").iterdir()))
    image = next(p for p in sorted((folder / "images").iterdir()) if p.stem == path.stem)
    request = ask(
        tmp_path, "objects", imread(image), imread(path), object_targets="weights", patch_size=64, width=8
    )
    (loss, sampler, _), _ = objective(request)
    assert isinstance(loss, SeparatedLoss)
    drawn = torch.from_numpy(sampler.batch(8, (64, 64), (64, 64))[1])
    assert pair_weights(separated(drawn)).max() > 8  # of 10, where nuclei touch
    assert label(imread(path) > 0).max() < len(np.unique(imread(path))) - 1  # some touch: objects, not pieces
    events = list(fit(request, never))
    assert all(np.isfinite(e.loss) for e in events if isinstance(e, TrainingStep))
    assert isinstance(events[-1], Finished)
    assert events[-1].summary["mean_dice"] > 0.7


@pytest.mark.parametrize(
    ("targets", "outputs", "loss"),
    [
        ("distances", "distances", DistanceLoss),
        ("borders", "borders", BorderClassLoss),
        ("flows", "flows", FlowLoss),
        ("weights", "classes", SeparatedLoss),
    ],
)
def test_objects_are_learnt_as_the_settings_say(tmp_path, targets, outputs, loss):
    labels = np.zeros((96, 96), np.int32)
    labels[10:40, 10:40], labels[10:40, 40:70], labels[50:80, 20:60] = 3, 70000, 2**31 - 1
    image = (50 + 100 * (labels > 0)).astype(np.uint8)
    request = ask(tmp_path, "objects", image, labels, object_targets=targets)
    (found, sampler, notices), _ = objective(request)
    assert type(found) is loss
    assert notices == ()
    drawn = sampler.batch(8, (32, 32), (40, 40))[1]
    assert drawn.min() >= UNSEEN
    assert len(np.unique(drawn[drawn > 0])) >= 2
    assert drawn.max() < 1 << 24
    events = list(fit(request, never))
    assert isinstance(events[-1], Finished)
    record = load_model(request.output).record
    assert record.network.outputs == outputs
    assert record.annotation.values == (0, 1)


def test_the_classic_recipe_learns_objects_as_their_foreground(tmp_path):
    labels = np.zeros((64, 64), np.int32)
    labels[10:40, 10:25], labels[10:40, 25:50] = 4, 9
    request = ask(tmp_path, "objects", labels.astype(np.uint8) * 20, labels, recipe="classic", steps=3)
    (_, sampler, _), _ = objective(request)
    assert set(np.unique(sampler.batch(4, (32, 32), (32, 32))[1])) <= {UNSEEN, -1, 0, 1}
    list(fit(request, never))
    assert load_model(request.output).record.network.outputs == "classes"


def test_border_weights_of_objects_learnt_otherwise_are_told_to_have_no_effect(tmp_path):
    labels = np.zeros((64, 64), np.int32)
    labels[10:40, 10:25], labels[10:40, 25:50] = 4, 9
    request = ask(tmp_path, "objects", labels.astype(np.uint8) * 20, labels, border_weight=5)
    (found, _, notices), _ = objective(request)
    assert type(found) is FlowLoss
    assert [n.text for n in notices] == [
        "Border weight has no effect on objects unless Objects by is set to weights."
    ]


def test_a_model_that_learnt_gaps_goes_on_with_gaps(tmp_path):
    labels = np.zeros((64, 64), np.int32)
    labels[10:40, 10:25], labels[10:40, 25:50] = 4, 9
    image = labels.astype(np.uint8) * 20
    request = ask(tmp_path, "objects", image, labels, object_targets="weights", steps=2)
    list(fit(request, never))
    further = replace(ask(tmp_path, "objects", image, labels), start_from=request.output)
    (found, sampler, notices), _ = objective(further)
    assert type(found) is SeparatedLoss
    assert notices == ()
    assert 9 in sampler.batch(4, (32, 32), (32, 32))[1]
