"""Which label file belongs to which image."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from napari_unet.errors import InputError
from napari_unet.images.blocks import spread_blocks
from napari_unet.images.files import image_paths, read_image
from napari_unet.images.image import Image

_LABEL_ENDINGS = re.compile(
    r"[ _.-]+((cp|ground)[ _-]?)?(masks?|labels?|seg|segmentation|annotations?|gt|truth|manual\d?)$"
)
_IMAGE_ENDINGS = re.compile(r"[ _.-]+(images?|img|raw)$")

_FLAT = 0.8
"""Fraction of equal neighbours from which an image looks like labels; these have 0.87 or more, images 0.5."""

Pair = tuple[Path, Path]
"""An image and its labels."""


@dataclass(frozen=True)
class Pairing:
    """What was paired, and what could not be.

    Attributes
    ----------
    pairs : tuple of (Path, Path)
        Image and labels, in the images' order.
    unpaired_images, unpaired_labels : tuple of Path
        Files left over.
    """

    pairs: tuple[Pair, ...]
    unpaired_images: tuple[Path, ...] = ()
    unpaired_labels: tuple[Path, ...] = ()

    def summary(self) -> list[str]:
        """Sentences for the user: how many pairs, and what was left out."""
        n = len(self.pairs)
        sentences = [
            f"{n} {'image is' if n == 1 else 'images are'} paired with {'its' if n == 1 else 'their'} labels."
        ]
        if self.unpaired_images:
            sentences.append(f"Images without labels, left out: {_names(self.unpaired_images)}.")
        if self.unpaired_labels:
            sentences.append(f"Labels without image, left out: {_names(self.unpaired_labels)}.")
        return sentences


def pair_files(
    images: Path | str | Sequence[Path | str], labels: Path | str | Sequence[Path | str]
) -> Pairing:
    """Pair images and labels by the stem of their names.

    Tried in turn, until a label file is found: the same stem; the same whatever the case; the same after an
    ending like ``_mask``, ``_labels``, ``_seg`` or ``_img`` is taken off either. A single image and a single
    label file are a pair whatever their names.

    Parameters
    ----------
    images, labels : Path, or sequence of Path
        A folder, a file, or several of either.

    Raises
    ------
    InputError
        If there are no images or labels, two files would be the same one's, or nothing can be paired.
    """
    image_files, label_files = image_paths(images), image_paths(labels)
    if set(image_files) == set(label_files):  # both in one folder, told apart by their endings
        label_files = [path for path in label_files if _LABEL_ENDINGS.search(_folded(path))]
        image_files = [path for path in image_files if path not in label_files]
        if not image_files or not label_files:
            raise InputError(
                "The images and the labels are the same files.",
                "Put the labels into a folder of their own, or let their names end in _labels.",
            )
    if len(image_files) == len(label_files) == 1:
        return Pairing(((image_files[0], label_files[0]),))
    left_images, left_labels = list(image_files), list(label_files)
    found: dict[Path, Path] = {}
    for key in (_stem, _folded, _bare):
        by_key: dict[str, list[Path]] = {}
        for path in left_labels:
            by_key.setdefault(key(path), []).append(path)
        wanted: dict[str, list[Path]] = {}
        for path in left_images:
            wanted.setdefault(key(path), []).append(path)
        for name, group in wanted.items():
            matches = by_key.get(name, [])
            if matches and (len(group) > 1 or len(matches) > 1):
                raise InputError(
                    f"It is not clear which belong together: {_names(group)} and {_names(matches)}.",
                    "Give an image and its labels the same name, and different images different names.",
                )
            if matches:
                found[group[0]] = matches[0]
        left_images = [path for path in left_images if path not in found]
        left_labels = [path for path in left_labels if path not in found.values()]
    if not found:
        raise InputError(
            f"None of the {len(image_files)} images has labels of the same name "
            f"(images: {_names(image_files)}; labels: {_names(label_files)}).",
            "Give an image and its labels the same name, apart from the ending.",
        )
    pairs = tuple((path, found[path]) for path in image_files if path in found)
    return Pairing(pairs, tuple(left_images), tuple(left_labels))


def looks_swapped(pairs: Sequence[Pair]) -> bool:
    """Whether the images look like labels and the labels like images.

    An image looks like labels if the neighbours of nearly all its pixels are equal and it is not in colour; a
    photograph or micrograph is noisy. Up to five pairs are looked at; all of them must agree.
    """
    looked_at = (
        [pairs[i] for i in sorted({round(i) for i in np.linspace(0, len(pairs) - 1, 5)})] if pairs else []
    )
    return bool(looked_at) and all(
        _looks_like_labels(read_image(image)) and not _looks_like_labels(read_image(labels))
        for image, labels in looked_at
    )


def check_direction(pairs: Sequence[Pair], *, images: str = "--images", labels: str = "--labels") -> None:
    """Raise InputError, naming the two options to exchange, if :func:`looks_swapped`."""
    if looks_swapped(pairs):
        raise InputError(
            "Images and labels seem to be the wrong way round: the labels look like images, and the images "
            "look like labels.",
            f"Exchange {images} and {labels}.",
        )


def _looks_like_labels(image: Image) -> bool:
    if np.dtype(image.channels[0].dtype).kind == "f":
        return False
    flat = total = 0
    for box in spread_blocks(image.label_shape):
        block = image.read(box)
        if any(not np.array_equal(block[0], other) for other in block[1:]):
            return False
        equal = block[0, ..., 1:] == block[0, ..., :-1]
        flat, total = flat + int(np.count_nonzero(equal)), total + equal.size
    return total > 0 and flat / total > _FLAT


def _stem(path: Path) -> str:
    return path.name[: -len(".ome.tif")] if path.name.lower().endswith(".ome.tif") else path.stem


def _folded(path: Path) -> str:
    return _stem(path).casefold()


def _bare(path: Path) -> str:
    return _IMAGE_ENDINGS.sub("", _LABEL_ENDINGS.sub("", _folded(path)))


def _names(paths: Sequence[Path]) -> str:
    shown = ", ".join(path.name for path in paths[:5])
    return f"{shown} and {len(paths) - 5} more" if len(paths) > 5 else shown
