from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from napari_unet.errors import InputError, ModelFileError
from napari_unet.events import Box, Event, Finished, Notice, PredictedRegion, Progress, Started
from napari_unet.images import Image, Normalisation
from napari_unet.images.files import read_image
from napari_unet.inference import predict, predict_array, predict_logits
from napari_unet.labels import Annotation, LabelClass, default_annotation
from napari_unet.models.files import Model, save_model
from napari_unet.models.record import ModelRecord
from napari_unet.nets import UNet, init_weights
from napari_unet.requests import PredictionRequest
from napari_unet.settings import PredictSettings

FP32 = PredictSettings(device="cpu", precision="fp32", threads=2)
ANNOTATION = Annotation(
    kind="scribbles",
    classes=tuple(LabelClass(value=v, name=f"class {v}", color="#0072b2") for v in (2, 5, 300)),
)


def make_model(annotation: Annotation = ANNOTATION, **options: Any) -> Model:
    torch.manual_seed(1)
    sizes = {"n_channels": 1, "n_classes": len(annotation.classes), "width": 4, "depth": 2}
    network = UNet(**(sizes | options))
    init_weights(network)
    record = ModelRecord(network=network.settings, annotation=annotation, normalisation=Normalisation())
    return Model(network.eval(), record)


def run(
    model: Model,
    folder: Path,
    images: Sequence[Image],
    regions: tuple[Box | None, ...] | None = None,
    settings: PredictSettings = FP32,
) -> list[Event]:
    path = folder / "model.safetensors"
    save_model(model, path)
    return list(predict(PredictionRequest(path, tuple(images), settings, regions), lambda: False))


def assemble(events: list[Event], image: Image, index: int = 0) -> np.ndarray:
    """Labels of one image, -1 where nothing was predicted; a pixel predicted twice fails."""
    result = np.full(image.label_shape, -1)
    for event in events:
        if isinstance(event, PredictedRegion) and event.image == index:
            part = result[tuple(slice(*bounds) for bounds in event.region)]
            assert part.shape == event.labels.shape
            assert (part == -1).all()
            part[...] = event.labels
    return result


def expected_labels(model: Model, image: Image, plane: np.ndarray) -> np.ndarray:
    """Labels of one plane (C, Y, X) of raw values."""
    statistics = model.record.normalisation.statistics(image)
    logits = predict_logits(model.network, statistics.apply(plane))
    return np.array(model.record.annotation.values)[logits.argmax(0)]


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 4000, shape).astype(np.uint16)


def test_a_real_image_in_tiles(tmp_path: Path, shared_data: Path) -> None:
    path = sorted((shared_data / "bbbc039_nuclei" / "test" / "images").iterdir())[0]
    image, model = read_image(path), make_model()
    settings = FP32.model_copy(update={"tile_size": 128})
    events = run(model, tmp_path, [image], settings=settings)
    plane = image.read(tuple((0, n) for n in image.label_shape))
    actual, expected = assemble(events, image), expected_labels(model, image, plane)
    assert (actual == expected).mean() > 0.9999  # a logit's last digit may tip a tie
    assert len(np.unique(expected)) > 1
    regions = [e for e in events if isinstance(e, PredictedRegion)]
    assert len(regions) > 10
    assert all(e.labels.dtype == np.uint16 for e in regions)  # the class 300 does not fit 8 bits
    assert all(e.probabilities is None for e in regions)


def test_the_story_of_a_run(tmp_path: Path) -> None:
    images = [Image("a", (noise(40, 30),), "YX"), Image("b", (noise(20, 50),), "YX")]
    events = run(make_model(), tmp_path, images)
    assert isinstance(events[0], Started)
    assert events[0].device.startswith("CPU")
    assert events[0].plan["precision"] == "fp32"
    assert events[0].plan["threads"] == 2
    fractions = [e.fraction for e in events if isinstance(e, Progress)]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1
    assert [e.seconds_left for e in events if isinstance(e, Progress)][-1] == 0
    assert events[-1] == Finished(False, summary=events[-1].summary)
    assert events[-1].summary["images"] == 2
    assert events[-1].summary["pixels"] == 40 * 30 + 20 * 50
    assert {e.image for e in events if isinstance(e, PredictedRegion)} == {0, 1}


@pytest.mark.parametrize(
    ("axes", "shape"), [("TZYX", (2, 3, 18, 21)), ("TCYX", (3, 2, 18, 21)), ("ZYXC", (3, 18, 21, 2))]
)
def test_stacks_are_predicted_slice_by_slice(tmp_path: Path, axes: str, shape: tuple[int, ...]) -> None:
    image = Image("stack", (noise(*shape),), axes)
    model = make_model(n_channels=image.n_channels)
    actual = assemble(run(model, tmp_path, [image]), image)
    for position in np.ndindex(*image.label_shape[:-2]):
        box = (*((i, i + 1) for i in position), *((0, n) for n in image.label_shape[-2:]))
        plane = image.read(box).reshape(image.n_channels, *image.label_shape[-2:])
        np.testing.assert_array_equal(actual[position], expected_labels(model, image, plane))


