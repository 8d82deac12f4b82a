from napari_unet.viewer.score.background import Background
from score_support import WAIT


def test_only_the_last_run_is_heard(qtbot):
    def steps(answer):
        yield 0.5
        return answer

    background, heard = Background(), []
    background.start(steps("first"), heard.append)
    background.start(steps("second"), heard.append)
    qtbot.waitUntil(lambda: not background.is_busy, timeout=WAIT)
    assert heard == ["second"]
