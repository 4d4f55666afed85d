from __future__ import annotations

import numpy as np
import pytest

from brainviewer.core.tissues import TISSUES, tissue_volumes_ml
from brainviewer.evaluation.cache import ArrayCache
from brainviewer.evaluation.volumes import (
    RELATIVE_ERROR,
    draw_people,
    draw_person,
    opposite,
    score_volumes,
)
from tests.evaluation.conftest import features_of
from tests.fakes import FakeGenerator

SEEDS = (5, 6, 7)


@pytest.fixture
def generator(checkpoint) -> FakeGenerator:
    return FakeGenerator(checkpoint)


@pytest.fixture
def people() -> list[dict]:
    return [features_of(index) for index in range(4)]


def test_the_prediction_is_the_mean_over_draws_and_their_opposites(generator, people) -> None:
    draws = draw_person(generator, people[0], SEEDS)
    identities = [generator.draw(seed) for seed in SEEDS]
    both = [*identities, *map(opposite, identities)]
    brains = [generator.generate(identity, people[0]) for identity in both]
    volumes = [[tissue_volumes_ml(brain)[tissue] for tissue in TISSUES] for brain in brains]
    np.testing.assert_allclose(draws.expected_ml, np.mean(volumes, axis=0))
    maps = np.stack([brain.data for brain in brains])
    np.testing.assert_allclose(draws.mean_maps, maps.mean(axis=0), atol=1e-3)
    # A voxel of the fake brain is 1 mL.
    assert draws.difference_ml == pytest.approx(np.abs(maps[0] - maps[1]).sum())


def test_the_opposite_of_an_identity_has_its_noise_turned_round(generator) -> None:
    person = generator.draw(5)
    other = opposite(person)
    np.testing.assert_array_equal(other.latent, -person.latent)
    assert (other.label, other.seed) == ("opposite of seed 5", None)


def test_the_cache_gives_the_same_draws_without_the_generator(generator, people, cache) -> None:
    first = draw_people(generator, people, SEEDS, cache=cache)
    made = len(generator.calls)
    again = draw_people(generator, people, SEEDS, cache=cache)
    assert len(generator.calls) == made == 2 * len(people) * len(SEEDS)
    for a, b in zip(first, again, strict=True):
        np.testing.assert_array_equal(a.volumes_ml, b.volumes_ml)
        np.testing.assert_array_equal(a.mean_maps, b.mean_maps)
        assert a.difference_ml == b.difference_ml


def test_a_stopped_run_goes_on_where_it_was(generator, people, cache) -> None:
    def stop_after_two(done: int, total: int) -> None:
        assert total == 4
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        draw_people(generator, people, SEEDS, cache=cache, on_progress=stop_after_two)
    draw_people(generator, people, SEEDS, cache=cache)
    assert len(generator.calls) == 2 * len(people) * len(SEEDS)


@pytest.mark.parametrize(
    ("model", "seeds"), [("another model", SEEDS), ("model", (5, 6)), ("model", (6, 5, 7))]
)
def test_other_models_and_seeds_are_drawn_anew(generator, people, cache, model, seeds) -> None:
    draw_people(generator, people, SEEDS, cache=cache)
    made = len(generator.calls)
    draw_people(generator, people[:1], seeds, cache=ArrayCache(cache.folder, model))
    assert len(generator.calls) == made + 2 * len(seeds)


def test_errors_are_relative_to_the_reference_on_the_same_people() -> None:
    rng = np.random.default_rng(0)
    true = rng.normal(500, 50, (20, 3))
    errors = rng.normal(0, 10, (20, 3))
    predictions = {"generator": true - 2 * errors, "ridge": true + errors}
    scores = score_volumes(true, predictions, reference="ridge")
    for tissue in TISSUES:
        relative = scores["generator"][tissue][RELATIVE_ERROR]
        # The same people are drawn for both, so that even the interval is exact.
        assert (relative.value, relative.low, relative.high) == pytest.approx((2.0, 2.0, 2.0))
        assert scores["ridge"][tissue]["mae_ml"].value == pytest.approx(
            np.abs(errors[:, TISSUES.index(tissue)]).mean()
        )
