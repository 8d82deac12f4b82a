"""predict on tensors, arrays and files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import tifffile
import torch

from napari_unet import PredictSettings, UNet, load_model, predict
from napari_unet.api import predict_files
from napari_unet.errors import InputError, ModelFileError, UNetError
from napari_unet.events import Event, Finished
from napari_unet.images import read_labels, write_labels

from .conftest import squares


@pytest.mark.parametrize("n_classes", [1, 3])
def test_a_network_and_a_tensor_is_the_classic_function(n_classes: int) -> None:
    network = UNet(2, n_classes, width=4, depth=2).eval()
    image = torch.randn(2, 20, 24)
    with torch.no_grad():
        logits = network(image[None])[0]
    expected = logits.argmax(0) if n_classes > 1 else (torch.sigmoid(logits[0]) > 0.5).long()
    assert torch.equal(predict(network, image, torch.device("cpu")), expected)
    batch = predict(network, image[None])
    assert batch.shape == (1, 20, 24)
    assert torch.equal(batch[0], expected)
    with pytest.raises(InputError, match="tensor"):
        predict(network, np.zeros((2, 20, 24)))


def test_a_model_its_file_and_an_image_file_agree(toy_path: Path, tmp_path: Path) -> None:
    image, mask = squares(7)
    by_path = predict(toy_path, image, "cpu")
    assert by_path.dtype == np.uint8
    assert by_path.shape == mask.shape
    assert set(np.unique(by_path)) == {0, 1}
    np.testing.assert_array_equal(predict(load_model(toy_path), image, device="cpu"), by_path)
    write_labels(tmp_path / "image.png", image)
    np.testing.assert_array_equal(predict(str(toy_path), tmp_path / "image.png"), by_path)


def test_stacks_are_predicted_slice_by_slice(toy_path: Path) -> None:
    first, second = squares(7)[0], squares(8)[0]
    stack = np.stack([first, second])[:, None]
    labels = predict(toy_path, stack, axes="TZYX", precision="fp32")
    assert labels.shape == stack.shape
    assert labels.any()


def test_probabilities_come_on_request(toy_path: Path) -> None:
    image, _ = squares(7)
    labels, probabilities = predict(toy_path, image, probabilities=True, precision="fp32")
    assert probabilities.shape == (2, *image.shape)
    np.testing.assert_allclose(probabilities.astype(float).sum(0), 1, atol=2e-3)
    clear = np.abs(probabilities[1] - 0.5) > 1e-3  # float16 rounds
    np.testing.assert_array_equal((probabilities[1] > 0.5)[clear], (labels == 1)[clear])


def test_an_image_that_does_not_fit_is_refused(toy_path: Path) -> None:
    with pytest.raises(InputError, match="channel"):
        predict(toy_path, np.zeros((40, 40, 3), np.uint8), axes="YXC")
    with pytest.raises(ModelFileError):
        predict("absent.safetensors", np.zeros((40, 40)))


def test_a_stopped_prediction_returns_nothing(toy_path: Path) -> None:
    with pytest.raises(UNetError, match="stopped"):
        predict(toy_path, squares(7)[0], stop=lambda: True)


def test_files_become_files_of_the_same_stem(toy_path: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_labels(tmp_path / "in" / f"{name}.tif", squares(ord(name))[0])
    stack = np.stack([squares(seed)[0] for seed in (1, 2)])
    tifffile.imwrite(tmp_path / "in" / "c.tif", stack, metadata={"axes": "TYX"}, photometric="minisblack")
    events: list[Event] = []
    chosen = PredictSettings(probabilities=True)
    written = predict_files(
        toy_path, tmp_path / "in", tmp_path / "out", settings=chosen, progress=events.append
    )
    assert [path.name for path in written] == ["a.png", "b.png", "c.tif"]
    assert sum(isinstance(event, Finished) for event in events) == 1
    np.testing.assert_array_equal(read_labels(written[0])[...], predict(toy_path, tmp_path / "in" / "a.tif"))
    assert read_labels(written[2]).shape == stack.shape
    with tifffile.TiffFile(tmp_path / "out" / "c_probabilities.tif") as tiff:
        assert tiff.series[0].shape == (2, *stack.shape)
        assert tiff.series[0].axes.startswith("C")


def test_files_are_not_mixed_up(toy_path: Path, tmp_path: Path) -> None:
    write_labels(tmp_path / "a.tif", squares(1)[0])
    with pytest.raises(InputError, match="among the images"):
        predict_files(toy_path, tmp_path, tmp_path)
    write_labels(tmp_path / "a.png", squares(1)[0])
    with pytest.raises(InputError, match="Several images are called a"):
        predict_files(toy_path, tmp_path, tmp_path / "out")


def test_predictions_replace_predictions_but_no_annotation(toy_path: Path, tmp_path: Path) -> None:
    image, mask = squares(3)
    source, output = tmp_path / "images" / "a.tif", tmp_path / "labels"
    source.parent.mkdir()
    tifffile.imwrite(source, image)
    for _ in range(2):
        (written,) = predict_files(toy_path, source, output)
    PIL.Image.fromarray(mask).save(written)
    with pytest.raises(InputError, match="not overwritten"):
        predict_files(toy_path, source, output)
    assert np.array_equal(np.asarray(PIL.Image.open(written)), mask)


def test_probabilities_replace_probabilities_but_no_file_of_somebody(toy_path: Path, tmp_path: Path) -> None:
    source, output = tmp_path / "images" / "a.tif", tmp_path / "predictions"
    write_labels(source, squares(3)[0])
    settings = PredictSettings(probabilities=True)
    for _ in range(2):
        predict_files(toy_path, source, output, settings=settings)
    theirs = np.ones((4, 4), np.float32)
    tifffile.imwrite(output / "a_probabilities.tif", theirs)
    with pytest.raises(InputError, match=r"a_probabilities\.tif exists.*not overwritten"):
        predict_files(toy_path, source, output, settings=settings)
    assert np.array_equal(tifffile.imread(output / "a_probabilities.tif"), theirs)
    predict_files(toy_path, source, output)  # without probabilities nothing is in the way
