"""A live run from its first message to its model file, at toy size."""

from __future__ import annotations

from dataclasses import replace
from queue import SimpleQueue

import numpy as np
import pytest

from napari_unet.api import predict
from napari_unet.events import Failed, Finished, LiveState, ModelSaved, Notice, Preview, Started, Suggestion
from napari_unet.images import Image, Normalisation, image_hash
from napari_unet.jobs import run_inline
from napari_unet.labels import default_annotation, object_strokes
from napari_unet.models.examples import read_examples
from napari_unet.models.files import Model, load_model, save_model
from napari_unet.models.header import read_record
from napari_unet.models.record import ModelRecord, ValidationRecord
from napari_unet.nets import UNet
from napari_unet.requests import Changed, LiveRequest, Looking, Painted, Renamed, WhereNext
from napari_unet.settings import LiveSettings

SETTINGS = LiveSettings(device="cpu", precision="fp32", threads=1, width=2)


@pytest.fixture(autouse=True)
def small(monkeypatch):
    from napari_unet.training.live import committee, learner, session, showing

    monkeypatch.setattr(committee, "STEPS", 20)
    monkeypatch.setattr(learner, "PATCH", 32)
    monkeypatch.setattr(learner, "BATCH", 4)
    monkeypatch.setattr(session, "SLICE", 0.02)
    monkeypatch.setattr(showing, "SHOW_EVERY", 0.05)


class Run:
    """Goes on until nothing more is to be said and what was to happen has happened."""

    def __init__(self, request):
        self.inbox = SimpleQueue()
        self.stopped = False
        self.events = run_inline(request, lambda: self.stopped, self.inbox)
        self.heard = []

    def say(self, *messages):
        for message in messages:
            self.inbox.put(message)

    def until(self, wanted):
        for event in self.events:
            self.heard.append(event)
            assert not isinstance(event, Failed), event
            if wanted(event):
                return event
        raise AssertionError(self.heard[-3:])

    def end(self):
        self.stopped = True
        return self.until(lambda event: isinstance(event, Finished))


def request_of(tmp_path, *arrays, axes="YX", settings=SETTINGS, start_from=None):
    images = tuple(Image(f"image {i}", (array,), axes) for i, array in enumerate(arrays))
    annotation = default_annotation("scribbles", [1, 2])
    return LiveRequest(images, annotation, settings, tmp_path / "live.safetensors", start_from)


def picture(*shape):
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


def stroke(value, y, x, image=0, leading=()):
    box = (*((at, at + 1) for at in leading), (y, y + 4), (x, x + 4))
    return Painted(image, box, np.full((1,) * len(leading) + (4, 4), value, np.uint8))


def view(*bounds, image=0):
    return Looking(image, bounds)


def test_nothing_is_learnt_before_there_are_two_classes(tmp_path):
    run = Run(request_of(tmp_path, picture(64, 64)))
    run.say(view((0, 64), (0, 64)), stroke(1, 5, 5))
    run.until(lambda e: isinstance(e, LiveState) and e.painted == {1: 16})
    assert [type(event) for event in run.heard[:2]] == [Started, LiveState]
    assert run.heard[-1].state == "waiting"
    run.say(stroke(1, 30, 30))
    assert run.until(lambda e: isinstance(e, LiveState) and e.painted == {1: 32}).state == "waiting"
    finished = run.end()
    assert finished.model_path is None
    assert not (tmp_path / "live.safetensors").exists()


def test_what_is_in_view_comes_back_and_the_model_is_kept(tmp_path):
    run = Run(request_of(tmp_path, picture(300, 300)))
    run.say(view((100, 164), (100, 164)), stroke(1, 110, 110), stroke(2, 150, 150))
    first = run.until(lambda e: isinstance(e, Preview))
    (top, bottom), (left, right) = first.region
    assert top <= 100
    assert bottom >= 164
    assert left <= 100
    assert right >= 164
    assert first.labels.shape == first.doubt.shape == (bottom - top, right - left)
    assert set(np.unique(first.labels)) <= {1, 2}
    whole = np.zeros((300, 300), int)

    def all_seen(event):
        if isinstance(event, Preview):
            whole[tuple(slice(*bounds) for bounds in event.region)] = event.step
        return (whole > 0).all()

    run.until(all_seen)
    finished = run.end()
    assert finished.stopped
    record = read_record(tmp_path / "live.safetensors")
    assert record.annotation.values == (1, 2)
    assert not record.validation.honest
    assert finished.summary["steps"] >= whole.max()
    load_model(tmp_path / "live.safetensors")


