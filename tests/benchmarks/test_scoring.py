from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from benchmarks.accuracy.scoring import contingency, overlap_scores, rand_f_score, score_folder
from benchmarks.accuracy.sets import SETS, BenchmarkSet, image_files
from skimage.io import imread, imsave

from napari_unet.scores import Confusion


def test_dice_and_iou_equal_those_of_the_product() -> None:
    random = np.random.default_rng(1)
    target, prediction = random.integers(0, 3, (2, 40, 50))
    measured = SETS["axondeepseg"]
    scores = overlap_scores(measured, contingency(prediction, target, 3))
    confusion = Confusion(3)
    confusion.add(prediction, target)
    for value, name in enumerate(measured.classes):
        assert scores["dice"][name] == pytest.approx(confusion.dice()[value], abs=1e-5)
        assert scores["iou"][name] == pytest.approx(confusion.iou()[value], abs=1e-5)
    assert scores["dice"]["mean"] == pytest.approx(confusion.dice().mean(), abs=2e-5)


def test_merged_classes_do_not_care_which_of_them_it_is() -> None:
    target = np.array([[2, 3, 0, 1, 4, 5, 6]])
    prediction = np.array([[3, 2, 0, 1, 4, 5, 6]])
    dice = overlap_scores(SETS["epfl6"], contingency(prediction, target, 7))["dice"]
    assert dice["mitochondria with boundary"] == 1
    assert dice["mitochondrion"] == dice["mitochondrion boundary"] == 0
    assert dice["foreground"] == 1
    assert dice["mean"] == pytest.approx(5 / 7, abs=1e-5)


def test_a_class_that_is_nowhere_is_undefined_and_not_in_the_mean() -> None:
    dice = overlap_scores(SETS["axondeepseg"], contingency(np.zeros((2, 2), int), np.zeros((2, 2), int), 3))[
        "dice"
    ]
    assert dice == {"rest": 1.0, "myelin": None, "axon": None, "foreground": None, "mean": 1.0}


def test_rand_f_score_falls_where_two_cells_are_joined() -> None:
    target = np.ones((20, 21), int)
    target[:, 10] = 0
    assert rand_f_score(target, target, 1) == 1
    joined = target.copy()
    joined[5, 10] = 1
    # One found cell of 400 for two true ones of 200: precision 1/2, recall 1, F = 2/3.
    assert rand_f_score(joined, target, 1) == pytest.approx(2 / 3, abs=0.005)


def test_cells_that_touch_at_a_corner_are_two() -> None:
    target = np.zeros((4, 4), int)
    target[:2, :2] = target[2:, 2:] = 1
    whole = np.ones((4, 4), int)
    assert rand_f_score(target, target, 1) == 1
    assert rand_f_score(whole, target, 1) < 0.7


def test_wrong_shapes_and_values_are_refused() -> None:
    with pytest.raises(ValueError, match="shape"):
        contingency(np.zeros((2, 3), int), np.zeros((3, 2), int), 2)
    with pytest.raises(ValueError, match="classes"):
        contingency(np.full((2, 2), 255), np.zeros((2, 2), int), 2)


def test_counts_are_pooled_over_images_and_a_missing_prediction_is_an_error(
    toy: BenchmarkSet, data: Path, tmp_path: Path
) -> None:
    labels, predictions = data / "toy_folder" / "test" / "labels", tmp_path / "predictions"
    predictions.mkdir()
    first, second = image_files(labels)
    imsave(predictions / first.name, toy.target(first), check_contrast=False)
    with pytest.raises(FileNotFoundError):
        score_folder(toy, predictions, labels)
    imsave(predictions / second.name, np.zeros_like(toy.target(second)), check_contrast=False)
    scores = score_folder(toy, predictions, labels)
    n_first, n_second = (int((imread(path) > 0).sum()) for path in (first, second))
    assert scores["dice"]["disc"] == pytest.approx(2 * n_first / (2 * n_first + n_second), abs=1e-5)
    assert [image["dice"]["disc"] for image in scores["per_image"].values()] == [1.0, 0.0]


def test_every_real_set_holds_the_classes_it_is_said_to(shared_data: Path) -> None:
    for measured in SETS.values():
        for part in ("train", "test"):
            folder = shared_data / measured.folder / part
            images, labels = image_files(folder / "images"), image_files(folder / "labels")
            assert [path.name for path in images] == [path.name for path in labels]
            found = np.unique(measured.target(labels[0]))
            assert set(found) <= set(range(len(measured.classes)))
