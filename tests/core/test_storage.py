"""What is stored gives the values back, or is refused."""

import numpy as np
import pytest

from brainviewer.core.storage import encode


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ("float16", "float32"),
        ("float32", "float32"),
        ("float64", "float32"),
        ("bool", "uint8"),
        ("uint8", "uint8"),
        ("int16", "int16"),
        ("int64", "int32"),
    ],
)
def test_the_type_is_chosen_by_the_values(given, stored):
    values, slope = encode(np.array([0, 1], given), None)
    assert values.dtype == stored
    assert values.tolist() == [0, 1]
    assert slope == 1


@pytest.mark.parametrize(("dtype", "step"), [("uint8", 1 / 255), ("uint16", 1 / 65535)])
def test_fractions_are_spread_over_an_unsigned_type(dtype, step):
    fractions = np.linspace(0, 1, 1001, dtype=np.float32)
    stored, slope = encode(fractions, dtype)
    assert stored.dtype == dtype
    assert slope == pytest.approx(step)
    assert stored[0] == 0
    assert stored[-1] == np.iinfo(dtype).max
    assert np.abs(stored * slope - fractions).max() <= 0.501 * step


@pytest.mark.parametrize(
    ("values", "dtype", "sentence"),
    [
        ([0.0, np.nan], None, "NaN or infinite"),
        ([0.0, -np.inf], None, "NaN or infinite"),
        ([0.0, 1.5], "uint8", r"real numbers in \[0, 1\], got 0 to 1.5"),
        ([-0.1, 1.0], "uint16", "got -0.1 to 1"),
        ([0.5, 1.0], "int16", "int16 cannot store the values 0.5 to 1 exactly"),
        ([1e300, 0.0], None, "float32 cannot store"),
        ([2**40], None, "int32 cannot store"),
        ([300], "uint8", "uint8 cannot store"),
        ([1], "int64", "not as int64"),
        ([1j], None, "not as complex128"),
    ],
)
def test_what_does_not_fit_is_refused(values, dtype, sentence):
    with pytest.raises(ValueError, match=sentence):
        encode(np.array(values), dtype)
