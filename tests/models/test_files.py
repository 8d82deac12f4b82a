"""Model files: what was saved comes back, and a failure never costs the old file."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save

from napari_unet.errors import ModelFileError, StorageError, TrainingDivergedError
from napari_unet.images import Normalisation, read_image
from napari_unet.labels import default_annotation
from napari_unet.models.files import Model, load_model, model_hash, save_model
from napari_unet.models.header import METADATA_KEY, read_record
from napari_unet.models.record import ModelRecord
from napari_unet.nets import UNet
from napari_unet.settings import NetworkSettings

VARIANTS = [
    {},
    {"ndim": 3},
    {"padding": "valid", "norm": None},
    {"norm": "group"},
    {"norm": "instance"},
    {"depth": 1, "n_channels": 3, "n_classes": 5},
]


def model(**options: Any) -> Model:
    torch.manual_seed(0)
    settings = NetworkSettings(**({"n_channels": 1, "n_classes": 2, "width": 2, "depth": 2} | options))
    record = ModelRecord(
        network=settings,
        annotation=default_annotation("masks", range(settings.n_classes)),
        normalisation=Normalisation(),
    )
    return Model(UNet.from_settings(settings), record)


@pytest.mark.parametrize("options", VARIANTS, ids=str)
def test_weights_and_record_come_back(tmp_path: Path, options: dict[str, Any]) -> None:
    saved = model(**options)
    save_model(saved, tmp_path / "deeper" / "a.safetensors")
    loaded = load_model(tmp_path / "deeper" / "a.safetensors")
    assert loaded.record == saved.record
    assert not loaded.network.training
    old, new = saved.network.state_dict(), loaded.network.state_dict()
    assert list(old) == list(new)
    assert all(torch.equal(old[name], new[name]) for name in old)


def test_a_real_image_gets_the_same_logits(tmp_path: Path, shared_data: Path) -> None:
    image = read_image(shared_data / "chase_retinal_vessels" / "train" / "images" / "Image_01L.png")
    block = Normalisation().statistics(image).apply(image.read(((400, 500), (300, 420))))
    saved = model()
    save_model(saved, tmp_path / "a.safetensors")
    with torch.inference_mode():
        before = saved.network.eval()(torch.from_numpy(block)[None])
        after = load_model(tmp_path / "a.safetensors").network(torch.from_numpy(block)[None])
    np.testing.assert_array_equal(before.numpy(), after.numpy())


def test_other_number_and_memory_formats_are_stored_as_contiguous_float32(tmp_path: Path) -> None:
    saved = model()
    saved.network.to(torch.bfloat16).to(memory_format=torch.channels_last)
    save_model(saved, tmp_path / "a.safetensors")
    loaded = load_model(tmp_path / "a.safetensors").network.state_dict()
    for name, tensor in saved.network.state_dict().items():
        assert torch.equal(loaded[name], tensor.float() if tensor.is_floating_point() else tensor)
        assert loaded[name].is_contiguous()
    assert {t.dtype for t in loaded.values()} <= {torch.float32, torch.int64}
    assert next(saved.network.parameters()).dtype == torch.bfloat16  # saving changes nothing


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_never_saved(tmp_path: Path, bad: float) -> None:
    path = tmp_path / "a.safetensors"
    save_model(model(), path)
    before = path.read_bytes()
    broken = model()
    with torch.no_grad():
        next(broken.network.parameters()).view(-1)[3] = bad
    with pytest.raises(TrainingDivergedError, match="not finite"):
        save_model(broken, path)
    assert path.read_bytes() == before


@pytest.mark.parametrize(("number", "says"), [(errno.ENOSPC, "full"), (errno.EACCES, "permission")])
@pytest.mark.parametrize("fails", ["fsync", "replace"])
def test_the_old_model_survives_a_full_disk_or_missing_permission(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, says: str, fails: str
) -> None:
    path = tmp_path / "a.safetensors"
    save_model(model(), path)
    before = path.read_bytes()

    def fail(*_: Any) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, fails, fail)
    with pytest.raises(StorageError, match=says):
        save_model(model(n_classes=3), path)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["a.safetensors"]
    assert load_model(path).record.network.n_classes == 2


def test_a_folder_where_nothing_may_be_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*_: Any, **__: Any) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("tempfile.mkstemp", forbidden)
    with pytest.raises(StorageError, match="no permission"):
        save_model(model(), tmp_path / "a.safetensors")


def test_truncated_files_are_refused_at_any_length(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    save_model(model(), path)
    whole = path.read_bytes()
    for length in [*range(0, len(whole) - 1, 501), len(whole) - 1]:
        path.write_bytes(whole[:length])
        with pytest.raises(ModelFileError, match="truncated"):
            load_model(path)


def test_weights_that_do_not_fit_their_record(tmp_path: Path) -> None:
    wrong = Model(model(width=3).network, model().record)
    save_model(wrong, tmp_path / "a.safetensors")
    with pytest.raises(ModelFileError, match="do not fit"):
        load_model(tmp_path / "a.safetensors")


def test_trailing_bytes_are_damage(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    save_model(model(), path)
    path.write_bytes(path.read_bytes() + b"more")
    with pytest.raises(ModelFileError, match="damaged"):
        load_model(path)


def test_a_pickle_is_never_executed(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[Any, tuple[str]]:
            return (os.mkdir, (str(tmp_path / "executed"),))

    torch.save({"weights": Evil()}, tmp_path / "a.safetensors")
    with pytest.raises(ModelFileError, match="not a model file"):
        load_model(tmp_path / "a.safetensors")
    assert not (tmp_path / "executed").exists()


def test_hash_follows_the_content(tmp_path: Path) -> None:
    a, b, c = (tmp_path / f"{name}.safetensors" for name in "abc")
    save_model(model(), a)
    save_model(model(), b)
    save_model(model(n_classes=3), c)
    assert model_hash(a) == model_hash(b) != model_hash(c)
    assert len(model_hash(a)) == 32
    with pytest.raises(ModelFileError, match="cannot be read"):
        model_hash(tmp_path / "nowhere.safetensors")


def test_the_record_can_be_read_while_the_file_is_rewritten(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    save_model(model(), path)
    with path.open("rb") as reader:
        save_model(model(n_classes=4), path)
        assert len(reader.read()) > 0
    assert read_record(path).network.n_classes == 4


@pytest.mark.parametrize(
    "asked", [{"n_channels": 10**9}, {"n_channels": 10**30}, {"width": 512, "depth": 7}], ids=str
)
def test_a_record_cannot_ask_for_more_memory_than_the_file_holds(
    tmp_path: Path, asked: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.safetensors"
    saved = model()
    network = saved.record.network.model_copy(update=asked)
    save_model(Model(saved.network, saved.record.model_copy(update={"network": network})), path)
    devices = []
    build = UNet.from_settings
    monkeypatch.setattr(
        UNet, "from_settings", lambda s: (devices.append(torch.empty(0).device.type), build(s))[1]
    )
    with pytest.raises(ModelFileError, match="do not fit its network"):
        load_model(path)
    assert devices == ["meta"]


def test_weights_that_are_no_numbers_are_not_opened(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    saved = model()
    tensors = saved.network.state_dict() | {"outc.conv.bias": torch.tensor([0.0, float("nan")])}
    path.write_bytes(save(tensors, metadata={METADATA_KEY: saved.record.model_dump_json()}))
    with pytest.raises(ModelFileError, match="no numbers"):
        load_model(path)


def test_weights_of_another_precision_become_float32_and_can_be_trained(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    saved = model()
    path.write_bytes(
        save(saved.network.double().state_dict(), metadata={METADATA_KEY: saved.record.model_dump_json()})
    )
    parameters = list(load_model(path).network.parameters())
    assert all(p.dtype == torch.float32 and p.requires_grad and p.device.type == "cpu" for p in parameters)
