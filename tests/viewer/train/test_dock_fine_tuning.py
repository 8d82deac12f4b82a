from qtpy.QtCore import QMimeData, QPointF, Qt, QUrl
from qtpy.QtGui import QDropEvent
from qtpy.QtWidgets import QFileDialog

from napari_unet.viewer import remembered
from napari_unet.viewer.layers import annotation_of
from train_support import axon_model, press_train, scribbled


def test_a_dropped_model_is_trained_further(open_dock, worker, qtbot, tmp_path):
    model = axon_model(tmp_path / "old.safetensors")
    dock = open_dock(*scribbled()).dock
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(model))])
    dock.dropEvent(
        QDropEvent(
            QPointF(5, 5),
            Qt.DropAction.CopyAction,
            mime,
            Qt.MouseButton.LeftButton,
            Qt.KeyboardModifier.NoModifier,
        )
    )
    assert dock.page.start.box.currentText() == "old"
    assert "Knows axon, myelin, rest; 1 channel." in dock.page.start.about.text()
    assert press_train(dock, worker, qtbot).start_from == model
    assert remembered.recent_models() == [model]


def test_names_of_the_model_count_where_the_layer_has_none(open_dock, worker, qtbot, tmp_path):
    opened = open_dock(*scribbled())
    opened.dock.page.classes.item(0, 2).setText("nerve")
    opened.dock.open_model(axon_model(tmp_path / "old.safetensors"))
    classes = press_train(opened.dock, worker, qtbot).annotation.classes
    assert [c.name for c in classes] == ["nerve", "myelin"]
    assert annotation_of(opened.viewer.layers["paint"]).classes == classes


def test_a_file_that_is_no_model_is_a_sentence(open_dock, worker, tmp_path, monkeypatch):
    broken = tmp_path / "notes.txt"
    broken.write_text("not a model")
    dock = open_dock(*scribbled()).dock
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(broken), ""))
    box = dock.page.start.box
    box.setCurrentIndex(box.count() - 1)
    box.activated.emit(box.count() - 1)
    assert "notes.txt is not a model file" in dock.footer.line.text()
    assert not dock.footer.button.isEnabled()
    box.setCurrentIndex(0)
    box.activated.emit(0)
    assert dock.footer.button.isEnabled()
