from __future__ import annotations

import pytest
import torch

from napari_unet.nets import UNet, init_weights
from napari_unet.settings import NetworkSettings
from napari_unet.training.muon import (
    KERNEL_RATE,
    KernelMuon,
    default_optimizers,
    inner_kernels,
    set_learning_rate,
    take_gradients,
)


def network(**options) -> UNet:
    torch.manual_seed(0)
    made = UNet.from_settings(
        NetworkSettings(**{"n_channels": 1, "n_classes": 2, "width": 4, "depth": 2} | options)
    )
    init_weights(made)
    return made.to(memory_format=made.memory_format)


@pytest.mark.parametrize("ndim", [2, 3])
def test_kernels_between_features_are_inner_but_for_the_lowest_level(ndim):
    made = network(ndim=ndim)
    named = {id(weight): name for name, weight in made.named_parameters()}
    inner = {named[id(kernel)] for kernel in inner_kernels(made)}
    assert inner == {
        f"{block}.{layer}.weight"
        for block, layers in {
            "inc": (3,),
            "down1.conv": (0, 3),
            "up1.conv": (0, 3),
            "up2.conv": (0, 3),
        }.items()
        for layer in layers
    }


def test_every_weight_is_in_exactly_one_optimiser():
    made = network()
    adam, muon = default_optimizers(made, 1e-2)
    n = sum(w.numel() for o in (adam, muon) for g in o.param_groups for w in g["params"])
    assert n == sum(w.numel() for w in made.parameters())


def test_kernels_learn_faster_by_a_constant_factor_from_the_first_step_on():
    adam, muon = default_optimizers(network(), 1e-2)
    assert (adam.param_groups[0]["lr"], muon.param_groups[0]["lr"]) == (1e-2, KERNEL_RATE * 1e-2)
    set_learning_rate((adam, muon), 1e-3)
    assert (adam.param_groups[0]["lr"], muon.param_groups[0]["lr"]) == (1e-3, KERNEL_RATE * 1e-3)


@pytest.mark.parametrize("ndim", [2, 3])
def test_a_step_is_orthogonal_and_as_long_as_one_of_adam(ndim):
    made = network(ndim=ndim, width=16)
    kernel = inner_kernels(made)[1]  # 16 to 32 channels
    before = kernel.detach().clone()
    muon = KernelMuon([kernel], lr=0.1)
    muon.param_groups[0]["weight_decay"] = 0.0
    kernel.grad = torch.randn_like(kernel)
    take_gradients([muon])
    assert kernel.grad is None
    muon.step()
    moved = (before - kernel.detach()).movedim(1, -1).reshape(len(kernel), -1)
    singular = torch.linalg.svdvals(moved)
    assert singular.max() / singular.min() < 2.5  # five iterations in 16 bit: nearly equal
    assert moved.square().mean().sqrt() == pytest.approx(0.2 * 0.1, rel=0.3)


def test_gradients_in_any_memory_format_are_taken_as_they_are():
    made = network()
    kernel = inner_kernels(made)[0]
    muon = KernelMuon([kernel], lr=0.1)
    kernel.grad = torch.randn(kernel.shape)
    expected = kernel.grad.clone().permute(0, 2, 3, 1).reshape(len(kernel), -1)
    take_gradients([muon])
    assert torch.equal(muon.param_groups[0]["params"][0].grad, expected)


def test_kernels_that_would_be_copied_are_refused():
    with pytest.raises(RuntimeError):
        KernelMuon([torch.nn.Parameter(torch.zeros(4, 4, 3, 3))], lr=0.1)


@pytest.mark.parametrize(("precision", "tolerance"), [(torch.bfloat16, 0.0), (torch.float32, 0.02)])
def test_it_is_the_muon_of_torch(precision, tolerance):
    made = network(width=8)
    kernel = inner_kernels(made)[1]
    muon = KernelMuon([kernel], lr=0.1, precision=precision)
    same = torch.nn.Parameter(muon.param_groups[0]["params"][0].detach().clone())
    torchs = torch.optim.Muon([same], lr=0.1, weight_decay=0.1, adjust_lr_fn="match_rms_adamw")
    for _ in range(3):
        kernel.grad = torch.randn_like(kernel)
        take_gradients([muon])
        ours = muon.param_groups[0]["params"][0]
        same.grad = ours.grad.clone()
        muon.step()
        torchs.step()
        torch.testing.assert_close(ours, same, rtol=tolerance, atol=tolerance)


def test_only_bfloat16_is_computed_in_less_than_32_bits():
    for precision in (torch.float32, torch.float16, torch.bfloat16):
        _, muon = default_optimizers(network(), 1e-2, precision)
        assert muon._precision == (torch.bfloat16 if precision == torch.bfloat16 else torch.float32)
