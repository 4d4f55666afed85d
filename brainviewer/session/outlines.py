"""Where the border of a region crosses a slice."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from contourpy import contour_generator

from brainviewer.session.layers import Layer
from brainviewer.session.slicing import cut

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from brainviewer.core.volume import Volume
    from brainviewer.session.slicing import Frame

BORDER = 0.5


def outlines_on(frame: Frame, share: Volume) -> list[NDArray[np.float64]]:
    """Follow the border of a region on a slice.

    Parameters
    ----------
    frame : Frame
    share : Volume
        Of a region, as `RegionMap.share` gives it; its grid may be another than the frame's.

    Returns
    -------
    list of (N, 2) float64 ndarray
        Lines of points (x, y) in the picture, mm from its middle. Those that are closed end where
        they begin.
    """
    values = np.nan_to_num(cut(Layer(share.name, share), frame))
    if min(values.shape) < 2 or values.max() < BORDER:
        return []
    lines = contour_generator(z=values).lines(BORDER)
    (row_mm, column_mm), (width, height) = frame.pixel_mm, frame.size_mm
    scale = np.array([column_mm, row_mm])
    corner = np.array([width, height]) / 2
    return [(np.asarray(line) + 0.5) * scale - corner for line in lines]
