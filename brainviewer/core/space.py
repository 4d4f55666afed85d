"""Where things lie: voxels and world, planes and pictures, left and right."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Literal

import nibabel as nib
import numpy as np
from scipy import ndimage

from brainviewer.core.volume import Affine, Volume, voxel_spacing

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

ORTHONORMAL_TOLERANCE = 1e-4


class Plane(StrEnum):
    """An anatomical plane through a RAS+ volume."""

    SAGITTAL = "sagittal"
    CORONAL = "coronal"
    AXIAL = "axial"


class Convention(StrEnum):
    """The side of the screen on which the person's left lies in axial and coronal pictures."""

    NEUROLOGICAL = "neurological"
    RADIOLOGICAL = "radiological"


@dataclass(frozen=True, slots=True)
class Edges:
    """The directions at the edges of a picture: letters among L R A P S I."""

    left: str
    right: str
    top: str
    bottom: str


# The voxel axis across each plane; in RAS+ order i, j, k are 0, 1, 2.
PLANE_AXIS = {Plane.SAGITTAL: 0, Plane.CORONAL: 1, Plane.AXIAL: 2}
# The voxel axes that run down the rows and along the columns of each plane's picture.
PICTURE_AXES = {Plane.SAGITTAL: (2, 1), Plane.CORONAL: (2, 0), Plane.AXIAL: (1, 0)}

# Where each voxel axis of a RAS+ volume starts and where it ends.
_LETTERS = (("L", "R"), ("P", "A"), ("I", "S"))


def world_to_voxel(affine: Affine, points: ArrayLike) -> NDArray[np.float64]:
    """Give the voxel coordinates of world points.

    Parameters
    ----------
    affine : (4, 4) float64 ndarray, mm
    points : (..., 3) array, world mm

    Returns
    -------
    (..., 3) float64 ndarray
        Voxel coordinates (i, j, k), not rounded; voxel centres lie at whole numbers.
    """
    inverse: Affine = np.linalg.inv(affine).astype(np.float64, copy=False)
    return voxel_to_world(inverse, points)


def voxel_to_world(affine: Affine, points: ArrayLike) -> NDArray[np.float64]:
    """Give the world coordinates, in mm, of voxel coordinates (..., 3)."""
    rotation_and_zoom, translation = affine[:3, :3], affine[:3, 3]
    return np.asarray(points, dtype=np.float64) @ rotation_and_zoom.T + translation


def to_ras(data: NDArray[Any], affine: Affine) -> tuple[NDArray[Any], Affine]:
    """Reorder and flip the voxel axes to the order that is closest to RAS+.

    No value is interpolated and none moves in the world: an oblique image stays oblique, with i
    running closest to right, j to anterior and k to superior.

    Parameters
    ----------
    data : (I, J, K, ...) ndarray
        Any further axes (frames, colours) come after the three of space and are kept.
    affine : (4, 4) float64 ndarray, mm

    Returns
    -------
    data : ndarray
        A view of the given array.
    affine : (4, 4) float64 ndarray, mm

    Raises
    ------
    ValueError
        The affine is singular, so that its axes have no direction.
    """
    orientation = nib.io_orientation(affine)
    if np.isnan(orientation).any():
        raise ValueError(f"a volume needs an affine with an inverse, got\n{affine}")
    reorder = nib.orientations.inv_ornt_aff(orientation, data.shape[:3])
    return nib.apply_orientation(data, orientation), np.asarray(affine @ reorder, dtype=np.float64)


def slice_plane(
    data: NDArray[Any],
    plane: Plane,
    index: int,
    *,
    convention: Convention = Convention.NEUROLOGICAL,
) -> NDArray[Any]:
    """Cut one picture out of a RAS+ volume.

    Row 0 is the top of the picture, column 0 its left::

               axial                  coronal               sagittal
                 A                       S                      S
             .-------.               .-------.              .-------.
           L |  o o  | R           L |       | R          A <       | P
             |       |               |       |              |       |
             '-------'               '-------'              '-------'
                 P                       I                      I

    This is the neurological convention: the person's left is on the left of the screen. In the
    radiological one the axial and coronal pictures are mirrored, as if one looked at the person
    from the feet and from the front. The nose of the sagittal picture points left in both.

    Parameters
    ----------
    data : (I, J, K) ndarray, RAS+
    plane : Plane
    index : int, voxels along ``PLANE_AXIS[plane]``
    convention : Convention

    Returns
    -------
    (rows, columns) ndarray
        A view of the data.
    """
    # Two axes are left, (column axis, row axis); both grow to right, anterior or superior.
    picture: NDArray[Any] = np.moveaxis(data, PLANE_AXIS[plane], 0)[index].T[::-1]
    return picture[:, ::-1] if _columns_descend(plane, convention) else picture


def flip_for(plane: Plane, convention: Convention) -> bool:
    """Tell whether a convention mirrors the neurological picture of a plane left to right."""
    return convention is Convention.RADIOLOGICAL and plane is not Plane.SAGITTAL


