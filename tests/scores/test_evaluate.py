import csv
import io
import json

import numpy as np
import pytest
import tifffile

from napari_unet.errors import AmbiguousAnnotationError, InputError, ShapeMismatchError
from napari_unet.images import read_labels, write_labels
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


@pytest.fixture
def object_folders(tmp_path):
    """Two images: one with a missed and a merged object, one that is right; and a stack of two slices."""
    truth = np.kron([[1, 2], [0, 3]], np.ones((4, 4), np.uint8))
    for name, labels, predicted in (
        ("a", truth, np.where(truth == 3, 0, np.minimum(truth, 1))),
        ("b", truth, truth * 2),
        ("c", np.stack([truth, truth]), np.stack([truth, np.zeros_like(truth)])),
    ):
        write_labels(tmp_path / "labels" / f"{name}.tif", labels)
        write_labels(tmp_path / "predictions" / f"{name}.tif", predicted)
    return tmp_path / "predictions", tmp_path / "labels"


def test_scores_of_objects_are_means_over_images(object_folders):
    scores = json.loads(evaluate_folders(*object_folders, "objects").to_json())
    objects = scores["objects"]
    # a: one prediction holds two objects (IoU 0.5 with either), one is missed. c: a volume, IoU 0.5 three times.
    assert scores["per_image"]["a"]["objects"]["ap_50"] == pytest.approx(1 / 3)
    assert objects["ap_50"] == pytest.approx((1 / 3 + 1 + 1) / 3)
    assert objects["ap_50_95"] == pytest.approx((1 / 30 + 1 + 1 / 10) / 3)
    assert objects["f1_50"] == pytest.approx((1 / 2 + 1 + 1) / 3)
    assert objects["pq"] == pytest.approx((0.5 * 1 / 2 + 1 + 0.5) / 3)
    assert objects["thresholds"] == [0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95]
    assert objects["tp"] == [7] + [3] * 9
    counts = {
        k: objects[k] for k in ("n_images", "n_labelled", "n_predicted", "matched", "missed", "spurious")
    }
    assert counts == {
        "n_images": 3, "n_labelled": 9, "n_predicted": 7, "matched": 6, "missed": 1, "spurious": 0,
    }  # fmt: skip
    assert (objects["splits"], objects["merges"]) == (0, 1)
    assert scores["foreground"]["dice"] < 1
    slices = evaluate_folders(*object_folders, "objects", volume=False).to_dict()["objects"]
    assert slices["n_images"] == 4
    assert slices["ap_50"] == pytest.approx((1 / 3 + 1 + 1 + 0) / 4)


def test_objects_as_text_and_csv(object_folders):
    result = evaluate_folders(*object_folders, "objects", volume=False)
    text = result.to_text()
    assert "Objects, means over 4 images, counts summed." in text
    (line,) = [line.split() for line in text.splitlines() if line.startswith("all ")]
    assert line == ["all", "0.583", "0.625", "0.508", "0.562", "12", "7", "4", "0", "0", "1"]
    rows = {(r["image"], r["slice"]): r for r in csv.DictReader(io.StringIO(result.to_csv()))
            if r["class"] == "objects"}  # fmt: skip
    assert list(rows) == [("a", "all"), ("b", "all"), ("c", "0"), ("c", "1"), ("c", "all"), ("all", "all")]
    assert (rows["c", "1"]["ap_50"], rows["c", "1"]["n_labelled"]) == ("0.000000", "3")
    assert rows["all", "all"]["merges"] == "1"
    details = list(csv.DictReader(io.StringIO(result.objects_to_csv())))
    assert details[0] == {
        "image": "a", "slice": "", "state": "merged", "label_ids": "1 2", "prediction_ids": "1",
        "iou": "0.500000", "pixels": "32", "z": "", "y": "1.50", "x": "3.50",
    }  # fmt: skip
    assert [r["slice"] for r in details if r["image"] == "c" and r["state"] == "missed"] == ["1"] * 3
    volume = csv.DictReader(io.StringIO(evaluate_folders(*object_folders, "objects").objects_to_csv()))
    assert [r["z"] for r in volume if r["image"] == "c"] == ["0.50"] * 3


