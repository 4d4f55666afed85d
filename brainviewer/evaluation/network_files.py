"""Feature networks on disk: those fitted here, and those that others published."""

from __future__ import annotations

import hashlib
import json
import warnings
from dataclasses import asdict
from typing import TYPE_CHECKING

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from brainviewer.core.files import write_bytes_atomically
from brainviewer.evaluation.feature_networks import (
    CHANNELS,
    LEARNING_RATE,
    SEED,
    Embedder,
    new_networks,
)
from brainviewer.evaluation.people import EvaluationError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from torch import Tensor

    from brainviewer.evaluation.feature_networks import FeatureNetwork, FittingPeople, Plan


def load_network(path: Path) -> Embedder:
    """Read a network from a TorchScript file, such as MedicalNet's or RadImageNet's ResNet50.

    It takes a batch (B, 1, I, J, K) or (B, 1, H, W) of maps in [0, 1], does the scaling and the
    copying to three channels that it wants by itself, and gives (B, F), or (B, F, ...) of which
    the spatial mean is taken.

    Raises
    ------
    EvaluationError
        When the file is no such network.
    """
    try:
        with warnings.catch_warnings():
            # The format is being retired, but it is what published networks come in.
            warnings.simplefilter("ignore", DeprecationWarning)
            network = torch.jit.load(path, map_location="cpu")  # type: ignore[no-untyped-call]
    except (RuntimeError, ValueError, OSError) as error:
        raise EvaluationError(
            f"{path.name} cannot be read as a TorchScript network; save it with torch.jit.save"
        ) from error
    network.eval()

    def describe(images: Tensor) -> Tensor:
        try:
            found = network(images)
        except RuntimeError as error:
            raise EvaluationError(
                f"the network in {path.name} does not take {tuple(images.shape)} maps: "
                f"{str(error).strip().splitlines()[-1]}"
            ) from error
        if not isinstance(found, torch.Tensor) or found.dim() < 2 or len(found) != len(images):
            raise EvaluationError(f"the network in {path.name} gives no (B, F) features")
        return found.flatten(2).mean(dim=2) if found.dim() > 2 else found

    return Embedder(path.name, describe, own=False)


def save_networks(networks: Mapping[str, FeatureNetwork], path: Path, *, key: str) -> None:
    """Write both networks, and whom they were fitted to."""
    tensors = {
        f"{name}.{part}": value.contiguous()
        for name, network in networks.items()
        for part, value in network.state_dict().items()
    }
    write_bytes_atomically(path, save(tensors, {"key": key}))


def read_networks(path: Path, *, key: str) -> dict[str, FeatureNetwork] | None:
    """Read networks that were fitted to the same people; None when there are none."""
    try:
        with safe_open(path, framework="pt") as file:
            if (file.metadata() or {}).get("key") != key:
                return None
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        networks = new_networks()
        for name, network in networks.items():
            own = {k.removeprefix(f"{name}."): v for k, v in tensors.items() if k.startswith(name)}
            network.load_state_dict(own)
            network.eval().requires_grad_(False)
    except (OSError, SafetensorError, RuntimeError):
        return None
    return networks


def key_of(people: FittingPeople, plan: Plan) -> str:
    """Return a text that changes with the people, the plan or the networks' sizes."""
    digest = hashlib.sha256(json.dumps([asdict(plan), CHANNELS, SEED, LEARNING_RATE]).encode())
    for array in (people.maps, people.facts):
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()
