"""Simulated people: the template warped to the volumes that age, sex, size and chance prescribe."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from brainviewer.cohort.appearance import give_appearance
from brainviewer.cohort.growth import (
    FINEST_SPACING_MM,
    GrowthModel,
    fit_velocity,
    load_growth_model,
    load_reference,
)
from brainviewer.cohort.people import Person, draw_person
from brainviewer.cohort.regions import REGION_NAMES, label_regions, region_volumes_ml
from brainviewer.cohort.template import template_grid
from brainviewer.cohort.warp import (
    curl,
    exponentiate,
    jacobian_determinant,
    sample,
    sample_labels,
    smooth_field,
    transform_points,
    voxel_points,
)
from brainviewer.core.volume import voxel_spacing

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from brainviewer.core.volume import Affine, FloatArray

FIELD_SPACING_MM = 2.0  # of the grid that velocities live on
HEAD_CENTRE_MM = (0.0, -22.0, 10.0)  # centroid of the template; heads differ in size about it
SLAB_VOXELS = 16  # sampled at a time, so that memory stays small

SHAPE_WARP_MM = 2.5  # root mean square of a person's own velocity inside the brain
SHAPE_LENGTH_MM = 35.0
SHAPE_MODES = (20, 28, 24)  # waves drawn along x, y, z: half-waves down to 8 mm
MIDLINE_MM = 15.0  # within this distance the falx holds the midline
MIDLINE_HOLD = 0.7
MIN_JACOBIAN = 0.01
SHRINK = 0.85


logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class SimulatedPerson:
    """A person made from the template, with what was asked for and what came out.

    Attributes
    ----------
    participant_id : str
        ``sub-sim0001`` for index 1.
    features : dict of name -> float or str
        age (years), sex (F, M), height (cm), weight (kg), education (years), smoking.
    t1 : (I, J, K) float32 ndarray, in [0, 1]
        Skull-stripped; 0 outside the head's CSF.
    tissues : (3, I, J, K) float32 ndarray, in [0, 1]
        WM, GM, CSF partial volumes.
    regions : (I, J, K) uint8 ndarray
        Index into `brainviewer.cohort.regions.REGION_NAMES`.
    affine : (4, 4) float64 ndarray, mm
        To MNI space, rigidly: the volumes are the person's own.
    to_template : (4, 4) float64 ndarray
        From there to the template's own head: undoes the person's head size and shape.
    volumes_ml : dict of region -> float, mL
        Measured in these maps.
    prescribed_ml : dict of region -> float, mL
    min_jacobian : float
        The smallest local volume factor of the warp; above 0 it is invertible.
    """

    participant_id: str
    features: dict[str, float | str]
    t1: FloatArray
    tissues: FloatArray
    regions: NDArray[np.uint8]
    affine: Affine
    to_template: Affine
    volumes_ml: dict[str, float]
    prescribed_ml: dict[str, float]
    min_jacobian: float


def simulate_person(
    index: int,
    *,
    seed: int,
    shape: tuple[int, int, int],
    affine: Affine,
    field_spacing_mm: float = FIELD_SPACING_MM,
) -> SimulatedPerson:
    """Make person number `index` of a simulated cohort.

    Parameters
    ----------
    index : int
        From 1; the person depends on the seed and this number, not on how many are made.
    seed : int
        Of the cohort.
    shape : (I, J, K) tuple of int
        The grid to make the images on.
    affine : (4, 4) float64 ndarray, mm
        From that grid to MNI space.
    field_spacing_mm : float, mm
        Of the grid that the warp is worked out on; coarser is faster and less exact.
    """
    rng = np.random.default_rng([seed, index])
    model = load_growth_model(field_spacing_mm)
    template_ml = dict(zip(REGION_NAMES[1:], model.volumes_ml.tolist(), strict=True))
    person = draw_person(template_ml, rng)
    velocity = _fit_person(person, model, _draw_shape_velocity(field_spacing_mm, rng))
    backward, min_jacobian = _invertible_flow(velocity)
    scale = _head_scale(person, sum(template_ml.values()))
    t1, classes, territories = _warp_reference(backward, field_spacing_mm, scale, (shape, affine))
    return SimulatedPerson(
        participant_id=f"sub-sim{index:04d}",
        features=person.features,
        t1=give_appearance(
            t1,
            classes,
            age=float(person.features["age"]),
            spacing_mm=float(voxel_spacing(affine).min()),
            rng=rng,
        ),
        tissues=_merge_csf(classes),
        regions=label_regions(classes, territories),
        affine=affine,
        to_template=_shrink(scale),
        volumes_ml=region_volumes_ml(classes, territories, affine),
        prescribed_ml=person.volumes_ml,
        min_jacobian=min_jacobian,
    )


def _fit_person(person: Person, model: GrowthModel, shape_velocity: FloatArray) -> FloatArray:
    """Find the velocity to a person's volumes, as they are before the head gets its size."""
    volumes_ml = np.array(list(person.volumes_ml.values()))
    return fit_velocity(model, volumes_ml * model.volumes_ml.sum() / person.head_ml, shape_velocity)


