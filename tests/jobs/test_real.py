"""The real requests on a real image, in a child process."""

from __future__ import annotations

import dask.array as da
import numpy as np
import pytest

from jobs.listening import Heard, finish
from napari_unet.events import (
    DeviceReport,
    Finished,
    ModelSaved,
    PredictedRegion,
    Progress,
    RateFound,
    Started,
    ValidationRegions,
)
from napari_unet.images import AnnotatedImage, Image, read_image, read_labels
from napari_unet.jobs import Worker, run_inline
from napari_unet.labels import default_annotation
from napari_unet.requests import PredictionRequest, ProbeRequest, RateSearchRequest, TrainingRequest
from napari_unet.settings import PredictSettings, TrainSettings


@pytest.fixture(scope="module")
def warm():
    """A worker with torch."""
    worker = Worker()
    worker.start()
    yield worker
    worker.close()


@pytest.fixture(scope="module")
def myelin(shared_data):
    """One SEM image of axons with its annotation, in memory as layers have it."""
    folder = shared_data / "axondeepseg_myelin_sem" / "train"
    image = read_image(folder / "images" / "patch0.png")
    pixels, labels = np.asarray(image.channels[0]), np.asarray(read_labels(folder / "labels" / "patch0.png"))
    return AnnotatedImage(Image("axons", (pixels,), image.axes), labels)


def training(myelin, output, **settings):
    settings = {"device": "cpu", "threads": 1, "precision": "fp32", "width": 4, "depth": 2} | settings
    return TrainingRequest(
        (myelin,), default_annotation("masks", [0, 1, 2]), TrainSettings(**settings), output
    )


@pytest.fixture(scope="module")
def model(warm, myelin, tmp_path_factory):
    """A model trained in the child, and what was heard meanwhile."""
    output, heard = tmp_path_factory.mktemp("models") / "axons.safetensors", Heard()
    finish(warm.submit(training(myelin, output, steps=4), heard))
    assert isinstance(heard.last, Finished), heard.last
    return output, heard


def test_the_device_is_probed_in_the_child(warm):
    heard = Heard()
    finish(warm.submit(ProbeRequest("cpu"), heard))
    assert [type(event) for event in heard.events] == [DeviceReport, Finished]
    assert heard.events[0].device == "cpu"


def test_training_says_what_it_does_and_saves(model):
    output, heard = model
    for kind in (Started, ValidationRegions, Progress, ModelSaved):
        assert heard.of(kind)
    assert output.exists()
    assert heard.last.model_path == str(output)


@pytest.mark.parametrize("lazy", [False, True], ids=["in memory", "dask"])
def test_a_prediction_in_the_child_equals_one_here(warm, model, myelin, lazy):
    settings = PredictSettings(device="cpu", threads=1, precision="fp32", tile_size=64)
    (pixels,) = myelin.image.channels
    if lazy:
        pixels = da.from_array(pixels, chunks=100)
    request = PredictionRequest(model[0], (Image("axons", (pixels,), myelin.image.axes),), settings)
    heard = Heard()
    finish(warm.submit(request, heard))
    assert isinstance(heard.last, Finished), heard.last
    here, there = np.full((2, *myelin.labels.shape), 255, np.uint8)
    for labels, events in ((here, run_inline(request)), (there, heard.events)):
        for event in events:
            if isinstance(event, PredictedRegion):
                labels[tuple(slice(*bounds) for bounds in event.region)] = event.labels
    assert set(np.unique(here)) <= {0, 1, 2}
    np.testing.assert_array_equal(here, there)


def test_training_that_is_stopped_keeps_its_weights(warm, myelin, tmp_path):
    heard = Heard()
    job = warm.submit(training(myelin, tmp_path / "stopped.safetensors", minutes=10), heard)
    heard.wait_for(Progress)
    job.stop()
    finish(job)
    assert heard.last.stopped
    assert (tmp_path / "stopped.safetensors").exists()


def test_a_folder_that_does_not_exist_fails_in_words(warm, myelin, tmp_path):
    heard = Heard()
    (tmp_path / "file").write_text("no folder")
    finish(warm.submit(training(myelin, tmp_path / "file" / "a.safetensors", steps=1), heard))
    assert heard.last.kind == "StorageError", heard.last


def search(myelin, tries):
    settings = TrainSettings(
        device="cpu", threads=1, precision="fp32", width=4, depth=2, patch_size=32, batch_size=2
    )
    return RateSearchRequest((myelin,), default_annotation("masks", [0, 1, 2]), settings, tries=tries)


def test_a_search_for_a_learning_rate_in_the_child_equals_one_here(warm, myelin):
    heard = Heard()
    finish(warm.submit(search(myelin, 20), heard))
    assert isinstance(heard.last, Finished), heard.last
    (there,) = heard.of(RateFound)
    (here,) = [event for event in run_inline(search(myelin, 20)) if isinstance(event, RateFound)]
    np.testing.assert_array_equal(there.learning_rates, here.learning_rates)
    np.testing.assert_array_equal(there.losses, here.losses)
    assert there.suggestion == here.suggestion


def test_a_search_that_is_stopped_suggests_nothing(warm, myelin):
    heard = Heard()
    job = warm.submit(search(myelin, 100_000), heard)
    heard.wait_for(Progress)
    job.stop()
    finish(job)
    assert heard.last.stopped
    (found,) = heard.of(RateFound)
    assert found.suggestion is None
    assert job.activity == "The search for a learning rate"
