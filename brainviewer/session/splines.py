"""Cubic interpolation: between the pixels of a slice, and between the voxels of a volume."""

from __future__ import annotations

import weakref
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import ndimage

if TYPE_CHECKING:
    from numpy.typing import NDArray

FloatArray = np.ndarray[Any, np.dtype[np.float32]]

# The coefficients of a volume take as much as the volume in float32: 34 MB at 1 mm.
MOST_VOLUMES = 3

_kept: dict[int, tuple[weakref.ref[NDArray[Any]], FloatArray]] = {}


def finer(values: NDArray[Any], factor: int) -> FloatArray:
    """Put pixels between pixels, with values of the cubic spline through those that are there.

    A spline is linear in its values and a picture's is that of its rows and columns, so it is two
    products with matrices: R v C^T. It can overshoot at edges.

    Parameters
    ----------
    values : (rows, columns) ndarray
        What is not finite becomes NaN, and spreads no further than its own pixels.
    factor : int
        Pixels for each pixel, along each side.

    Returns
    -------
    (rows * factor, columns * factor) float32 ndarray
    """
    unknown = ~np.isfinite(values)
    known: FloatArray = np.where(unknown, 0, values).astype(np.float32)
    rows, columns = (_spline_matrix(size, factor) for size in values.shape)
    found: FloatArray = np.asarray(rows @ known @ columns.T, np.float32)
    if unknown.any():
        found[coarse(unknown, factor)] = np.nan
    return found


def coarse(values: NDArray[Any], factor: int) -> NDArray[Any]:
    """Repeat each pixel (rows, columns) along both sides."""
    return values.repeat(factor, axis=0).repeat(factor, axis=1)


def spline_coefficients(data: NDArray[Any]) -> FloatArray:
    """Return the coefficients of the cubic spline through a volume, kept for the last volumes."""
    reference, coefficients = _kept.pop(id(data), (None, None))
    # A number of id() can come again when its array is gone, so the array itself is asked for.
    if reference is None or coefficients is None or reference() is not data:
        coefficients = np.empty(data.shape, np.float32)
        finite = np.isfinite(data)
        known = data if finite.all() else np.where(finite, data, 0)
        ndimage.spline_filter(known, order=3, output=coefficients, mode="mirror")
        reference = weakref.ref(data)
    _kept[id(data)] = reference, coefficients
    while len(_kept) > MOST_VOLUMES:
        _kept.pop(next(iter(_kept)))
    return coefficients


@lru_cache(maxsize=32)
def _spline_matrix(count: int, factor: int) -> FloatArray:
    """Return what `count` values in a row weigh at `factor` times as many places: (fine, count)."""
    places = (np.arange(count * factor) + 0.5) / factor - 0.5
    each = np.eye(count)
    columns = [ndimage.map_coordinates(it, [places], order=3, mode="nearest") for it in each]
    matrix: FloatArray = np.stack(columns, axis=1).astype(np.float32)
    return matrix
