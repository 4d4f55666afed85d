"""One scale for T1-weighted images, whatever their unit."""

from __future__ import annotations

import numpy as np
import pytest

from brainviewer.core.intensity import BRIGHT_INTENSITY, scale_intensity


def brain() -> np.ndarray:
    """Half of the field is a brain: a third of it white, two thirds grey."""
    data = np.zeros((6, 10, 10), np.float32)
    data[:3] = 155.0
    data[0] = 192.0
    return data


@pytest.mark.parametrize("unit", [1.0, 0.004, 37.0])
def test_white_matter_has_one_intensity_in_every_unit(unit) -> None:
    scaled = scale_intensity(brain() * np.float32(unit))
    assert scaled.dtype == np.float32
    np.testing.assert_allclose(scaled[0], BRIGHT_INTENSITY, rtol=1e-6)
    np.testing.assert_allclose(scaled[1:3], BRIGHT_INTENSITY * 155 / 192, rtol=1e-6)
    assert not scaled[3:].any()


def test_scaling_twice_changes_nothing() -> None:
    once = scale_intensity(brain())
    np.testing.assert_allclose(scale_intensity(once), once, rtol=1e-6)


def test_vessels_are_cut_at_one() -> None:
    data = brain()
    data[0, 0, 0] = 4000.0
    assert scale_intensity(data).max() == 1.0


def test_integers_are_scaled_as_numbers() -> None:
    np.testing.assert_array_equal(
        scale_intensity(brain().astype(np.uint8)), scale_intensity(brain())
    )


@pytest.mark.parametrize(
    ("value", "sentence"), [(0.0, "is empty"), (np.nan, "numbers that are not finite")]
)
def test_an_image_without_a_brain_is_refused(value, sentence) -> None:
    with pytest.raises(ValueError, match=sentence):
        scale_intensity(np.full((2, 2, 2), value, np.float32))
