from __future__ import annotations

import numpy as np
import pytest

from brainviewer.evaluation.cache import ArrayCache, fingerprint
from tests.evaluation.conftest import change_config

REQUEST = ("draws", {"age": 50.0, "sex": "F"}, [1, 2])


def refuse() -> dict:
    pytest.fail("the arrays were made again")


def test_what_was_made_once_is_not_made_again(cache) -> None:
    made = {"a": np.arange(6.0).reshape(2, 3), "b": np.array(2.5)}
    cache.get(REQUEST, lambda: made)
    found = cache.get(REQUEST, refuse)
    assert {name: array.tolist() for name, array in found.items()} == {
        name: array.tolist() for name, array in made.items()
    }


@pytest.mark.parametrize(
    ("model", "asked"),
    [
        ("another model", REQUEST),
        ("model", ("ages", *REQUEST[1:])),
        ("model", (*REQUEST[:2], [2, 1])),
        ("model", ("draws", {"age": 51.0, "sex": "F"}, [1, 2])),
    ],
)
def test_another_model_or_askedfinds_nothing(cache, model, asked) -> None:
    cache.get(REQUEST, lambda: {"a": np.zeros(1)})
    assert ArrayCache(cache.folder, model).load(asked) is None


def test_damaged_arrays_are_made_anew(cache) -> None:
    cache.get(REQUEST, lambda: {"a": np.zeros(50)})
    (path,) = cache.folder.iterdir()
    path.write_bytes(path.read_bytes()[:100])
    assert cache.get(REQUEST, lambda: {"a": np.ones(1)})["a"].tolist() == [1.0]
    assert cache.get(REQUEST, refuse)["a"].tolist() == [1.0]


def test_the_fingerprint_tells_checkpoints_and_devices_apart(checkpoint) -> None:
    before = fingerprint(checkpoint, "CPU")
    assert fingerprint(checkpoint, "a GPU") != before
    change_config(checkpoint.folder, title="trained longer")
    assert fingerprint(checkpoint, "CPU") != before
