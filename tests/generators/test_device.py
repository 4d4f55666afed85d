"""Where generators run, and the sentence when there is no such place."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest
import torch
from torch import nn

from brainviewer.generators.base import DeviceError
from brainviewer.generators.device import Device, choose_device, place_on

PLAIN = Device(torch.device("cpu"), "CPU", bfloat16=False)


@pytest.fixture
def no_gpu(monkeypatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)


@pytest.fixture
def one_gpu(monkeypatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: f"GPU of {device}")


@pytest.mark.usefixtures("no_gpu")
@pytest.mark.parametrize("wish", ["auto", "cpu"])
def test_without_a_gpu_the_processor_serves(wish) -> None:
    device = choose_device(wish)
    assert (device.torch_device, device.name) == (torch.device("cpu"), "CPU")


@pytest.mark.usefixtures("one_gpu")
@pytest.mark.parametrize(
    ("wish", "name"), [("auto", "GPU of cuda"), ("cuda:0", "GPU of cuda:0"), ("cpu", "CPU")]
)
def test_a_gpu_is_taken_unless_the_processor_is_asked_for(wish, name) -> None:
    assert choose_device(wish).name == name


@pytest.mark.usefixtures("one_gpu")
def test_a_gpu_computes_in_bfloat16() -> None:
    assert choose_device("auto").bfloat16


@pytest.mark.usefixtures("one_gpu")
def test_a_gpu_that_is_not_there_is_refused_with_the_number_there_are() -> None:
    with pytest.raises(DeviceError, match="there is no device 'cuda:7'; this computer has 1 CUDA"):
        choose_device("cuda:7")


@pytest.mark.usefixtures("no_gpu")
def test_cuda_without_a_gpu_is_refused() -> None:
    with pytest.raises(DeviceError, match="there is no CUDA GPU here; use --device cpu"):
        choose_device("cuda")


@pytest.mark.parametrize("wish", ["tpu", "", "cuda:x", "meta", "mps"])
def test_a_device_that_nobody_offers_is_refused(wish) -> None:
    with pytest.raises(DeviceError, match=f"there is no device '{wish}'; use auto, cpu or cuda"):
        choose_device(wish)


def test_arrays_arrive_as_float32_in_memory_order() -> None:
    array = np.arange(6.0).reshape(2, 3).T
    tensor = PLAIN.tensor(array)
    assert tensor.dtype == torch.float32
    assert tensor.is_contiguous()
    np.testing.assert_array_equal(tensor.numpy(), array)


class Case(NamedTuple):
    bfloat16: bool
    dtype: torch.dtype


@pytest.mark.parametrize("case", [Case(False, torch.float32), Case(True, torch.bfloat16)])
def test_autocast_computes_in_bfloat16_only_where_that_is_faster(case) -> None:
    device = Device(torch.device("cpu"), "CPU", case.bfloat16)
    with device.autocast():
        assert nn.Linear(2, 2)(torch.ones(1, 2)).dtype == case.dtype


def test_five_dimensional_weights_are_placed_channels_last_with_the_same_values() -> None:
    module = nn.Sequential(nn.Conv3d(2, 3, 3), nn.Linear(4, 2))
    before = {name: value.clone() for name, value in module.state_dict().items()}
    place_on(module, PLAIN)
    assert module[0].weight.is_contiguous(memory_format=torch.channels_last_3d)
    for name, value in module.state_dict().items():
        assert torch.equal(value, before[name])
