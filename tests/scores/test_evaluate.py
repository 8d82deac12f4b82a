import csv
import io
import json

import numpy as np
import pytest
import tifffile

from napari_unet.errors import AmbiguousAnnotationError, InputError, ShapeMismatchError
from napari_unet.images import write_labels
from napari_unet.scores import evaluate, evaluate_folders, evaluate_pair


@pytest.fixture
def folders(tmp_path):
    """Two images of different size with one wrong pixel each, class 2 only in the second."""
    predictions, labels = tmp_path / "predictions", tmp_path / "labels"
    predictions.mkdir()
    labels.mkdir()
    first = np.array([[0, 0], [1, 1]], np.uint8)
    second = np.array([[0, 1, 2, 2]], np.uint8)
    write_labels(labels / "a.png", first)
    write_labels(labels / "b.png", second)
    write_labels(predictions / "a.png", np.array([[0, 1], [1, 1]], np.uint8))
    tifffile.imwrite(predictions / "b.tif", np.array([[0, 1, 2, 0]], np.uint8))
    return predictions, labels


def test_counts_are_pooled_over_all_pixels_of_all_images(folders):
    scores = json.loads(evaluate_folders(*folders, "masks").to_json())
    assert set(scores["classes"]) == {"0", "1", "2"}
    assert scores["classes"]["0"] == {"dice": pytest.approx(4 / 6), "iou": pytest.approx(2 / 4)}
    assert scores["classes"]["1"] == {"dice": pytest.approx(6 / 7), "iou": pytest.approx(3 / 4)}
    assert scores["classes"]["2"] == {"dice": pytest.approx(2 / 3), "iou": pytest.approx(1 / 2)}
    assert scores["mean"]["dice"] == pytest.approx((4 / 6 + 6 / 7 + 2 / 3) / 3)
    assert scores["mean"]["iou"] == pytest.approx((2 / 4 + 3 / 4 + 1 / 2) / 3)
    assert scores["foreground"] == {"dice": pytest.approx(8 / 10), "iou": pytest.approx(4 / 6)}
    assert scores["labels_are"] == "masks"


def test_undefined_is_null_and_outside_the_mean(folders):
    first = evaluate_folders(*folders, "masks").to_dict()["per_image"]["a"]
    assert first["classes"]["2"] == {"dice": None, "iou": None}
    assert first["mean"]["dice"] == pytest.approx((2 / 3 + 4 / 5) / 2)


def test_scribbles_ignore_zero(folders):
    scores = evaluate_folders(*folders, "scribbles").to_dict()
    assert set(scores["classes"]) == {"1", "2"}
    assert scores["classes"]["1"]["dice"] == 1
    assert scores["classes"]["2"]["dice"] == pytest.approx(2 / 3)


def test_objects_have_foreground_only(folders):
    scores = evaluate_folders(*folders, "objects").to_dict()
    assert scores["classes"] == {}
    assert scores["mean"] == {"dice": None, "iou": None}
    assert scores["foreground"]["dice"] == pytest.approx(8 / 10)
    assert scores["per_image"]["a"]["foreground"]["dice"] == pytest.approx(4 / 5)


def test_missing_predictions_are_never_silent(folders):
    predictions, labels = folders
    (predictions / "a.png").rename(predictions / "c.png")
    result = evaluate_folders(predictions, labels, "masks")
    assert not result.complete
    assert result.missing_predictions == ("a.png",)
    assert result.missing_labels == ("c.png",)
    assert "WITHOUT PREDICTION, in no score: a.png (1 of 2)" in result.to_text()
    assert "c.png" in result.to_text()
    assert result.to_dict()["missing_predictions"] == ["a.png"]


def test_no_pair_at_all_is_an_error(tmp_path, folders):
    predictions, labels = folders
    for path in predictions.iterdir():
        path.rename(path.with_stem(path.stem + "x1"))
    with pytest.raises(InputError, match="same name"):
        evaluate_folders(predictions, labels, "masks")


def test_shape_mismatch_names_files_and_shapes(folders):
    predictions, labels = folders
    write_labels(predictions / "a.png", np.zeros((3, 2), np.uint8))
    with pytest.raises(ShapeMismatchError, match=r"a\.png has the shape \(3, 2\).*a\.png have \(2, 2\)"):
        evaluate_folders(predictions, labels, "masks")


def test_in_doubt_the_flag_is_named(folders, monkeypatch):
    from napari_unet.labels import KindGuess

    monkeypatch.setattr(evaluate, "infer_kind", lambda summaries: KindGuess(None, "Could be both."))
    with pytest.raises(AmbiguousAnnotationError, match=r"Could be both\..*--labels-are"):
        evaluate_folders(*folders)
    monkeypatch.setattr(evaluate, "infer_kind", lambda summaries: KindGuess("masks", "Few values."))
    result = evaluate_folders(*folders)
    assert result.labels_are == "masks"
    assert "Few values." in result.to_text()


def test_csv_has_classes_slices_images_and_all():
    labels = np.array([[[0, 1]], [[1, 1]]])
    result = evaluate_pair(np.array([[[0, 1]], [[1, 0]]]), labels, "masks", name="stack")
    rows = list(csv.DictReader(io.StringIO(result.to_csv())))
    keyed = {(r["image"], r["slice"], r["class"]): r for r in rows}
    assert keyed["stack", "1", "1"]["dice"] == f"{2 / 3:.6f}"
    assert keyed["stack", "0", "foreground"]["iou"] == "1.000000"
    assert keyed["stack", "all", "mean"]["dice"] == f"{(2 / 3 + 4 / 5) / 2:.6f}"
    assert keyed["all", "all", "1"]["labelled_pixels"] == "3"
    assert keyed["all", "all", "1"]["overlap_pixels"] == "2"
    assert len(rows) == 4 * 4


def test_an_undefined_score_is_an_empty_cell(folders):
    rows = csv.DictReader(io.StringIO(evaluate_folders(*folders, "masks").to_csv()))
    (row,) = [r for r in rows if r["image"] == "a" and r["class"] == "2"]
    assert (row["dice"], row["iou"], row["labelled_pixels"]) == ("", "", "0")


def test_text_shows_a_dash_where_undefined():
    zero = np.zeros((2, 2), int)
    text = evaluate_pair(zero, zero, "masks", values=[1]).to_text()
    assert [line.split() for line in text.splitlines() if line.startswith("1")] == [["1", "–", "–", "0"]]
    assert [line.split()[:2] for line in text.splitlines() if line.startswith("mean")] == [["mean", "1.000"]]


def test_equal_stems_in_several_folders_keep_both(tmp_path):
    one = evaluate._unique("a", {"a": None, "a [2]": None})
    assert one == "a [3]"


def test_real_second_observers(shared_data):
    folder = shared_data / "chase_retinal_vessels" / "test"
    seen = []
    result = evaluate_folders(
        folder / "labels_2nd_observer", folder / "labels", "masks", progress=seen.append
    ).to_dict()
    assert result["classes"]["1"]["dice"] == pytest.approx(0.797, abs=0.005)
    assert result["classes"]["1"] == result["foreground"]
    assert len(result["per_image"]) == 8
    assert seen[-1] == 1
