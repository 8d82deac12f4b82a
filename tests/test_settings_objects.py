"""How objects are found: what a user chose goes before what the model says."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from napari_unet.settings import ObjectChoice, ObjectSettings


def test_what_was_chosen_goes_before_the_model() -> None:
    model = ObjectSettings(foreground=0.3, splitting=0.6, min_size=7)
    assert ObjectChoice().over(model) == model
    assert ObjectChoice().over(None) == ObjectSettings()
    chosen = ObjectChoice(splitting=0.0, fill_holes=False).over(model)
    assert chosen == ObjectSettings(foreground=0.3, splitting=0.0, min_size=7, fill_holes=False)


def test_a_choice_has_the_fields_and_bounds_of_the_settings() -> None:
    assert set(ObjectChoice.model_fields) == set(ObjectSettings.model_fields)
    for name, info in ObjectChoice.model_fields.items():
        assert (info.title, info.description) == (
            ObjectSettings.model_fields[name].title,
            ObjectSettings.model_fields[name].description,
        )
    with pytest.raises(ValidationError):
        ObjectChoice(splitting=1.1)
