"""Regions: effects that are put in are found, and a generator without regions has none."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from brainviewer.cohort.grouping import RegionGroups
from brainviewer.cohort.reading import People
from brainviewer.evaluation import regions as judged
from brainviewer.evaluation.cache import ArrayCache
from brainviewer.evaluation.figures import plot_region_sizes, plot_regions
from brainviewer.evaluation.regions import (
    LabelledPeople,
    RegionEvidence,
    age_effects,
    cohens_d,
    measure_regions,
    score_regions,
    sex_effects,
)
from brainviewer.generators.labelling import NetworkRegions
from brainviewer.generators.parcellation import Parcellation
from tests.fakes import AFFINE, FakeGenerator

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


def with_sizes(evidence: RegionEvidence, departures: np.ndarray) -> RegionEvidence:
    """Give region n a volume of 2^n mL, from which made people depart by so many sd."""
    sizes = 2.0 ** np.arange(REGIONS)
    real = sizes + 0.01 * (evidence.real_ml - evidence.real_ml.mean(axis=0))
    return replace(evidence, real_ml=real, made_ml=real + departures * real.std(axis=0, ddof=1))


def test_departures_that_fall_with_the_size_of_a_region_are_told(evidence) -> None:
    falling = score_regions(with_sizes(evidence, np.linspace(1.2, 0.1, REGIONS)))
    assert falling.summary["size_r"].value == pytest.approx(-1, abs=1e-6)
    turned = score_regions(with_sizes(evidence, -np.linspace(0.1, 1.2, REGIONS)))
    assert turned.summary["size_r"].value == pytest.approx(1, abs=1e-6)  # of |d|, not of d


def test_a_region_that_nobody_has_does_not_count_for_size(evidence) -> None:
    scattered = with_sizes(evidence, np.linspace(1.2, 0.1, REGIONS))
    real, made = scattered.real_ml.copy(), scattered.made_ml.copy()
    real[:, 3] = made[:, 3] = 0.0
    scores = score_regions(replace(scattered, real_ml=real, made_ml=made))
    assert scores.summary["size_r"].value == pytest.approx(-1, abs=1e-6)


def test_the_figure_of_sizes_has_a_point_a_region(evidence) -> None:
    axes = plot_region_sizes(score_regions(evidence)).axes[0]
    assert axes.get_xscale() == "log"
    assert len(axes.collections[0].get_offsets()) == REGIONS
    assert "12 regions" in axes.get_title()


class Halves:
    """A network that finds the left and the right half, and counts the images it has seen."""

    names = ("left half", "right half")

    def __init__(self) -> None:
        self.seen = 0

    def __call__(self, image, affine) -> Parcellation:
        self.seen += 1
        right = np.arange(image.shape[0])[:, None, None] >= image.shape[0] // 2
        labels = np.where(image > 0, 1 + right, 0).astype(np.int16)
        volumes = np.bincount(labels.ravel(), minlength=3)[1:].astype(np.float32)
        return Parcellation(self.names, labels, volumes)

    def steps(self, image, affine):
        yield
        return self(image, affine)


def test_a_generator_that_knows_no_regions_is_measured_like_its_people(
    monkeypatch, tmp_path
) -> None:
    generator = FakeGenerator(SimpleNamespace(name="fake", schema=None))
    rows = [{"age": 20.0 + 8 * n, "sex": "FM"[n % 2]} for n in range(8)]
    brains = [generator.generate(generator.draw(n), row) for n, row in enumerate(rows)]
    images = [np.rint(255 * brain.data.sum(axis=0)).astype(np.uint8) for brain in brains]
    network = Halves()
    groups = RegionGroups(network.names, np.arange(3, dtype=np.uint8))
    own = [network(image, AFFINE).labels.astype(np.uint8) for image in images[:3]]
    readers = [lambda image=image: image for image in images]
    people = LabelledPeople(
        groups, np.full((5, 2), -1.0), np.full((3, 2), -1.0), own, readers, AFFINE
    )
    test = People(
        ("a", "b", "c"),
        np.stack([np.rint(255 * brain.data).astype(np.uint8) for brain in brains[:3]]),
        np.zeros((3, 3), np.float32),
        tuple(rows[:3]),
    )
    monkeypatch.setattr(judged, "regions_of", lambda it: NetworkRegions(it, network))
    steps = []
    network.seen = 0

    def measure() -> RegionEvidence:
        cache = ArrayCache(tmp_path / "cache", "fake")
        return measure_regions(
            generator, people, test, rows[3:], cache=cache,
            on_progress=lambda done, total: steps.append((done, total)),
        )  # fmt: skip

    found = measure()
    assert found.by_network
    assert found.real_ml.shape == (3, 2)
    assert (found.all_real_ml > 0).all()  # as the network finds them, not as they are labelled
    assert found.dice.min() > 0.5
    assert steps == [(n, 19) for n in range(1, 20)]
    seen = network.seen
    measure()
    assert network.seen <= 2 * seen - len(images)  # real people are measured once
