"""A live run as the viewer sees it, with an engine that says what the test wants."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from napari_unet.errors import InputError
from napari_unet.events import Failed, Finished, LiveState, ModelSaved, Notice, Preview, Started, Suggestion
from napari_unet.labels import Annotation, LabelClass, object_strokes
from napari_unet.requests import Changed, LiveRequest, Looking, Painted, Renamed, WhereNext
from napari_unet.settings import LiveSettings
from napari_unet.viewer import bridge
from napari_unet.viewer.layers import annotation_of, set_annotation
from napari_unet.viewer.live.run import LiveRun
from napari_unet.viewer.train.live_bar import line_of
from napari_unet.viewer.train.pairs import LayerPair

WHOLE = ((0, 60), (0, 70))


@pytest.fixture
def live(make_napari_viewer, live_worker, tmp_path, qtbot):
    viewer = make_napari_viewer()
    image = viewer.add_image(np.random.default_rng(0).random((60, 70)), name="cells")
    labels = viewer.add_labels(np.zeros((60, 70), np.uint8), name="paint")
    labels.corner_pixels = np.array([[0, 0], [59, 69]])
    run = LiveRun(viewer)
    pairs = [LayerPair((image,), labels)]
    run.start(bridge.engine("live"), pairs, LiveSettings(), tmp_path / "m.safetensors")
    run._timer.stop()  # the tests look when they want to
    return SimpleNamespace(
        viewer=viewer, run=run, labels=labels, image=image, worker=live_worker, qtbot=qtbot
    )


def say(live, *events):
    live.worker.say(*events)
    live.qtbot.waitUntil(lambda: not bridge.engine("live")._events)


def told(live, kind):
    return [message for message in live.worker.jobs[-1].told if isinstance(message, kind)]


def preview_of(value, box=WHOLE, image=0):
    shape = tuple(high - low for low, high in box)
    return Preview(image, box, np.full(shape, value, np.uint8), np.zeros(shape, np.uint8), 5)


def test_asks_for_what_is_chosen(live):
    (request,) = live.worker.requests
    assert isinstance(request, LiveRequest)
    assert request.annotation.values == (1, 2)
    assert np.shares_memory(request.images[0].channels[0], live.image.data)
    assert live.run.report.phase == "starting"


def test_strokes_and_the_view_reach_the_run(live):
    live.run._on_tick()
    assert [message.region for message in told(live, Looking)] == [WHOLE]
    live.labels.brush_size = 3
    live.labels.paint((20, 30), 1)
    live.run._on_tick()
    (painted,) = told(live, Painted)
    (top, bottom), (left, right) = painted.region
    np.testing.assert_array_equal(painted.labels, live.labels.data[top:bottom, left:right])
    live.run._on_tick()
    assert len(told(live, Painted)) == len(told(live, Looking)) == 1


def test_a_new_class_is_named_before_its_strokes_come(live):
    live.labels.paint((20, 30), 7)
    live.run._on_tick()
    messages = [type(m) for m in live.worker.jobs[-1].told]
    assert messages.index(Renamed) < messages.index(Painted)
    assert told(live, Renamed)[0].annotation.values == (1, 2, 7)


def test_previews_lie_below_the_annotation_and_touch_nothing(live):
    live.labels.paint((20, 30), 1)
    painted = live.labels.data.copy()
    live.viewer.layers.selection.active = live.labels
    say(live, Started("CPU"), LiveState("learning", 3, 0.5, {1: 9}), preview_of(2))
    assert [layer.name for layer in live.viewer.layers] == ["cells", "cells preview", "paint"]
    (preview,) = live.run.previews.layers
    assert (preview.data == 2).all()
    say(live, preview_of(1, ((10, 20), (0, 70))))
    assert (preview.data[10:20] == 1).all()
    assert (preview.data[:10] == 2).all()
    np.testing.assert_array_equal(live.labels.data, painted)
    assert live.viewer.layers.selection.active is live.labels
    assert live.run.report.steps == 3


def test_a_preview_that_was_thrown_away_stays_away(live):
    say(live, preview_of(2))
    live.viewer.layers.remove("cells preview")
    say(live, preview_of(1))
    assert "cells preview" not in live.viewer.layers


def test_goes_where_a_label_helps(live):
    live.run.ask_where_next()
    assert told(live, WhereNext) == [WhereNext()]
    live.viewer.layers.selection.active = live.image
    say(live, Suggestion(0, (12.0, 33.0)))
    assert live.viewer.scene.camera.center[-2:] == (12, 33)
    assert live.viewer.layers.selection.active is live.labels


def test_stops_and_can_begin_again(live, tmp_path):
    (tmp_path / "m.safetensors").write_bytes(b"")
    say(live, Started("CPU"), ModelSaved(str(tmp_path / "m.safetensors")), Notice("hm"))
    live.run.stop()
    assert live.run.report.phase == "stopping"
    assert live.worker.jobs[-1].stopped == 1
    say(live, LiveState("learning", 9, 0.1, {}), Finished(True))
    assert live.run.report.phase == "off"
    assert live.run.report.model_path == tmp_path / "m.safetensors"
    say(live, preview_of(1))  # of a run that is over
    assert not live.run.previews.layers
    live.run.start(bridge.engine("live"), live.run._pairs, LiveSettings(), tmp_path / "n.safetensors")
    live.run._timer.stop()
    slower = LiveSettings(processor_share=0.5)
    live.run.change(slower)
    assert told(live, Changed) == [Changed(slower)]


def test_a_failure_is_said_and_the_layers_stay(live):
    say(live, preview_of(2), Failed("It broke.", "Begin again."))
    assert live.run.report.phase == "failed"
    assert live.run.report.failure.problem == "It broke."
    assert "cells preview" in live.viewer.layers


def test_ends_when_the_annotation_is_taken_out(live):
    live.viewer.layers.remove("paint")
    live.run._on_tick()
    assert live.run.report.phase == "stopping"
    say(live, Finished(True, None, {}))
    assert line_of(live.run.report) == "paint is no longer in the viewer, so learning ended."


def test_earlier_previews_are_hidden_when_it_begins_again(live, tmp_path):
    say(live, Started("CPU"), preview_of(1))
    live.run.stop()
    say(live, Finished(True))
    before = live.viewer.layers["cells preview"]
    assert before.visible
    live.run.start(bridge.engine("live"), live.run._pairs, LiveSettings(), tmp_path / "n.safetensors")
    live.run._timer.stop()
    say(live, Started("CPU"), preview_of(2))
    assert not before.visible
    assert live.run.previews.layers[0].visible


def test_a_viewer_that_is_closed_is_let_go(live):
    say(live, preview_of(1))
    live.run._on_viewer_closed()
    assert not live.run.previews.layers
    assert not live.run._pairs


def test_what_cannot_be_painted_on_is_refused(make_napari_viewer, live_worker, tmp_path):
    viewer = make_napari_viewer()
    image = viewer.add_image(np.zeros((60, 70)), name="cells")
    small = viewer.add_labels(np.zeros((30, 70), np.uint8), name="small")
    run = LiveRun(viewer)
    for labels, words in ((small, "small has the shape"), (None, "no labels yet")):
        with pytest.raises(InputError, match=words):
            run.start(
                bridge.engine("live"),
                [LayerPair((image,), labels)],
                LiveSettings(),
                tmp_path / "m.safetensors",
            )
    assert run.report.phase == "off"
    assert not live_worker.jobs


def test_a_lost_process_is_replaced_once_and_gets_every_stroke(live, tmp_path):
    live.labels.paint((20, 30), 1)
    live.run._on_tick()
    (tmp_path / "m.safetensors").write_bytes(b"")
    say(
        live,
        Started("CPU"),
        LiveState("learning", 3, 0.5, {1: 9}),
        ModelSaved(str(tmp_path / "m.safetensors")),
    )
    lost = Failed("Live learning ended unexpectedly.", "Start again.", "JobLostError")
    say(live, lost)
    assert live.run.report.phase == "starting"
    assert "everything that was painted" in live.run.report.notices[-1].text
    assert len(live.worker.requests) == 2
    assert live.worker.requests[-1].start_from == tmp_path / "m.safetensors"
    live.run._on_tick()
    heard = np.zeros((60, 70), int)
    for painted in told(live, Painted):
        heard[tuple(slice(*bounds) for bounds in painted.region)] = painted.labels
    np.testing.assert_array_equal(heard, live.labels.data)
    say(live, lost)
    assert live.run.report.phase == "failed"
    assert "switch live learning on again" in live.run.report.failure.remedy


def test_what_the_previews_are_sure_of_is_kept(live):
    assert live.run.previews.beside(live.labels) is None
    labels, doubt = np.ones((10, 70), np.uint8), np.full((10, 70), 30, np.uint8)
    say(live, Preview(0, ((10, 20), (0, 70)), labels, doubt, 5))
    preview = live.run.previews.beside(live.labels)
    assert (preview.doubt[10:20] == 30).all()
    assert not preview.doubt[:10].any()  # nothing is known of it
    live.viewer.layers.remove("cells preview")
    assert live.run.previews.beside(live.labels) is None


def test_learns_from_a_copy_in_place_of_the_layer(live):
    live.labels.paint((20, 30), 1)
    say(live, preview_of(2))
    live.run._on_tick()
    copy = live.viewer.add_labels(np.where(live.labels.data, live.labels.data, 2), name="copy")
    copy.corner_pixels = live.labels.corner_pixels
    live.run.learn_from(copy, instead_of=live.labels)
    live.run._on_tick()
    assert told(live, Painted)[-1].labels.max() == 2
    assert live.run.previews.beside(copy) is not None
    live.viewer.layers.remove("paint")  # nobody learns from it any more
    live.run._on_tick()
    assert live.run.report.phase == "starting"


def test_of_several_images_the_topmost_that_is_shown_is_predicted(live, tmp_path):
    live.run.stop()
    say(live, Finished(True))
    on_top = live.viewer.add_image(np.zeros((60, 70)), name="other")
    labels = live.viewer.add_labels(np.zeros((60, 70), np.uint8), name="other paint")
    labels.corner_pixels = np.array([[0, 0], [59, 69]])
    pairs = [LayerPair((on_top,), labels), LayerPair((live.image,), live.labels)]
    live.run.start(bridge.engine("live"), pairs, LiveSettings(), tmp_path / "n.safetensors")
    live.run._timer.stop()
    live.run._on_tick()
    assert [message.image for message in told(live, Looking)] == [0]
    on_top.visible = False
    live.run._on_tick()
    assert [message.image for message in told(live, Looking)] == [0, 1]


def test_a_fourth_class_ends_objects_and_says_so(live, tmp_path):
    live.run.change(LiveSettings(objects=True))
    live.labels.paint((20, 30), 4)
    live.run._on_tick()
    assert [message.settings.objects for message in told(live, Changed)] == [True, False]
    assert "one of classes from here on" in live.run.report.notices[-1].text
    live.run.stop()
    say(live, Finished(True))
    fresh = live.viewer.add_labels(np.zeros((60, 70), np.uint8), name="fresh")
    pairs = [LayerPair((live.image,), fresh)]
    live.run.start(bridge.engine("live"), pairs, LiveSettings(objects=True), tmp_path / "n.safetensors")
    live.run._timer.stop()
    assert (
        live.worker.requests[-1].annotation == object_strokes()
    )  # nothing is left of the earlier run's classes


def test_strokes_that_have_other_names_keep_their_meaning(live):
    names = ("object", "border", "background")
    classes = tuple(LabelClass(value=v, name=n, color="#112233") for v, n in enumerate(names, start=1))
    set_annotation(live.labels, Annotation(kind="scribbles", classes=classes))
    with pytest.raises(InputError, match="has classes of its own"):
        live.run.change(LiveSettings(objects=True))
    assert annotation_of(live.labels).classes == classes
    own = tuple(c.model_copy(update={"color": "#112233"}) for c in object_strokes().classes)
    set_annotation(live.labels, Annotation(kind="scribbles", classes=own))
    live.run.change(LiveSettings(objects=True))
    assert annotation_of(live.labels).classes == own  # colours stay


@pytest.mark.parametrize("by_stop", [True, False])
def test_a_value_that_is_no_class_ends_it_with_words(live, by_stop):
    big = live.viewer.add_labels(np.zeros((60, 70), np.uint16), name="big")
    big.corner_pixels = np.array([[0, 0], [59, 69]])
    live.run.learn_from(big, instead_of=live.labels)
    big.paint((20, 30), 300)
    if by_stop:
        live.run.stop()
    else:
        live.run._on_tick()
    assert live.run.report.phase == "failed"
    assert "300" in live.run.report.failure.problem
    assert live.worker.jobs[-1].stopped == 1


def test_doubt_of_what_is_gone_is_seen_no_more(live, tmp_path):
    say(live, preview_of(2))
    live.run.previews.show_doubt(True)
    assert live.viewer.layers["cells doubt"].visible
    live.viewer.layers.remove("cells preview")
    say(live, preview_of(1))
    assert not live.viewer.layers["cells doubt"].visible
    live.run.stop()
    say(live, Finished(True))
    live.run.start(bridge.engine("live"), live.run._pairs, LiveSettings(), tmp_path / "n.safetensors")
    live.run._timer.stop()
    say(live, preview_of(1))
    assert [la.name for la in live.viewer.layers if la.name.startswith("cells doubt") and la.visible] == [
        "cells doubt 2"
    ]


def test_what_was_painted_last_is_told_before_the_end(live):
    live.labels.paint((20, 30), 1)
    live.run.stop()
    assert told(live, Painted)
