"""Surfaces of a brain: from partial volumes to triangles, without a window."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np
import pyvista as pv
from scipy import ndimage
from vtkmodules.vtkFiltersCore import vtkFlyingEdges3D

from brainviewer.core.tissues import has_tissues
from brainviewer.core.volume import voxel_spacing
from brainviewer.session.ventricles import halved, halved_affine, ventricle_mask, widened_to

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from brainviewer.core.volume import Affine, Brain, FloatArray

GREY_OF = {"WM": 0.92, "GM": 0.62, "CSF": 0.18}
"""How bright a pure tissue is in a T1-weighted image, between 0 and 1."""

ISOVALUE = 0.5
SMOOTHING_VOXELS = 0.7
NEIGHBOURHOOD_MM = 5.0
"""How wide the neighbourhood is that decides whether a point lies in a sulcus."""


class Surface(StrEnum):
    """The surfaces that can be drawn."""

    CORTEX = "cortex"
    WHITE_MATTER = "white matter"
    VENTRICLES = "ventricles"


@dataclass(frozen=True, slots=True, eq=False)
class Tissues:
    """What the surfaces are cut from.

    Attributes
    ----------
    solid, white, fluid : (I, J, K) float32 ndarray, partial volumes in [0, 1]
        White and grey matter together, white matter, and CSF.
    affine : (4, 4) float64 ndarray, mm
    """

    solid: FloatArray
    white: FloatArray
    fluid: FloatArray
    affine: Affine

    @property
    def spacing_mm(self) -> NDArray[np.float64]:
        """The voxel size: (3,), mm."""
        return voxel_spacing(self.affine)


def grey_image(brain: Brain) -> FloatArray:
    """Make the image a T1-weighted scan would show: (I, J, K), in [0, 1]."""
    if "T1w" in brain.channels:
        return _map(brain, "T1w")
    weights = np.array([GREY_OF.get(name, 0.0) for name in brain.channels], dtype=np.float32)
    image: FloatArray = np.tensordot(weights, brain.data, axes=1)
    return image


def tissues_of(brain: Brain) -> Tissues:
    """Take the tissues from the maps, or unmix them from a T1-weighted image."""
    if has_tissues(brain.channels):
        white = _map(brain, "WM")
        return Tissues(white + _map(brain, "GM"), white, _map(brain, "CSF"), brain.affine)
    image = _map(brain, "T1w")
    solid = _ramp(image, GREY_OF["CSF"], GREY_OF["GM"])
    return Tissues(solid, _ramp(image, GREY_OF["GM"], GREY_OF["WM"]), 1 - solid, brain.affine)


def coarser(tissues: Tissues) -> Tissues:
    """Halve the resolution: each voxel is the mean of 2 x 2 x 2."""
    return Tissues(
        halved(tissues.solid),
        halved(tissues.white),
        halved(tissues.fluid),
        halved_affine(tissues.affine),
    )


def surface_mesh(surface: Surface, tissues: Tissues, coarse: Tissues) -> pv.PolyData:
    """Cut a surface.

    Parameters
    ----------
    surface : Surface
    tissues : Tissues
        On the grid the surface is cut on.
    coarse : Tissues
        The same brain at half the full resolution, for what needs no detail.

    Returns
    -------
    pyvista.PolyData
        Points in voxels of `tissues`, with normals, and with the point data ``depth`` where the
        surface is folded: 0 on a gyrus, 1 deep in a sulcus.
    """
    smoothing = SMOOTHING_VOXELS / 2 if tissues is coarse else SMOOTHING_VOXELS
    if surface is Surface.VENTRICLES:
        return isosurface(_ventricle_map(tissues, coarse), smoothing)
    cortex = surface is Surface.CORTEX
    mesh = isosurface(tissues.solid if cortex else tissues.white, smoothing)
    shade = _sulcal_depth(coarse.solid if cortex else coarse.white, coarse.spacing_mm)
    to_coarse = np.linalg.solve(coarse.affine, tissues.affine)
    at = np.asarray(mesh.points) @ to_coarse[:3, :3].T + to_coarse[:3, 3]  # (N, 3)
    mesh.point_data["depth"] = ndimage.map_coordinates(shade, at.T, order=1, mode="nearest")
    return mesh


def isosurface(data: FloatArray, smoothing_voxels: float) -> pv.PolyData:
    """Cut where a map, smoothed, crosses 0.5; closed where the map reaches the grid's border."""
    smooth = ndimage.gaussian_filter(np.pad(data, 1), smoothing_voxels, truncate=2.5)
    image = pv.ImageData(dimensions=smooth.shape, origin=(-1, -1, -1))
    image.point_data["map"] = smooth.ravel(order="F")
    cutter = vtkFlyingEdges3D()
    cutter.SetInputData(image)
    cutter.SetValue(0, ISOVALUE)
    cutter.ComputeNormalsOn()
    cutter.ComputeScalarsOff()
    cutter.Update()
    return pv.wrap(cutter.GetOutput())


def _map(brain: Brain, channel: str) -> FloatArray:
    return brain.volume(channel).data.astype(np.float32, copy=False)


def _ramp(image: FloatArray, low: float, high: float) -> FloatArray:
    return np.clip((image - low) / (high - low), 0, 1).astype(np.float32)


def _sulcal_depth(data: FloatArray, spacing_mm: NDArray[np.float64]) -> FloatArray:
    """Tell how much of a voxel's neighbourhood is tissue: little on a gyrus, much in a sulcus.

    It darkens the sulci as the sky's light would, which costs far less than tracing that light.
    """
    share = ndimage.gaussian_filter(data, NEIGHBOURHOOD_MM / spacing_mm, truncate=2)
    return _ramp(share, 0.42, 0.74)


def _ventricle_map(tissues: Tissues, coarse: Tissues) -> FloatArray:
    """CSF, without what is not a ventricle."""
    mask = ventricle_mask(coarse.solid, coarse.fluid, coarse.affine)
    i, j, k = tissues.fluid.shape
    return np.where(widened_to(mask, (i, j, k)), tissues.fluid, np.float32(0))
