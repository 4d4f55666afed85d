"""Values from a file: taken, or named with what they should have been."""

from __future__ import annotations

import pytest

from brainviewer.core.plain import count_of, list_of, mapping_of, number_of, numbers_of, text_of


def test_good_values_come_back() -> None:
    assert text_of("a", "name") == "a"
    assert number_of(3, "age") == 3.0
    assert count_of(3, "side", most=3) == 3
    assert list_of((1, "a"), "row") == [1, "a"]
    assert numbers_of([1, 2.5], "row", count=2) == (1.0, 2.5)
    assert mapping_of({"a": 1}, "levels") == {"a": 1}


@pytest.mark.parametrize(
    ("take", "words"),
    [
        (lambda: text_of(None, "name"), "name must be a text, got None"),
        (lambda: number_of("3", "age"), "age must be a number, got '3'"),
        (lambda: number_of(True, "age"), "age must be a number, got True"),
        (lambda: number_of(float("nan"), "age"), "age must be finite, got nan"),
        (lambda: number_of(10**400, "age"), "age must be finite, got inf"),
        (lambda: count_of(2.0, "side", most=9), "side must be a whole number, got 2.0"),
        (lambda: count_of(0, "side", most=9), "side must lie in 1-9, got 0"),
        (lambda: count_of(10, "side", most=9), "side must lie in 1-9, got 10"),
        (lambda: list_of("abc", "row"), "row must be a list, got 'abc'"),
        (lambda: numbers_of([1], "row", count=2), "row must hold 2 numbers, got 1"),
        (lambda: numbers_of([1, None], "row", count=2), "row must be a number, got None"),
        (lambda: mapping_of([], "levels"), r"levels must map names to values, got \[\]"),
    ],
)
def test_others_are_named(take, words) -> None:
    with pytest.raises((TypeError, ValueError), match=words):
        take()
