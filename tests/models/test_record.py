from __future__ import annotations

from napari_unet.models.record import with_images


def test_another_image_of_a_known_name_gets_a_name_of_its_own():
    known = {"image": "a"}
    assert with_images(known, [("image", "b"), ("image", "a"), ("image", "c"), ("other", "d")]) == {
        "image": "a",
        "image (2)": "b",
        "image (3)": "c",
        "other": "d",
    }
    assert known == {"image": "a"}
