"""Images as the engine sees them: arrays with axes, files and folders, normalisation, fingerprints."""

from napari_unet.images.files import (
    FileArray,
    image_paths,
    is_written_here,
    label_suffix,
    read_image,
    read_labels,
    write_labels,
)
from napari_unet.images.hashes import image_hash
from napari_unet.images.image import AnnotatedImage, ArrayLike, Image
from napari_unet.images.normalisation import IntensityStatistics, Normalisation
from napari_unet.images.pairs import Pair, Pairing, check_direction, looks_swapped, pair_files
from napari_unet.images.storage import write_atomically

__all__ = [
    "AnnotatedImage",
    "ArrayLike",
    "FileArray",
    "Image",
    "IntensityStatistics",
    "Normalisation",
    "Pair",
    "Pairing",
    "check_direction",
    "image_hash",
    "image_paths",
    "is_written_here",
    "label_suffix",
    "looks_swapped",
    "pair_files",
    "read_image",
    "read_labels",
    "write_atomically",
    "write_labels",
]
