from __future__ import annotations

import pytest
import torch

from napari_unet.nets import UNet
from napari_unet.settings import NetworkSettings, TrainSettings
from napari_unet.training.material import Material
from napari_unet.training.sizing import FEW_PIXELS, LITTLE, NEEDED_STEPS, choose_plan

PLENTY = 10 * FEW_PIXELS
GIB = 2**30


def never(network, patch, batch):
    raise AssertionError("nothing may be timed here")


def slow(network, patch, batch):
    return 1e-3


def plan(
    *shapes, kind="cpu", parent=None, free=64 * GIB, trial=slow, structures=20.0, pixels=PLENTY, **options
):
    material = Material(shapes or ((512, 512),), pixels, structures)
    return choose_plan(TrainSettings(**options), material, 1, 2, kind, free, torch.bfloat16, trial, parent)


def speeds(**by_width):
    return lambda network, patch, batch: by_width[f"w{network.width}"]


def test_defaults_suit_a_laptop_and_five_minutes():
    chosen = plan()
    assert (chosen.network.width, chosen.network.depth, chosen.network.norm) == (16, 4, "batch")
    assert (chosen.patch_size, chosen.batch_size, chosen.batches_per_step) == (128, 8, 1)


def test_a_network_is_as_wide_as_makes_enough_steps_in_the_time():
    enough = {width: steps / 300 for width, steps in NEEDED_STEPS.items()}  # per second, in five minutes
    assert plan(trial=speeds(w32=0.9 * enough[32])).network.width == 16
    assert plan(trial=speeds(w32=1.1 * enough[32], w64=0.9 * enough[64])).network.width == 32
    assert plan(trial=speeds(w32=1.1 * enough[32], w64=1.1 * enough[64])).network.width == 64
    assert plan(trial=speeds(w32=0.6 * enough[32], w64=0), minutes=10).network.width == 32


def test_little_annotation_is_learnt_by_a_narrow_network():
    assert plan(pixels=FEW_PIXELS - 1, trial=never).network.width == 16


def test_very_short_runs_spend_no_time_on_a_trial():
    assert plan(minutes=0.5, trial=never).network.width == 16


@pytest.mark.parametrize(("kind", "width"), [("cpu", 16), ("gpu", 64)])
def test_a_plan_by_steps_depends_on_no_clock(kind, width):
    short, long = (plan(steps=10, minutes=m, kind=kind, trial=never) for m in (1, 60))
    assert short == long
    assert short.network.width == width


def test_a_network_that_does_not_fit_is_not_tried():
    assert plan(free=GIB // 4, trial=never).network.width == 16


@pytest.mark.parametrize(("shape", "patch"), [((100, 90), 112), ((40, 40), 64), ((3000, 200), 128)])
def test_patches_are_not_much_larger_than_the_images(shape, patch):
    assert plan(shape).patch_size == patch


@pytest.mark.parametrize(
    ("structures", "patch", "batch"), [(None, 128, 8), (64, 128, 8), (90, 256, 2), (900, 512, 2)]
)
def test_patches_show_whole_structures(structures, patch, batch):
    chosen = plan((2000, 2000), structures=structures)
    assert (chosen.patch_size, chosen.batch_size) == (patch, batch)


def test_short_memory_takes_a_step_in_several_batches_or_with_smaller_patches():
    tight = plan((512, 512), width=64, patch_size=256, batch_size=8, free=3 * GIB)
    assert tight.batch_size * tight.batches_per_step == 8
    assert tight.batches_per_step > 1
    assert plan((512, 512), width=64, kind="gpu", free=GIB).patch_size < 256
    unknown = plan((512, 512), width=64, patch_size=256, batch_size=8, free=None)
    assert (unknown.batch_size, unknown.batches_per_step) == (8, 1)


@pytest.mark.parametrize("wanted", [16, 100, 250])
@pytest.mark.parametrize("padding", ["same", "valid"])
def test_a_patch_always_fits_the_network(wanted, padding):
    chosen = plan(patch_size=wanted, padding=padding, depth=3, width=2)
    network = UNet.from_settings(chosen.network)
    size = chosen.patch_size
    assert wanted <= size
    output = network.eval()(torch.zeros(1, 1, size, size))
    assert output.shape[-1] == network.output_size(size) > 0


def test_what_the_user_chose_is_taken():
    chosen = plan(
        width=7, depth=2, patch_size=64, batch_size=3, learning_rate=0.01, norm="group", trial=never
    )
    assert chosen.network == NetworkSettings(n_channels=1, n_classes=2, width=7, depth=2, norm="group")
    assert (chosen.patch_size, chosen.batch_size, chosen.learning_rate) == (64, 3, 0.01)


def test_the_classic_recipe_has_its_own_rate():
    assert plan(recipe="classic", learning_rate=0.1).learning_rate == 1e-4


def test_a_parent_keeps_its_architecture_and_learns_more_slowly():
    parent = NetworkSettings(n_channels=1, n_classes=2, width=5, depth=3)
    chosen = plan(parent=parent, width=30, trial=never)
    assert chosen.network == parent
    assert chosen.learning_rate < plan().learning_rate
    few = plan(parent=parent, pixels=FEW_PIXELS - 1, trial=never)
    assert few.learning_rate < chosen.learning_rate


def test_the_plan_is_told_by_settings_names():
    assert set(plan().to_dict()) - {"batches_per_step"} <= set(TrainSettings.model_fields)


def test_the_depth_suits_images_and_structures():
    assert plan((512, 512)).network.depth == 4
    assert plan((512, 512), structures=None).network.depth == 4
    assert plan((48, 60)).network.depth == 3
    assert plan((20, 20)).network.depth == 2
    assert plan((2048, 2048), structures=200.0).network.depth == 5
    assert plan((48, 60), structures=200.0, depth=3).network.depth == 3


def test_two_views_are_compared_where_little_is_annotated():
    assert plan(pixels=LITTLE).consistency == 1
    assert plan(pixels=LITTLE + 1).consistency == 0
    assert plan(pixels=LITTLE + 1, consistency=0.5).consistency == 0.5
    assert plan(pixels=LITTLE, consistency=0.0).consistency == 0
    assert plan(pixels=LITTLE, recipe="classic", consistency=1.0).consistency == 0
    assert plan(pixels=LITTLE, batch_size=2).consistency == 0
    assert plan(pixels=LITTLE, batch_size=1, consistency=1.0).consistency == 0