def test_a_slice_of_a_stack_and_another_image(tmp_path):
    run = Run(request_of(tmp_path, picture(4, 64, 64), picture(2, 80, 70), axes="ZYX"))
    run.say(view((2, 3), (0, 64), (0, 64)), stroke(1, 5, 5, leading=(2,)), stroke(2, 50, 50, leading=(2,)))
    assert run.until(lambda e: isinstance(e, Preview)).region[0] == (2, 3)
    run.say(view((1, 2), (0, 80), (0, 70), image=1))
    found = run.until(lambda e: isinstance(e, Preview) and e.image == 1)
    assert found.region == ((1, 2), (0, 80), (0, 70))
    run.end()


def test_a_new_class_appears_in_the_preview(tmp_path):
    run = Run(request_of(tmp_path, picture(64, 64)))
    run.say(view((0, 64), (0, 64)), stroke(1, 5, 5), stroke(2, 50, 50))
    before = run.until(lambda e: isinstance(e, Preview))
    run.say(Renamed(default_annotation("scribbles", [1, 2, 9])), stroke(9, 20, 50))
    run.until(lambda e: isinstance(e, LiveState) and e.painted.get(9) == 16)
    after = run.until(lambda e: isinstance(e, Preview))
    assert after.step > before.step  # not of an output that has learnt nothing
    run.end()
    assert read_record(tmp_path / "live.safetensors").annotation.values == (1, 2, 9)


def test_says_where_a_label_would_help(tmp_path):
    run = Run(request_of(tmp_path, picture(3, 200, 200), axes="ZYX"))
    run.say(
        WhereNext(),
        view((1, 2), (0, 64), (0, 64)),
        stroke(1, 5, 5, leading=(1,)),
        stroke(2, 50, 50, leading=(1,)),
    )
    first = run.until(lambda e: isinstance(e, Suggestion))
    assert first.image == 0
    assert all(0 <= at < size for at, size in zip(first.point, (3, 200, 200), strict=True))
    run.say(WhereNext())
    second = run.until(lambda e: isinstance(e, Suggestion))
    assert second.point != first.point
    run.end()


def test_rests_when_nothing_is_painted_and_goes_on_when_something_is(tmp_path):
    run = Run(request_of(tmp_path, picture(64, 64), settings=SETTINGS.model_copy(update={"rest_after": 0.3})))
    run.say(
        Changed(SETTINGS.model_copy(update={"processor_share": 0.9})),
        view((0, 64), (0, 64)),
        stroke(1, 5, 5),
        stroke(2, 50, 50),
    )
    resting = run.until(lambda e: isinstance(e, LiveState) and e.state == "resting")
    run.until(lambda e: isinstance(e, ModelSaved))
    run.say(stroke(1, 30, 30))
    again = run.until(lambda e: isinstance(e, LiveState) and e.state == "learning")
    assert again.step > resting.step
    assert again.painted == {1: 32, 2: 16}
    run.end()


def test_goes_on_from_a_model(tmp_path):
    run = Run(request_of(tmp_path, picture(64, 64)))
    run.say(view((0, 64), (0, 64)), stroke(1, 5, 5), stroke(2, 50, 50))
    run.until(lambda e: isinstance(e, Preview))
    run.end()
    first = tmp_path / "live.safetensors"
    parent = first.rename(tmp_path / "parent.safetensors")
    run = Run(request_of(tmp_path, picture(64, 64), start_from=parent))
    run.say(stroke(1, 5, 5), stroke(2, 50, 50))
    run.until(lambda e: isinstance(e, LiveState) and e.step > 0)
    run.end()
    record = read_record(first)
    assert len(record.parents) == 1
    assert list(record.validation.regions.values()) == [()]  # nothing of this image will ever be held out


@pytest.mark.parametrize(
    ("network", "problem"), [(UNet(3, 2, width=2), "3 channel"), (UNet(1, 2, width=2, ndim=3), "volumes")]
)
def test_a_model_of_other_images_is_refused(tmp_path, network, problem):
    request = request_of(tmp_path, picture(32, 32), start_from=tmp_path / "parent.safetensors")
    record = ModelRecord(
        network=network.settings, annotation=request.annotation, normalisation=Normalisation()
    )
    save_model(Model(network, record), request.start_from)
    *_, last = run_inline(request)
    assert isinstance(last, Failed)
    assert problem in last.problem


