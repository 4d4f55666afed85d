"""Weights in a file: large matrices as int8 with a scale for each row, the others as float16.

A quarter and a half of what they take in memory; eight generators then fit beside the code. Shares,
which are mostly 0, are deflated too.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from torch import Tensor

SCALE = ":scale"
SHAPE = ":shape"
SHARES = ".shares"
FEWEST_INT8 = 200_000
MOST_SHARES = 2**28
LARGEST_INT8 = 127.0
LARGEST_UINT8 = 255.0


def pack_weights(state: Mapping[str, Tensor]) -> bytes:
    """Return the content of a weights file.

    Floating-point tensors of two and more dimensions with at least 200,000 numbers become int8
    (rounded; the largest number of each row is 127 of its steps); the shares of a mean brain become
    uint8, as roots, so that small ones keep their digits, and are deflated with their shape beside;
    others become float16. Integers stay.

    Parameters
    ----------
    state : mapping of str to Tensor
        What ``state_dict()`` gives.
    """
    packed: dict[str, Tensor] = {}
    for name, value in state.items():
        tensor = value.detach().cpu()
        if not tensor.is_floating_point():
            packed[name] = tensor
        elif name.endswith(SHARES) and tensor.numel():
            roots = (LARGEST_UINT8 * tensor.float().sqrt()).round().to(torch.uint8)
            packed[name] = _deflated(roots)
            packed[name + SHAPE] = torch.tensor(roots.shape)
        elif tensor.dim() > 1 and tensor.numel() >= FEWEST_INT8:
            scale = tensor.float().flatten(1).abs().amax(dim=1) / LARGEST_INT8
            scale = scale.clamp_min(torch.finfo(torch.float32).tiny)
            packed[name + SCALE] = scale
            packed[name] = (tensor.float() / _by_row(scale, tensor)).round().to(torch.int8)
        else:
            packed[name] = tensor.half()
    content: bytes = save({name: tensor.contiguous() for name, tensor in packed.items()})
    return content


def read_weights(path: Path) -> dict[str, Tensor]:
    """Read a weights file as float32, whichever of the three ways each tensor is stored.

    Raises
    ------
    safetensors.SafetensorError, OSError
        When it cannot be read or is damaged.
    """
    stored = load_file(path)
    weights: dict[str, Tensor] = {}
    for name, value in stored.items():
        if name.endswith((SCALE, SHAPE)):
            continue
        if value.dtype == torch.int8:
            scale = stored.get(name + SCALE)
            if scale is None or scale.shape != value.shape[:1]:
                raise SafetensorError(f"{name} has no scale for each of its rows")
            weights[name] = value.float() * _by_row(scale, value)
        elif value.dtype == torch.uint8:
            roots = (
                _inflated(name, value, stored[name + SHAPE]) if name + SHAPE in stored else value
            )
            weights[name] = (roots.float() / LARGEST_UINT8) ** 2
        else:
            weights[name] = value.float() if value.is_floating_point() else value
    return weights


def _deflated(numbers: Tensor) -> Tensor:
    """Return the bytes of whole numbers, deflated: (N,) uint8."""
    packed = zlib.compress(numbers.contiguous().numpy().tobytes(), level=9)
    return torch.frombuffer(bytearray(packed), dtype=torch.uint8)


def _inflated(name: str, packed: Tensor, shape: Tensor) -> Tensor:
    """Undo `_deflated`; no more is unpacked than the shape has room for."""
    sizes, limit = shape.tolist(), int(shape.prod())
    try:
        if not 0 < limit <= MOST_SHARES:
            raise ValueError(f"its shape is {sizes}")
        content = zlib.decompressobj().decompress(packed.numpy().tobytes(), limit + 1)
        return torch.frombuffer(bytearray(content), dtype=torch.uint8).reshape(sizes)
    except (zlib.error, RuntimeError, ValueError) as error:
        raise SafetensorError(f"{name} is damaged ({error})") from error


def _by_row(numbers: Tensor, of: Tensor) -> Tensor:
    """Reshape one number a row so that it multiplies the rows of a tensor."""
    return numbers.reshape(-1, *[1] * (of.dim() - 1))
