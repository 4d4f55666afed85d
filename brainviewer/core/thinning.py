"""A part of a large image that stands for all of it where every voxel would take seconds."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray

MOST_VALUES = 2**22


def thinned(data: NDArray[Any], most: int = MOST_VALUES) -> NDArray[Any]:
    """Leave out rows along j and k until about `most` values are left.

    Parameters
    ----------
    data : (I, J, K) ndarray
    most : int

    Returns
    -------
    (I, J', K') ndarray
        A view, in which neighbours along i are neighbours; all of a small image.
    """
    step = math.ceil(math.sqrt(data.size / most))
    return data[:, ::step, ::step] if step > 1 and data.ndim == 3 else data
