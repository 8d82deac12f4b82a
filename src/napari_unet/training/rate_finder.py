"""Find a learning rate: a short training whose rate rises from step to step, and what its loss tells.

Nothing is read or written but what the request names, and no model is saved: the network in here is thrown away.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from time import monotonic

import numpy as np
import torch
from numpy.typing import NDArray

from napari_unet.device import (
    choose_device,
    choose_precision,
    choose_threads,
    is_out_of_memory,
    probe,
    release_memory,
)
from napari_unet.errors import InputError
from napari_unet.events import Event, Finished, Notice, Progress, RateFound, Started, TrainingStep
from napari_unet.requests import RateSearchRequest
from napari_unet.training.assembly import assemble
from napari_unet.training.batches import Batches
from napari_unet.training.memory import halved
from napari_unet.training.optimisation import Optimisation, torch_threads
from napari_unet.training.preparation import prepare, with_objects
from napari_unet.training.sizing import settle_plan

LOWEST, HIGHEST = 1e-6, 1.0
"""Learning rates between which is searched."""

TRIES = 40
"""Rates tried, one step each. The same on every machine, because the suggestion depends on it: see :func:`judge`."""

DIVERGED = 2.0
"""The search ends where the running mean of the loss is so many times its lowest, and higher than where it began."""

RUNNING = 8
"""Losses that this running mean remembers."""

SMOOTHING = 0.25
"""Standard deviation of the Gaussian that smooths the curve, in decades of the learning rate."""

LEAST_FALL = 0.05
"""The loss must fall by this fraction of its value at the lowest rates for a suggestion, and by more than noise."""

FALL = 2 / 3
"""Part of its fall that the loss has made at the suggestion."""

FEWEST_POINTS = 10
"""Losses that a suggestion needs."""


def find_rate(request: RateSearchRequest, stop: Callable[[], bool]) -> Iterator[Event]:
    """Raise the learning rate exponentially from 1e-6 to 1, one step each, and watch the loss (Smith 2017).

    L. N. Smith, Cyclical Learning Rates for Training Neural Networks, WACV 2017, section 3.3. Patches, augmentation,
    loss and optimiser are those of a training; held-out pixels stay held out.

    Parameters
    ----------
    request : RateSearchRequest
        What would be trained, and how.
    stop : callable
        Asked before every step. Once it returns True the search ends without a suggestion.

    Yields
    ------
    Event
        ``Started``, ``Notice``, then ``TrainingStep`` and ``Progress`` for every rate, ``RateFound``, and ``Finished``.

    Raises
    ------
    InputError, AnnotationError
        If the request cannot be trained on, or its recipe has a learning rate of its own.
    ModelFileError, DeviceError, OutOfMemoryError
        If the model to start from or the device fails.
    """
    settings = request.settings
    if settings.recipe == "classic":
        raise InputError(
            "The classic recipe has a learning rate of its own, 1e-4.",
            "Choose the default recipe to train with another one.",
        )
    if request.tries is not None and request.tries < FEWEST_POINTS:
        raise InputError(
            f"{request.tries} learning rates are too few for a curve.", f"Try at least {FEWEST_POINTS}."
        )
    threads = choose_threads(settings.threads)
    with ExitStack() as stack:
        stack.enter_context(torch_threads(threads))
        request, notices = with_objects(request)
        preparation = prepare(request)
        report = probe(settings.device)
        device = choose_device(settings.device, report)
        precision = choose_precision(device, settings.precision)
        plan = settle_plan(request, preparation, device, precision, report)
        facts = plan.to_dict() | {"threads": threads, "precision": str(precision).removeprefix("torch.")}
        del facts["learning_rate"]  # it is what is looked for
        yield Started(report.name, facts)
        yield from (*notices, *preparation.notices)
        with torch.random.fork_rng(devices=[]):  # a script's own random numbers go on as if nothing had been
            torch.manual_seed(settings.seed)
            parts = assemble(request, preparation, plan, device, precision)
        yield from parts.notices
        batches = stack.enter_context(parts.batches)
        search = _Search(parts.optimisation, batches, request.tries or TRIES, stop)
        yield from search.events()


@dataclass
class _Search:
    """The steps of a search, and what they showed."""

    optimisation: Optimisation
    batches: Batches
    tries: int
    stop: Callable[[], bool]
    rates: list[float] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    patches_per_step: int = field(init=False)

    def __post_init__(self) -> None:
        self.patches_per_step = self.batches.batch_size * self.optimisation.parts

    def events(self) -> Iterator[Event]:
        start = monotonic()
        stopped, diverged = False, False
        watch = _Watch()
        for rate in np.geomspace(LOWEST, HIGHEST, self.tries):
            if stopped := self.stop():
                break
            loss = yield from self._step(float(rate))
            if loss is None:  # nothing was changed; that goes on only where weights have exploded
                if diverged := self.optimisation.failed:
                    break
                continue
            self.rates.append(float(rate))
            self.losses.append(loss)
            seconds, done = monotonic() - start, len(self.losses)
            left = seconds / done * (self.tries - done) if done >= 3 else None
            yield TrainingStep(done, seconds, loss, float(rate))
            yield Progress(done / self.tries, left, f"learning rate {rate:.1e}")
            if diverged := watch.has_diverged(loss):
                break
        found = judge(self.rates, self.losses, diverged=diverged, stopped=stopped)
        yield Progress(1.0, 0.0, "stopped" if stopped else "done")
        yield found
        yield Finished(
            stopped,
            summary={
                "suggestion": found.suggestion,
                "steps": len(self.losses),
                "seconds": round(monotonic() - start, 2),
            },
        )

    def _step(self, rate: float) -> Generator[Event, None, float | None]:
        """One step at ``rate``, in smaller batches if memory runs out; returns its loss, None if not finite."""
        while True:
            self.optimisation.set_learning_rate(rate)
            try:
                loss = None
                for _ in range(self.optimisation.parts):
                    loss = self.optimisation.step(*self.batches.next())
                return loss
            except Exception as error:
                if not is_out_of_memory(error):
                    raise
            # outside of the except clause, which keeps tensors alive
            yield self._halve()

    def _halve(self) -> Notice:
        """Compute fewer patches at once, and more such batches per step, as a training does."""
        smaller, parts = halved(self.batches.batch_size, self.patches_per_step)
        self.optimisation.split(parts)
        release_memory(self.optimisation.device)
        self.batches.batch_size = smaller
        return Notice(f"Memory is short: the search goes on with {smaller} patches at once.", "warning")


class _Watch:
    """Notices divergence while it happens, in a running mean over about eight losses."""

    def __init__(self) -> None:
        self._mean: float | None = None
        self._first = self._lowest = float("inf")

    def has_diverged(self, loss: float) -> bool:
        """Take in the next loss; True once their mean is high above its lowest, and above where it began."""
        if self._mean is None:
            self._mean = self._first = loss
        self._mean += (loss - self._mean) / RUNNING
        self._lowest = min(self._lowest, self._mean)
        return self._mean > max(DIVERGED * self._lowest, self._first)


def judge(
    learning_rates: Sequence[float], losses: Sequence[float], *, diverged: bool, stopped: bool
) -> RateFound:
    """Suggest the rate at which the smoothed loss has made two thirds of its fall.

    Below the descent time is wasted; beyond it every step gains less, until steps are so long that they destroy what
    was learnt. Smith (2017) takes the largest rate before the curve becomes ragged, by eye. The usual stand-ins are
    the steepest point, or a tenth of the rate of the lowest loss. Both are places on a plateau, and so a matter of
    noise: batch norm keeps the loss low for two decades beyond its fall, and the slope hardly changes over one. That
    a level is crossed is found reliably.

    Where the loss falls also depends on how many steps led there: about as 1 / tries, with 100 tries at a third of
    the rate. So the number of tries is fixed. 40 of them and two thirds of the fall put the suggestion between 3.7e-3
    and 6.4e-3 on the sets on which whole trainings chose 4e-3 (docs/decisions/0002-default-recipe.md: the first three
    of these).
    Measured on two training images of each, with the optimisers of docs/decisions/0004-optimiser.md:

    =====================  =======================  =======================  =======================
    set                    lowest loss              steepest                 suggestion
    =====================  =======================  =======================  =======================
    isbi2012, three seeds  4.1e-2, 4.9e-1, 5.9e-2   4.9e-3, 1.0e-2, 3.5e-3   4.6e-3, 6.4e-3, 4.6e-3
    chase                  2.9e-2                   5.9e-4                   3.7e-3
    axondeepseg            1.2e-1                   2.4e-3                   5.0e-3
    epfl6                  1.2e-1                   1.4e-2                   1.4e-2
    =====================  =======================  =======================  =======================

    Parameters
    ----------
    learning_rates : sequence of float
        Rising by equal factors.
    losses : sequence of float
        At these, finite.
    diverged, stopped : bool
        How the search ended.

    Returns
    -------
    RateFound
        Without a suggestion where the loss did not fall by more than its noise.
    """
    rates, measured = np.array(learning_rates, np.float64), np.array(losses, np.float64)
    smoothed, noise = smooth(rates, measured)

    def found(suggestion: float | None, reason: str) -> RateFound:
        return RateFound(suggestion, reason, rates, measured, smoothed, diverged)

    if stopped or len(rates) < FEWEST_POINTS:
        return found(None, "The search ended before the loss had shown a rate that suits.")
    before = measured[rates <= 10 * rates[0]].mean()
    lowest = int(smoothed.argmin())
    if before - smoothed[lowest] < max(LEAST_FALL * before, 4 * noise):
        return found(
            None,
            "At no learning rate did the loss fall by more than its noise, so none stands out; leave it at auto.",
        )
    level = before - FALL * (before - smoothed[lowest])
    crossed = int(np.argmax(smoothed <= level))
    last = max(crossed - 1, 0)
    decade = np.interp(-level, -smoothed[[last, crossed]], np.log10(rates[[last, crossed]]))
    suggestion = float(f"{10**decade:.1e}")
    return found(
        suggestion,
        f"Up to {suggestion:.1e} the loss made two thirds of its fall; it was lowest at {rates[lowest]:.1e}.",
    )


def smooth(
    learning_rates: NDArray[np.float64], losses: NDArray[np.float64]
) -> tuple[NDArray[np.float64], float]:
    """Gaussian mean over the neighbours on the logarithmic axis.

    Centred, so that a fall stays where it was: a running mean over past losses would move it to higher rates.

    Returns
    -------
    ndarray of float64, (n,)
        The smoothed losses.
    float
        Standard deviation of the noise that is left in them.
    """
    if not len(losses):
        return losses, 0.0
    decades = np.log10(learning_rates)
    weights = np.exp(-0.5 * ((decades[:, None] - decades) / SMOOTHING) ** 2)
    weights /= weights.sum(1, keepdims=True)
    smoothed: NDArray[np.float64] = weights @ losses
    scatter = float(np.std(losses - smoothed))
    return smoothed, scatter * float(np.sqrt((weights**2).sum(1).max()))
