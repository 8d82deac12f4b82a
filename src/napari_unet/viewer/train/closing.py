"""What happens to a run whose dock is closed."""

from __future__ import annotations

from qtpy.QtWidgets import QMessageBox

from napari_unet.viewer.train.run import TrainingRun


def ask_keep_or_stop(run: TrainingRun) -> QMessageBox | None:
    """Ask, without blocking, whether a run goes on without its dock; it does until "stop" is clicked."""
    if run.report.phase != "running" or run.window is None:  # a run that stops already asks nothing
        return None
    box = QMessageBox(run.window)
    box.setWindowTitle("Train U-Net")
    box.setIcon(QMessageBox.Icon.Question)
    box.setText("Training is still under way.")
    box.setInformativeText(
        "It can go on without this dock: open 'Train U-Net' again to see it. "
        "If you stop it, the best weights so far are kept."
    )
    keep = box.addButton("Keep training", QMessageBox.ButtonRole.RejectRole)
    stop = box.addButton("Stop training", QMessageBox.ButtonRole.AcceptRole)
    box.setDefaultButton(keep)
    box.setEscapeButton(keep)
    box.buttonClicked.connect(lambda button: run.stop() if button is stop else None)
    box.finished.connect(box.deleteLater)
    box.open()
    return box
