"""The parts around the slices as plain values."""

import json

import pytest

from brainviewer.session.panels import Panels, panels_from_json

EVERYTHING = Panels("layers", ("GM", "CSF"), False, True, True, "name")


def test_panels_come_back_from_a_file() -> None:
    assert panels_from_json(json.loads(json.dumps(EVERYTHING.to_json()))) == EVERYTHING


def test_what_is_absent_is_as_at_the_first_start() -> None:
    assert panels_from_json({}) == Panels()
    assert panels_from_json({"own_units": True}) == Panels(own_units=True)


@pytest.mark.parametrize(
    ("entry", "sentence"),
    [
        ({"side": "wall"}, "side must be one of person, layers, history, got 'wall'"),
        ({"region_order": ""}, "region_order must be one of change, size, name, got ''"),
        ({"all_spreads": 1}, "all_spreads must be true or false, got 1"),
        ({"unplotted": "GM"}, "unplotted must be a list, got 'GM'"),
        ({"unplotted": [3]}, "a structure must be a text, got 3"),
    ],
)
def test_what_cannot_be_is_told(entry, sentence) -> None:
    with pytest.raises((TypeError, ValueError), match=sentence):
        panels_from_json(entry)
