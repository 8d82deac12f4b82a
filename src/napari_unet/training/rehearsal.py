"""Earlier annotations, learnt from again when a model is trained further, so that it forgets nothing."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_unet.errors import AnnotationError, ModelFileError
from napari_unet.events import Notice
from napari_unet.labels import Annotation
from napari_unet.models.examples import Example, examples_path, read_examples
from napari_unet.models.record import ModelRecord
from napari_unet.training.coverage import find_planes
from napari_unet.training.patches import PatchReader
from napari_unet.training.sampling import PatchSampler
from napari_unet.training.split import Split

LARGEST_SHARE = 0.5
"""Of the patches, at most so many are earlier ones: new corrections must not drown among them."""


@dataclass(frozen=True, eq=False)
class Rehearsal:
    """Examples of the model that is trained further.

    Attributes
    ----------
    kept : tuple of Example
        All that there are: they stay with the model, but for those of images that are learnt from anew.
    used : tuple of Example
        Those of them that are learnt from again.
    notices : tuple of Notice
        What the user should know.
    """

    kept: tuple[Example, ...] = ()
    used: tuple[Example, ...] = ()
    notices: tuple[Notice, ...] = ()

    @property
    def n_images(self) -> int:
        """Images that are learnt from again."""
        return _n_images(self.used)

    @property
    def n_scored(self) -> int:
        """Images of which something was held out."""
        return _n_images([example for example in self.used if example.origin.regions])


def recall(
    model: Path,
    record: ModelRecord,
    annotation: Annotation,
    hashes: Collection[str],
    *,
    wanted: bool = True,
) -> Rehearsal:
    """Read what a model learnt from, and choose what of it is learnt from again.

    Parameters
    ----------
    model : Path
        The model that is trained further.
    record : ModelRecord
        Its record: examples of images that it does not know belong to another model.
    annotation : Annotation
        What the labels mean now. Classes are matched by value.
    hashes : collection of str
        Images that are learnt from anew: what is painted on them now replaces their examples.
    wanted : bool
        Whether anything is to be learnt from again; if not, examples still stay with the model.
    """
    known = record.known_images
    path = examples_path(model)
    if not path.is_file():
        if not wanted or not known - set(hashes):
            return Rehearsal()
        text = (
            f"What {model.stem} learnt from is not beside it ({path.name}), so it cannot be learnt from again: "
            "what the model knew may fade."
        )
        return Rehearsal(notices=(Notice(text),))
    try:
        examples = read_examples(model)
    except ModelFileError as error:
        text = f"What {model.stem} learnt from cannot be read, so what it knew may fade. {error}"
        return Rehearsal(notices=(Notice(text, "warning"),) if wanted else ())
    kept = tuple(e for e in examples if e.origin.hash in known)
    others = [e for e in kept if e.origin.hash not in hashes]
    if not wanted or not others:
        return Rehearsal(kept)
    network = record.network
    used = tuple(
        e
        for e in others
        if e.origin.kind == annotation.kind
        and (len(e.pixels), e.labels.ndim) == (network.n_channels, network.ndim)
    )
    return Rehearsal(kept, used, tuple(_notices(others, used, annotation)))


def _notices(others: Sequence[Example], used: Sequence[Example], annotation: Annotation) -> list[Notice]:
    notices = []
    if used:
        notices.append(Notice(f"Learns from {_images(_n_images(used))} too: nothing is to be forgotten."))
    left_out = [example for example in others if example not in used]
    if left_out:
        kinds = {example.origin.kind for example in left_out} - {annotation.kind}
        why = f"annotated as {' and '.join(sorted(kinds))}" if kinds else "of other channels or axes"
        text = f"{_images(_n_images(left_out))} cannot be learnt from again, being {why}: what the model knew may fade."
        notices.append(Notice(text[0].upper() + text[1:], "warning"))
    new = [c.name for c in annotation.classes if not any(c.value in e.origin.values for e in used)]
    if used and new and annotation.kind == "masks":
        text = f"In earlier images there is no class {' and '.join(new)}: what would be one counts as background."
        notices.append(Notice(text, "warning"))
    return notices


def with_earlier(split: Split, rehearsal: Rehearsal) -> Split:
    """A split of new images, and after them what was held out of those that are learnt from again.

    The model that is trained further has not learnt from that either, so before and after are compared on both.
    """
    origins = [example.origin for example in rehearsal.used]
    reason, n_scored = split.reason, rehearsal.n_scored
    if n_scored and split.honest:
        reason += f" Scored with it: what was held out of {_images(n_scored)}."
    elif n_scored:
        reason = f"Scored on what was held out of {_images(n_scored)} only. {reason}"
    return Split(
        split.regions + tuple(origin.regions for origin in origins),
        split.excluded + tuple(origin.excluded for origin in origins),
        split.honest or n_scored > 0,
        reason,
    )


class Alternating:
    """Patches from new images and from earlier ones, mixed at random.

    Parameters
    ----------
    new, earlier : PatchSampler
        What is drawn from.
    share : float
        Chance of an earlier patch.
    seed : int
        Start of the random numbers.
    """

    def __init__(self, new: PatchSampler, earlier: PatchSampler, share: float, seed: int) -> None:
        self._new, self._earlier, self._share = new, earlier, share
        self._random = np.random.default_rng(seed)

    def batch(
        self, n: int, size: tuple[int, ...], source: tuple[int, ...]
    ) -> tuple[NDArray[np.float32], NDArray[np.signedinteger]]:
        """Draw ``n`` patches: images (N, C, *source), class indices or :data:`UNSEEN` (N, *source)."""
        earlier = self._random.random(n) < self._share
        drawn = [(self._earlier if old else self._new).draw(size, source) for old in earlier]
        return np.stack([p.image for p in drawn]), np.stack([p.classes for p in drawn])


def earlier_sampler(
    examples: Sequence[Example], annotation: Annotation, ndim: int, seed: int
) -> PatchSampler | None:
    """What draws patches of examples by themselves; ``None`` where they hold nothing to learn from."""
    pieces = [example.annotated for example in examples]
    planes = find_planes(pieces, annotation, ndim)
    reader = PatchReader(pieces, [example.statistics for example in examples], annotation, ndim)
    excluded = [example.origin.excluded for example in examples]
    try:
        return PatchSampler(reader, pieces, annotation, planes, excluded, seed) if planes else None
    except AnnotationError:  # all of it is held out
        return None


def share_of_earlier(n_new: int, n_earlier: int) -> float:
    """Chance of an earlier patch where there are so many images: fair to each image, at most a half."""
    return min(LARGEST_SHARE, n_earlier / (n_new + n_earlier))


def _n_images(examples: Sequence[Example]) -> int:
    return len({example.origin.hash for example in examples})


def _images(n: int) -> str:
    return "1 earlier image" if n == 1 else f"{n} earlier images"