def _head_scale(person: Person, template_head_ml: float) -> NDArray[np.float64]:
    """Lengths of the person's head relative to the template's along x, y and z."""
    return np.asarray(person.head_shape * np.cbrt(person.head_ml / template_head_ml))


def _draw_shape_velocity(spacing_mm: float, rng: np.random.Generator) -> FloatArray:
    """Draw what makes this brain its own: a smooth velocity that changes no volume.

    It is the curl of a random potential. The potential is weaker along y and z near x = 0, so
    that little crosses the midline.
    """
    shape, affine = template_grid(spacing_mm)
    waves = rng.standard_normal((3, *SHAPE_MODES))
    potential = np.stack(
        [smooth_field(w, shape, spacing_mm, length_mm=SHAPE_LENGTH_MM) for w in waves]
    )
    x = affine[0, 0] * np.arange(shape[0]) + affine[0, 3]
    hold = 1.0 - MIDLINE_HOLD * np.exp(-0.5 * (x / MIDLINE_MM) ** 2)
    potential[1:] *= hold.astype(np.float32)[:, None, None]
    velocity = curl(potential)
    inside = load_growth_model(spacing_mm).support
    rms = np.sqrt((velocity**2).sum(axis=0)[inside].mean())
    return np.asarray(velocity * (SHAPE_WARP_MM / spacing_mm / rms), dtype=np.float32)


def _invertible_flow(velocity: FloatArray) -> tuple[FloatArray, float]:
    """Flow backwards, weaker if it would fold: the displacement and its least Jacobian."""
    while True:
        backward = exponentiate(-velocity)
        least = float(jacobian_determinant(backward).min())
        if least > MIN_JACOBIAN:
            return backward, least
        logger.warning("a warp with Jacobian %.3f is weakened", least)
        velocity = velocity * np.float32(SHRINK)


def _warp_reference(
    backward: FloatArray,
    field_spacing_mm: float,
    scale: NDArray[np.float64],
    grid: tuple[tuple[int, int, int], Affine],
) -> tuple[FloatArray, FloatArray, NDArray[np.uint8]]:
    """Sample the reference brain on the person's grid: T1, classes (4, I, J, K), territories.

    A voxel's centre y goes to p = centre + (y - centre) / scale in the template's space, and from
    there with the backward flow to the point of the reference that ends up at p.
    """
    shape, affine = grid
    reference = load_reference(max(FINEST_SPACING_MM, float(voxel_spacing(affine).min()) / 2))
    _, field_affine = template_grid(field_spacing_mm)
    to_field = np.linalg.inv(field_affine) @ _shrink(scale) @ affine
    to_reference = np.linalg.inv(reference.affine) @ field_affine
    maps = np.concatenate([reference.t1[None], reference.classes])
    out = np.zeros((len(maps), *shape), np.float32)
    territories = np.zeros(shape, np.uint8)
    for start in range(0, shape[0], SLAB_VOXELS):
        slab = slice(start, min(start + SLAB_VOXELS, shape[0]))
        points = transform_points(to_field, voxel_points(shape, slab))
        points = transform_points(to_reference, points + sample(backward, points))
        out[:, slab] = sample(maps, points)
        territories[slab] = sample_labels(reference.territories, points)
    return out[0], out[1:], territories


def _shrink(scale: NDArray[np.float64]) -> NDArray[np.float64]:
    """Affine from the person's head back to the template's, about `HEAD_CENTRE_MM`: (4, 4)."""
    matrix = np.diag([*(1.0 / scale), 1.0])
    matrix[:3, 3] = np.array(HEAD_CENTRE_MM) * (1.0 - 1.0 / scale)
    return matrix


def _merge_csf(classes: FloatArray) -> FloatArray:
    """Put the ventricles back into the CSF: (3, I, J, K)."""
    return np.concatenate([classes[:2], classes[2:].sum(axis=0, keepdims=True)])
