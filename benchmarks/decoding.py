"""How long it takes to find objects in maps, in milliseconds on one core; nothing here fails when it takes longer.

``python -m benchmarks.decoding --size 2048 --objects 5000``, of maps that hold directions with ``--directed``
"""

from __future__ import annotations

import argparse
import time
import tracemalloc
from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

from napari_unet.directions import direction_table
from napari_unet.events import Box
from napari_unet.objects.basins import find_basins
from napari_unet.objects.decoding import assemble, cut, find_fragments
from napari_unet.objects.stitching import decode_blocks
from napari_unet.settings import ObjectSettings

Plane = NDArray[np.uint8]
Maps = tuple[Plane, Plane, NDArray[np.int32]]


def crowd(shape: tuple[int, ...], n: int, seed: int = 0, gap: float = 1.15, noise: float = 6.0) -> Maps:
    """Foreground, height and numbers of ``n`` objects that touch in places, with the noise of a network.

    Centres lie on a jittered grid; a pixel belongs to the nearest one unless it is too far from it.
    """
    random = np.random.default_rng(seed)
    spacing = (np.prod(shape) / n) ** (1 / len(shape))
    counts = [max(1, round(side / spacing)) for side in shape]
    grid = np.stack(np.meshgrid(*(np.arange(c) + 0.5 for c in counts), indexing="ij"), -1).reshape(
        -1, len(shape)
    )
    grid = random.permutation(grid)[:n] + random.uniform(-0.3, 0.3, (min(n, len(grid)), len(shape)))
    centres = grid * (np.array(shape) / counts)
    radii = random.uniform(0.38, 0.62, len(centres)) * spacing / gap
    pixels = np.stack(np.indices(shape), -1).reshape(-1, len(shape))
    near, which = cKDTree(centres).query(pixels, workers=1)
    objects = np.where(near < radii[which], which + 1, 0).reshape(shape).astype(np.int32)
    depth = _depth(objects)
    height = depth * (255 / depth.max()) * 0.8
    ripples = ndimage.gaussian_filter(random.normal(size=shape), 1.0)
    height += noise * ripples / ripples.std() * (objects > 0)
    blurred = ndimage.gaussian_filter((objects > 0).astype(np.float32), 1.0)
    foreground = 255 * blurred + 10 * random.normal(size=shape) * (blurred > 0.02)
    return foreground.clip(0, 255).astype(np.uint8), height.clip(0, 255).astype(np.uint8), objects


def directions(foreground: Plane, objects: NDArray[np.int32], seed: int = 0, noise: float = 0.2) -> Plane:
    """Directions to the centres of mass of objects, as a network gives them: the less sure, the shorter the vectors.

    ``noise`` is the standard deviation of each component, of 1.
    """
    ndim = objects.ndim
    nearest = ndimage.distance_transform_edt(objects == 0, return_distances=False, return_indices=True)
    owner = objects[tuple(nearest)]
    random = np.random.default_rng(seed)
    numbers = np.arange(1, objects.max() + 1)
    centres = np.zeros((len(numbers) + 1, ndim), np.float32)
    centres[1:] = ndimage.center_of_mass(objects, objects, numbers)
    vectors = np.moveaxis(centres[owner], -1, 0) - np.indices(objects.shape, np.float32)
    vectors *= foreground / (255 * np.linalg.norm(vectors, axis=0).clip(1))
    for along in vectors:
        ripples = ndimage.gaussian_filter(random.normal(size=objects.shape), 1.0)
        along += noise * ripples / ripples.std()
    tree = cKDTree(direction_table(ndim))
    lengths = np.linalg.norm(vectors, axis=0).clip(1e-6)
    return tree.query((vectors / lengths).reshape(ndim, -1).T)[1].reshape(objects.shape).astype(np.uint8)


def _depth(objects: NDArray[np.int32]) -> NDArray[np.float64]:
    """Distance to the border of the object, also where it touches another."""
    inner = objects > 0
    for axis in range(objects.ndim):
        ahead, behind = (slice(None),) * axis + (slice(1, None),), (slice(None),) * axis + (slice(None, -1),)
        border = (objects[ahead] != objects[behind]) & (objects[ahead] > 0) & (objects[behind] > 0)
        inner[ahead] &= ~border
    return np.asarray(ndimage.distance_transform_edt(inner), np.float64)


def milliseconds(task: Callable[[], object], repeats: int = 3) -> float:
    """The least of several runs."""
    taken = []
    for _ in range(repeats):
        start = time.perf_counter()
        task()
        taken.append(time.perf_counter() - start)
    return 1000 * min(taken)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=2048)
    parser.add_argument("--objects", type=int, default=5000)
    parser.add_argument("--ndim", type=int, default=2)
    parser.add_argument("--noise", type=float, default=6.0, help="standard deviation, of 255")
    parser.add_argument("--directed", action="store_true", help="directions instead of heights")
    options = parser.parse_args()
    shape, directed = (options.size,) * options.ndim, options.directed
    foreground, relief, objects = crowd(shape, options.objects, noise=options.noise)
    if directed:
        relief = directions(foreground, objects)
    basins = find_basins(foreground, relief, directed)
    found = cut(basins, foreground, ObjectSettings())
    print(f"{shape}: {objects.max()} objects, {len(basins)} basins, {found.max()} found")
    both = milliseconds(lambda: find_basins(foreground, relief, directed))
    print(f"find_basins {both:.0f} ms")
    for name, settings in {
        "cut": ObjectSettings(),
        "cut, splitting 0.95": ObjectSettings(splitting=0.95),
        "cut, foreground 0.2, objects of at least 100": ObjectSettings(foreground=0.2, min_size=100),
        "cut, no holes filled, none at the edge": ObjectSettings(fill_holes=False, edge_objects=False),
    }.items():
        print(f"{name} {milliseconds(lambda s=settings: cut(basins, foreground, s)):.0f} ms")
    fragments = find_fragments(basins, foreground, ObjectSettings())
    again = milliseconds(lambda: assemble(fragments, ObjectSettings(splitting=0.95)))
    print(f"assemble, splitting 0.95, of fragments that are there {again:.0f} ms")
    whole = cut(basins, foreground, ObjectSettings())
    for core in (size for size in (128, 256, 512, 1024, options.size) if size <= options.size):
        blocks = np.zeros(shape, np.int32)
        taken = milliseconds(partial(in_blocks, foreground, relief, core, blocks, directed), repeats=1)
        changed = np.count_nonzero(blocks != whole)
        print(f"blocks of {core}: {taken:.0f} ms, {changed} pixels are not as in the whole")
    for name, task in {
        "find_basins and cut": lambda: cut(
            find_basins(foreground, relief, directed), foreground, ObjectSettings()
        ),
        "blocks of 512": partial(in_blocks, foreground, relief, 512, blocks, directed),
    }.items():
        tracemalloc.start()
        task()
        peak = tracemalloc.get_traced_memory()[1] / foreground.size
        tracemalloc.stop()
        print(f"{name}: {peak:.1f} bytes of memory per pixel, besides the maps")


def in_blocks(foreground: Plane, relief: Plane, core: int, out: NDArray[np.int32], directed: bool) -> None:
    """Decode block by block."""

    def region(box: Box) -> tuple[slice, ...]:
        return tuple(slice(start, stop) for start, stop in box)

    def write(box: Box, objects: NDArray[np.int32]) -> None:
        out[region(box)] = objects

    def read(box: Box) -> tuple[Plane, Plane]:
        return foreground[region(box)], relief[region(box)]

    decode_blocks(read, write, foreground.shape, ObjectSettings(), core, directed)


if __name__ == "__main__":
    main()
