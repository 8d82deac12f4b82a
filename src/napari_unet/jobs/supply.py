"""What brings a request and its images to the child process."""

from __future__ import annotations

import threading
from queue import SimpleQueue

from napari_unet.errors import UNetError
from napari_unet.events import Failed
from napari_unet.jobs.arrays import ServedArrays, pack
from napari_unet.jobs.inline import failure
from napari_unet.jobs.job import Job
from napari_unet.jobs.messages import ReadReply, ReadRequest, Run
from napari_unet.jobs.process import ChildProcess
from napari_unet.jobs.scratch import ScratchFiles, StoppedError, sweep


class Supply:
    """Brings one request and its images to the child, on its own thread: reading can take any time."""

    def __init__(self, job: Job, child: ChildProcess) -> None:
        self.failure: Failed | None = None
        self.stopped = False
        self.begun = False
        self.wanted: SimpleQueue[ReadRequest | None] = SimpleQueue()
        self._job = job
        self._child = child
        self._scratch = ScratchFiles()
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="napari-unet images", daemon=True)

    def start(self) -> None:
        """Begin to bring the request."""
        self._thread.start()

    def close(self) -> None:
        """End the thread, soon, and delete the copies."""
        self._closed = True
        self.wanted.put(None)
        self._thread.join(1.0)  # longer only in a read that hangs, and then nobody waits for it
        self._scratch.remove()

    def _work(self) -> None:
        try:
            sweep()
            packed, served = pack(self._job.request, self._scratch, self._is_over)
            self._child.send(Run(self._job.number, packed))
            self._serve(served)
        except StoppedError:
            self.stopped = True
        except Exception as error:  # noqa: BLE001 - told by the worker's thread
            self.failure = failure(error)
        self._scratch.remove()
        self._job.wake()

    def _serve(self, served: ServedArrays) -> None:
        while (wanted := self.wanted.get()) is not None and not self._closed:
            try:
                reply = ReadReply(wanted.read, served.read(wanted.array, wanted.key))
            except UNetError as error:
                reply = ReadReply(wanted.read, None, error)
            self._child.send(reply)

    def _is_over(self) -> bool:
        return self._closed or self._job.stop_time is not None
