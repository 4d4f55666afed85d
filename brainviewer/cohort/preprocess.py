"""One scan to one person: brain extraction, bias, alignment, partial volumes, common grid."""

from __future__ import annotations

import tempfile
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import ants
import numpy as np
from scipy import ndimage

from brainviewer.cohort.regions import territory_labels
from brainviewer.cohort.store import REGIONS, T1_AFFINE, T1_RIGID, PersonRecord, to_uint8
from brainviewer.cohort.template import load_template, template_grid
from brainviewer.cohort.tools import PreprocessingError
from brainviewer.core.nifti import read_volume
from brainviewer.core.space import resample
from brainviewer.core.tissues import TISSUES, map_volumes_ml
from brainviewer.core.volume import Volume

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from brainviewer.cohort.bids import Scan
    from brainviewer.cohort.segment import TissueMeans
    from brainviewer.cohort.template import Template
    from brainviewer.cohort.tools import Tools
    from brainviewer.core.volume import Affine, FloatArray

    BrainCheck = Callable[[Volume, NDArray[np.bool_]], object]
    AlignmentCheck = Callable[[Volume, NDArray[np.bool_], Affine], object]

STORE_SPACING_MM = 2.0
WM_INTENSITY = 0.75
SMALLEST_BRAIN_ML = 700.0
LARGEST_BRAIN_ML = 2500.0
# Outside these, the registration has gone wrong.
VOLUME_FACTOR_RANGE = (0.6, 2.2)
LARGEST_LOST_SHARE = 0.05
SMALLEST_LABEL_OVERLAP = 0.7
# Three levels leave shading under the vertex.
N4_CONVERGENCE = {"iters": [50, 50, 50, 50], "tol": 1e-7}
N4_SPACING_MM = 6.0
SPECIAL_GREY = ("deep", "cerebellum")
EDGE_VOXELS = 1.0
REGISTRATION_SEED = 1


@dataclass(frozen=True, slots=True, eq=False)
class PreparedScan:
    """A scan after preparation, still in its own space.

    Attributes
    ----------
    t1 : Volume
        Bias-corrected, brain only, WM at 0.75, clipped to [0, 1].
    mask : (I, J, K) bool ndarray
    tissues : (3, I, J, K) float32 ndarray, in [0, 1]
        WM, GM, CSF.
    means : TissueMeans
    to_template : (4, 4) float64 ndarray
        Affine, native world mm to template world mm.
    to_rigid : (4, 4) float64 ndarray
        Its rigid part: rotation and translation only, so volumes stay the person's own.
    volumes_ml : dict of tissue to float, mL
    """

    t1: Volume
    mask: NDArray[np.bool_]
    tissues: FloatArray
    means: TissueMeans
    to_template: Affine
    to_rigid: Affine
    volumes_ml: dict[str, float]

    @property
    def volume_factor(self) -> float:
        """Volume in the template over volume in native space."""
        return float(np.linalg.det(self.to_template[:3, :3]))


def prepare_scan(
    volume: Volume,
    tools: Tools,
    *,
    on_stage: Callable[[int], None] = lambda stage: None,
    check_brain: BrainCheck = lambda volume, mask: None,
    check_alignment: AlignmentCheck = lambda corrected, mask, to_template: None,
) -> PreparedScan:
    """Strip, correct, align and segment one T1 image.

    Parameters
    ----------
    volume : Volume
        T1-weighted, RAS+, with or without skull.
    tools : Tools
        Brain extraction and tissue segmentation.
    on_stage : function of the number of one of these four stages, from 0, as it begins
    check_brain : function of the scan and the mask of its brain
        What it raises ends the preparation; so for the next.
    check_alignment : function of the corrected scan, the mask and the affine to the template

    Raises
    ------
    PreprocessingError
        When no brain of adult size is found or the alignment fails.
    SegmentationError
        When the contrast is not that of a T1-weighted image.
    """
    on_stage(0)
    mask = tools.extract(volume)
    _check_size(mask, volume)
    check_brain(volume, mask)
    on_stage(1)
    corrected = _correct_bias(volume, mask)
    brain = np.where(mask, corrected, np.float32(0.0))
    on_stage(2)
    to_template = register_affine(Volume(brain, volume.affine))
    t1 = Volume(corrected, volume.affine)
    check_alignment(t1, mask, to_template)
    on_stage(3)
    priors, special = _template_on(volume, to_template)
    tissues, means = tools.segment(t1, mask, priors, special=special)
    scaled = np.clip(brain * np.float32(WM_INTENSITY / means.wm), 0.0, 1.0)
    return PreparedScan(
        t1=Volume(scaled, volume.affine, volume.name),
        mask=mask,
        tissues=tissues,
        means=means,
        to_template=to_template,
        to_rigid=rigid_part(to_template, _centre(mask, volume.affine)),
        volumes_ml=map_volumes_ml(tissues, volume.affine),
    )


