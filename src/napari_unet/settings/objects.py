"""How objects are found."""

from __future__ import annotations

from dataclasses import astuple
from typing import Any

from pydantic import Field

from napari_unet.settings.base import ADVANCED, Settings


class ObjectSettings(Settings):
    """How objects are found in the predicted maps. A model stores what suited its held-out regions best.

    The last four are about slices that are linked: see :class:`napari_unet.objects.linking.SliceLinker`.
    """

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
        description="How readily objects that touch are taken apart. 0: never; 1: at the slightest sign, where the "
        "directions to their middles differ or the neck between them is narrower than they are.",
    )
    certainty: float = Field(
        0.0,
        ge=0,
        le=1,
        title="Certainty",
        description="Probability that an object must reach somewhere to be kept. Lower: more objects, also faint and "
        "doubtful ones. 0: all that have the foreground's probability.",
    )
    min_size: int = Field(
        10,
        ge=0,
        le=10**9,
        title="Smallest object",
        description="Objects of fewer pixels join the neighbour they touch most openly, or are left out. Counted in "
        "each slice by itself, also where slices are linked; by a 3D model in voxels of the volume.",
    )
    fill_holes: bool = Field(True, title="Fill holes", description="Fill what an object encloses.")
    edge_objects: bool = Field(
        True,
        title="Keep objects at the edge",
        description="Keep objects that the edge of the image cuts. Otherwise an object of linked slices that is cut in "
        "one of them is left out of all; the first and the last slice cut nothing, except for a 3D model.",
    )
    least_slices: int = Field(
        2,
        ge=1,
        le=10**6,
        title="Fewest slices",
        description="Where slices are linked, objects seen in fewer slices are left out, as noise mostly is. "
        "1: all are kept.",
    )
    slice_overlap: float = Field(
        0.6,
        gt=0,
        le=1,
        title="Slice overlap",
        description="Outlines in two slices are one object if at least this fraction of the smaller lies within the "
        "other. Lower: objects that lean or taper are followed further, and more that only lie above each other are "
        "taken for one.",
    )
    slices_bridged: int = Field(
        1,
        ge=0,
        le=10**6,
        title="Slices bridged",
        description="An object that was missed in up to so many slices in a row is the same above and below them. "
        "0: it ends there.",
    )
    slice_splitting: float = Field(
        0.65,
        ge=0,
        le=1,
        title="Slice splitting",
        description="How readily an object of linked slices is taken for two that lie upon each other: where it is "
        "narrower than above and below, and its middle shifts. 0: never; 1: at the slightest sign.",
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
    certainty: float | None = _auto("certainty")
    min_size: int | None = _auto("min_size")
    fill_holes: bool | None = _auto("fill_holes")
    edge_objects: bool | None = _auto("edge_objects")
    least_slices: int | None = _auto("least_slices")
    slice_overlap: float | None = _auto("slice_overlap")
    slices_bridged: int | None = _auto("slices_bridged")
    slice_splitting: float | None = _auto("slice_splitting")

    def over(self, settings: ObjectSettings | None) -> ObjectSettings:
        """The model's settings, or the defaults, with what was chosen."""
        return (settings or ObjectSettings()).model_copy(update=self.model_dump(exclude_none=True))
