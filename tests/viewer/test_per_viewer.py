"""What there is once for every viewer."""

from __future__ import annotations

import gc

from napari.components import ViewerModel
from napari.utils._proxies import PublicOnlyProxy

from napari_unet.viewer.per_viewer import OnePerViewer


def test_one_for_each_viewer_whoever_asks() -> None:
    one_of = OnePerViewer(lambda viewer: object())
    first, second = ViewerModel(), ViewerModel()
    assert one_of(first) is one_of(PublicOnlyProxy(first)) is one_of(first)
    assert one_of(second) is not one_of(first)
    del first
    gc.collect()
    assert len(one_of._made) == 1
