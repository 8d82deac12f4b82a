"""Real annotated images that come with the package; where they are from is told in ``ATTRIBUTION.md``.

Every folder holds ``images/`` and ``labels/`` with files of equal stems, as the command line takes them.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from napari_unet.errors import InputError
from napari_unet.labels import Annotation, AnnotationKind, LabelClass, default_color

_HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Sample:
    """A folder of images with their labels.

    Attributes
    ----------
    name : str
        Name of the folder, unique among the samples.
    title : str
        What the images show, for a menu.
    annotation : Annotation
        What the labels mean.
    """

    name: str
    title: str
    annotation: Annotation

    @property
    def images(self) -> Path:
        """Folder of the images."""
        return _HERE / self.name / "images"

    @property
    def labels(self) -> Path:
        """Folder of the label images."""
        return _HERE / self.name / "labels"

    def pairs(self) -> list[tuple[Path, Path]]:
        """Image and label files, sorted by name."""
        return [(path, self.labels / path.name) for path in sorted(self.images.glob("*.png"))]


def _annotation(kind: AnnotationKind, *names: str) -> Annotation:
    return Annotation(
        kind=kind,
        classes=tuple(
            LabelClass(value=value, name=name, color=default_color(value)) for value, name in enumerate(names)
        ),
    )


_VESSELS = _annotation("masks", "background", "vessel")

SAMPLES: dict[str, Sample] = {
    sample.name: sample
    for sample in (
        Sample("nuclei", "Nuclei (fluorescence)", _annotation("objects", "background", "nucleus")),
        Sample("histology", "Nuclei (H&E, colour)", _annotation("objects", "background", "nucleus")),
        Sample("vessels", "Retinal vessels", _VESSELS),
        Sample("vessels_held_out", "Retinal vessels, another child's (held out)", _VESSELS),
        Sample("myelin", "Myelin and axons (SEM)", _annotation("masks", "background", "myelin", "axon")),
    )
}
"""All samples by name. ``vessels_held_out`` is for testing what was learnt on ``vessels``."""


def sample(name: str) -> Sample:
    """Return a sample by name.

    Raises
    ------
    InputError
        If there is none of this name.
    """
    try:
        return SAMPLES[name]
    except KeyError:
        raise InputError(f"There is no sample {name!r}.", f"The samples are {', '.join(SAMPLES)}.") from None


def path(name: str) -> Path:
    """Return the folder of a sample, which holds ``images`` and ``labels``; raises as :func:`sample`."""
    return sample(name).images.parent
