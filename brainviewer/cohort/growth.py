"""Which warp gives every region of the template the volume that it should have."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from brainviewer.cohort.lifespan import region_tissue
from brainviewer.cohort.regions import REGION_NAMES, region_maps, territory_labels
from brainviewer.cohort.template import CSF_T1, average_cells, load_template
from brainviewer.cohort.warp import exponentiate, jacobian_determinant, velocity_of_divergence
from brainviewer.core.volume import ML_PER_MM3

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from brainviewer.cohort.template import Template
    from brainviewer.core.volume import Affine, FloatArray

# The template's sulci are those of an average of young brains: narrow, and blurred to a trace of
# CSF. The brain that is warped has them opened, so that the warp has something to widen:
# odds(CSF') = OPENING odds(CSF)^SHARPENING. Its outer CSF is 15 % of the head, as at fifty years.
SULCUS_OPENING = 3.9
SULCUS_SHARPENING = 1.6
FINEST_SPACING_MM = 1.0
GREY_T1 = 0.69  # the template's intensity of grey matter

DRIVE_BLUR_MM = 1.5
NEIGHBOURHOOD_MM = 8.0  # tissue gives way to the CSF this near
MAX_CSF_DRIVE = 6.0
# The cerebellum loses less than the cortex, and the fourth ventricle widens less than the others.
HINDBRAIN_DRIVE = {"CSF": 0.5, "ventricles": 0.3}
SUPPORT_MIN = 1e-3

MAX_ITERATIONS = 8
TOLERANCE_LOG = 0.003


@dataclass(frozen=True, slots=True, eq=False)
class Reference:
    """The brain that every simulated person is a warp of.

    Attributes
    ----------
    t1 : (I, J, K) float32 ndarray, in [0, 1]
    classes : (4, I, J, K) float32 ndarray, in [0, 1]
        WM, GM, CSF outside the ventricles, ventricles.
    territories : (I, J, K) uint8 ndarray
    affine : (4, 4) float64 ndarray, mm
        To MNI space.
    """

    t1: FloatArray
    classes: FloatArray
    territories: NDArray[np.uint8]
    affine: Affine


@lru_cache(maxsize=3)
def load_reference(spacing_mm: float) -> Reference:
    """Load the reference brain on the template's grid at a spacing."""
    if spacing_mm == FINEST_SPACING_MM:
        return _open_sulci(load_template(FINEST_SPACING_MM))
    fine = load_reference(FINEST_SPACING_MM)
    template = load_template(spacing_mm)
    t1, *classes = (
        average_cells(data, fine.affine, template.t1.shape, template.affine)
        for data in (fine.t1, *fine.classes)
    )
    return Reference(t1, np.stack(classes), template.territories, template.affine)


def _open_sulci(template: Template) -> Reference:
    """Raise the odds of CSF where there is some, in the maps and in T1 alike."""
    wm, gm, csf, ventricles = template.classes
    total = template.tissues.sum(axis=0)
    share = np.clip(csf / np.maximum(total, 1e-6), 0.0, 1.0 - 1e-6)
    odds = SULCUS_OPENING * (share / (1.0 - share)) ** SULCUS_SHARPENING
    opened = np.where(ventricles > 0, csf, np.maximum(csf, total * odds / (1.0 + odds)))
    rest = (total - opened) / np.maximum(total - csf, 1e-6)
    classes = np.stack([wm * rest, gm * rest, opened, ventricles * rest]).astype(np.float32)
    t1 = np.clip(template.t1 + (opened - csf) * (CSF_T1 - GREY_T1), 0.0, 1.0).astype(np.float32)
    return Reference(t1, classes, template.territories, template.affine)


