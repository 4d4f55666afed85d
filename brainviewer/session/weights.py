"""Which weights made a brain: the hash of a checkpoint's file."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import TYPE_CHECKING

from brainviewer.generators.checkpoint import WEIGHTS_FILE

if TYPE_CHECKING:
    from pathlib import Path

    from brainviewer.core.recipe import Recipe
    from brainviewer.generators.checkpoint import Checkpoint


def weights_hash(checkpoint: Checkpoint) -> str:
    """Return the SHA-256 of a checkpoint's weights; each version of the file is read once."""
    path = checkpoint.folder / WEIGHTS_FILE
    known = path.stat()
    return _hash_of(path, known.st_mtime_ns, known.st_size)


def other_weights(recipe: Recipe, weights: str) -> str:
    """Say that a recipe was written with other weights; empty where it was not."""
    if recipe.weights in ("", weights):
        return ""
    return (
        f"the recipe was made with other weights of checkpoint {recipe.checkpoint!r} "
        "than those here; its brain may differ"
    )


@lru_cache
def _hash_of(path: Path, _changed_ns: int, _size: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
