"""Networks that are larger than their weights' file are not even built."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import torch
from torch import nn

from brainviewer.generators.allowance import BESIDES_BYTES, UNPACKED, Allowance

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    path = tmp_path / "weights.safetensors"
    path.write_bytes(bytes(1000))
    return path


def test_a_network_that_fits_is_built_as_without(weights) -> None:
    torch.manual_seed(1)
    with Allowance(weights):
        counted = nn.Conv3d(4, 8, 3)
    torch.manual_seed(1)
    plain = nn.Conv3d(4, 8, 3)
    assert torch.equal(counted.weight, plain.weight)


def test_one_layer_that_is_too_large_is_refused(weights) -> None:
    with pytest.raises(ValueError, match="too large for its weights"), Allowance(weights):
        nn.Linear(2**20, 2**20)


def test_many_layers_that_are_too_large_together_are_refused(weights) -> None:
    side = 2**11
    allowed = (BESIDES_BYTES + 1000 * UNPACKED) // (4 * side**2)
    with Allowance(weights):
        for _ in range(allowed):
            torch.empty(side, side)
        with pytest.raises(ValueError, match="too large for its weights"):
            torch.empty(side, side)


def test_a_network_is_built_without_the_compiler(weights) -> None:
    build = (
        "import sys; from pathlib import Path; from torch import nn\n"
        "from brainviewer.generators.allowance import Allowance\n"
        "with Allowance(Path(sys.argv[1])): nn.Linear(2, 2)\n"
        "print(len({'torch', 'torch._dynamo', 'sympy'} & set(sys.modules)))"
    )
    told = subprocess.run(
        [sys.executable, "-c", build, weights],
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    assert told.stdout.strip() == "1"
