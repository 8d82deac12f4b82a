from __future__ import annotations

import pytest
import torch
from torch import nn

from napari_unet.errors import DeviceError, InputError, OutOfMemoryError
from napari_unet.inference.classic import predict
from napari_unet.nets import UNet


@pytest.mark.parametrize("n_classes", [1, 2, 3])
def test_predict_takes_chw_and_nchw(n_classes: int) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, n_classes, 3, padding=1), nn.Dropout(0.5)).train()
    images = torch.randn(2, 3, 17, 20)
    classes = predict(model, images, torch.device("cpu"))
    assert classes.shape == (2, 17, 20)
    assert classes.dtype == torch.int64
    assert model.training
    torch.testing.assert_close(predict(model, images[1], "cpu"), classes[1])
    with torch.no_grad():
        logits = model.eval()(images)
    expected = (logits[:, 0].sigmoid() > 0.5).long() if n_classes == 1 else logits.argmax(1)
    torch.testing.assert_close(classes, expected)
    assert len(classes.unique()) == max(n_classes, 2)


def test_one_logit_of_zero_is_not_foreground() -> None:
    assert not predict(nn.Identity(), torch.zeros(1, 2, 2), "cpu").any()
    assert predict(nn.Identity(), torch.full((1, 2, 2), 0.1), "cpu").all()


def test_evaluation_mode_stays_and_no_gradient_is_kept() -> None:
    model = UNet(1, 2, width=2, depth=1).eval()
    assert not predict(model, torch.rand(1, 8, 8), "cpu").requires_grad
    assert not model.training


def test_a_failing_model_keeps_its_mode() -> None:
    model = UNet(1, 2, width=2, depth=1).train()
    with pytest.raises(InputError):
        predict(model, torch.rand(3, 8, 8), "cpu")
    assert model.training


def test_other_dimensions_are_refused() -> None:
    with pytest.raises(InputError, match="2 dimensions"):
        predict(UNet(1, 2, width=2, depth=1), torch.rand(8, 8), "cpu")


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int64, torch.bool])
def test_raw_values_are_refused_and_the_remedy_is_named(dtype: torch.dtype) -> None:
    with pytest.raises(InputError, match=r"holds \w+ values.*image\.float\(\) / 255"):
        predict(UNet(1, 2, width=2, depth=1), torch.zeros(1, 8, 8, dtype=dtype), "cpu")


def test_floats_of_any_precision_will_do() -> None:
    torch.manual_seed(0)
    network, image = UNet(1, 2, width=2, depth=1), torch.randn(1, 8, 8)
    assert torch.equal(predict(network, image.double(), "cpu"), predict(network, image, "cpu"))


@pytest.mark.parametrize("device", ["gpu", "cuda", "cuda:7", "cpuu"])
def test_a_device_that_does_not_exist_is_explained(device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def empty(*args: object, device: torch.device) -> None:
        raise AssertionError("Torch not compiled with CUDA enabled")

    network = UNet(1, 2, width=2, depth=1).train()
    monkeypatch.setattr("napari_unet.device.choice.torch.empty", empty)
    with pytest.raises(DeviceError, match=f"{device}.*cannot be used here.*napari-unet device"):
        predict(network, torch.rand(1, 8, 8), device)
    assert network.training


def test_lack_of_memory_is_explained_and_other_failures_are_not() -> None:
    class Failing(nn.Module):
        def forward(self, image: torch.Tensor) -> torch.Tensor:
            raise RuntimeError("can't allocate memory" if image.shape[-1] > 8 else "illegal instruction")

    with pytest.raises(OutOfMemoryError, match="tiles"):
        predict(Failing(), torch.rand(1, 8, 9), "cpu")
    with pytest.raises(RuntimeError, match="illegal"):
        predict(Failing(), torch.rand(1, 8, 8), "cpu")
