"""One person at a glance: three planes of the T1 image with the outlines of the tissues."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.image import imsave
from scipy import ndimage

from brainviewer.cohort.store import T1_RIGID
from brainviewer.core.files import write_atomically
from brainviewer.core.space import PLANE_AXIS, Plane, slice_plane, world_to_voxel
from brainviewer.core.tissues import TISSUES

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from brainviewer.cohort.store import PersonRecord
    from brainviewer.core.volume import Affine, FloatArray

# Through the thalami, the ventricles' bodies and, beside the midline, the caudate and cerebellum.
CUT_MM = (9.0, -17.0, 10.0)
PLANES = (Plane.AXIAL, Plane.CORONAL, Plane.SAGITTAL)
PIXEL_MM = 2.0 / 3.0
BRIGHTEST = 0.85  # intensity that is shown white; white matter lies at 0.75
GAP_PIXELS = 6
PNG_COMPRESSION = 3

# Outlines of what lies inside: WM, WM and GM, everything.
COLOURS = np.array([(255, 210, 63), (255, 93, 93), (77, 184, 255)], dtype=np.uint8)


def draw_person(record: PersonRecord, affine: Affine) -> NDArray[np.uint8]:
    """Draw axial, coronal and sagittal cuts side by side.

    Parameters
    ----------
    record : PersonRecord
        Rigidly aligned to the template.
    affine : (4, 4) float64 ndarray, mm
        Of its volumes.

    Returns
    -------
    (rows, columns, 3) uint8 ndarray
    """
    return draw_outlined([record.volumes[name] for name in (T1_RIGID, *TISSUES)], affine)


def draw_outlined(maps: Sequence[NDArray[np.generic]], affine: Affine) -> NDArray[np.uint8]:
    """Draw three cuts of an image with the outlines of tissues, which may be another brain's.

    Parameters
    ----------
    maps : sequence of (I, J, K) uint8 ndarray
        The image, WM, GM, CSF; 255 for 1.
    affine : (4, 4) float64 ndarray, mm

    Returns
    -------
    (rows, columns, 3) uint8 ndarray
    """
    cut = np.round(world_to_voxel(affine, CUT_MM)).astype(int)
    factor = float(affine[0, 0]) / PIXEL_MM
    pictures = [
        _draw_plane([slice_plane(m, plane, int(cut[PLANE_AXIS[plane]])) for m in maps], factor)
        for plane in PLANES
    ]
    height = max(len(picture) for picture in pictures)
    return np.hstack([_fit(picture, height) for picture in pictures])


def write_png(path: Path, picture: NDArray[np.uint8]) -> None:
    """Write a picture (rows, columns, 3) as PNG, in one step."""
    options = {"compress_level": PNG_COMPRESSION}
    write_atomically(path, lambda file: imsave(file, picture, format="png", pil_kwargs=options))


def _draw_plane(maps: list[NDArray[np.generic]], factor: float) -> NDArray[np.uint8]:
    """Draw one plane from T1, WM, GM, CSF (rows, columns): (rows, columns, 3)."""
    t1, *tissues = (_enlarge(m, factor) for m in maps)
    grey = np.clip(t1 * (255.0 / BRIGHTEST), 0.0, 255.0).astype(np.uint8)
    picture = np.repeat(grey[..., None], 3, axis=2)
    # Drawn from the outside in, so that the inner line stays whole where two meet.
    for inside, colour in list(zip(np.cumsum(tissues, axis=0) > 0.5, COLOURS, strict=True))[::-1]:
        picture[inside & ~ndimage.binary_erosion(inside)] = colour
    return picture


def _enlarge(picture: NDArray[np.generic], factor: float) -> FloatArray:
    scaled = picture.astype(np.float32) / np.float32(255.0)
    enlarged: FloatArray = ndimage.zoom(scaled, factor, order=1, grid_mode=True, mode="nearest")
    return enlarged


def _fit(picture: NDArray[np.uint8], height: int) -> NDArray[np.uint8]:
    """Centre a picture in a black field of this height, with a gap on both sides."""
    above = (height - len(picture)) // 2
    below = height - len(picture) - above
    return np.pad(picture, ((above, below), (GAP_PIXELS, GAP_PIXELS), (0, 0)))
