from pathlib import Path

import numpy as np
import pytest
from napari.layers import Layer

from napari_unet import samples
from napari_unet.errors import InputError
from napari_unet.images import read_image, read_labels
from napari_unet.viewer import samples as layers
from napari_unet.viewer.layers import annotated_image, annotation_of

FOLDER = Path(samples.__file__).parent


@pytest.mark.parametrize("name", samples.SAMPLES)
def test_image_and_annotation_belong_together(name):
    image, labels = (Layer.create(*data) for data in getattr(layers, name)())
    pair = annotated_image([image], labels)
    assert pair.image.n_channels == (3 if name == "histology" else 1)
    assert annotation_of(labels) == samples.sample(name).annotation
    assert set(np.unique(labels.data)) >= {0, 1}
    labels.paint((0, 0), 2)  # can be painted on: not a read-only view of a file
    assert labels.data[0, 0] == 2


def test_annotated_classes_are_those_in_the_labels():
    for sample in samples.SAMPLES.values():
        for image_path, label_path in sample.pairs():
            assert read_image(image_path).label_shape == tuple(read_labels(label_path).shape)
            if sample.annotation.kind == "masks":
                assert tuple(np.unique(read_labels(label_path)[...])) == sample.annotation.values


def test_the_kind_is_never_contradicted_by_what_would_be_inferred():
    from napari_unet.labels import infer_kind, summarize_labels

    for sample in samples.SAMPLES.values():
        summaries = [summarize_labels(read_labels(path)) for _, path in sample.pairs()]
        assert infer_kind(summaries).kind in (None, sample.annotation.kind)


def test_held_out_vessels_are_of_another_child():
    def children(name):
        return {path.stem[:-1] for path, _ in samples.sample(name).pairs()}  # Image_07L: left eye of child 7

    assert len(samples.sample("vessels").pairs()) >= 4
    assert children("vessels").isdisjoint(children("vessels_held_out"))


def test_samples_are_attributed_and_small():
    files = list(FOLDER.rglob("*.png"))
    assert sum(path.stat().st_size for path in files) < 2.6e6
    attribution = (FOLDER / "ATTRIBUTION.md").read_text()
    for name in samples.SAMPLES:
        assert f"`{name}`" in attribution
    assert {path.parents[1].name for path in files} == set(samples.SAMPLES)


def test_pixels_are_those_of_the_train_folders(shared_data):
    for name, source in (("vessels", "chase_retinal_vessels"), ("nuclei", "dsb2018_fluo_nuclei")):
        for pair in samples.sample(name).pairs():
            for path in pair:
                original = shared_data / source / "train" / path.parent.name / path.name
                read = read_labels if path.parent.name == "labels" else lambda p: read_image(p).channels[0]
                np.testing.assert_array_equal(read(path)[...], read(original)[...])


def test_an_unknown_sample_is_said():
    with pytest.raises(InputError, match=r"no sample 'cats'.*nuclei"):
        samples.path("cats")
    assert (samples.path("myelin") / "images").is_dir()


def test_opens_in_napari_under_the_menu_name(make_napari_viewer):
    viewer = make_napari_viewer()
    viewer.open_sample("napari-unet-live", "myelin")
    viewer.open_sample("napari-unet-live", "myelin")
    assert len(viewer.layers) == 4
    assert len({layer.name for layer in viewer.layers}) == 4
    assert annotation_of(viewer.layers[3]).classes[2].name == "axon"
