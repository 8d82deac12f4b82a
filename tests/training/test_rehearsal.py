"""Earlier annotations, learnt from again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_unet.events import Before, Notice, Validation, ValidationRegions
from napari_unet.images import AnnotatedImage, Image
from napari_unet.labels import default_annotation
from napari_unet.models.examples import examples_path, read_examples
from napari_unet.models.header import read_record
from napari_unet.requests import TrainingRequest
from napari_unet.settings import TrainSettings
from napari_unet.training import examples
from napari_unet.training.fit import fit
from napari_unet.training.rehearsal import Alternating, recall, share_of_earlier

TOY = {
    "width": 2, "depth": 1, "patch_size": 32, "batch_size": 4, "device": "cpu", "threads": 1, "precision": "fp32",
    "minutes": None, "steps": 1, "learning_rate": 1e-6,
    "norm": None,
}  # fmt: skip


def picture(seed, name, kind="masks", side=64, labels=None):
    random = np.random.default_rng(seed)
    mask = (random.random((side // 8, side // 8)) < 0.4).repeat(8, 0).repeat(8, 1).astype(np.uint8)
    image = (50 + 100 * mask + random.normal(0, 9, mask.shape)).astype(np.uint8)
    if kind == "scribbles":
        mask = np.where(np.arange(side) % 16 == 5, mask + 1, 0).astype(np.uint8)
    return AnnotatedImage(Image(name, (image,), "YX"), mask if labels is None else labels)


def run(output: Path, *pairs, kind="masks", values=(0, 1), start_from=None, **options):
    request = TrainingRequest(
        pairs, default_annotation(kind, values), TrainSettings(**(TOY | options)), output, start_from
    )
    return list(fit(request, lambda: False))


def texts(events):
    return " ".join(event.text for event in events if isinstance(event, Notice))


@pytest.fixture
def parent(tmp_path):
    path = tmp_path / "parent.safetensors"
    assert texts(run(path, picture(0, "first"))) == ""
    return path


def test_a_run_keeps_what_it_learnt_from_and_what_was_held_out(parent):
    (kept,) = read_examples(parent)
    first = picture(0, "first")
    np.testing.assert_array_equal(kept.labels, first.labels)
    np.testing.assert_array_equal(kept.pixels[0], first.image.channels[0])
    record = read_record(parent)
    assert kept.origin.regions == record.validation.regions[kept.origin.hash]
    assert kept.origin.image == "first"


def test_training_further_learns_from_earlier_images_and_scores_them_before_and_after(parent, tmp_path):
    child = tmp_path / "child.safetensors"
    events = run(child, picture(1, "second"), start_from=parent)
    assert "Learns from 1 earlier image too" in texts(events)
    (regions,) = (e for e in events if isinstance(e, ValidationRegions))
    assert len(regions.regions) == 1  # of the images of the request
    assert "what was held out of 1 earlier image" in regions.reason
    (before,) = (e for e in events if isinstance(e, Before))
    (after,) = (e for e in events if isinstance(e, Validation))
    assert before.mean_dice == pytest.approx(after.mean_dice, abs=0.01)  # hardly anything was learnt
    record = read_record(child)
    assert list(record.images) == ["first", "second"]
    assert set(record.validation.regions) == set(record.images.values())
    assert {e.origin.image for e in read_examples(child)} == {"first", "second"}
    grandchild = tmp_path / "grandchild.safetensors"
    assert "Learns from 2 earlier images too" in texts(run(grandchild, picture(2, "third"), start_from=child))
    assert len(read_examples(grandchild)) == 3


def test_what_is_painted_now_on_an_earlier_image_replaces_it(parent, tmp_path):
    child = tmp_path / "child.safetensors"
    first = picture(0, "renamed")
    corrected = AnnotatedImage(first.image, 1 - np.asarray(first.labels))
    assert "earlier image" not in texts(run(child, corrected, start_from=parent))
    (kept,) = read_examples(child)
    np.testing.assert_array_equal(kept.labels, corrected.labels)


def test_corrections_of_one_class_are_enough_where_earlier_images_have_the_other(parent, tmp_path):
    labels = np.zeros((64, 64), np.uint8)
    events = run(tmp_path / "child.safetensors", picture(1, "second", labels=labels), start_from=parent)
    (regions,) = (e for e in events if isinstance(e, ValidationRegions))
    assert regions.honest
    assert regions.reason.startswith("Scored on what was held out of 1 earlier image only.")


def test_nothing_is_learnt_again_where_that_is_not_wanted_but_it_is_kept(parent, tmp_path):
    child = tmp_path / "child.safetensors"
    assert texts(run(child, picture(1, "second"), start_from=parent, rehearsal=False)) == ""
    assert {e.origin.image for e in read_examples(child)} == {"first", "second"}


def test_examples_of_another_kind_are_left_out_in_words_and_kept(parent, tmp_path):
    child = tmp_path / "child.safetensors"
    strokes = picture(1, "second", "scribbles")
    events = run(child, strokes, kind="scribbles", values=(1, 2), start_from=parent)
    assert "1 earlier image cannot be learnt from again, being annotated as masks" in texts(events)
    assert {e.origin.kind for e in read_examples(child)} == {"masks", "scribbles"}


def test_a_class_that_is_new_in_masks_is_said_to_count_as_background(parent, tmp_path):
    labels = np.asarray(picture(1, "second").labels).copy()
    labels[:8] = 2
    second = picture(1, "second", labels=labels)
    events = run(tmp_path / "child.safetensors", second, values=(0, 1, 2), start_from=parent)
    assert "there is no class class 2" in texts(events)


def test_a_model_without_its_examples_is_trained_further_with_a_word(parent, tmp_path):
    examples_path(parent).unlink()
    events = run(tmp_path / "child.safetensors", picture(1, "second"), start_from=parent)
    assert "not beside it (parent.examples.safetensors)" in texts(events)
    examples_path(parent).write_bytes(b"nonsense")
    events = run(tmp_path / "child.safetensors", picture(1, "second"), start_from=parent)
    assert "cannot be read" in texts(events)


def test_examples_of_a_model_that_was_replaced_are_not_learnt_from(parent, tmp_path):
    other = tmp_path / "other.safetensors"
    run(other, picture(5, "unrelated"))
    examples_path(other).replace(examples_path(parent))
    found = recall(parent, read_record(parent), default_annotation("masks", (0, 1)), ())
    assert found.kept == found.used == ()


def test_a_full_disk_fails_no_run(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(examples, "write_examples", full)
    output = tmp_path / "model.safetensors"
    assert "could not be kept beside the model" in texts(run(output, picture(0, "first")))
    assert read_record(output).validation.honest
    assert not examples_path(output).exists()


class Draws:
    def __init__(self, value):
        self.value = value

    def draw(self, size, source):
        from napari_unet.training.patches import Patch

        return Patch(np.full((1, *source), self.value, np.float32), np.full(source, self.value, np.int16))


def test_new_and_earlier_patches_are_mixed():
    sampler = Alternating(Draws(0), Draws(1), 0.5, 0)
    images, classes = sampler.batch(400, (4, 4), (6, 6))
    assert images.shape == (400, 1, 6, 6)
    assert 0.4 < images[:, 0, 0, 0].mean() < 0.6
    np.testing.assert_array_equal(images[:, 0], classes)
    assert 0.3 < images[:200, 0, 0, 0].mean() < 0.7  # those that are seen twice are of both kinds


@pytest.mark.parametrize(("new", "earlier", "share"), [(1, 1, 0.5), (1, 20, 0.5), (9, 1, 0.1)])
def test_new_corrections_do_not_drown_and_one_earlier_image_does_not_take_half(new, earlier, share):
    assert share_of_earlier(new, earlier) == pytest.approx(share)
