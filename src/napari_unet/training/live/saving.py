"""The model file of a live run."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_unet.events import Box, Notice
from napari_unet.images import Normalisation, image_hash
from napari_unet.labels import Annotation, default_annotation, object_strokes
from napari_unet.models.files import Model, model_hash, save_model
from napari_unet.models.record import ModelRecord, ValidationRecord, versions, with_images
from napari_unet.nets import UNet
from napari_unet.requests import LiveRequest
from napari_unet.settings import ObjectSettings
from napari_unet.training.examples import Learnt, keep_examples
from napari_unet.training.rehearsal import Rehearsal, recall

OBJECTS = ObjectSettings(splitting=0.9)
"""How objects are found until somebody moves a slider: what suited models best that learnt borders from objects."""

REASON = "Learnt live from strokes; none of them was held out."


class LiveFile:
    """Writes the weights of a live run.

    Parameters
    ----------
    request : LiveRequest
        Says where.
    parent : Model, optional
        What the run goes on from.
    """

    def __init__(self, request: LiveRequest, parent: Model | None) -> None:
        self._request = request
        self._parent = parent.record if parent is not None else None
        self._held_out = dict(parent.record.validation.regions) if parent is not None else {}
        self._parents: tuple[str, ...] = ()
        if parent is not None and request.start_from is not None:
            self._parents = (*parent.record.parents, model_hash(request.start_from))
        self._hashes: tuple[str, ...] | None = None
        self._saved = 0
        self.as_objects = request.settings.objects
        self.is_taught = parent is None or (
            bool(parent.record.plan.get("taught")) and bool(parent.record.known_images & set(self.hashes))
        )  # it goes on with its own images
        self.rehearsal = Rehearsal()
        if parent is not None and request.start_from is not None:
            self.rehearsal = recall(request.start_from, parent.record, request.annotation, self.hashes)

    @property
    def hashes(self) -> tuple[str, ...]:
        """Fingerprint of every image of the request."""
        if self._hashes is None:
            self._hashes = tuple(image_hash(image) for image in self._request.images)
        return self._hashes

    def is_behind(self, step: int) -> bool:
        """Whether there are newer weights than those in the file."""
        return step > self._saved

    def touch(self) -> None:
        """What is in the file besides weights is no longer true."""
        self._saved = -1

    def save(
        self,
        network: UNet,
        annotation: Annotation,
        step: int,
        normalisation: Normalisation,
        painted: Sequence[Sequence[NDArray[np.int32]]],
        path: Path | None = None,
    ) -> None:
        """Write the weights of this step, to another file than the request's if one is given.

        Parameters
        ----------
        network, annotation, step, normalisation
            What is written.
        painted : sequence of sequence of ndarray
            For each image the positions that are painted, (n, number of axes). A region that the parent held out is
            held out no more once something in it is learnt from, and of an image that is learnt from no other part is
            ever held out.
        path : Path, optional
            The other file.

        Raises
        ------
        StorageError
            If the file cannot be written; an older one survives.
        """
        images = self._request.images
        known = self._parent.images if self._parent is not None else {}
        for fingerprint, places in zip(self.hashes, painted, strict=True):
            is_learnt_from = any(len(p) for p in places)
            if is_learnt_from or fingerprint in self._held_out:
                boxes = self._held_out.get(fingerprint, ())
                self._held_out[fingerprint] = tuple(box for box in boxes if not _any_in(box, places))
        settings, objects = network.settings, None
        if self.as_objects and annotation.values == object_strokes().values:
            settings = settings.model_copy(update={"outputs": "borders"})
            annotation, objects = default_annotation("objects", [1]), OBJECTS
        record = ModelRecord(
            name=(path or self._request.output).stem,
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            network=settings,
            annotation=annotation,
            objects=objects,
            normalisation=normalisation,
            axes=images[0].axes,
            plan={
                "recipe": "live",
                "steps": step,
                "seed": self._request.settings.seed,
                "taught": self.is_taught,
            },
            validation=ValidationRecord(honest=False, method=REASON, regions=dict(self._held_out)),
            images=with_images(
                known, [(image.name, h) for image, h in zip(images, self.hashes, strict=True)]
            ),
            parents=self._parents,
            versions=versions(),
        )
        save_model(Model(network, record), path or self._request.output)
        if path is None:
            self._saved = step

    def keep_examples(
        self, learnt: Sequence[Learnt], annotation: Annotation, path: Path | None = None
    ) -> list[Notice]:
        """Write what is learnt from beside the model, or beside a copy; where that fails, what to say."""
        return keep_examples(path or self._request.output, learnt, annotation, self.rehearsal.kept)


def _any_in(box: Box, places: Sequence[NDArray[np.int32]]) -> bool:
    """Whether any of the positions lies in a box."""
    low, high = np.transpose(box)
    return any(bool(((low <= p) & (p < high)).all(axis=1).any()) for p in places)
