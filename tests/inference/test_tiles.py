from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_unet.errors import InputError
from napari_unet.events import Box
from napari_unet.inference import plan_tiles
from napari_unet.inference.tiles import distance, longest_source, plan_mirrored_tiles, read_mirrored

strides = st.sampled_from([2, 4, 16])


@st.composite
def plans(draw: st.DrawFn) -> tuple[tuple[int, ...], int, int, int, Box]:
    shape = draw(st.lists(st.integers(1, 60), min_size=2, max_size=3))
    region = []
    for size in shape:
        start = draw(st.integers(0, size - 1))
        region.append((start, draw(st.integers(start + 1, size))))
    return tuple(shape), draw(st.integers(1, 70)), draw(st.integers(0, 40)), draw(strides), tuple(region)


def _count(shape: tuple[int, ...], boxes: list[Box]) -> np.ndarray:
    count = np.zeros(shape, int)
    for box in boxes:
        count[tuple(slice(*bounds) for bounds in box)] += 1
    return count


@given(plans())
def test_every_pixel_of_the_region_once_with_enough_halo(plan: tuple) -> None:
    shape, core, halo, stride, region = plan
    tiles = list(plan_tiles(shape, core, halo, stride, region))
    np.testing.assert_array_equal(_count(shape, [t.core for t in tiles]), _count(shape, [region]))
    longest = -(-core // stride) * stride
    for tile in tiles:
        for (start, stop), (first, last), size in zip(tile.core, tile.source, shape, strict=True):
            assert stop - start <= longest
            assert first % stride == 0
            assert last == size or last >= stop + halo
            assert first == 0 or first <= start - halo
            assert 0 <= first < last <= size


@given(plans(), st.data())
def test_what_somebody_looks_at_comes_first(plan: tuple, data: st.DataObject) -> None:
    shape, core, halo, stride, region = plan
    centre = [data.draw(st.floats(start, stop - 1)) for start, stop in region]
    tiles = list(plan_tiles(shape, core, halo, stride, region, centre))
    assert {t.core for t in tiles} == {t.core for t in plan_tiles(shape, core, halo, stride, region)}
    pixel = [round(at) for at in centre]
    assert all(start <= at < stop for (start, stop), at in zip(tiles[0].core, pixel, strict=True)) or any(
        at % 1 for at in centre
    )
    distances = [distance(t.core, centre) for t in tiles]
    assert distances == sorted(distances)


@given(plans())
def test_longest_source_is_known_before(plan: tuple) -> None:
    shape, core, halo, stride, _ = plan
    tiles = list(plan_tiles(shape, core, halo, stride))
    for axis, size in enumerate(shape):
        longest = max(t.source[axis][1] - t.source[axis][0] for t in tiles)
        assert longest <= longest_source(size, core, halo, stride) <= max(longest + 2 * stride, longest)


@given(plans(), st.integers(0, 20))
def test_mirrored_tiles_cover_every_pixel_once_from_the_same_grid(plan: tuple, margin: int) -> None:
    shape, core, _, stride, region = plan
    tiles = list(plan_mirrored_tiles(shape, core, margin, lambda n: n + 2 * margin, stride, region))
    np.testing.assert_array_equal(_count(shape, [t.core for t in tiles]), _count(shape, [region]))
    for tile in tiles:
        for (start, stop), (first, last) in zip(tile.core, tile.source, strict=True):
            assert (first + margin) % stride == 0
            assert first <= start - margin
            assert last >= stop + margin


@given(st.integers(1, 9), st.integers(-25, 5), st.integers(1, 30))
def test_reading_beyond_the_image_mirrors_it(size: int, start: int, length: int) -> None:
    image = np.arange(size * 3, dtype=np.float32).reshape(1, size, 3)
    reads = []

    def read(box: Box) -> np.ndarray:
        reads.append(box)
        return image[:, slice(*box[0]), slice(*box[1])]

    block = read_mirrored(read, ((start, start + length), (0, 3)), (size, 3))
    padded = np.pad(image, ((0, 0), (40, 40), (0, 0)), mode="symmetric")
    np.testing.assert_array_equal(block, padded[:, 40 + start : 40 + start + length])
    assert len(reads) == 1
    assert all(0 <= a < b <= n for (a, b), n in zip(reads[0], (size, 3), strict=True))


def test_tiles_of_one_image_are_about_equally_large() -> None:
    sides = [stop - start for ((start, stop), _) in (t.core for t in plan_tiles((1040, 16), 512, 0, 16))]
    assert sides == [352, 352, 336]


@pytest.mark.parametrize("region", [((0, 5),), ((0, 0), (0, 4)), ((0, 5), (0, 9))])
def test_regions_outside_the_image_are_refused(region: Box) -> None:
    with pytest.raises(InputError):
        list(plan_tiles((5, 8), 16, 0, 2, region))
