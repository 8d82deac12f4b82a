import numpy as np

from napari_unet.events import RateFound
from napari_unet.viewer.train.rate_plot import RatePlot

RATES = np.geomspace(1e-6, 1, 7)
LOSSES = np.array([1.0, 1.0, 0.9, 0.5, 0.4, 0.6, 30.0])


def test_it_shows_the_points_then_the_line_and_the_suggestion(qtbot):
    plot = RatePlot()
    qtbot.addWidget(plot)
    plot.draw([], None)
    assert plot.isHidden()
    assert plot._plot is None
    points = list(zip(RATES, LOSSES, strict=True))
    plot.draw(points[:3], None)
    assert not plot.isHidden()
    x, y = plot._items["loss"].getData()
    np.testing.assert_allclose(x, [-6, -5, -4])
    np.testing.assert_array_equal(y, LOSSES[:3])
    assert not plot._items["suggestion"].isVisible()
    plot.draw(points, RateFound(3.2e-3, "", RATES, LOSSES, LOSSES / 2, True))
    np.testing.assert_allclose(plot._items["smoothed"].getData()[1], LOSSES / 2)
    assert plot._items["suggestion"].value() == np.log10(3.2e-3)
    (left, right), (low, high) = plot._plot.viewRange()
    assert left < -6 < 0 < right
    assert low < 0.4
    assert 1 < high < 5  # not squeezed by the explosion at the end
    plot.draw(points, RateFound(None, "", RATES, LOSSES, LOSSES, False))
    assert not plot._items["suggestion"].isVisible()
