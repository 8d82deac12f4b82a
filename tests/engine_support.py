"""An engine whose answers a test gives, for docks that are tested without a child process."""

from __future__ import annotations

from napari_unet.events import DeviceReport, Failed, Finished
from napari_unet.requests import ProbeRequest

CPU = DeviceReport("cpu", "CPU, 2 threads", "no_gpu")


class FakeJob:
    """A job that does what the test says."""

    def __init__(self, request, say):
        self.request = request
        self.say = say
        self.done = False
        self.stopped = 0
        self.told = []

    def send(self, message):
        self.told.append(message)

    def stop(self):
        self.stopped += 1

    def wait(self, timeout=None):
        return True


class FakeWorker:
    """Answers a probe at once, with ``report`` if there is one, and lets the test speak for everything else."""

    def __init__(self):
        self.report = CPU
        self.refusal = None
        self.jobs = []
        self.probes = []

    @property
    def requests(self):
        """What was asked for, probes left out."""
        return [job.request for job in self.jobs]

    def submit(self, request, on_event):
        if self.refusal is not None:
            raise self.refusal
        job = FakeJob(request, on_event)
        if not isinstance(request, ProbeRequest):
            self.jobs.append(job)
        elif self.report is None:
            self.probes.append(job)
        else:
            on_event(self.report)
            on_event(Finished())
        return job

    def say(self, *events):
        """Let the job begun last say something."""
        for event in events:
            self.jobs[-1].done = self.jobs[-1].done or isinstance(event, Finished | Failed)
            self.jobs[-1].say(event)

    def close(self, grace):
        pass
