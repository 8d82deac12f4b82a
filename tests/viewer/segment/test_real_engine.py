"""The dock with the real child process, a toy network and real images."""

from __future__ import annotations

import numpy as np
import pytest
from skimage.io import imread

from napari_unet.images import Normalisation
from napari_unet.viewer import bridge
from napari_unet.viewer.layers import image_from_layers
from segment_support import CLASSES, model_record, network

WAIT = 120_000


@pytest.fixture(scope="module")
def real_engine(qapp):
    engine = bridge.Engine()
    yield engine
    engine.close()


@pytest.fixture
def open_real(make_napari_viewer, qtbot, real_engine):
    bridge.use_engine(real_engine)

    def open_it(image, model):
        viewer = make_napari_viewer()
        viewer.add_image(image, name="eye", scale=(0.5, 0.5))
        _, dock = viewer.window.add_plugin_dock_widget("napari-unet-live", "Segment with U-Net")
        dock.open_model(model)
        assert dock.check() is not None
        return viewer, dock

    yield open_it
    bridge.use_engine(None)


@pytest.fixture
def saved_model(tmp_path):
    """A network of random weights, and the function that says what it predicts."""
    torch = pytest.importorskip("torch")
    from napari_unet.models.files import Model, save_model
    from napari_unet.nets import UNet

    torch.manual_seed(1)
    unet = UNet.from_settings(network()).eval()
    path = tmp_path / "random.safetensors"
    save_model(Model(unet, model_record(normalisation=Normalisation())), path)

    def predicted(layer):
        image = image_from_layers([layer])
        block = image.read(tuple((0, n) for n in image.label_shape))
        block = Normalisation().statistics(image).apply(block)
        with torch.no_grad():
            indices = unet(torch.from_numpy(block)[None]).argmax(1)[0].numpy()
        return np.array([c.value for c in CLASSES])[indices]

    return path, predicted


def test_a_real_image_is_segmented_as_by_the_network_alone(open_real, saved_model, shared_data, qtbot):
    path = min((shared_data / "chase_retinal_vessels" / "train" / "images").iterdir())
    model, predicted = saved_model
    viewer, dock = open_real(imread(path), model)
    dock.page.form.fields["precision"].value = "fp32"
    dock.page.form.fields["threads"].value = 1
    dock.page.form.fields["tile_size"].value = 256
    dock.check()
    dock.footer.button.click()
    qtbot.waitUntil(lambda: not dock.run.report.is_running, timeout=WAIT)
    assert dock.run.report.phase == "finished", dock.footer.status.text()
    result = viewer.layers["eye U-Net"]
    wanted = predicted(viewer.layers["eye"])
    assert set(np.unique(result.data)) <= {0, 3}
    assert (result.data == wanted).mean() > 0.9999  # a tie of two logits may fall either way
    np.testing.assert_array_equal(result.scale, (0.5, 0.5))


def test_stop_ends_a_real_segmentation(open_real, saved_model, shared_data, qtbot):
    path = min((shared_data / "chase_retinal_vessels" / "train" / "images").iterdir())
    model, _ = saved_model
    image = np.tile(imread(path), (4, 4))
    _, dock = open_real(image, model)
    dock.page.form.fields["threads"].value = 1
    dock.page.form.fields["tile_size"].value = 64
    dock.check()
    dock.footer.button.click()
    qtbot.waitUntil(lambda: bool(dock.run.report.layers), timeout=WAIT)
    dock.stop()
    qtbot.waitUntil(lambda: not dock.run.report.is_running, timeout=WAIT)
    assert dock.run.report.phase == "stopped", dock.footer.status.text()
    assert dock.footer.button.isEnabled()


def test_a_model_that_vanished_is_a_sentence(open_real, saved_model, qtbot):
    model, _ = saved_model
    viewer, dock = open_real(np.zeros((40, 40), np.uint8), model)
    model.unlink()
    dock.footer.button.click()
    qtbot.waitUntil(lambda: not dock.run.report.is_running, timeout=WAIT)
    assert "There is no file" in dock.footer.status.text()
    assert [la.name for la in viewer.layers] == ["eye"]
