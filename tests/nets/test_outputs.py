"""Outputs: what logits mean, for classes and for objects."""

from __future__ import annotations

import pytest
import torch

from napari_unet.directions import direction_table
from napari_unet.nets.outputs import (
    DEEPEST,
    class_indices,
    class_probabilities,
    direction_codes,
    logits_of,
    n_outputs,
    object_maps,
    probabilities,
)
from napari_unet.settings import Outputs


def logits(n: int) -> torch.Tensor:
    return torch.randn(2, n, 5, 6, generator=torch.Generator().manual_seed(n)) * 3


@pytest.mark.parametrize(
    ("n", "outputs"), [(1, "classes"), (2, "classes"), (4, "classes"), (3, "borders"), (3, "distances")]
)
def test_probabilities_and_back(n: int, outputs: Outputs) -> None:
    given = logits(n)
    found = probabilities(given, outputs)
    assert ((found > 0) & (found < 1)).all()
    if n > 1 and outputs != "distances":
        torch.testing.assert_close(found.sum(1), torch.ones(2, 5, 6))
    torch.testing.assert_close(probabilities(logits_of(found, outputs), outputs), found, atol=1e-6, rtol=1e-4)


def test_vectors_are_no_probabilities() -> None:
    given = logits(3)
    found = probabilities(given, "flows")
    assert torch.equal(found[:, 0], torch.sigmoid(given[:, 0]))
    assert torch.equal(found[:, 1:], given[:, 1:])
    torch.testing.assert_close(logits_of(found, "flows"), given, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(
    ("n", "outputs"),
    [
        (1, "classes"),
        (2, "classes"),
        (4, "classes"),
        (3, "borders"),
        (3, "distances"),
        (3, "flows"),
        (4, "flows"),
    ],
)
def test_the_likeliest_class_is_the_one_chosen(n: int, outputs: Outputs) -> None:
    given = logits(n)
    classes = class_probabilities(given, outputs)
    assert classes.shape == (2, max(n, 2) if outputs == "classes" else 2, 5, 6)
    torch.testing.assert_close(classes.sum(1), torch.ones(2, 5, 6))
    assert torch.equal(class_indices(given, outputs), classes.argmax(1))


def test_the_border_of_an_object_is_foreground() -> None:
    given = torch.tensor([2.0, 1.5, 1.6]).view(
        1, 3, 1, 1
    )  # background likeliest of the three, but not of the two
    assert class_indices(given, "borders").item() == 1
    assert class_indices(given, "classes").item() == 0


def test_height_is_linear_in_depth() -> None:
    radius = 8.0
    depth = torch.tensor([1.0, 2.0, 8.0, 16.0, 32.0, 100.0])
    output = torch.logit(depth / (depth + radius))
    given = torch.stack([torch.full_like(output, 9.0), output, torch.zeros_like(output)])[None, :, None]
    foreground, height = object_maps(given, "distances")[0, :, 0]
    assert (foreground == 255).all()
    expected = (255 * depth / (DEEPEST * radius)).clamp(max=255).round().to(torch.uint8)
    assert torch.equal(height, expected)


@pytest.mark.parametrize("outputs", ["classes", "borders"])
def test_height_of_class_networks_is_the_probability_of_the_inside(outputs: Outputs) -> None:
    given = logits(2 if outputs == "classes" else 3)
    maps = object_maps(given, outputs)
    assert maps.dtype == torch.uint8
    assert maps.shape == (2, 2, 5, 6)
    assert torch.equal(maps[:, 0], (255 * class_probabilities(given, outputs)[:, 1]).round().to(torch.uint8))
    assert torch.equal(maps[:, 1], (255 * probabilities(given, outputs)[:, 1]).round().to(torch.uint8))


def test_how_many_outputs_there_are() -> None:
    assert [n_outputs("classes", 2, n) for n in (2, 5)] == [2, 5]
    assert [n_outputs(of, 2, 2) for of in ("borders", "distances", "flows")] == [3, 3, 3]
    assert [n_outputs(of, 3, 2) for of in ("borders", "distances", "flows")] == [3, 3, 4]


@pytest.mark.parametrize(("ndim", "degrees"), [(2, 0.71), (3, 10.0)])
def test_directions_are_kept_as_codes(ndim: int, degrees: float) -> None:
    vectors = torch.randn(2, ndim, *(3, 20, 30)[-ndim:], generator=torch.Generator().manual_seed(0))
    codes = direction_codes(vectors)
    assert codes.dtype == torch.uint8
    assert codes.shape == (2, *vectors.shape[2:])
    kept = torch.tensor(direction_table(ndim))[codes.long()].movedim(-1, 1)
    cosine = torch.cosine_similarity(kept, vectors, dim=1)
    assert torch.rad2deg(torch.acos(cosine.clamp(max=1))).max() < degrees


def test_maps_of_flows_hold_foreground_and_directions() -> None:
    given = logits(3)
    foreground, codes = object_maps(given, "flows").unbind(1)
    assert torch.equal(foreground, (255 * torch.sigmoid(given[:, 0])).round().to(torch.uint8))
    assert torch.equal(codes, direction_codes(given[:, 1:]))
