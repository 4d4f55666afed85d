import math

import pytest

from brainviewer.gui.wording import millilitres, ordinal, plain_range, signed, standing


@pytest.mark.parametrize(
    ("number", "words"),
    [(1, "1st"), (2, "2nd"), (3, "3rd"), (4, "4th"), (11, "11th"), (13, "13th"), (21, "21st")],
)
def test_ordinals_are_english(number: float, words: str) -> None:
    assert ordinal(number) == words


def test_a_standing_at_the_ends_of_the_table_is_only_a_bound() -> None:
    assert standing(5, lowest=5, highest=95) == "≤ 5th"
    assert standing(95, lowest=5, highest=95) == "≥ 95th"
    assert standing(62.2, lowest=5, highest=95) == "62nd"
    assert standing(math.nan) == "–"


@pytest.mark.parametrize(
    ("number", "words"), [(3.21, "+3.2"), (-0.44, "−0.4"), (-0.04, "0.0"), (math.nan, "–")]
)
def test_a_difference_shows_its_sign(number: float, words: str) -> None:
    assert signed(number) == words


def test_unknown_volumes_are_a_dash() -> None:
    assert (millilitres(512.34), millilitres(math.nan)) == ("512.3", "–")


def test_a_range_without_unit_ends_with_its_number() -> None:
    assert plain_range(142, 203.5, "cm") == "142–203.5 cm"
    assert plain_range(1, 5, "") == "1–5"
