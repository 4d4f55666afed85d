"""How brain volumes change over adult life: published medians and a person's own deviation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.interpolate import PchipInterpolator

if TYPE_CHECKING:
    from collections.abc import Mapping

# Medians of NiChart's reference population (DLMUSE volumes; https://neuroimagingchart.com;
# Habes et al., Alzheimer's & Dementia 17:89, 2021, describe the iSTAGING people behind it), mL.
MEDIAN_AGES_YEARS = (30.0, 50.0, 70.0, 85.0)
MEDIAN_VOLUMES_ML: dict[str, dict[str, tuple[float, ...]]] = {
    "M": {
        "GM": (785.0, 724.0, 667.0, 627.0),
        "WM": (567.0, 573.0, 554.0, 516.0),
        "ventricles": (17.0, 21.0, 35.0, 53.0),
    },
    "F": {
        "GM": (711.0, 656.0, 609.0, 563.0),
        "WM": (499.0, 502.0, 490.0, 460.0),
        "ventricles": (13.0, 15.0, 25.0, 40.0),
    },
}
# CSF outside the ventricles, share of the intracranial volume of a thirty-year-old. The 45 people
# of 20-35 years in IXI's 3 T sample have 6.8 % (median) in hard 2 mm labels, which read it a
# quarter low. 11 % on top of NiChart's tissue volumes gives men 1540 and women 1370 mL, the mean
# head sizes of IXI (1541 and 1358 mL).
OUTER_CSF_SHARE_AT_30 = 0.11

# How fast a region loses volume relative to the mean of its tissue. The order is that of the
# longitudinal and cross-sectional literature (Raz et al., Cereb. Cortex 15:1676, 2005; Walhovd et
# al., Neurobiol. Aging 32:916, 2011): association cortex and hippocampus before primary visual
# cortex, cerebellum and brain stem. The sizes are our own round numbers; whatever they are, the
# total of a tissue stays NiChart's.
AGEING_WEIGHTS = {
    "frontal_GM": 1.15,
    "parietal_GM": 1.05,
    "temporal_GM": 1.05,
    "occipital_GM": 0.75,
    "insula_GM": 1.05,
    "medial_temporal_GM": 1.15,
    "deep_GM": 0.95,
    "cerebellum_GM": 0.75,
    "cerebrum_WM": 1.0,
    "cerebellum_WM": 0.8,
    "brainstem": 0.5,
}


def median_volume_ml(tissue: str, sex: str, age: float) -> float:
    """Median volume of a tissue at an age, of people of one sex.

    Monotone cubic interpolation (PCHIP) between the published ages; outside them the curve goes
    on along its tangent at the nearest one.

    Parameters
    ----------
    tissue : {"GM", "WM", "ventricles"}
    sex : {"F", "M"}
    age : float, years

    Returns
    -------
    float, mL
    """
    curve = PchipInterpolator(MEDIAN_AGES_YEARS, MEDIAN_VOLUMES_ML[sex][tissue])
    nearest = float(np.clip(age, MEDIAN_AGES_YEARS[0], MEDIAN_AGES_YEARS[-1]))
    return float(curve(nearest) + curve(nearest, 1) * (age - nearest))


def median_head_size_ml(sex: str) -> float:
    """Median intracranial volume of people of one sex, mL; the same at every adult age."""
    brain = sum(median_volume_ml(tissue, sex, 30.0) for tissue in ("GM", "WM", "ventricles"))
    return brain / (1.0 - OUTER_CSF_SHARE_AT_30)


def median_region_volumes_ml(
    template_ml: Mapping[str, float], sex: str, age: float
) -> dict[str, float]:
    """Share the median tissue volumes out between the regions of the template.

    Region r of tissue t has w_r, and V_r(age) = c p_r (V_t(age) / V_t(30))^w_r, with p_r its
    volume in the template and c such that the regions of a tissue add up to V_t(age). What is
    left of the head is CSF.

    Parameters
    ----------
    template_ml : mapping of region -> float, mL
    sex : {"F", "M"}
    age : float, years

    Returns
    -------
    dict of region -> float, mL
    """
    ventricles = median_volume_ml("ventricles", sex, age)
    volumes = {"ventricles": ventricles}
    for tissue in ("GM", "WM"):
        volumes |= _share_tissue(template_ml, tissue, sex, age)
    volumes["CSF"] = median_head_size_ml(sex) - sum(volumes.values())
    return {region: volumes[region] for region in template_ml}


def region_tissue(region: str) -> str:
    """Tell whether a region's volume is counted as GM, WM or CSF."""
    if region in ("CSF", "ventricles"):
        return "CSF"
    return "WM" if region == "brainstem" or "_WM_" in region else "GM"


def _share_tissue(
    template_ml: Mapping[str, float], tissue: str, sex: str, age: float
) -> dict[str, float]:
    """Divide the median volume of one tissue between its regions."""
    total = median_volume_ml(tissue, sex, age)
    change = np.log(total / median_volume_ml(tissue, sex, 30.0))
    raw = {
        region: volume * float(np.exp(AGEING_WEIGHTS[without_side(region)] * change))
        for region, volume in template_ml.items()
        if region_tissue(region) == tissue
    }
    factor = total / sum(raw.values())
    return {region: volume * factor for region, volume in raw.items()}


def without_side(region: str) -> str:
    """Take the _L or _R off a region's name."""
    return region.removesuffix("_L").removesuffix("_R")
