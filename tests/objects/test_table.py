from __future__ import annotations

import csv
import io
import subprocess
import sys

import numpy as np

from napari_unet.objects.measurement import measure
from napari_unet.objects.table import tables_to_csv


def test_tables_of_several_images_share_their_columns():
    plane, stack = np.array([[1, 1, 0]], np.uint8), np.array([[[3, 0]], [[3, 0]]], np.uint8)
    text = tables_to_csv({"a, b": measure(plane, scale=(1, 0.5), unit="µm"), "c": measure(stack)})
    lines = list(csv.DictReader(io.StringIO(text)))
    assert [line["image"] for line in lines] == ["a, b", "c"]
    assert [(line["area"], line["volume"], line["unit"]) for line in lines] == [
        ("1", "", "µm"),
        ("", "2", "pixel"),
    ]


def test_numbers_keep_their_digits():
    table = measure(np.array([[2**40 + 1]]), np.array([[0.1234567891]]), scale=(1e-9, 1e-9))
    line = next(csv.DictReader(io.StringIO(table.to_csv())))
    assert line["label"] == str(2**40 + 1)
    assert float(line["area"]) == 1e-18
    assert abs(float(line["mean_intensity"]) / 0.1234567891 - 1) < 1e-6


def test_rows_can_be_chosen():
    table = measure(np.array([[1, 2, 2, 3, 3, 3]]))
    assert table.rows(table["pixels"] > 1)["label"].tolist() == [2, 3]
    assert len(table.rows([0])) == 1


def test_measuring_needs_no_pandas():
    code = "import sys, napari_unet.objects.measurement as m; m.measure(__import__('numpy').eye(3, dtype=int)).to_csv()"
    code += "; sys.exit(bool({'pandas', 'skimage', 'torch', 'napari'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0
