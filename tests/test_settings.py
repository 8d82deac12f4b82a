"""Settings: one definition with titles, units and bounds, that no front end can break."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from napari_unet.settings import (
    AugmentationSettings,
    NetworkSettings,
    PredictSettings,
    Settings,
    TrainSettings,
)

SHOWN: list[type[Settings]] = [AugmentationSettings, PredictSettings, TrainSettings]


@pytest.mark.parametrize("settings", SHOWN)
def test_every_shown_option_has_a_title_and_a_description(settings: type[Settings]) -> None:
    for name, field in settings.model_fields.items():
        assert field.title, name
        assert field.description, name
        assert field.description.endswith("."), name


@pytest.mark.parametrize("settings", SHOWN)
def test_defaults_are_valid_and_round_trip(settings: type[Settings]) -> None:
    default = settings()
    assert settings.model_validate_json(default.model_dump_json()) == default


@given(
    minutes=st.one_of(st.none(), st.floats(1e-3, 10080)),
    steps=st.one_of(st.none(), st.integers(1, 10**9)),
    learning_rate=st.one_of(st.none(), st.floats(1e-9, 1)),
    patch_size=st.one_of(st.none(), st.integers(16, 4096)),
    norm=st.sampled_from([None, "batch", "group", "instance"]),
)
def test_train_settings_round_trip_exactly(**given_values: Any) -> None:
    if given_values["minutes"] is None and given_values["steps"] is None:
        with pytest.raises(ValidationError, match="minutes or in steps"):
            TrainSettings(**given_values)
        return
    settings = TrainSettings(**given_values)
    assert TrainSettings.model_validate_json(settings.model_dump_json()) == settings
    assert TrainSettings.model_validate(settings.model_dump()) == settings


@pytest.mark.parametrize(
    ("settings", "options"),
    [
        (TrainSettings, {"stepss": 3}),
        (TrainSettings, {"minutes": 0}),
        (TrainSettings, {"minutes": -1}),
        (TrainSettings, {"steps": 0}),
        (TrainSettings, {"labels_are": "stripes"}),
        (TrainSettings, {"validation_fraction": 0.9}),
        (TrainSettings, {"learning_rate": 0}),
        (TrainSettings, {"patch_size": 8}),
        (TrainSettings, {"device": "tpu"}),
        (PredictSettings, {"tile_size": 1}),
        (NetworkSettings, {"n_channels": 0, "n_classes": 2}),
        (NetworkSettings, {"n_channels": 1, "n_classes": 2, "ndim": 4}),
        (NetworkSettings, {"n_channels": 1}),
        (AugmentationSettings, {"contrast": 1}),
    ],
)
def test_misspelt_options_and_values_out_of_bounds(settings: type[Settings], options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        settings(**options)


def test_settings_are_frozen() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        TrainSettings().seed = 3


def test_network_defaults_are_the_padded_unet() -> None:
    settings = NetworkSettings(n_channels=1, n_classes=2)
    assert (settings.width, settings.depth, settings.ndim) == (64, 4, 2)
    assert (settings.padding, settings.norm) == ("same", "batch")
