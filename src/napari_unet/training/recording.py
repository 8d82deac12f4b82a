"""The record a run writes into its model file, and the file itself."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from math import isnan
from typing import Any

import torch

from napari_unet.events import Notice
from napari_unet.models.files import Model, save_model
from napari_unet.models.record import (
    ClassScore,
    HistoryPoint,
    ModelRecord,
    ValidationRecord,
    versions,
    with_images,
)
from napari_unet.nets import UNet
from napari_unet.requests import TrainingRequest
from napari_unet.scores import Confusion
from napari_unet.settings import ObjectSettings
from napari_unet.training.examples import Learnt, keep_examples
from napari_unet.training.held_out import Scored
from napari_unet.training.preparation import Preparation


@dataclass(eq=False)
class Recorder:
    """Keeps the best weights with their scores, and writes them.

    Attributes
    ----------
    request : TrainingRequest
        What was asked.
    preparation : Preparation
        What the run started from.
    network : UNet
        An empty one of the right architecture, for writing.
    plan : dict
        What was chosen.
    history : list of HistoryPoint
        One entry per validation.
    best_dice, best_ap : float or None
        Of the best weights.
    objects : ObjectSettings or None
        How a model for objects finds them.
    before : Scored or None
        Of the model that is trained further, on the same regions.
    notices : list of Notice
        What the user should know of what was saved; see :meth:`take_notices`.
    """

    request: TrainingRequest
    preparation: Preparation
    network: UNet
    plan: dict[str, Any]
    history: list[HistoryPoint] = field(default_factory=list)
    best_dice: float | None = None
    best_ap: float | None = None
    objects: ObjectSettings | None = None
    before: Scored | None = None
    notices: list[Notice] = field(default_factory=list)
    _best: tuple[float, float] = (-1.0, -float("inf"))
    _weights: dict[str, torch.Tensor] | None = None
    _confusion: Confusion | None = None
    _is_saved: bool = True
    _has_examples: bool = False

    def add(
        self,
        step: int,
        seconds: float,
        training_loss: float | None,
        network: UNet,
        scored: Scored | None,
    ) -> bool:
        """Take note of a validation; return whether these are the best weights yet.

        Best is the highest mean Dice, of objects the highest AP, at a tie or where it is undefined the lowest loss;
        without scores the latest. Weights that are not finite are never kept.
        """
        weights = {name: tensor.detach().cpu().clone() for name, tensor in network.state_dict().items()}
        if not all(bool(torch.isfinite(tensor).all()) for tensor in weights.values()):
            return False
        loss, confusion, ap = scored if scored is not None else (None, None, None)
        dice = None if confusion is None else _defined(confusion.mean_dice())
        self.history.append(
            HistoryPoint(
                step=step,
                seconds=round(seconds, 2),
                training_loss=training_loss,
                validation_loss=loss,
                mean_dice=dice,
                object_ap=ap,
            )
        )
        self._is_saved = False  # the history grew, whether or not the weights got better
        if loss is not None:
            score = dice if ap is None else ap
            value = (-1.0 if score is None else score, -loss)
            if self._confusion is not None and value <= self._best:
                return False
            self._best, self.best_dice, self.best_ap = value, dice, ap
        self._weights = weights
        self._confusion = confusion
        return True

    @property
    def before_dice(self) -> float | None:
        """Mean Dice of the model that is trained further; ``None`` if there is none, or it is undefined."""
        return None if self.before is None else _defined(self.before.confusion.mean_dice())

    @property
    def best_weights(self) -> dict[str, torch.Tensor] | None:
        """What would be saved."""
        return self._weights

    def settle(self, objects: ObjectSettings | None) -> None:
        """Take note of how a model for objects finds them."""
        self.objects = objects
        self._is_saved = False

    @property
    def is_saved(self) -> bool:
        """Whether the best weights are on disk, with the history up to now."""
        return self._is_saved

    @property
    def has_weights(self) -> bool:
        """Whether there is anything to save."""
        return self._weights is not None

    def save(self) -> str:
        """Write the best weights; the path, as text. Before the first ones what was learnt from is kept beside them.

        Raises
        ------
        TrainingDivergedError
            If they are not finite.
        StorageError
            If the file cannot be written; an older one survives.
        """
        if self._weights is None:
            raise ValueError("there are no weights to save")
        self._keep_examples()
        self.network.load_state_dict(self._weights)
        save_model(Model(self.network.eval(), self._record()), self.request.output)
        self._is_saved = True
        return str(self.request.output)

    def take_notices(self) -> list[Notice]:
        """What the user should know of what was saved, once."""
        taken, self.notices = self.notices, []
        return taken

    def _keep_examples(self) -> None:
        """Write what is learnt from: it is the same whatever the weights, so once is enough."""
        if self._has_examples:
            return
        self._has_examples = True
        p = self.preparation
        learnt = [
            Learnt(
                p.images[i],
                p.hashes[i],
                p.used_statistics[i],
                [plane for plane in p.planes if plane.image == i],
                p.split.regions[i],
                p.split.excluded[i],
            )
            for i in range(p.n_new)
            if p.hashes[i]
        ]
        self.notices += keep_examples(self.request.output, learnt, self.request.annotation, p.rehearsal.kept)

    def _record(self) -> ModelRecord:
        p = self.preparation
        earlier = p.parent.record if p.parent is not None else None
        used = [i for i, h in enumerate(p.hashes) if h]
        regions = {p.hashes[i]: p.split.regions[i] for i in used}
        images = [(p.images[i].image.name, p.hashes[i]) for i in used]
        return ModelRecord(
            name=self.request.output.stem,
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            network=self.network.settings,
            annotation=self.request.annotation,
            normalisation=p.normalisation,
            axes=p.images[0].image.axes,
            training=self.request.settings,
            plan=self.plan,
            history=tuple(self.history),
            validation=ValidationRecord(
                honest=p.split.honest,
                method=p.split.reason,
                regions=(earlier.validation.regions if earlier else {}) | regions,
                scores=self._scores(),
                mean_dice=self.best_dice,
                object_ap=self.best_ap,
                mean_dice_before=self.before_dice,
                object_ap_before=None if self.before is None else self.before.object_ap,
            ),
            objects=self.objects,
            images=with_images(earlier.images if earlier else {}, images),
            parents=p.parents,
            versions=versions(),
        )

    def _scores(self) -> dict[str, ClassScore]:
        if self._confusion is None:
            return {}
        pairs = zip(self._confusion.dice(), self._confusion.iou(), strict=True)
        values = self.request.annotation.values
        return {
            str(value): ClassScore(dice=_defined(float(dice)), iou=_defined(float(iou)))
            for value, (dice, iou) in zip(values, pairs, strict=True)
        }


def _defined(score: float) -> float | None:
    return None if isnan(score) else score
