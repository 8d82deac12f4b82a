"""Rebuild the sample images in the package from the folder of annotated images (``../shared/data``).

Only ``train`` folders are used, and only sets whose licence allows shipping. The held-out eye is of a
child of whom no image is among the training images. Pixels are unchanged: PNG is only compressed harder.

    python scripts/make_samples.py [DATA_FOLDER]
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import imagecodecs
import numpy as np

PROJECT = Path(__file__).resolve().parents[1]
TARGET = PROJECT / "src" / "napari_unet" / "samples"
LIMIT = 2_600_000  # bytes; the wheel as a whole stays below 3 MB

# sample: (set, stems)
CONTENT = {
    "nuclei": ("dsb2018_fluo_nuclei", ["b24ea5c268469a95"]),
    "histology": ("dsb2018_histology_rgb", ["5d75a63972ef643e"]),
    "vessels": (
        "chase_retinal_vessels",
        ["Image_01L", "Image_02R", "Image_03L", "Image_04R", "Image_05L", "Image_06R"],
    ),
    "vessels_held_out": ("chase_retinal_vessels", ["Image_07L"]),
    "myelin": ("axondeepseg_myelin_sem", ["overview"]),
}


def main() -> None:
    data = Path(sys.argv[1]) if len(sys.argv) > 1 else PROJECT.parent / "shared" / "data"
    total = 0
    for name, (source, stems) in CONTENT.items():
        shutil.rmtree(TARGET / name, ignore_errors=True)
        for part in ("images", "labels"):
            folder = TARGET / name / part
            folder.mkdir(parents=True)
            for stem in stems:
                pixels = imagecodecs.png_decode((data / source / "train" / part / f"{stem}.png").read_bytes())
                encoded = smallest_png(pixels)
                (folder / f"{stem}.png").write_bytes(encoded)
                total += len(encoded)
                print(f"{name}/{part}/{stem}.png  {pixels.shape} {pixels.dtype}  {len(encoded):,} bytes")
    print(f"{total:,} bytes in all")
    if total > LIMIT:
        raise SystemExit(f"The samples take more than {LIMIT:,} bytes.")


def smallest_png(pixels: np.ndarray) -> bytes:
    """Encode without loss by whichever strategy and filter takes least room."""
    candidates = [
        imagecodecs.png_encode(pixels, level=9, strategy=strategy, filter=filter_)
        for strategy in (0, 1, 3)
        for filter_ in (0x08, 0x10, 0x20, 0x40, 0x80, 0xF8)
    ]
    best = min(candidates, key=len)
    if not np.array_equal(imagecodecs.png_decode(best), pixels):
        raise ValueError("PNG compression changed the pixels")
    return best


if __name__ == "__main__":
    main()
