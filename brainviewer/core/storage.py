"""The numbers that a file stores for an array: their type, range and slope."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray

STORED_DTYPES = ("uint8", "int8", "uint16", "int16", "uint32", "int32", "float32")


def encode(data: NDArray[Any], dtype: DTypeLike | None) -> tuple[NDArray[Any], float]:
    """Turn values into those to store; values = stored x slope.

    Parameters
    ----------
    data : ndarray, finite
    dtype : dtype or None
        One of `STORED_DTYPES`. None: float32 for real numbers, for integers their own type, but
        int32 instead of 64 bits, over which other programs stumble. An unsigned type for real
        numbers spreads [0, 1] over its range.

    Returns
    -------
    stored : ndarray
    slope : float

    Raises
    ------
    ValueError
        A value is not finite or does not fit the type, or files do not hold the type.
    """
    if not np.isfinite(data).all():
        raise ValueError("some values are NaN or infinite")
    target = _default_dtype(data.dtype) if dtype is None else np.dtype(dtype)
    if target.name not in STORED_DTYPES:
        raise ValueError(f"values are stored as {', '.join(STORED_DTYPES)}, not as {target}")
    if data.dtype.kind == "f" and target.kind == "u":
        return _encode_fractions(data, target)
    return _cast(data, target), 1.0


def _default_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    if dtype.kind == "f":
        return np.dtype(np.float32)
    if dtype.kind == "b":
        return np.dtype(np.uint8)
    return np.dtype(np.int32) if dtype.itemsize == 8 else dtype


def _encode_fractions(data: NDArray[Any], dtype: np.dtype[Any]) -> tuple[NDArray[Any], float]:
    if data.min() < 0 or data.max() > 1:
        span = f"{data.min():g} to {data.max():g}"
        raise ValueError(f"{dtype} stores real numbers in [0, 1], got {span}")
    largest = float(np.iinfo(dtype).max)
    return np.rint(data.astype(np.float64) * largest).astype(dtype), 1.0 / largest


def _cast(data: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    with np.errstate(over="ignore", invalid="ignore"):
        stored = data.astype(dtype, copy=False)
    fits = np.isfinite(stored).all() if dtype.kind == "f" else np.array_equal(stored, data)
    if not fits:
        span = f"{data.min():g} to {data.max():g}"
        raise ValueError(f"{dtype} cannot store the values {span} exactly")
    return stored
