"""The generators there are: one line each."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from brainviewer.generators.base import Generator
    from brainviewer.generators.checkpoint import Checkpoint

# Name in config.json -> module with load(checkpoint, device) -> Generator; imported when needed.
GENERATORS = {
    "vae": "brainviewer.generators.vae",
    "cvae": "brainviewer.generators.vae",
    "gan": "brainviewer.generators.gan",
    "cgan": "brainviewer.generators.gan",
    "alphagan": "brainviewer.generators.alphagan",
    "csegsynth": "brainviewer.generators.alphagan",
    "ldm": "brainviewer.generators.ldm",
    "cldm": "brainviewer.generators.ldm",
    "diffeo": "brainviewer.generators.diffeo",
    "brainsynth": "brainviewer.generators.brainsynth",
}


def build_generator(checkpoint: Checkpoint, device: str) -> Generator:
    """Load a checkpoint's model; ValueError when no generator of that name exists."""
    module = GENERATORS.get(checkpoint.generator)
    if module is None:
        raise ValueError(
            f"generator {checkpoint.generator!r} is unknown here; known: {', '.join(GENERATORS)}"
        )
    generator: Generator = import_module(module).load(checkpoint, device)
    return generator
