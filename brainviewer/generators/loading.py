"""What generators share: a network from a checkpoint, and conditions on its device."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, TypeVar, cast

import torch

from brainviewer.generators.allowance import Allowance
from brainviewer.generators.packing import read_weights

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from torch import Tensor, nn

    from brainviewer.core.features import Conditions, FeatureSchema
    from brainviewer.generators.checkpoint import Checkpoint
    from brainviewer.generators.device import Device
    from brainviewer.generators.networks import Deviations


class Sizes(Protocol):
    """The sizes of a network, of which some must fit what the checkpoint says besides."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """The grid, in voxels."""
        ...

    @property
    def conditions(self) -> int:
        """Length of the condition vector."""
        ...

    def to_json(self) -> dict[str, Any]:
        """Return plain values, for config.json."""
        ...


Config = TypeVar("Config", bound=Sizes)
Model = TypeVar("Model")


def load_model(
    checkpoint: Checkpoint,
    build: Callable[[Config], Model],
    read_config: Callable[[Mapping[str, Any]], Config],
) -> Model:
    """Build the network that a checkpoint describes and give it the checkpoint's weights."""
    config = read_config(checkpoint.config["model"])
    if config.conditions != len(checkpoint.schema.columns):
        raise ValueError(
            f"its network takes {config.conditions} conditions, its features give "
            f"{len(checkpoint.schema.columns)}"
        )
    if list(config.shape) != list(checkpoint.config["shape"]):
        raise ValueError(
            f"its network makes {list(config.shape)} voxels, its shape says "
            f"{list(checkpoint.config['shape'])}"
        )
    path = checkpoint.folder / "weights.safetensors"
    with Allowance(path):
        model = build(config)
    weights = read_weights(path)
    cast("nn.Module", model).load_state_dict(weights)
    return model


def condition_tensor(
    conditions: Conditions, schema: FeatureSchema, deviations: Deviations, device: Device
) -> Tensor:
    """Return the condition vector (1, D), what is missing as expected at age and sex."""
    y = device.tensor(schema.encode(conditions))[None]
    known = torch.from_numpy(schema.known(conditions))[None].to(device.torch_device)
    return deviations.fill(y, known)