def test_a_region_is_part_of_the_whole(tmp_path: Path) -> None:
    image = Image("stack", (noise(4, 90, 80) * np.arange(1, 5, dtype=np.uint16)[:, None, None],), "TYX")
    model = make_model()
    whole = assemble(run(model, tmp_path, [image]), image)
    region = ((2, 3), (17, 71), (5, 80))
    settings = FP32.model_copy(update={"tile_size": 24})
    part = assemble(run(model, tmp_path, [image], (region,), settings), image)
    inside = tuple(slice(*bounds) for bounds in region)
    assert (part[inside] == whole[inside]).mean() > 0.999
    part[inside] = -1
    assert (part == -1).all()


def test_a_3d_network_takes_a_stack_as_one(tmp_path: Path) -> None:
    image = Image("volume", (noise(2, 9, 20, 22),), "TZYX")
    model = make_model(ndim=3, depth=1)
    actual = assemble(run(model, tmp_path, [image]), image)
    volume = image.read(((1, 2), (0, 9), (0, 20), (0, 22)))[:, 0]
    np.testing.assert_array_equal(actual[1], expected_labels(model, image, volume))
    with pytest.raises(InputError, match="ZYX"):
        run(model, tmp_path, [Image("plane", (noise(20, 22),), "YX")])


def test_an_unpadded_network_covers_the_image(tmp_path: Path) -> None:
    image = Image("plane", (noise(50, 61),), "YX")
    model = make_model(padding="valid", norm=None)
    settings = FP32.model_copy(update={"tile_size": 20})
    actual = assemble(run(model, tmp_path, [image], settings=settings), image)
    plane = image.read(((0, 50), (0, 61)))
    assert (actual == expected_labels(model, image, plane)).mean() > 0.999


@pytest.mark.parametrize("values", [[1], [1, 2]])
def test_probabilities_agree_with_the_labels(tmp_path: Path, values: list[int]) -> None:
    annotation = default_annotation("masks", values)
    model = make_model(annotation, n_classes=1 if values == [1] else 3)
    image = Image("stack", (noise(2, 30, 30),), "TYX")
    settings = FP32.model_copy(update={"probabilities": True})
    for event in run(model, tmp_path, [image], settings=settings):
        if isinstance(event, PredictedRegion):
            assert event.probabilities is not None
            assert event.probabilities.dtype == np.float16
            assert event.probabilities.shape == (len(values) + 1, *event.labels.shape)
            total = event.probabilities.astype(np.float32).sum(0)
            np.testing.assert_allclose(total, 1, atol=2e-3)
            best = np.array(annotation.values)[event.probabilities.argmax(0)]
            assert (best == event.labels).mean() > 0.99  # float16 has ties


