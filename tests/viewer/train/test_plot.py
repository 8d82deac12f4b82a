import math
import subprocess
import sys

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from napari_unet.events import Validation, ValidationRegions
from napari_unet.viewer.train.plot import Curves, thin
from napari_unet.viewer.train.run import RunReport


@given(st.integers(0, 3000), st.integers(1, 500))
def test_thinned_points_keep_their_order_and_their_mean(n, most):
    x = np.arange(n, dtype=float)
    thinned = thin(np.column_stack([x, x**0.5]), most)
    assert len(thinned) == min(n, most)
    assert (np.diff(thinned[:, 0]) > 0).all()
    if n:
        assert thinned[:, 0].min() >= 0
        assert thinned[:, 0].max() <= n - 1


def validation(minute, dice):
    return Validation(minute, minute * 60.0, 0.5, {1: dice}, {1: dice}, dice, True)


def test_curves_are_those_of_the_report(qtbot):
    curves = Curves()
    qtbot.addWidget(curves)
    report = RunReport(phase="running", losses=[(0.0, 1.0), (1.0, 0.5)])
    report.validations = [validation(1, 0.7), validation(2, math.nan)]
    report.regions = ValidationRegions((), True, "")
    curves.draw(report)
    x, y = curves._lines["training"].getData()
    assert (list(x), list(y)) == ([0, 1], [1, 0.5])
    assert list(curves._lines["dice"].getData()[1]) == [0.7]
    assert not curves._plots["dice"].isHidden()
    assert "AP" not in curves._legend.text()
    report.validations.append(Validation(3, 180.0, 0.4, {1: 0.8}, {1: 0.7}, 0.8, True, object_ap=0.6))
    curves.draw(report)
    assert list(curves._lines["ap"].getData()[1]) == [0.6]
    assert "AP of objects" in curves._legend.text()
    report.regions = ValidationRegions((), False, "too little")
    curves.draw(report)
    assert curves._plots["dice"].isHidden()
    curves.draw(RunReport())
    assert curves._lines["training"].getData()[0] is None


def test_nothing_is_imported_before_there_is_a_curve():
    code = (
        "import sys; import napari_unet.viewer.train.dock; "
        "print([m for m in ('torch', 'pyqtgraph') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.stdout.strip() == "[]", done.stderr
