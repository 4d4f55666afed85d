"""Who the simulated people are: their features, and the volumes that follow from them by chance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from brainviewer.cohort.lifespan import (
    median_head_size_ml,
    median_region_volumes_ml,
    region_tissue,
    without_side,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

AGE_RANGE_YEARS = (20.0, 85.0)
# Mean and sd by sex in IXI's 3 T sample.
HEIGHT_CM = {"F": (164.0, 6.4), "M": (178.0, 7.5)}
BODY_MASS_INDEX = (25.0, 0.15)  # median, sd of the logarithm
EDUCATION_YEARS = (14.0, 3.0)
EDUCATION_RANGE_YEARS = (6.0, 22.0)
SMOKING = {"never": 0.55, "former": 0.30, "current": 0.15}

# Log head size per cm of height within a sex: 0.0029 (women) and 0.0028 (men) in IXI's labels.
HEAD_SIZE_PER_CM = 0.003
# Standard deviations of the logarithm.
HEAD_SIZE_SD = 0.085
HEAD_SHAPE_SD = 0.025
VENTRICLES_SD = 0.35  # 0.38 (women) and 0.39 (men) around age in IXI's labels
TISSUE_SD = 0.03
REGION_SD = 0.03
SIDE_SD = 0.015
MAX_DEVIATION_SD = 2.3  # chance is cut off here: nobody gets a malformation
MIN_OUTER_CSF_SHARE = 0.075  # of the head, outside the ventricles


@dataclass(frozen=True, slots=True, eq=False)
class Person:
    """A simulated person before there is an image.

    Attributes
    ----------
    features : dict of name -> float or str
        age (years), sex (F, M), height (cm), weight (kg), education (years), smoking.
    head_ml : float, mL
        Intracranial volume.
    head_shape : (3,) ndarray
        Width, length and height relative to those of a head of the same size; product 1.
    volumes_ml : dict of region -> float, mL
        They add up to `head_ml`.
    """

    features: dict[str, float | str]
    head_ml: float
    head_shape: NDArray[np.float64]
    volumes_ml: dict[str, float]


def draw_person(template_ml: Mapping[str, float], rng: np.random.Generator) -> Person:
    """Draw a person's features, head and region volumes.

    Parameters
    ----------
    template_ml : mapping of region -> float, mL
        Of the template: it tells how a tissue is shared out between regions.
    rng : numpy.random.Generator
    """
    features = draw_features(rng)
    head_ml = _draw_head_size(features, rng)
    volumes_ml = _draw_volumes(template_ml, features, head_ml, rng)
    return Person(features, head_ml, _draw_head_shape(rng), volumes_ml)


def draw_features(rng: np.random.Generator) -> dict[str, float | str]:
    """Draw age, sex, height, weight, education and smoking."""
    sex = str(rng.choice(["F", "M"]))
    age = round(float(rng.uniform(*AGE_RANGE_YEARS)), 1)
    mean, sd = HEIGHT_CM[sex]
    height = round(mean + sd * _deviate(rng))
    index = BODY_MASS_INDEX[0] * np.exp(BODY_MASS_INDEX[1] * _deviate(rng))
    education = np.clip(rng.normal(*EDUCATION_YEARS), *EDUCATION_RANGE_YEARS)
    return {
        "age": age,
        "sex": sex,
        "height": float(height),
        "weight": float(round(index * (height / 100) ** 2)),
        "education": float(round(float(education))),
        "smoking": str(rng.choice(list(SMOKING), p=list(SMOKING.values()))),
    }


def _draw_head_size(features: dict[str, float | str], rng: np.random.Generator) -> float:
    """Intracranial volume, mL: sex, height and chance."""
    sex = str(features["sex"])
    taller_cm = float(features["height"]) - HEIGHT_CM[sex][0]
    deviation = HEAD_SIZE_PER_CM * taller_cm + HEAD_SIZE_SD * _deviate(rng)
    return median_head_size_ml(sex) * float(np.exp(deviation))


def _draw_head_shape(rng: np.random.Generator) -> NDArray[np.float64]:
    """Draw width, length and height of a head, as factors with product 1."""
    deviation = HEAD_SHAPE_SD * np.array([_deviate(rng) for _ in range(3)])
    return np.asarray(np.exp(deviation - deviation.mean()))


def _draw_volumes(
    template_ml: Mapping[str, float],
    features: dict[str, float | str],
    head_ml: float,
    rng: np.random.Generator,
) -> dict[str, float]:
    """Median volumes for age and sex, scaled to the head, times chance; CSF is what is left."""
    sex, age = str(features["sex"]), float(features["age"])
    medians = median_region_volumes_ml(template_ml, sex, age)
    scale = head_ml / median_head_size_ml(sex)
    chance = _draw_chance(list(template_ml), rng)
    volumes = {r: medians[r] * scale * float(np.exp(chance[r])) for r in template_ml if r != "CSF"}
    room = (1.0 - MIN_OUTER_CSF_SHARE) * head_ml
    squeeze = min(1.0, room / sum(volumes.values()))
    volumes = {region: volume * squeeze for region, volume in volumes.items()}
    volumes["CSF"] = head_ml - sum(volumes.values())
    return {region: volumes[region] for region in template_ml}


def _draw_chance(regions: list[str], rng: np.random.Generator) -> dict[str, float]:
    """Log deviation of each region: its tissue's, its own on both sides, and one of the side."""
    tissue = {name: TISSUE_SD * _deviate(rng) for name in ("GM", "WM")}
    both = {name: REGION_SD * _deviate(rng) for name in dict.fromkeys(map(without_side, regions))}
    chance = {
        region: tissue[region_tissue(region)] + both[without_side(region)] + SIDE_SD * _deviate(rng)
        for region in regions
        if region_tissue(region) != "CSF"
    }
    return chance | {"ventricles": VENTRICLES_SD * _deviate(rng)}


def _deviate(rng: np.random.Generator) -> float:
    """Draw a standard normal number, cut off at `MAX_DEVIATION_SD`."""
    return float(np.clip(rng.standard_normal(), -MAX_DEVIATION_SD, MAX_DEVIATION_SD))