def preprocess_scan(scan: Scan, tools: Tools) -> PersonRecord:
    """Turn the scan of one person into the record that the cohort keeps."""
    start = time.perf_counter()
    prepared = prepare_scan(read_volume(scan.image), tools)
    volumes, lost = volumes_on_grid(prepared)
    if scan.labels is not None:
        volumes[REGIONS] = regions_on_grid(read_volume(scan.labels), prepared)
    return PersonRecord(
        participant_id=scan.participant_id,
        volumes=volumes,
        volumes_ml=prepared.volumes_ml,
        affine_volume_factor=prepared.volume_factor,
        details={
            "image": scan.image.name,
            "means": asdict(prepared.means),
            "to_template": prepared.to_template.tolist(),
            "to_rigid": prepared.to_rigid.tolist(),
            "lost_share": lost,
            "seconds": round(time.perf_counter() - start, 1),
        },
    )


def volumes_on_grid(prepared: PreparedScan) -> tuple[dict[str, NDArray[np.generic]], float]:
    """Bring a prepared scan onto the store's grid.

    Returns
    -------
    volumes : the store's arrays, see `PersonRecord`
    lost : float
        The share of brain volume that lies outside the grid.

    Raises
    ------
    PreprocessingError
        When much of the brain lies outside the grid.
    """
    shape, affine = template_grid(STORE_SPACING_MM)
    maps = [Volume(tissue, prepared.t1.affine) for tissue in prepared.tissues]
    rigid = np.stack([_carry(m, prepared.to_rigid, shape) for m in maps])
    lost = 1.0 - sum(map_volumes_ml(rigid, affine).values()) / sum(prepared.volumes_ml.values())
    if lost > LARGEST_LOST_SHARE:
        raise PreprocessingError(
            f"the alignment to the template failed ({lost:.0%} of the brain lies outside its "
            f"field); the image must hold one whole adult brain"
        )
    volumes: dict[str, NDArray[np.generic]] = dict(zip(TISSUES, to_uint8(rigid), strict=True))
    volumes[T1_RIGID] = to_uint8(_carry(prepared.t1, prepared.to_rigid, shape))
    volumes[T1_AFFINE] = to_uint8(_carry(prepared.t1, prepared.to_template, shape))
    return volumes, lost


def regions_on_grid(labels: Volume, prepared: PreparedScan) -> NDArray[np.generic]:
    """Bring region labels of the same world as the scan onto the store's grid.

    Returns
    -------
    (I, J, K) uint8 or uint16 ndarray

    Raises
    ------
    PreprocessingError
        When these are not whole numbers from 0 to 65535, or do not lie on the brain.
    """
    shape, _ = template_grid(STORE_SPACING_MM)
    source = _sources(prepared.to_rigid)
    moved = resample(labels, affine=source, shape=shape, order=0).data
    if moved.dtype.kind not in "iu" or not 0 <= int(moved.min()) <= int(moved.max()) < 2**16:
        raise PreprocessingError(
            f"the label map {labels.name} must hold whole numbers from 0 to 65535"
        )
    mask = Volume(prepared.mask.astype(np.uint8), prepared.t1.affine)
    brain = resample(mask, affine=source, shape=shape, order=0).data.astype(bool)
    labelled = moved.astype(bool)
    overlap = float((labelled & brain).sum() / max(int(labelled.sum()), 1))
    if overlap < SMALLEST_LABEL_OVERLAP:
        raise PreprocessingError(
            f"the label map {labels.name} does not lie on the brain of its image (only "
            f"{overlap:.0%} of it does); align it with the image or take it away"
        )
    return moved.astype(np.uint8 if moved.max() < 2**8 else np.uint16)


def register_affine(brain: Volume) -> Affine:
    """Align a stripped brain to the template; native world to template world, RAS+ mm.

    Raises
    ------
    PreprocessingError
        When it fails, or the found scale is not that of an adult head.
    """
    template = load_template(STORE_SPACING_MM)
    fixed = to_ants(Volume(template.t1, template.affine))
    # ANTs samples the metric at random, by the clock unless it is told, and sums it up in the
    # order in which its threads finish.
    ants.config.set_ants_deterministic(on=True, seed_value=REGISTRATION_SEED)
    with tempfile.TemporaryDirectory() as folder:  # ANTs leaves its transforms where it is told
        try:
            found = ants.registration(
                fixed,
                to_ants(brain),
                type_of_transform="Affine",
                aff_metric="mattes",
                outprefix=f"{folder}/",
            )
        except RuntimeError as error:
            raise PreprocessingError(
                "the alignment to the template failed; the image must hold one whole adult brain"
            ) from error
        transform = ants.read_transform(found["fwdtransforms"][0])
    to_template = np.asarray(np.linalg.inv(ants_matrix(transform)), dtype=np.float64)
    factor = float(np.linalg.det(to_template[:3, :3]))
    if not VOLUME_FACTOR_RANGE[0] < factor < VOLUME_FACTOR_RANGE[1]:
        raise PreprocessingError(
            f"the alignment to the template failed (it scales the volume by {factor:.2f}); "
            f"the image must hold one whole adult brain"
        )
    return to_template


