from __future__ import annotations

import torch

from napari_unet.nets import UNet
from napari_unet.training.live.output_layer import fit_output_layer


def pixels(n=400):
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(n, 4, generator=generator) * torch.tensor([0.1, 1.0, 3.0, 0.0])
    answers = torch.stack([10 * features[:, 0], features[:, 1]], 1).mul(2).softmax(1)
    return features, answers


def test_answers_as_it_is_taught_whatever_the_size_of_features():
    features, answers = pixels()
    layer = fit_output_layer(features, answers)
    found = (features @ layer.weight.T + layer.bias).softmax(1)
    assert (found.argmax(1) == answers.argmax(1)).float().mean() > 0.97
    assert torch.isfinite(layer.weight).all()


def test_the_same_features_give_the_same_network():
    torch.manual_seed(0)
    network = UNet(1, 2, width=4, depth=1).eval()
    image = torch.randn(1, 1, 16, 16)
    with torch.no_grad():
        features = network.features(image)[0].flatten(1).T
        answers = (features[:, :1] - features[:, :1].median()).mul(20).sigmoid()
        answers = torch.cat([1 - answers, answers], 1)
    layer = fit_output_layer(features, answers)
    layer.put_into(network)
    with torch.no_grad():
        logits = network(image)[0].flatten(1).T
    torch.testing.assert_close(logits, features @ layer.weight.T + layer.bias, atol=1e-4, rtol=1e-4)
    assert (logits.argmax(1) == answers.argmax(1)).float().mean() > 0.9


def test_features_that_do_not_vary_say_nothing():
    features, answers = torch.zeros(10, 3), torch.full((10, 2), 0.5)
    layer = fit_output_layer(features, answers)
    torch.testing.assert_close(layer.weight, torch.zeros(2, 3))
    torch.testing.assert_close(layer.bias[0], layer.bias[1])