@dataclass(frozen=True, slots=True, eq=False)
class GrowthModel:
    """What the regions weigh and how they are driven, at the voxels where anything is.

    Attributes
    ----------
    support : (I, J, K) bool ndarray
        The N voxels that the other arrays are about.
    weights_ml : (R, N) float32 ndarray, mL
        Volume of each region in each voxel.
    drives : (R, N) float32 ndarray
        Divergence that one unit of each region's rate adds to each voxel.
    """

    support: NDArray[np.bool_]
    weights_ml: FloatArray
    drives: FloatArray

    @property
    def volumes_ml(self) -> NDArray[np.float64]:
        """Volume of each region of the unwarped brain: (R,), mL."""
        return np.asarray(self.weights_ml.sum(axis=1, dtype=np.float64))

    @property
    def response(self) -> NDArray[np.float64]:
        """Log volume change of region r for a small unit rate of region s: (R, R)."""
        moved = np.asarray(self.weights_ml @ self.drives.T, dtype=np.float64)
        return moved / self.volumes_ml[:, None]

    def divergence(self, rates: NDArray[np.float64]) -> FloatArray:
        """Add up the regions' drives, each times its rate: (I, J, K)."""
        divergence = np.zeros(self.support.shape, np.float32)
        divergence[self.support] = rates.astype(np.float32) @ self.drives
        return divergence

    def grown_ml(self, jacobian: FloatArray) -> NDArray[np.float64]:
        """Volume of each region after a map with this Jacobian determinant: (R,), mL.

        The integral of a warped map is that of the map times the Jacobian determinant.
        """
        return np.asarray(self.weights_ml @ jacobian[self.support], dtype=np.float64)


@lru_cache(maxsize=2)
def load_growth_model(spacing_mm: float) -> GrowthModel:
    """Build the growth model of the reference brain on the template's grid at a spacing."""
    reference = load_reference(spacing_mm)
    maps = region_maps(reference.classes, reference.territories)
    drives = maps.copy()
    drives[_index("CSF")] *= _csf_drive(maps, spacing_mm)
    hindbrain = np.isin(reference.territories, territory_labels("cerebellum", "brainstem"))
    for region, weaker in HINDBRAIN_DRIVE.items():
        drives[_index(region)] *= np.where(hindbrain, weaker, 1.0)
    for drive in drives:
        ndimage.gaussian_filter(drive, DRIVE_BLUR_MM / spacing_mm, output=drive)
    support = drives.max(axis=0) > SUPPORT_MIN
    weights_ml = maps[:, support] * np.float32(spacing_mm**3 * ML_PER_MM3)
    return GrowthModel(support, weights_ml, drives[:, support])


def _index(region: str) -> int:
    """Row of a region among the maps, which leave the background out."""
    return REGION_NAMES.index(region) - 1


def _csf_drive(maps: FloatArray, spacing_mm: float) -> FloatArray:
    """Tell the CSF where to take up what tissue loses: near it, and most where CSF is scarce.

    Grey matter per CSF in the neighbourhood. Without it the cisterns, which are nothing but
    CSF, would swell and the sulci between the gyri would hardly open.
    """
    grey = [region_tissue(name) == "GM" for name in REGION_NAMES[1:]]
    sigma = NEIGHBOURHOOD_MM / spacing_mm
    gm = ndimage.gaussian_filter(maps[grey].sum(axis=0), sigma)
    csf = ndimage.gaussian_filter(maps[_index("CSF")], sigma)
    ratio = np.minimum(gm / (csf + 0.02), MAX_CSF_DRIVE)
    return np.asarray(ratio / np.average(ratio, weights=maps[_index("CSF")]), dtype=np.float32)


def fit_velocity(
    model: GrowthModel, targets_ml: NDArray[np.float64], shape_velocity: FloatArray
) -> FloatArray:
    """Find the velocity whose flow gives every region its volume.

    v = shape_velocity + grad(phi), laplacian(phi) = sum_r c_r D_r with the drives D_r. The rates
    c solve log V(c) = log V_target by Broyden's method (Math. Comp. 19:577, 1965), started with
    the linear response of small changes.

    Parameters
    ----------
    model : GrowthModel
    targets_ml : (R,) ndarray, mL
        In the space of the template, so that they add up to the reference's volume.
    shape_velocity : (3, I, J, K) float32 ndarray, voxels
        The part of the velocity that is the person's own and stays as it is.

    Returns
    -------
    (3, I, J, K) float32 ndarray, voxels
    """
    response, rates = model.response, np.zeros(len(targets_ml))
    velocity, error = shape_velocity, np.log(targets_ml / model.volumes_ml)
    for _ in range(MAX_ITERATIONS):
        step = np.linalg.solve(response, error)
        rates += step
        velocity = shape_velocity + velocity_of_divergence(model.divergence(rates))
        jacobian = jacobian_determinant(exponentiate(velocity))
        new_error = np.log(targets_ml / model.grown_ml(np.maximum(jacobian, 0.0)))
        if np.abs(new_error).max() < TOLERANCE_LOG:
            break
        response += np.outer(error - new_error - response @ step, step) / (step @ step)
        error = new_error
    return velocity
