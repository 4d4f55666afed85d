"""The cache: bounded, nearest age, exact volumes."""

from __future__ import annotations

import numpy as np
import pytest

from brainviewer.core.volume import Brain
from brainviewer.session.cache import BrainCache
from brainviewer.session.request import BrainKey

SHAPE = (3, 4, 5, 6)
BRAIN_BYTES = 3 * 4 * 5 * 6


def _brain(value: float = 0.5) -> Brain:
    return Brain(("WM", "GM", "CSF"), np.full(SHAPE, value, np.float32), np.eye(4))


@pytest.fixture
def key(checkpoint):
    return lambda age, identity="anna", course="ideal": BrainKey(checkpoint, identity, course, age)


def test_memory_stays_within_the_bound_and_the_oldest_goes_first(key) -> None:
    cache = BrainCache(limit_bytes=3 * BRAIN_BYTES)
    for age in (20, 30, 40):
        cache.put(key(age), _brain(), {})
    assert cache.nearest(key(20), within_years=0) is not None  # used again: now the youngest
    cache.put(key(50), _brain(), {})
    kept = [age for age in (20, 30, 40, 50) if cache.nearest(key(age), within_years=0)]
    assert kept == [20, 40, 50]
    assert cache.used_bytes == 3 * BRAIN_BYTES


def test_a_brain_larger_than_the_bound_is_not_kept(key) -> None:
    cache = BrainCache(limit_bytes=BRAIN_BYTES - 1)
    cache.put(key(20), _brain(), {"GM": 1.0})
    assert cache.used_bytes == 0
    assert cache.volumes(key(20)) == {"GM": 1.0}


def test_putting_the_same_brain_again_takes_no_more_memory(key) -> None:
    cache = BrainCache()
    for value in (0.2, 0.6):
        cache.put(key(20), _brain(value), {})
    assert cache.used_bytes == BRAIN_BYTES
    assert cache.nearest(key(20), within_years=0).brain().data.max() == pytest.approx(0.6)


def test_the_nearest_age_of_the_same_person_and_course_is_found(key) -> None:
    cache = BrainCache()
    for age in (50, 53):
        cache.put(key(age), _brain(), {})
    cache.put(key(52, identity="ben"), _brain(), {})
    cache.put(key(52, course="regressed"), _brain(), {})
    assert cache.nearest(key(51.2), within_years=1.5).key.age == 50
    assert cache.nearest(key(51.8), within_years=1.5).key.age == 53
    assert cache.nearest(key(54.6), within_years=1.5) is None


def test_a_brain_is_kept_to_half_a_step_of_255(key) -> None:
    cache = BrainCache()
    values = np.random.default_rng(0).random(SHAPE, dtype=np.float32)
    brain = Brain(("WM", "GM", "CSF"), values, np.diag([2.0, 2, 2, 1]))
    cache.put(key(20), brain, {"GM": 612.25})
    entry = cache.nearest(key(20), within_years=0)
    assert entry.brain().data.dtype == np.float32
    np.testing.assert_allclose(entry.brain().data, values, atol=0.5 / 255 + 1e-6)
    np.testing.assert_array_equal(entry.brain().affine, brain.affine)
    assert entry.volumes_ml == {"GM": 612.25}


def test_a_checkpoint_can_be_forgotten(key) -> None:
    cache = BrainCache()
    cache.put(key(20), _brain(), {"GM": 1.0})
    cache.forget(key(20).checkpoint)
    assert cache.used_bytes == 0
    assert cache.volumes(key(20)) is None


def test_what_is_offered_is_kept_only_where_there_is_room(key) -> None:
    cache = BrainCache(limit_bytes=BRAIN_BYTES)
    cache.offer(key(30), _brain(), {"GM": 1.0})
    cache.offer(key(40), _brain(), {"GM": 2.0})
    assert cache.nearest(key(30), within_years=0.0) is not None
    assert cache.nearest(key(40), within_years=0.0) is None
    assert cache.volumes(key(40)) == {"GM": 2.0}


def test_without_an_age_the_brain_is_the_only_one_of_its_course(key) -> None:
    cache = BrainCache()
    cache.put(key(None), _brain(), {"GM": 1.0})
    assert cache.nearest(key(None), within_years=0.0).key == key(None)
