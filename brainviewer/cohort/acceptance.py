"""Whether a scan of one's own can be used: refused in words, or doubted, or taken.

Each check raises `ScanRefusedError` with one sentence, or returns the sentences of its doubts; they
come as early as what they need is known.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from brainviewer.cohort import limits
from brainviewer.cohort.limits import ScanRefusedError, judge
from brainviewer.cohort.scan_measures import (
    border_contact_cm2,
    brightness_of,
    fit_of,
    flat_face_cm2,
    oddities_of,
    stretches,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from brainviewer.cohort.scan_measures import Brightness
    from brainviewer.core.volume import Affine, FloatArray, Volume

    Doubts = list[str]


def check_brain(volume: Volume, mask: NDArray[np.bool_]) -> Doubts:
    """Judge whether the brain that was found (I, J, K) is whole."""
    spacing = volume.spacing_mm
    return judge(
        [
            (border_contact_cm2(mask, spacing), limits.BORDER_CONTACT_CM2),
            (flat_face_cm2(mask, spacing), limits.FLAT_FACE_CM2),
        ]
    )


def check_alignment(corrected: Volume, mask: NDArray[np.bool_], to_template: Affine) -> Doubts:
    """Judge size, completeness and contrast of a brain by its place in the template.

    Parameters
    ----------
    corrected : Volume
        Bias-corrected.
    mask : (I, J, K) bool ndarray
    to_template : (4, 4) float64 ndarray
    """
    fit = fit_of(mask, corrected.affine, to_template)
    factors = stretches(to_template)
    missing = [(share, limits.MISSING_SHARE[side]) for side, share in fit.missing.items()]
    doubts = judge(
        [
            *missing,
            (fit.outside, limits.OUTSIDE_SHARE),
            (1.0 - fit.dice, limits.UNLIKE_TEMPLATE),
            (float(factors[0]), limits.MOST_STRETCH),
            (float(factors[2]), limits.LEAST_STRETCH),
            (float(factors[0] / factors[2]), limits.UNEQUAL_STRETCH),
        ]
    )
    image = np.where(mask, corrected.data, 0).astype(np.float32)
    return doubts + check_contrast(brightness_of(image, corrected.affine, to_template))


def check_contrast(found: Brightness) -> Doubts:
    """Judge whether an image has the contrast of a T1-weighted one."""
    if found.wm <= 0:
        raise ScanRefusedError(f"white matter is as dark as nothing; {limits.ONE_IMAGE}")
    if found.csf > max(found.gm, found.wm):
        raise ScanRefusedError(
            f"CSF is brighter than grey and white matter, as in T2-weighted images; "
            f"{limits.ONE_IMAGE}"
        )
    if found.gm > found.wm:
        raise ScanRefusedError(
            f"grey matter is brighter than white, as in FLAIR, T2- or proton-weighted images; "
            f"{limits.ONE_IMAGE}"
        )
    return judge(
        [
            (found.csf / found.wm, limits.CSF_INTENSITY),
            (found.gm / found.wm, limits.GM_INTENSITY),
        ]
    )


def check_tissues(
    volumes_ml: Mapping[str, float],
    tissues: FloatArray,
    t1: FloatArray,
    *,
    affine: Affine,
    to_template: Affine,
) -> Doubts:
    """Judge the segmentation: volumes, and what looks like a lesion.

    Parameters
    ----------
    volumes_ml : mapping of tissue to float, mL
    tissues, t1, affine, to_template
        As in `scan_measures.oddities_of`.
    """
    total = sum(volumes_ml.values())
    shares = [(volumes_ml[name] / total, limit) for name, limit in limits.SHARES.items()]
    found = oddities_of(tissues, t1, affine, to_template)
    return judge(
        [
            (total, limits.TOTAL_ML),
            (found.one_sided_tissue, limits.ONE_SIDED_TISSUE_ML),
            (found.one_sided_brightness, limits.ONE_SIDED_BRIGHTNESS_ML),
            (found.bright, limits.BRIGHT_ML),
            (found.no_white, limits.NO_WHITE_ML),
            *shares,
        ]
    )
