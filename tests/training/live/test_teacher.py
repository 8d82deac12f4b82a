from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_unet.images import Image, Normalisation
from napari_unet.nets import UNet
from napari_unet.training.live import areas as areas_module
from napari_unet.training.live import committee, teacher
from napari_unet.training.live.areas import Area, Features
from napari_unet.training.live.filters import PER_CHANNEL, filter_bank
from napari_unet.training.live.teacher import Teacher

CPU = torch.device("cpu")


def never():
    return False


def halves(height=128, width=128):
    """Dark on the left, bright on the right."""
    image = np.random.default_rng(0).normal(0, 0.3, (height, width)).astype(np.float32)
    image[:, width // 2 :] += 3
    return image


def square(y, x, *leading, side=6):
    grid = np.stack(np.meshgrid(np.arange(y, y + side), np.arange(x, x + side), indexing="ij"), -1)
    positions = grid.reshape(-1, 2)
    ahead = np.broadcast_to(np.array(leading, int), (len(positions), len(leading)))
    return np.concatenate([ahead, positions], axis=1).astype(np.int32)


def teacher_of(*images, places, axes="YX", starter=None):
    made = [Image(f"image {i}", (image,), axes) for i, image in enumerate(images)]
    statistics = [Normalisation().statistics(image) for image in made]
    return Teacher(made, statistics, lambda: places, starter, CPU, torch.float32, 0)


def taught(made):
    made.correct(0, ((0, 1), (0, 1)))
    assert made.work(60, never)
    return made


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(areas_module, "SIDE", 64)
    monkeypatch.setattr(teacher, "SIDE", 64)
    monkeypatch.setattr(committee, "STEPS", 60)
    monkeypatch.setattr(teacher, "PAUSE", 0.0)
    monkeypatch.setattr(teacher, "PATIENCE", 0.0)


@pytest.mark.parametrize("starter", [False, True])
def test_answers_beyond_the_strokes(starter):
    torch.manual_seed(0)
    network = UNet(1, 2, width=4, depth=2).eval() if starter else None
    made = taught(
        teacher_of(halves(), places=[[(0, square(30, 20))], [(0, square(40, 90))]], starter=network)
    )
    made.look(0, ((0, 128), (0, 128)))
    assert made.work(60, never)
    found = made.answers(0, (), ((0, 128), (0, 128)), 2)
    assert found.shape == (2, 128, 128)
    np.testing.assert_allclose(found.sum(0), 1, atol=2e-3)
    assert (found[0, 8:-8, 8:56] > 0.5).mean() > 0.95
    assert (found[1, 8:-8, 72:-8] > 0.5).mean() > 0.95


def test_only_areas_with_strokes_or_in_view_are_known():
    made = taught(teacher_of(halves(192, 192), places=[[(0, square(10, 10))], [(0, square(70, 140))]]))
    assert set(made.areas()) == {Area(0, (), 0, 0), Area(0, (), 1, 2)}
    found = made.answers(0, (), ((-10, 70), (-10, 70)), 2)
    assert found[:, 10:74, 10:74].sum(0).min() > 0.99
    assert not found[:, :10].any()
    assert not found[:, 74:].any()


def test_before_there_are_answers_nothing_is_taught():
    made = teacher_of(halves(), places=[[], []])
    assert not made.is_ready
    assert not made.answers(0, (), ((0, 10), (0, 20)), 2).any()
    made.correct(0, ((0, 1), (0, 1)))
    made.work(60, never)
    assert not made.is_ready
    assert made.shares is None


def test_a_class_that_nobody_painted_is_never_the_answer():
    made = taught(teacher_of(halves(), places=[[(0, square(30, 20))], [], [(0, square(40, 30))]]))
    found = made.answers(0, (), ((0, 64), (0, 64)), 3)
    assert not found[1].any()
    assert made.shares[1] == 0
    assert made.shares.sum() == pytest.approx(1)


def test_a_rare_class_is_taken_to_be_rare():
    image = halves()
    image[:, 64:] -= 3
    image[50:62, 90:102] += 3  # a hundredth of it
    made = teacher_of(image, places=[[(0, square(20, 20))], [(0, square(53, 93))]])
    made.look(0, ((0, 128), (0, 128)))
    taught(made)
    assert made.shares[1] < 0.3


def test_what_is_painted_later_is_taken_in_and_other_classes_are_learnt_anew():
    places = [[(0, square(30, 20))], [(0, square(40, 90))]]
    made = taught(teacher_of(halves(), places=places))
    assert not made.work(60, never)  # nothing is new
    places[0].append((0, square(100, 10)))
    made.correct(0, ((100, 106), (10, 16)))
    assert made.work(60, never)
    assert Area(0, (), 1, 0) in made.areas()
    made.forget()
    assert not made.is_ready
    assert not made.answers(0, (), ((0, 64), (0, 64)), 2).any()
    assert made.work(60, never)
    assert made.is_ready


def test_what_is_corrected_is_not_taught_any_more():
    made = taught(teacher_of(halves(), places=[[(0, square(30, 20))], [(0, square(40, 90))]]))
    made.correct(0, ((30, 32), (10, 12)))
    found = made.answers(0, (), ((0, 64), (0, 64)), 2).sum(0)
    assert not found[:64, :44].any()
    assert found[:, 44:].min() > 0.99


def test_one_pixel_of_a_class_is_enough_to_go_on():
    made = taught(teacher_of(halves(10, 12), places=[[(0, square(2, 1))], [(0, square(5, 9, side=1))]]))
    assert np.isfinite(made.answers(0, (), ((0, 10), (0, 12)), 2)).all()
    np.testing.assert_allclose(made.shares, 0.5)


def test_work_is_done_in_parts():
    made = teacher_of(halves(), places=[[(0, square(30, 20))], [(0, square(40, 90))]])
    made.correct(0, ((0, 1), (0, 1)))
    rounds = 0
    while not made.work(60, lambda: True):
        assert made.is_busy
        rounds += 1
    assert rounds > 60  # a step of the committee each, at least
    assert not made.is_busy


def test_slices_of_stacks_and_other_images_are_areas_of_their_own():
    stack = np.stack([halves(64, 64), halves(64, 64)])
    places = [[(0, square(5, 5, 1))], [(0, square(40, 40, 1)), (1, square(40, 50, 0))]]
    made = teacher_of(stack, stack + 1, places=places, axes="ZYX")
    made.correct(0, ((0, 1), (0, 1), (0, 1)))
    assert made.work(60, never)
    assert set(made.areas()) == {Area(0, (1,), 0, 0), Area(1, (0,), 0, 0)}


def test_areas_have_the_features_of_the_whole_image():
    image = Image("image", (halves(160, 192),), "YX")
    statistics = Normalisation().statistics(image)
    features = Features([image], [statistics], None, CPU, torch.float32)
    (found,) = features.of(Area(0, (), 1, 1))
    whole = filter_bank(torch.from_numpy(statistics.apply(halves(160, 192)[None]))[None])[0]
    assert found.shape == (PER_CHANNEL, 64, 64)
    fine = slice(0, 12)  # the widest reach further than what is read around an area
    torch.testing.assert_close(found[fine].float(), whole[fine, 64:128, 64:128], atol=0.01, rtol=0.01)
