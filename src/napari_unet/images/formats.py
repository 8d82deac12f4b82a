"""Image file formats: what is in a file, and its pixels."""

from __future__ import annotations

import struct
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import PIL.Image
import tifffile

from napari_unet.axes import default_axes
from napari_unet.errors import InputError, UNetError

SUFFIXES = (".png", ".tif", ".tiff", ".jpg", ".jpeg", ".bmp", ".npy", ".zarr")
"""What can be read, in lower case."""

IN_MEMORY = 256 << 20
"""Compressed TIFF files up to this size are decoded whole, larger ones piece by piece."""


@dataclass(frozen=True)
class Opened:
    """The content of a file: an array that reads what is asked of it, its axes, and the memory it holds."""

    array: Any
    axes: str
    held_bytes: int


def suffix(path: Path) -> str:
    """Suffix in lower case."""
    return path.suffix.lower()


def open_file(path: Path, *, indexed: bool = False) -> Opened:
    """Open an image file.

    Parameters
    ----------
    path : Path
        Of one of :data:`SUFFIXES`.
    indexed : bool
        Read a PNG with a palette as the numbers of its colours (labels) rather than as the colours.

    Raises
    ------
    InputError
        If it is missing, of another format, or damaged.
    """
    opener = _OPENERS.get(suffix(path))
    if opener is None:
        raise InputError(f"{path.name} is no image that can be read.", f"Use one of {', '.join(SUFFIXES)}.")
    if not path.exists():
        raise InputError(f"There is no file {path}.", "Check the path.")
    try:
        if indexed and suffix(path) == ".png" and _has_palette(path):
            with PIL.Image.open(path) as palette:
                numbers = np.asarray(palette)
            return Opened(numbers, "YX", numbers.nbytes)
        return opener(path)
    except PermissionError as error:
        raise InputError(f"{path} may not be read.", "Change its permissions or use a copy.") from error
    except UNetError:
        raise
    except MemoryError as error:
        raise InputError(
            f"{path.name} does not fit into memory.", "Save it as zarr or as several files."
        ) from error
    except Exception as error:  # decoders raise whatever they stumble upon
        raise InputError(f"{path.name} cannot be read: the file is damaged.", "Use another copy.") from error


def _open_pixels(path: Path) -> Opened:
    """PNG, JPEG and BMP: two dimensions and possibly colour; an alpha channel is left out."""
    data = path.read_bytes()
    if suffix(path) == ".png":
        pixels = imagecodecs.png_decode(data)
    elif suffix(path) == ".bmp":
        pixels = imagecodecs.bmp_decode(data)
    else:
        pixels = imagecodecs.jpeg8_decode(data)
    if pixels.ndim == 3 and pixels.shape[2] in (2, 4):
        pixels = pixels[..., :-1]
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[..., 0]
    pixels = np.ascontiguousarray(pixels)
    return Opened(pixels, default_axes(pixels.ndim, rgb=pixels.ndim == 3), pixels.nbytes)


def _has_palette(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(26)[25:] == b"\x03"  # the colour type in the first chunk, IHDR


def _open_npy(path: Path) -> Opened:
    array = np.load(path, mmap_mode="r", allow_pickle=False)
    return Opened(array, _guess_axes(array.shape, array.dtype), 0)


def _open_tiff(path: Path) -> Opened:
    with tifffile.TiffFile(path) as tiff:
        series = tiff.series[0]
        if _is_cut_off(tiff):
            raise ValueError("a page lies beyond the end of the file")
        axes, shape = str(series.axes), tuple(series.shape)
        size = prod(shape) * np.dtype(series.dtype).itemsize
        colour = series.keyframe.photometric == tifffile.PHOTOMETRIC.RGB
        if series.dataoffset is not None and size > IN_MEMORY:
            array, held = tifffile.memmap(path, series=0, mode="r"), 0
        elif size <= IN_MEMORY:
            array = series.asarray()
            held = size
        else:
            import zarr  # here, as it takes 0.2 s that a dock does not have to open

            store = tifffile.imread(path, aszarr=True, series=0, level=0)
            array, held = zarr.open(store, mode="r"), 0
            weakref.finalize(array, store.close)  # zarr leaves the file open
    if "S" in axes:
        if "C" in axes:
            raise InputError(
                f"{path.name} has channels and colours (axes {axes}).", "Split it into several files."
            )
        if colour and held and shape[axes.index("S")] == 4:  # RGBA
            array = array[tuple(slice(3) if a == "S" else slice(None) for a in axes)]
        axes = axes.replace("S", "C")
    if len(set(axes)) != len(axes) or not {"Y", "X"} <= set(axes):
        axes = default_axes(len(shape))
    return Opened(array, axes, held)


def _is_cut_off(tiff: tifffile.TiffFile) -> bool:
    """Whether the last page found names another one; tifffile reads truncated stacks as shorter ones."""
    form, file = tiff.tiff, tiff.filehandle
    file.seek(tiff.pages[-1].offset)
    (n_tags,) = struct.unpack(form.tagnoformat, file.read(form.tagnosize))
    file.seek(n_tags * form.tagsize, 1)
    (following,) = struct.unpack(form.offsetformat, file.read(form.offsetsize))
    return bool(following)


def _open_zarr(path: Path) -> Opened:
    import zarr  # here for the same reason

    node = zarr.open(str(path), mode="r")
    if hasattr(node, "shape"):
        return Opened(node, _guess_axes(node.shape, node.dtype), 0)
    attributes = dict(node.attrs)
    scales = attributes.get("ome", attributes).get("multiscales")
    if scales:  # OME-Zarr: the first data set has full resolution
        array = node[scales[0]["datasets"][0]["path"]]
        named = [a["name"] if isinstance(a, dict) else a for a in scales[0].get("axes", [])]
        axes = "".join(named).upper() if all(len(a) == 1 for a in named) else ""
        return Opened(array, axes if len(axes) == array.ndim else _guess_axes(array.shape, array.dtype), 0)
    arrays = [array for _, array in sorted(node.arrays())]
    if len(arrays) != 1:
        raise InputError(
            f"{path.name} holds {len(arrays)} arrays instead of one image.", "Choose one of them."
        )
    return Opened(arrays[0], _guess_axes(arrays[0].shape, arrays[0].dtype), 0)


def _guess_axes(shape: tuple[int, ...], dtype: Any) -> str:
    """Axes of an array without any: RGB only where all speaks for it (8 bit, three or four colours)."""
    rgb = len(shape) == 3 and shape[-1] in (3, 4) and np.dtype(dtype) == np.uint8 and min(shape[:2]) > 4
    return default_axes(len(shape), rgb=rgb)


_OPENERS: dict[str, Callable[[Path], Opened]] = {
    ".png": _open_pixels,
    ".jpg": _open_pixels,
    ".jpeg": _open_pixels,
    ".bmp": _open_pixels,
    ".tif": _open_tiff,
    ".tiff": _open_tiff,
    ".npy": _open_npy,
    ".zarr": _open_zarr,
}
