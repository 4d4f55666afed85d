"""Regions: effects that are put in are found, and a generator without regions has none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from brainviewer.evaluation.figures import plot_regions
from brainviewer.evaluation.regions import (
    RegionEvidence,
    age_effects,
    cohens_d,
    score_regions,
    sex_effects,
)

PEOPLE, REGIONS = 200, 12
SLOPES = np.linspace(-0.8, 0.8, REGIONS)
NAMES = tuple(f"region {n}" for n in range(REGIONS))


@pytest.fixture
def evidence() -> RegionEvidence:
    """Made people are like real ones; age and sex act on the regions to different degrees."""
    rng = np.random.default_rng(0)
    ages, women = rng.uniform(20, 80, PEOPLE), rng.random(PEOPLE) < 0.5

    def volumes() -> np.ndarray:
        z = (ages[:, None] - 50) / 17 * SLOPES - women[:, None] * SLOPES[::-1]
        return 10 + z + 0.5 * rng.normal(size=(PEOPLE, REGIONS))

    real, made, test = volumes(), volumes(), slice(0, 100)
    return RegionEvidence(
        NAMES, real[test], made[test], real, made, ages[test], women[test], ages, women,
        rng.uniform(0.7, 0.9, size=(100, REGIONS)),
    )  # fmt: skip


def test_like_people_have_like_regions(evidence) -> None:
    scores = score_regions(evidence).summary
    assert scores["all_age_r"].value > 0.97
    assert scores["all_sex_r"].value > 0.9
    assert scores["below_middle"].value == 1
    assert scores["dice"].value == pytest.approx(0.8, abs=0.01)
    assert scores["dice"].low < scores["dice"].value < scores["dice"].high
    assert scores["all_age_r"].low < scores["all_age_r"].high


def test_regions_that_are_too_large_are_told(evidence) -> None:
    sd = evidence.real_ml[:, 0].std(ddof=1)
    larger = evidence.made_ml.copy()
    larger[:, 0] = evidence.real_ml[:, 0] + 2 * sd
    scores = score_regions(replace(evidence, made_ml=larger))
    assert scores.regions["d"][0] == pytest.approx(2, abs=0.01)
    assert scores.summary["below_middle"].value == pytest.approx(1 - 1 / REGIONS)


def test_turned_effects_disagree(evidence) -> None:
    turned = replace(evidence, all_made_ml=-evidence.all_made_ml)
    assert score_regions(turned).summary["all_age_r"].value < -0.97


def test_people_without_labels_do_not_count(evidence) -> None:
    real = evidence.real_ml.copy()
    real[:5] = np.nan
    assert np.isfinite(cohens_d(evidence.made_ml, real)).all()
    np.testing.assert_allclose(
        age_effects(real, evidence.ages), age_effects(real[5:], evidence.ages[5:])
    )
    assert np.isfinite(sex_effects(real, evidence.women)).all()


def test_without_reconstructions_there_is_no_overlap(evidence) -> None:
    unseen = replace(evidence, dice=np.full_like(evidence.dice, np.nan))
    scores = score_regions(unseen)
    assert np.isnan(scores.summary["dice"].value)
    assert np.isnan(scores.regions["dice"]).all()


def test_the_figure_has_a_panel_for_age_and_one_for_sex(evidence) -> None:
    figure = plot_regions(score_regions(evidence))
    assert len(figure.axes) == 2
    assert all("12 regions" in axes.get_title() for axes in figure.axes)