def test_components_of_masks_are_objects():
    labels = np.array([[1, 0, 1, 0, 2, 2, 0, 1]], np.uint8)
    prediction = np.array([[1, 0, 1, 0, 1, 1, 0, 0]], np.uint8)
    result = evaluate_pair(prediction, labels, "masks", components=True)
    scores = result.to_dict()
    assert scores["objects"]["f1_50"] == pytest.approx(2 * 3 / 7)
    assert set(scores["classes"]) == {"0", "1", "2"}
    assert "components" not in result.to_text()
    alone = evaluate_pair(prediction, labels, "masks")
    assert "objects" not in alone.to_dict()
    with pytest.raises(InputError, match="--components"):
        alone.objects_to_csv()
    with pytest.raises(InputError, match="Scribbles do not show where objects end"):
        evaluate_pair(prediction, labels, "scribbles", components=True)


def test_objects_labelled_as_one_mask_are_noticed(tmp_path):
    mask = np.array([[1, 0, 1, 0, 1]], np.uint8)
    several, one = np.array([[1, 0, 2, 0, 3]], np.uint8), np.array([[0, 4, 4, 4, 0]], np.uint8)
    text = evaluate_pair(several, mask, "objects").to_text()
    assert "All objects of the labels have the same number" in text
    assert "--components" in text
    assert evaluate_pair(mask, mask, "objects").one_number == ("predictions", "labels")
    assert evaluate_pair(mask, mask, "objects").to_dict()["one_number"] == ["predictions", "labels"]
    assert "one_number" not in evaluate_pair(mask, mask, "masks").to_dict()
    assert evaluate_pair(mask, mask, "objects", components=True).one_number == ()
    assert evaluate_pair(one, several, "objects").one_number == ()
    for name, labels in (("a", mask), ("b", one), ("c", 0 * one)):
        write_labels(tmp_path / "p" / f"{name}.png", several)
        write_labels(tmp_path / "l" / f"{name}.png", labels)
    assert evaluate_folders(tmp_path / "p", tmp_path / "l", "objects").one_number == ("labels",)
    write_labels(tmp_path / "l" / "c.png", several)
    assert evaluate_folders(tmp_path / "p", tmp_path / "l", "objects").one_number == ()


def test_no_object_anywhere_is_undefined():
    zero = np.zeros((3, 4, 4), np.uint8)
    scores = json.loads(evaluate_pair(zero, zero, "objects").to_json())["objects"]
    assert (scores["ap_50"], scores["pq"], scores["ap"][3], scores["n_images"]) == (None, None, None, 0)


def test_whole_floats_are_labels():
    labels = np.array([[0.0, 1.0], [2.0, 2.0]])
    assert evaluate_pair(labels, labels, "objects").to_dict()["objects"]["ap_50_95"] == 1
    with pytest.raises(InputError, match="probabilities"):
        evaluate_pair(labels / 3, labels, "objects")


def test_real_objects_shifted(shared_data, tmp_path):
    labels = sorted((shared_data / "dsb2018_fluo_nuclei" / "train" / "labels").iterdir())[:10]
    for path in labels:
        write_labels(tmp_path / "same" / path.name, read_labels(path)[...])
        write_labels(tmp_path / "shifted" / path.name, np.roll(read_labels(path)[...], 2, axis=0))
    same = evaluate_folders(tmp_path / "same", labels, "objects").to_dict()["objects"]
    assert (same["ap_50_95"], same["pq"], same["splits"], same["merges"]) == (1, 1, 0, 0)
    shifted = evaluate_folders(tmp_path / "shifted", labels, "objects").to_dict()["objects"]
    assert 0.8 < shifted["f1_50"] < 1
    assert shifted["ap"] == sorted(shifted["ap"], reverse=True)
    assert shifted["ap_50_95"] < 0.8
