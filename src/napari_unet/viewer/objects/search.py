"""The objects of a layer found again off the GUI thread: what is in view at once, then all planes, linked."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any

import numpy as np
from napari.layers import Labels
from numpy.typing import NDArray

from napari_unet.errors import UNetError
from napari_unet.settings import ObjectSettings
from napari_unet.viewer.objects.editable import obstacle
from napari_unet.viewer.objects.kept_maps import Found, KeptMaps, checksum
from napari_unet.viewer.objects.plane_cache import Position
from napari_unet.viewer.score.background import Background
from napari_unet.viewer.style import Tone

CORRECTED = (
    "These objects were corrected by hand. To keep that, they are found again in a layer of their own."
)
Say = Callable[[str, Tone], None]


@dataclass(frozen=True, eq=False)
class _Plane:
    """The objects of a plane, with what is better counted off the GUI thread."""

    objects: NDArray[np.int32]
    checksum: int
    n: int


class Search:
    """Finds the objects of one layer again.

    Only planes that hold what was written into them are written to. A plane in view is checked just before it is
    written; all planes together are checked in the background, where they are found, and replaced at once: the layer
    gets new data. Where somebody painted meanwhile, the layer stays as it was before, and as it was painted.

    Parameters
    ----------
    layer : Labels
        Whose objects are found.
    kept : KeptMaps
        What they are found in.
    said : callable
        Gets a sentence and its tone, on the GUI thread.

    Attributes
    ----------
    is_corrected : bool
        Whether the layer was found to hold something else than what was written, or may not be changed.
    """

    def __init__(self, layer: Labels, kept: KeptMaps, said: Say) -> None:
        self.layer, self.kept, self.said = layer, kept, said
        self.is_corrected = False
        self._run = Background()
        self._ready = Background()
        self._wanted: ObjectSettings | None = None
        self._position: Position = ()
        self._is_looking = False  # at the plane in view, which takes a moment: then the last wish counts
        # Planes in view, until all others are found: what they held, and what was written into them.
        self._before: dict[Position, NDArray[np.int32]] = {}
        self._shown: dict[Position, NDArray[np.int32]] = {}
        self._has_changed = False

    @property
    def wanted(self) -> ObjectSettings | None:
        """With which settings objects are being found, None where nothing is under way."""
        return self._wanted

    @property
    def is_busy(self) -> bool:
        """Whether objects are being found."""
        return self._wanted is not None

    @property
    def is_getting_ready(self) -> bool:
        """Whether a plane is being prepared."""
        return self._ready.is_busy

    def get_ready(self, position: Position) -> None:
        """Prepare a plane, so that what is wanted next is quick; not while something else is under way."""
        if not self.is_busy and not self.is_getting_ready and position in self.kept.positions:
            self._ready.start(_getting_ready(self.kept, position), lambda _: None)

    def want(self, settings: ObjectSettings, position: Position) -> None:
        """Find the objects with these settings, first those of the plane at this position."""
        problem = obstacle(self.layer)
        if problem:
            self.stop()
            self._offer_another(f"{problem} The objects can be found again in a layer of their own.")
            return
        starts = not self.is_busy
        self._wanted, self._position = settings, position
        if starts:
            self.is_corrected = False
            self.layer.events.set_data.connect(self._on_changed)
            self.layer.events.labels_update.connect(self._on_changed)
        if not self._is_looking:
            self._look(check=starts)

    def stop(self) -> None:
        """Leave what is under way; the layer is then as it was before."""
        self._run.cancel()
        self._ready.cancel()
        if self.is_busy:
            self._put_back()
            self._end()

    def _look(self, check: bool = False) -> None:
        """Find what is in view, if the settings change it; at first make sure that nothing was corrected."""
        kept, settings, position = self.kept, self._wanted, self._position
        if settings is None:
            return
        if position not in kept.positions:
            self._put_back()
            self._end()
            self.said("Nothing was segmented in this slice.", "plain")
            return
        is_alone = len(kept.positions) == 1
        find = is_alone or bool(self._before) or _of_planes(settings) != _of_planes(kept.settings)

        def seen(answer: Any) -> None:
            self._is_looking = False
            if self._has_failed(answer):
                return
            is_untouched, plane = answer
            if not is_untouched or (plane is not None and not self._show(position, plane)):
                self._leave()
            elif self._wanted != settings or self._position != position:  # moved on meanwhile
                self._look()
            elif is_alone:
                self._keep(settings)
            else:
                self._find_all(settings)

        self._is_looking = True
        self._run.start(_looking(kept, self.layer.data, position, settings, check, find), seen)

    def _show(self, position: Position, plane: _Plane) -> bool:
        """Write the plane in view, if it still holds what was written into it."""
        kept, data = self.kept, self.layer.data
        if not kept.is_untouched(data, position):
            return False
        if len(kept.positions) > 1:
            self._before.setdefault(position, data[position].copy())
            self._shown[position] = plane.objects
        data[position] = plane.objects
        kept.note({position: plane.checksum})
        self.layer.refresh(extent=False)
        self.said(f"{plane.n} objects here.", "plain")
        return True

    def _find_all(self, settings: ObjectSettings) -> None:
        def found(answer: Any) -> None:
            if not self._has_failed(answer):
                self._complete(settings, answer)

        self._run.start(self.kept.finding(settings), found, self._progressed)

    def _complete(self, settings: ObjectSettings, found: Found) -> None:
        """Give the layer its new data, unless somebody changed it; asked in the background, until nobody changes it."""
        self._has_changed = False

        def completed(answer: Any) -> None:
            if self._has_failed(answer):
                return
            if self._has_changed:
                self._complete(settings, found)
            elif not answer:
                self._leave()
            else:
                self.layer.data = found.data
                self.kept.note(found.checksums)
                self._keep(settings)
                self.said(f"{found.n} objects in all.", "plain")

        self._run.start(self.kept.completing(found.data, self.layer.data), completed)

    def _keep(self, settings: ObjectSettings) -> None:
        self.kept.settings = settings
        self._end()

    def _leave(self) -> None:
        """Keep what was painted."""
        self._put_back()
        self._end()
        self._offer_another(CORRECTED)

    def _offer_another(self, sentence: str) -> None:
        self.is_corrected = True
        self.said(sentence, "plain")

    def _end(self) -> None:
        self._wanted, self._before, self._shown, self._is_looking = None, {}, {}, False
        self.layer.events.set_data.disconnect(self._on_changed)
        self.layer.events.labels_update.disconnect(self._on_changed)

    def _put_back(self) -> None:
        """Give planes in view back what they held, but for what was painted: numbers belong to all planes."""
        for position, plane in self._before.items():
            now = self.layer.data[position]
            self.layer.data[position] = np.where(now == self._shown[position], plane, now)
            self.kept.note({position: checksum(plane)})
        if self._before:
            self.layer.refresh(extent=False)

    def _has_failed(self, answer: Any) -> bool:
        if not isinstance(answer, UNetError):
            return False
        self._put_back()
        self._end()
        self.said(str(answer), "error")
        return True

    def _progressed(self, fraction: float) -> None:
        self.said(f"Other slices: {fraction:.0%}", "plain")

    def _on_changed(self, _event: Any = None) -> None:
        """The layer was painted on, or drawn anew, maybe after an undo."""
        self._has_changed = True


def _of_planes(settings: ObjectSettings) -> ObjectSettings:
    """Without what is about slices alone."""
    default = ObjectSettings()
    names = ("least_slices", "slice_overlap", "slices_bridged", "slice_splitting")
    return settings.model_copy(update={name: getattr(default, name) for name in names})


def _getting_ready(kept: KeptMaps, position: Position) -> Generator[float, None, None]:
    yield 0.0
    kept.get_ready(position)


def _looking(
    kept: KeptMaps, data: Any, position: Position, settings: ObjectSettings, check: bool, find: bool
) -> Generator[float, None, tuple[bool, _Plane | None]]:
    """Whether the layer still holds what was written, and the objects of a plane."""
    yield 0.0
    if check and not (yield from kept.checking(data)):
        return False, None
    if not find:
        return True, None
    objects = kept.find(position, settings)
    return True, _Plane(objects, checksum(objects), int(objects.max(initial=0)))