def test_stop_is_obeyed_at_the_next_tile(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    save_model(make_model(), path)
    image = Image("plane", (noise(96, 96),), "YX")
    settings = FP32.model_copy(update={"tile_size": 16})
    events: list[Event] = []
    for event in predict(PredictionRequest(path, (image,), settings), lambda: len(events) > 4):
        events.append(event)
    assert sum(isinstance(e, PredictedRegion) for e in events) < 5
    assert isinstance(events[-1], Finished)
    assert events[-1].stopped


def test_wrong_channels_are_explained(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"photo has 3 channels, .* 1 channel\."):
        run(make_model(), tmp_path, [Image("photo", (noise(8, 8, 3),), "YXC")])


def test_values_that_are_no_numbers_are_said_and_harmless(tmp_path: Path) -> None:
    pixels = noise(30, 30).astype(np.float32)
    pixels[3, 4], pixels[5, 6] = np.nan, np.inf
    image = Image("hot", (pixels,), "YX")
    events = run(make_model(), tmp_path, [image, Image("flat", (np.ones((9, 9)),), "YX")])
    texts = [e.text for e in events if isinstance(e, Notice)]
    assert any("hot" in t and "not numbers" in t for t in texts)
    assert any("flat" in t and "same value" in t for t in texts)
    assert set(np.unique(assemble(events, image))) <= {2, 5, 300}


def test_not_a_model_is_explained(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(b"no model")
    with pytest.raises(ModelFileError):
        list(predict(PredictionRequest(path, (Image("a", (noise(8, 8),), "YX"),), FP32)))


def test_the_number_of_threads_is_given_back(tmp_path: Path) -> None:
    before = torch.get_num_threads()
    settings = FP32.model_copy(update={"threads": before + 1})
    run(make_model(), tmp_path, [Image("a", (noise(8, 8),), "YX")], settings=settings)
    assert torch.get_num_threads() == before


def test_predict_array_takes_an_image_in_memory() -> None:
    model = make_model()
    plane = noise(40, 33)
    labels, probabilities = predict_array(model, plane, FP32)
    assert probabilities is None
    np.testing.assert_array_equal(labels, expected_labels(model, Image("x", (plane,), "YX"), plane[None]))
    again, _ = predict_array(model, plane[None], FP32)
    np.testing.assert_array_equal(labels, again)
    stack, probabilities = predict_array(
        model, np.stack([plane, plane]), FP32.model_copy(update={"probabilities": True}), axes="TYX"
    )
    np.testing.assert_array_equal(stack[1], labels)
    assert probabilities is not None
    assert probabilities.shape == (3, 2, 40, 33)
    with pytest.raises(InputError):
        predict_array(model, np.stack([plane, plane]), FP32)


def test_automatic_settings_work_here() -> None:
    labels, _ = predict_array(make_model(), noise(32, 32))
    assert set(np.unique(labels)) <= {2, 5, 300}


def test_what_is_in_view_comes_first(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    save_model(make_model(), path)
    image = Image("stack", (noise(5, 96, 96),), "TYX")
    settings = FP32.model_copy(update={"tile_size": 32})
    request = PredictionRequest(path, (image,), settings, centres=((3.2, 90.0, 40.0),))
    events = list(predict(request))
    regions = [e.region for e in events if isinstance(e, PredictedRegion)]
    assert regions[0] == ((3, 4), (64, 96), (32, 64))
    assert [r[0][0] for r in regions[::9]] == [3, 4, 2, 1, 0]
    np.testing.assert_array_equal(
        assemble(events, image), assemble(run(make_model(), tmp_path, [image]), image)
    )
    with pytest.raises(InputError, match="centres"):
        list(predict(PredictionRequest(path, (image,), settings, centres=((1.0, 2.0),))))


@pytest.mark.parametrize("values", [[1], [1, 2]])
def test_averaged_turns_of_a_real_image(tmp_path: Path, shared_data: Path, values: list[int]) -> None:
    path = sorted((shared_data / "bbbc039_nuclei" / "test" / "images").iterdir())[0]
    plane = read_image(path).read(((0, 150), (0, 131)))[0]
    model = make_model(default_annotation("masks", values), n_classes=1 if values == [1] else 3)
    settings = FP32.model_copy(update={"average_turns": True, "probabilities": True})
    once, mean = predict_array(model, plane, settings)
    turned, mean_of_turned = predict_array(model, np.rot90(plane), settings)
    assert mean is not None
    assert mean_of_turned is not None
    assert (np.rot90(once) == turned).mean() > 0.999  # what averaging is for: the turn makes no difference
    np.testing.assert_allclose(mean.astype(np.float32).sum(0), 1, atol=2e-3)
    np.testing.assert_allclose(np.rot90(mean, axes=(1, 2)), mean_of_turned, atol=2e-3)
    plain, _ = predict_array(model, plane, FP32)
    assert (plain != once).any()


def test_compiling_is_refused_politely_without_a_gpu(tmp_path: Path) -> None:
    image = Image("a", (noise(8, 8),), "YX")
    settings = FP32.model_copy(update={"compile_network": True})
    events = run(make_model(), tmp_path, [image], settings=settings)
    assert any("compiled only on NVIDIA" in e.text for e in events if isinstance(e, Notice))
    assert (assemble(events, image) >= 0).all()


def test_the_network_meets_the_whole_image_whichever_part_is_predicted(tmp_path: Path) -> None:
    image, model = Image("image", (noise(48, 80),), "YX"), of_images(3)
    whole = assemble(run(model, tmp_path, [image]), image)
    part = assemble(run(model, tmp_path, [image], (((8, 24), (40, 80)),)), image)
    np.testing.assert_array_equal(part[8:24, 40:], whole[8:24, 40:])
    off = FP32.model_copy(update={"adapt_to_image": False})
    assert (whole != assemble(run(model, tmp_path, [image], settings=off), image)).any()


def test_images_met_before_are_forgotten(tmp_path: Path) -> None:
    first, second = Image("first", (noise(32, 32) ** 2,), "YX"), Image("second", (noise(48, 48),), "YX")
    alone = assemble(run(of_images(3), tmp_path, [second]), second)
    after = assemble(run(of_images(3), tmp_path, [first, second]), second, 1)
    np.testing.assert_array_equal(after, alone)


@pytest.mark.parametrize(
    ("n_images", "value", "recipe"),
    [(100, None, "default"), (0, None, "default"), (3, 7, "default"), (3, None, "live")],
)
def test_nothing_is_adapted_with_many_images_or_to_nothing_or_after_live(
    tmp_path: Path, n_images: int, value: int | None, recipe: str
) -> None:
    pixels = noise(32, 32) if value is None else np.full((32, 32), value, np.uint8)
    image, model = Image("image", (pixels,), "YX"), of_images(n_images, recipe)
    off = FP32.model_copy(update={"adapt_to_image": False})
    actual, expected = (assemble(run(model, tmp_path, [image], settings=s), image) for s in (FP32, off))
    np.testing.assert_array_equal(actual, expected)


def of_images(n: int, recipe: str = "default") -> Model:
    """A model trained on so many images."""
    model = make_model()
    images = {f"image {i}": f"{i:064x}" for i in range(n)}
    changed = {"images": images, "plan": {"recipe": recipe}}
    return Model(model.network, model.record.model_copy(update=changed))
