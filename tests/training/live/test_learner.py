from __future__ import annotations

import numpy as np
import torch

from napari_unet.images import Image, Normalisation
from napari_unet.labels import default_annotation
from napari_unet.nets import UNet
from napari_unet.training.live import learner as module
from napari_unet.training.live.learner import AtShares, Learner, new_network, with_classes
from napari_unet.training.live.teacher import Teacher
from napari_unet.training.losses import CombinedLoss
from training.live.test_sampler import paint, sampler_of

CPU = torch.device("cpu")


def bright_square():
    image = np.random.default_rng(0).normal(0, 0.2, (96, 96)).astype(np.float32)
    image[30:60, 30:60] += 2
    return image


def dice_of_square(learner, normal):
    """Of what is found in a normalised image (1, Y, X)."""
    ((_, logits),) = learner.shown().logits(
        lambda box: normal[(slice(None), *(slice(*b) for b in box))], normal.shape[1:]
    )
    found = logits.argmax(0).numpy().astype(bool)
    truth = np.zeros(found.shape, bool)
    truth[30:60, 30:60] = True
    return 2 * (found & truth).sum() / (found.sum() + truth.sum())


def test_known_classes_keep_their_outputs():
    network = new_network(1, 2, 2, seed=0).eval()
    before, after = default_annotation("scribbles", [1, 3]), default_annotation("scribbles", [1, 2, 3])
    wider = with_classes(network, before, after).eval()
    image = torch.randn(1, 1, 32, 32)
    with torch.no_grad():
        old, new = network(image), wider(image)
    torch.testing.assert_close(new[:, [0, 2]], old)
    assert new.shape[1] == 3


def test_learns_a_bright_square_from_a_few_pixels(monkeypatch):
    monkeypatch.setattr(module, "PATCH", 32)
    monkeypatch.setattr(module, "BATCH", 4)
    image = bright_square()
    sampler = sampler_of(image)
    paint(sampler, 1, 5, 5)
    paint(sampler, 2, 40, 40)
    annotation = default_annotation("scribbles", [1, 2])
    network = UNet(1, 2, width=4, depth=2)
    with Learner(sampler, annotation, network, CPU, torch.float32, seed=0) as learner:
        learner.weigh()
        while learner.steps < 60:
            learner.learn(0.0)
        assert dice_of_square(learner, ((image - image.mean()) / image.std())[None]) > 0.8


def test_a_class_that_comes_later_is_learnt_too(monkeypatch):
    monkeypatch.setattr(module, "PATCH", 32)
    sampler = sampler_of(np.random.default_rng(0).normal(size=(64, 64)))
    paint(sampler, 1, 5, 5)
    paint(sampler, 2, 40, 40)
    annotation = default_annotation("scribbles", [1, 2])
    with Learner(sampler, annotation, UNet(1, 2, width=2, depth=1), CPU, torch.float32, 0) as learner:
        learner.weigh()
        assert learner._optimisation.criterion.weight_dice == 0.5
        learner.learn(0.0)
        paint(sampler, 3, 20, 50)
        both = default_annotation("scribbles", [1, 2, 3])
        sampler.use(both)
        learner.use(both)
        learner.weigh()
        assert np.isfinite(learner.learn(0.0))
        assert learner.steps == 2
        assert learner.network.settings.n_classes == 3


def test_an_unstable_network_goes_on_from_the_last_that_was_shown(monkeypatch):
    monkeypatch.setattr(module, "PATCH", 32)
    monkeypatch.setattr(module, "BATCH", 4)
    image = np.random.default_rng(0).normal(0, 0.1, (64, 64)).astype(np.float32)
    sampler = sampler_of(image)
    paint(sampler, 1, 30, 8)
    paint(sampler, 2, 30, 50)
    annotation = default_annotation("scribbles", [1, 2])
    with Learner(sampler, annotation, UNet(1, 2, width=4, depth=2), CPU, torch.bfloat16, seed=0) as learner:
        learner.weigh()
        for _ in range(5):
            learner.learn(0.0)
        learner.shown()
        shown = {name: tensor.clone() for name, tensor in learner.network.state_dict().items()}
        monkeypatch.setattr(learner._optimisation, "step", lambda *_: None)
        monkeypatch.setattr(type(learner._optimisation), "failed", True)
        learner.learn(0.0)
        assert learner.has_fallen_back
        for name, tensor in learner.network.state_dict().items():
            torch.testing.assert_close(tensor, shown[name])
        assert learner.shown().precision == torch.float32


def test_a_network_that_answers_by_shares_is_judged_as_if_they_were_even():
    torch.manual_seed(0)
    logits, target = torch.randn(2, 3, 4, 4), torch.randint(3, (2, 4, 4))
    loss, shares = CombinedLoss(pooled=True), np.array([0.6, 0.3, 0.1])
    answered = logits + torch.from_numpy(np.log(shares)).float().view(1, 3, 1, 1)
    torch.testing.assert_close(AtShares(loss, shares)(answered, target), loss(logits, target))
    unknown = AtShares(
        loss, np.array([0.5, 0.5, 0.0])
    )  # nothing is known of the third, and nothing is changed
    torch.testing.assert_close(unknown(logits, target), loss(logits, target))


def test_a_taught_network_answers_where_nothing_is_painted(monkeypatch):
    monkeypatch.setattr(module, "PATCH", 32)
    monkeypatch.setattr(module, "BATCH", 4)
    image = bright_square()
    sampler = sampler_of(image)
    for value, y, x in (
        (1, 5, 5),
        (1, 40, 20),
        (1, 70, 45),
        (1, 25, 62),
        (2, 40, 40),
        (2, 32, 32),
        (2, 54, 50),
    ):
        paint(sampler, value, y, x)
    made = Image("image", (image,), "YX")
    statistics = [Normalisation().statistics(made)]
    teacher = Teacher([made], statistics, sampler.class_places, None, CPU, torch.float32, 0)
    annotation = default_annotation("scribbles", [1, 2])
    network = new_network(1, 2, 4, seed=0)
    with Learner(sampler, annotation, network, CPU, torch.float32, 0, teacher, waits=True) as learner:
        teacher.correct(0, ((5, 9), (5, 9)))
        learner.weigh()
        assert learner._optimisation.criterion.weight_dice == 0  # only where nobody teaches
        while not teacher.is_ready:
            assert np.isnan(learner.learn(0.05)) or teacher.is_ready
        before = learner.steps
        while learner.steps < before + 50:
            assert np.isfinite(learner.learn(0.0))
        assert dice_of_square(learner, statistics[0].apply(image[None])) > 0.8
