"""Slices of a volume on another volume's grid, kept so that each is sampled once."""

from __future__ import annotations

import weakref
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from brainviewer.core.space import PLANE_AXIS
from brainviewer.session.splines import spline_coefficients

if TYPE_CHECKING:
    from collections.abc import Hashable

    from brainviewer.core.volume import Affine, Volume
    from brainviewer.session.layers import Interpolation
    from brainviewer.session.slicing import Frame

Slab = NDArray[np.float32]

# Ten overlays in three planes; a slab of 1 mm voxels takes 0.2 MB.
MOST_SLABS = 32
# The spline through a larger volume would take seconds and as much memory again.
MOST_CUBIC_VOXELS = 2**25
# Of the spline between the voxels.
ORDERS: dict[Interpolation, int] = {"nearest": 0, "linear": 1, "cubic": 3}

_kept: OrderedDict[Hashable, tuple[weakref.ref[NDArray[Any]], Slab]] = OrderedDict()


def sampled_slab(volume: Volume, frame: Frame, interpolation: Interpolation) -> Slab:
    """Sample a volume on one slice of another grid; the array's values are taken as constant.

    Parameters
    ----------
    volume : Volume
        It may be forgotten while its slabs are kept: they do not hold it.
    frame : Frame
        The grid and the slice. Its convention makes no difference.
    interpolation : ``"nearest"``, ``"linear"`` or ``"cubic"``

    Returns
    -------
    float32 ndarray, read-only
        The grid's shape, 1 across the plane; NaN outside the volume.
    """
    # Rounded, so that a face which coincides is not 1e-12 voxels outside.
    to_volume = np.round(np.linalg.inv(volume.affine) @ frame.affine, 9)
    grid = (to_volume.tobytes(), frame.shape, frame.plane, frame.index)
    key = (id(volume.data), *grid, interpolation)
    data, slab = _kept.pop(key, (None, None))
    # A number of id() can come again when its array is gone, so the array itself is asked for.
    if data is None or slab is None or data() is not volume.data:
        data, slab = weakref.ref(volume.data), _sample(volume, frame, to_volume, interpolation)
    _kept[key] = data, slab
    if len(_kept) > MOST_SLABS:
        _kept.popitem(last=False)
    return slab


def kept() -> int:
    """Count the slabs that are kept."""
    return len(_kept)


def _sample(volume: Volume, frame: Frame, to_volume: Affine, interpolation: Interpolation) -> Slab:
    axis = PLANE_AXIS[frame.plane]
    start = np.zeros(3)
    start[axis] = frame.index
    slab = np.empty([1 if it == axis else size for it, size in enumerate(frame.shape)], np.float32)
    if interpolation == "cubic" and volume.data.size > MOST_CUBIC_VOXELS:
        interpolation = "linear"
    is_cubic = interpolation == "cubic"
    ndimage.affine_transform(
        spline_coefficients(volume.data) if is_cubic else volume.data,
        to_volume[:3, :3],
        to_volume[:3, :3] @ start + to_volume[:3, 3],
        output=slab,
        order=ORDERS[interpolation],
        mode="constant",
        cval=np.nan,
        prefilter=False,
    )
    slab.setflags(write=False)
    return slab