def special_grey_maps(template: Template) -> FloatArray:
    """Say where grey matter is that of the deep nuclei, and of the cerebellum.

    Returns
    -------
    (2, I, J, K) float32 ndarray, in [0, 1], soft
    """
    parts = [np.isin(template.territories, territory_labels(name)) for name in SPECIAL_GREY]
    soft = [ndimage.gaussian_filter(part.astype(np.float32), EDGE_VOXELS) for part in parts]
    return np.stack(soft)


def rigid_part(affine: Affine, centre: NDArray[np.float64]) -> Affine:
    """Find the rotation nearest to an affine that carries a point where the affine carries it.

    The rotation is the orthogonal factor of the polar decomposition of the 3 x 3 part.

    Parameters
    ----------
    affine : (4, 4) float64 ndarray
    centre : (3,) float64 ndarray, world mm
    """
    left, _, right = np.linalg.svd(affine[:3, :3])
    rigid = np.eye(4)
    rigid[:3, :3] = left @ right
    rigid[:3, 3] = affine[:3, :3] @ centre + affine[:3, 3] - rigid[:3, :3] @ centre
    return rigid


def to_ants(volume: Volume) -> ants.ANTsImage:
    """Hand a RAS+ volume to ANTs, whose world is LPS+."""
    lps = np.diag([-1.0, -1.0, 1.0, 1.0]) @ volume.affine
    return ants.from_numpy(
        np.ascontiguousarray(volume.data, dtype=np.float32),
        origin=lps[:3, 3].tolist(),
        spacing=volume.spacing_mm.tolist(),
        direction=lps[:3, :3] / volume.spacing_mm,
    )


def ants_matrix(transform: ants.ANTsTransform) -> Affine:
    """Return ANTs' affine as a RAS+ matrix, from template world to native world.

    ITK keeps y = A (x - c) + t + c, in LPS+, and maps points of the fixed image to the moving one.
    """
    numbers = np.asarray(transform.parameters, dtype=np.float64)
    centre = np.asarray(transform.fixed_parameters, dtype=np.float64)
    matrix = np.eye(4)
    matrix[:3, :3] = numbers[:9].reshape(3, 3)
    matrix[:3, 3] = numbers[9:] + centre - matrix[:3, :3] @ centre
    flip = np.diag([-1.0, -1.0, 1.0, 1.0])
    return np.asarray(flip @ matrix @ flip)


def _check_size(mask: NDArray[np.bool_], volume: Volume) -> None:
    size = float(mask.sum()) * volume.voxel_volume_ml
    if not SMALLEST_BRAIN_ML < size < LARGEST_BRAIN_ML:
        raise PreprocessingError(
            f"the brain that was found has {size:.0f} mL, an adult's has "
            f"{SMALLEST_BRAIN_ML:.0f}-{LARGEST_BRAIN_ML:.0f} mL; check that the image is a "
            f"T1-weighted scan of one whole head"
        )


def _correct_bias(volume: Volume, mask: NDArray[np.bool_]) -> FloatArray:
    shrink = max(1, round(N4_SPACING_MM / float(volume.spacing_mm.min())))
    corrected = ants.n4_bias_field_correction(
        to_ants(Volume(np.maximum(volume.data, 0), volume.affine)),
        mask=to_ants(Volume(mask, volume.affine)),
        shrink_factor=shrink,
        convergence=N4_CONVERGENCE,
    )
    data: FloatArray = corrected.numpy().astype(np.float32)
    return data


def _template_on(scan: Volume, to_template: Affine) -> tuple[FloatArray, FloatArray]:
    """Template maps on the grid of a scan: WM, GM, CSF (3, I, J, K), special grey (2, I, J, K)."""
    template = load_template(STORE_SPACING_MM)
    affine = to_template @ scan.affine
    moved = np.stack(
        [
            resample(Volume(data, template.affine), affine=affine, shape=scan.shape).data
            for data in (*template.tissues, *special_grey_maps(template))
        ]
    ).astype(np.float32)
    return moved[:3], moved[3:]


def _carry(volume: Volume, matrix: Affine, shape: tuple[int, int, int]) -> FloatArray:
    """Move a volume by a world matrix onto the grid, smoothing first if the grid is coarser."""
    ratio = STORE_SPACING_MM / volume.spacing_mm
    data = np.asarray(volume.data, dtype=np.float32)
    if (ratio > 1.01).any():
        # The Gaussian whose variance is that of the larger box filter minus the smaller one.
        data = ndimage.gaussian_filter(data, np.sqrt(np.maximum(ratio**2 - 1, 0) / 12.0))
    smooth = Volume(data, volume.affine)
    return resample(smooth, affine=_sources(matrix), shape=shape).data.astype(np.float32)


def _sources(matrix: Affine) -> Affine:
    """Voxel of the grid to native world mm, for a native world that the matrix moves."""
    return np.asarray(np.linalg.inv(matrix) @ template_grid(STORE_SPACING_MM)[1])


def _centre(mask: NDArray[np.bool_], affine: Affine) -> NDArray[np.float64]:
    voxels = np.argwhere(mask).mean(axis=0)
    return np.asarray(affine[:3, :3] @ voxels + affine[:3, 3])
