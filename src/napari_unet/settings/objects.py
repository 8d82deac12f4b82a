"""How objects are found."""

from __future__ import annotations

from dataclasses import astuple
from typing import Any

from pydantic import Field

from napari_unet.settings.base import ADVANCED, Settings


class ObjectSettings(Settings):
    """How objects are found in the predicted maps. A model stores what suited its held-out regions best."""

    foreground: float = Field(
        0.5,
        ge=0.05,
        le=0.95,
        title="Foreground",
        description="Probability from which on a pixel belongs to an object. Lower: larger objects, and more of them.",
    )
    splitting: float = Field(
        0.8,
        ge=0,
        le=1,
        title="Splitting",
        description="How readily objects that touch are taken apart: two become one where the neck between them is "
        "wider than this fraction of the smaller. 0: never apart; 1: at the slightest neck.",
    )
    min_size: int = Field(
        10,
        ge=0,
        le=10**9,
        title="Smallest object",
        description="Objects of fewer pixels (voxels) join the neighbour they touch most openly, or are left out.",
    )
    fill_holes: bool = Field(True, title="Fill holes", description="Fill what an object encloses.")
    edge_objects: bool = Field(
        True, title="Objects at the edge", description="Keep objects that the edge of the image cuts."
    )


def _auto(name: str) -> Any:
    """The field of :class:`ObjectSettings` of this name, with ``None`` as default."""
    info = ObjectSettings.model_fields[name]
    bounds = {type(bound).__name__.lower(): astuple(bound)[0] for bound in info.metadata}
    return Field(None, title=info.title, description=info.description, json_schema_extra=ADVANCED, **bounds)


class ObjectChoice(Settings):
    """What to find objects by instead of what the model says; ``None`` leaves it to the model."""

    foreground: float | None = _auto("foreground")
    splitting: float | None = _auto("splitting")
    min_size: int | None = _auto("min_size")
    fill_holes: bool | None = _auto("fill_holes")
    edge_objects: bool | None = _auto("edge_objects")

    def over(self, settings: ObjectSettings | None) -> ObjectSettings:
        """The model's settings, or the defaults, with what was chosen."""
        return (settings or ObjectSettings()).model_copy(update=self.model_dump(exclude_none=True))
