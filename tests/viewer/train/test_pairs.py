import numpy as np
import pytest
from napari.layers import Image, Labels

from napari_unet.viewer.layers import METADATA
from napari_unet.viewer.train.pairs import LayerPair, fits, guess_pair


def image(name, shape=(8, 8), **keywords):
    return Image(np.zeros(shape, np.uint8), name=name, **keywords)


def labels(name, shape=(8, 8), **keywords):
    return Labels(np.zeros(shape, np.uint8), name=name, **keywords)


def names(pair: LayerPair):
    return [la.name for la in pair.images], pair.labels.name if pair.labels is not None else None


def test_one_image_and_one_labels_layer_need_no_choice():
    layers = [image("a"), labels("b")]
    assert names(guess_pair(layers, [])) == (["a"], "b")


def test_the_selected_labels_and_the_image_below_them_that_fits():
    small, large, first, second, top = (
        image("small"), image("large", (9, 9)), labels("first"), labels("second", (9, 9)), labels("top"),
    )  # fmt: skip
    layers = [small, large, first, second, top]
    assert names(guess_pair(layers, [])) == (["small"], "top")
    assert names(guess_pair(layers, [second])) == (["large"], "second")
    assert names(guess_pair(layers, [first])) == (["small"], "first")


def test_a_selected_image_wins_where_it_fits():
    a, b, paint = image("a"), image("b"), labels("paint")
    assert names(guess_pair([a, b, paint], [])) == (["b"], "paint")
    assert names(guess_pair([a, b, paint], [a])) == (["a"], "paint")


def test_predictions_are_no_annotation():
    prediction = labels("prediction", metadata={METADATA: {"prediction": True}})
    assert names(guess_pair([image("a"), labels("paint"), prediction], [prediction])) == (["a"], "paint")


@pytest.mark.parametrize(
    ("layers", "expected"),
    [([], ([], None)), ([image("a")], (["a"], None)), ([labels("b")], ([], "b"))],
)
def test_what_is_missing_stays_open(layers, expected):
    assert names(guess_pair(layers, [])) == expected


def test_labels_that_fit_no_image_are_still_proposed_for_the_check_to_explain():
    assert names(guess_pair([image("a"), labels("b", (5, 5))], [])) == (["a"], "b")


def test_fits_whatever_the_channels():
    assert fits(image("rgb", (8, 8, 3), rgb=True), labels("b"))
    stack = image("stack", (2, 8, 8), metadata={METADATA: {"axes": "CYX"}})
    assert fits(stack, labels("b"))
    assert fits(stack, labels("drawn by napari", (2, 8, 8)))
    assert not fits(image("z", (2, 8, 8)), labels("b"))