@pytest.mark.parametrize(("y", "kept"), [(10, True), (34, False)])
def test_what_a_parent_held_out_is_held_out_until_it_is_learnt_from(tmp_path, y, kept):
    image = picture(64, 64)
    request = request_of(tmp_path, image)
    box = ((30, 40), (0, 64))
    regions = {image_hash(request.images[0]): (box,), "another image": (box,)}
    network = UNet(1, 2, width=2)
    record = ModelRecord(
        network=network.settings,
        annotation=request.annotation,
        normalisation=Normalisation(),
        validation=ValidationRecord(regions=regions),
    )
    save_model(Model(network, record), tmp_path / "parent.safetensors")
    run = Run(request_of(tmp_path, image, start_from=tmp_path / "parent.safetensors"))
    run.say(stroke(1, y, 5), stroke(2, 50, 50))
    run.until(lambda e: isinstance(e, LiveState) and e.step > 0)
    run.end()
    found = read_record(tmp_path / "live.safetensors").validation.regions
    assert found.pop("another image") == (box,)
    assert list(found.values()) == [(box,) if kept else ()]


def test_strokes_of_insides_and_borders_make_a_model_that_finds_objects(tmp_path):
    request = request_of(tmp_path, picture(64, 64))
    run = Run(replace(request, annotation=object_strokes()))
    run.say(view((0, 64), (0, 64)), stroke(1, 5, 5), stroke(2, 50, 50), stroke(3, 30, 30))
    run.say(Changed(SETTINGS.model_copy(update={"objects": True})))
    preview = run.until(lambda e: isinstance(e, Preview))
    assert set(np.unique(preview.labels)) <= {1, 2, 3}
    run.end()
    path = tmp_path / "live.safetensors"
    model = load_model(path)
    assert model.record.network.outputs == "borders"
    assert model.record.annotation.kind == "objects"
    found = predict(path, picture(64, 64))
    assert found.dtype == np.int32  # numbers of objects

    again = Run(
        replace(request, annotation=object_strokes(), start_from=path, output=tmp_path / "b.safetensors")
    )
    again.say(stroke(1, 5, 5), stroke(2, 50, 50))
    again.until(lambda e: isinstance(e, LiveState) and e.step > 0)
    again.end()
    assert read_record(tmp_path / "b.safetensors").network.outputs == "classes"


def test_images_of_other_channels_are_refused(tmp_path):
    request = LiveRequest(
        (Image("grey", (picture(32, 32),), "YX"), Image("colour", (picture(32, 32, 3),), "YXC")),
        default_annotation("scribbles", [1, 2]),
        SETTINGS,
        tmp_path / "live.safetensors",
    )
    *_, last = run_inline(request)
    assert isinstance(last, Failed)
    assert "grey has 1 channel(s), colour has 3" in last.problem


def test_what_was_learnt_from_is_beside_the_model_from_the_first_saving(tmp_path, monkeypatch):
    from napari_unet.training.live import session

    monkeypatch.setattr(session, "SAVE_EVERY", 0.0)
    run = Run(request_of(tmp_path, picture(64, 64)))
    run.say(stroke(1, 5, 5), stroke(2, 40, 40))
    run.until(lambda e: isinstance(e, ModelSaved))
    run.until(lambda e: isinstance(e, LiveState))
    assert len(read_examples(tmp_path / "live.safetensors")) == 1  # a process that dies now loses nothing
    run.end()


def test_objects_are_saved_also_while_it_rests(tmp_path):
    request = request_of(tmp_path, picture(64, 64), settings=SETTINGS.model_copy(update={"rest_after": 0.3}))
    run = Run(replace(request, annotation=object_strokes()))
    run.say(stroke(1, 5, 5), stroke(2, 50, 50), stroke(3, 30, 30))
    run.until(lambda e: isinstance(e, LiveState) and e.state == "resting")
    run.until(lambda e: isinstance(e, ModelSaved))
    assert read_record(request.output).network.outputs == "classes"
    run.say(Changed(request.settings.model_copy(update={"objects": True})))
    run.end()
    assert read_record(request.output).network.outputs == "borders"


def test_strokes_of_earlier_sessions_are_kept_and_learnt_from(tmp_path):
    first = Run(request_of(tmp_path, picture(64, 64)))
    first.say(stroke(1, 5, 5), stroke(2, 40, 40))
    first.until(lambda e: isinstance(e, LiveState) and e.step > 1)
    first.end()
    model = tmp_path / "live.safetensors"
    (kept,) = read_examples(model)
    assert (kept.labels == 1).sum() == (kept.labels == 2).sum() == 16
    assert kept.origin.kind == "scribbles"

    second = Run(request_of(tmp_path, picture(3, 50, 70), axes="ZYX", start_from=model))
    second.say(stroke(1, 5, 5, leading=(1,)), stroke(2, 40, 40, leading=(2,)))
    second.until(lambda e: isinstance(e, LiveState) and e.step > 1)
    second.end()
    assert any("1 earlier image" in e.text for e in second.heard if isinstance(e, Notice))
    found = read_examples(model)
    assert {e.origin.start for e in found} == {(1, 0, 0), (2, 0, 0), (0, 0)}
    assert len(read_record(model).images) == 2
