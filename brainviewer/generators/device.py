"""The device a generator runs on, its name for people, and its arithmetic."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from brainviewer.generators.base import DeviceError

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from torch import Tensor, nn

    from brainviewer.core.volume import FloatArray


@dataclass(frozen=True, slots=True)
class Device:
    """Where and how to compute.

    Attributes
    ----------
    torch_device : torch.device
    name : str
        ``"CPU"`` or what the GPU calls itself.
    bfloat16 : bool
        Whether convolutions are faster in bfloat16 here.
    """

    torch_device: torch.device
    name: str
    bfloat16: bool

    def tensor(self, array: FloatArray) -> Tensor:
        """Copy an array to the device as float32."""
        return torch.from_numpy(np.ascontiguousarray(array, dtype=np.float32)).to(self.torch_device)

    def autocast(self) -> AbstractContextManager[object]:
        """Compute in bfloat16 inside, where that is faster."""
        if not self.bfloat16:
            return contextlib.nullcontext()
        return torch.autocast(self.torch_device.type, dtype=torch.bfloat16)


def choose_device(wish: str = "auto") -> Device:
    """Choose a device.

    Parameters
    ----------
    wish : str
        ``"auto"`` takes a GPU when there is one; else torch's names: ``"cpu"``, ``"cuda:1"``.

    Raises
    ------
    DeviceError
        When the device does not exist.
    """
    if wish == "auto":
        wish = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(wish)
    except RuntimeError as error:
        raise DeviceError(f"there is no device {wish!r}; use auto, cpu or cuda") from error
    if device.type == "cuda":
        return _gpu(device)
    if device.type != "cpu":
        raise DeviceError(f"there is no device {wish!r}; use auto, cpu or cuda")
    return Device(device, "CPU", bfloat16=_fast_bfloat16())


def place_on(module: nn.Module, device: Device) -> None:
    """Move a network to a device, its 5D weights channels last, as bfloat16 convolutions want."""
    for tensor in (*module.parameters(), *module.buffers()):
        layout = torch.channels_last_3d if tensor.dim() == 5 else torch.preserve_format
        tensor.data = tensor.data.to(device.torch_device, memory_format=layout)


def _gpu(device: torch.device) -> Device:
    if not torch.cuda.is_available():
        raise DeviceError("there is no CUDA GPU here; use --device cpu")
    count = torch.cuda.device_count()
    if device.index is not None and device.index >= count:
        raise DeviceError(f"there is no device '{device}'; this computer has {count} CUDA GPU(s)")
    return Device(device, torch.cuda.get_device_name(device), bfloat16=True)


def _fast_bfloat16() -> bool:
    """Say whether this processor multiplies bfloat16 in hardware."""
    return bool(torch.cpu._is_avx512_bf16_supported())
