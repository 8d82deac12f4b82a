"""What the line below "Start from" says of a model's earlier images."""

from __future__ import annotations

import numpy as np

from napari_unet.models.examples import Example, Origin, write_examples
from napari_unet.models.header import read_record
from napari_unet.viewer.train.start import earlier_images
from segment_support import model_record, network, write_model


def example(fingerprint, side=8):
    origin = Origin(
        image="cells",
        hash=fingerprint,
        start=(0, 0),
        kind="masks",
        values=(0, 1),
        offset=(0.0,),
        scale=(1.0,),
    )
    return Example(origin, np.zeros((1, side, side), np.uint8), np.zeros((side, side), np.uint8))


def said(path, **facts):
    write_model(path, model_record(network=network(n_classes=2), **facts))
    return earlier_images(path, read_record(path))


def test_how_many_earlier_images_are_learnt_from_too(tmp_path):
    path = tmp_path / "model.safetensors"
    write_examples(path, [example("a"), example("a"), example("b", 1200), example("another model's")])
    images = {"one": "a", "two": "b", "three": "c"}
    assert said(path, images=images) == "Learns from its 2 earlier images too (3 MB beside the model)."
    assert said(path, images={"one": "a"}).startswith("Learns from its earlier image too")


def test_examples_that_are_not_there_are_missed(tmp_path):
    path = tmp_path / "model.safetensors"
    missed = "What it learnt from is not beside it, so what it knows may fade."
    assert said(path, images={"one": "a"}) == missed
    assert said(path, images={}) == ""