def edge_letters(plane: Plane, convention: Convention) -> Edges:
    """Name the directions at the edges of a plane's picture."""
    row_axis, column_axis = PICTURE_AXES[plane]
    bottom, top = _LETTERS[row_axis]
    left, right = _LETTERS[column_axis]
    if _columns_descend(plane, convention):
        left, right = right, left
    return Edges(left=left, right=right, top=top, bottom=bottom)


def pixel_to_voxel(
    plane: Plane,
    convention: Convention,
    shape: tuple[int, int, int],
    index: float,
    row: float,
    column: float,
) -> tuple[float, float, float]:
    """Find the voxel coordinates under a pixel of a plane's picture.

    Parameters
    ----------
    plane : Plane
    convention : Convention
    shape : (I, J, K)
        The shape of the volume.
    index : float, voxels across the plane
    row, column : float, pixels
        Centres at whole numbers, (0, 0) at the top left.

    Returns
    -------
    i, j, k : float, voxels
        Not rounded, and not clipped to the volume.
    """
    row_axis, column_axis = PICTURE_AXES[plane]
    voxel = [0.0, 0.0, 0.0]
    voxel[PLANE_AXIS[plane]] = float(index)
    voxel[row_axis] = shape[row_axis] - 1.0 - row
    voxel[column_axis] = (
        shape[column_axis] - 1.0 - column if _columns_descend(plane, convention) else float(column)
    )
    return voxel[0], voxel[1], voxel[2]


def voxel_to_pixel(
    plane: Plane,
    convention: Convention,
    shape: tuple[int, int, int],
    voxel: ArrayLike,
) -> tuple[float, float]:
    """Find the (row, column) at which a plane's picture shows voxel coordinates (3,)."""
    row_axis, column_axis = PICTURE_AXES[plane]
    coordinates = np.asarray(voxel, dtype=np.float64)
    row = shape[row_axis] - 1.0 - coordinates[row_axis]
    column = coordinates[column_axis]
    if _columns_descend(plane, convention):
        column = shape[column_axis] - 1.0 - column
    return float(row), float(column)


def resample(
    volume: Volume,
    *,
    affine: Affine,
    shape: tuple[int, int, int],
    order: Literal[0, 1, 3] = 1,
) -> Volume:
    """Show a volume on another grid; nothing moves in the world.

    Parameters
    ----------
    volume : Volume
    affine : (4, 4) float64 ndarray, mm
        Of the new grid.
    shape : (I, J, K)
        Of the new grid.
    order : int
        Of the interpolating spline: 0, the nearest voxel, for labels, which keep their type;
        1 linear; 3 cubic, which can overshoot.

    Returns
    -------
    Volume, float32 unless order is 0
        Zero outside the given volume. Not smoothed first: a much coarser grid will alias.
    """
    to_source = np.linalg.inv(volume.affine) @ affine
    data: NDArray[Any] = np.empty(shape, volume.data.dtype if order == 0 else np.float32)
    # "grid-constant" fades to zero within a voxel of the edge; "constant" would drop a whole face
    # that rounding puts 1e-12 voxels outside.
    ndimage.affine_transform(
        volume.data,
        to_source[:3, :3],
        to_source[:3, 3],
        output=data,
        order=order,
        mode="grid-constant",
    )
    return replace(volume, data=data, affine=np.array(affine, dtype=np.float64))


def finer_affine(affine: Affine, times: int) -> Affine:
    """Return the affine (4, 4) of a grid so many times finer along each axis, with its corners."""
    finer = affine.copy()
    finer[:3, 3] += finer[:3, :3].sum(axis=1) * (1.0 / times - 1.0) / 2
    finer[:3, :3] /= times
    return finer


def is_orthonormal(affine: Affine) -> bool:
    """Tell whether the voxel axes meet at right angles, as NIfTI's qform and ITK demand."""
    spacing = voxel_spacing(affine)
    if not np.isfinite(affine).all() or not spacing.all():
        return False
    cosines = affine[:3, :3] / spacing
    return np.allclose(cosines.T @ cosines, np.eye(3), rtol=0, atol=ORTHONORMAL_TOLERANCE)


def nearest_orthonormal(affine: Affine, *, centre: ArrayLike = (0.0, 0.0, 0.0)) -> Affine:
    """Take the shear out of an affine, keeping its spacing.

    With the direction cosines C = U S V^T, the orthonormal matrix closest to them is U V^T.

    Parameters
    ----------
    affine : (4, 4) float64 ndarray, mm
    centre : (3,) array, voxels
        The voxel that keeps its place in the world.

    Returns
    -------
    (4, 4) float64 ndarray, mm
    """
    spacing = voxel_spacing(affine)
    u, _, v_transposed = np.linalg.svd(affine[:3, :3] / spacing)
    nearest = np.eye(4)
    nearest[:3, :3] = (u @ v_transposed) * spacing
    nearest[:3, 3] = voxel_to_world(affine, centre) - voxel_to_world(nearest, centre)
    return nearest


def _columns_descend(plane: Plane, convention: Convention) -> bool:
    """Whether column 0 shows the end of the column axis: its last voxel rather than its first."""
    return plane is Plane.SAGITTAL or flip_for(plane, convention)
