"""Tissue maps and their volumes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from brainviewer.core.volume import Affine, Brain, voxel_volume_ml

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

TISSUES = ("WM", "GM", "CSF")
T1 = "T1w"  # the channel of an image
TISSUE_NAMES = {"WM": "white matter", "GM": "grey matter", "CSF": "cerebrospinal fluid"}


def tissue_volumes_ml(brain: Brain) -> dict[str, float]:
    """Tissue volumes of a brain that holds tissue maps, with or without an image.

    The volume of a tissue is the sum of its partial volumes times the volume of a voxel.

    Parameters
    ----------
    brain : Brain with the channels WM, GM and CSF, and perhaps T1w

    Returns
    -------
    dict of tissue -> float, mL
    """
    maps = tissue_maps(brain)
    return map_volumes_ml(maps.data, maps.affine)


def has_tissues(channels: Iterable[str]) -> bool:
    """Tell whether there are maps of WM, GM and CSF among the channels."""
    return set(TISSUES) <= set(channels)


def tissue_maps(brain: Brain) -> Brain:
    """Return the maps of WM, GM and CSF of a brain that may have an image too.

    Raises
    ------
    KeyError
        When a map is missing.
    """
    if brain.channels[: len(TISSUES)] == TISSUES:
        return Brain(TISSUES, brain.data[: len(TISSUES)], brain.affine)
    return Brain(TISSUES, np.stack([brain.volume(it).data for it in TISSUES]), brain.affine)


def map_volumes_ml(
    maps: NDArray[np.generic], affine: Affine, channels: tuple[str, ...] = TISSUES
) -> dict[str, float]:
    """Sum each of the maps (C, I, J, K), in [0, 1], times the voxel volume, in mL."""
    sums = maps.reshape(len(channels), -1).sum(axis=1, dtype=np.float64)
    return {
        name: float(total) * voxel_volume_ml(affine)
        for name, total in zip(channels, sums, strict=True)
    }


def label_map(maps: NDArray[np.generic]) -> NDArray[np.uint8]:
    """Give each voxel its likeliest class: 0 background, 1 WM, 2 GM, 3 CSF.

    Parameters
    ----------
    maps : (3, I, J, K) ndarray, partial volumes in [0, 1]
        WM, GM, CSF; background is one minus their sum.
    """
    background = 1.0 - maps.sum(axis=0, dtype=np.float32, keepdims=True)
    likeliest = np.argmax(np.concatenate([background, maps]), axis=0)
    return np.asarray(likeliest, dtype=np.uint8)
