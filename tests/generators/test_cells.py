"""Cells that hold something, filled and carried: as if the whole box had been."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import ndimage
from torch.nn import functional

from brainviewer.generators.cells import Cells, Support, cells_reached
from brainviewer.generators.flow import exponentiate, pull, resample

COARSE = (10, 12, 8)


def everywhere() -> Cells:
    return Cells(torch.arange(int(np.prod(COARSE))), COARSE)


def fields(channels: int, seed: int = 1) -> torch.Tensor:
    rng = np.random.default_rng(seed)
    return torch.from_numpy(rng.normal(size=(1, channels, *COARSE)).astype(np.float32))


def strong_flow(seed: int = 2) -> torch.Tensor:
    rng = np.random.default_rng(seed)
    raw = ndimage.gaussian_filter(rng.normal(size=(1, 3, *COARSE)), (0, 0, 1.5, 1.5, 1.5))
    return exponentiate(torch.from_numpy((raw * 2.5 / np.abs(raw).max()).astype(np.float32)))


@pytest.mark.parametrize("factors", [(2,), (4,), (2, 2)])
def test_cells_are_filled_as_the_whole_field_is(factors) -> None:
    field = expected = fields(2)
    for factor in factors:
        expected = functional.interpolate(expected, scale_factor=float(factor), mode="trilinear")
    found = torch.zeros(expected.shape[1:])
    everywhere().put(everywhere().filled(field, *factors), found)
    torch.testing.assert_close(found, expected[0], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(("factor", "detail"), [(2, 2), (4, 4), (4, 2)])
def test_cells_are_carried_as_the_whole_map_is(factor, detail) -> None:
    rng, flow = np.random.default_rng(3), strong_flow()
    shape, template = ([f * n for n in COARSE] for f in (factor, detail))
    maps = torch.from_numpy(rng.random((1, 2, *template), dtype=np.float32))
    expected = pull(maps, resample(flow, shape))[0]
    found = torch.zeros(expected.shape)
    for cells in everywhere().parts(100):
        cells.put(cells.carried(maps, cells.filled(flow, factor)), found)
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("detail", [2, 4])
def test_no_cell_that_holds_anything_is_left_out(seed, detail) -> None:
    """Random voxels of the template, on a grid as fine as the support's or finer."""
    rng, flow = np.random.default_rng(seed), strong_flow(seed)
    maps = np.zeros((1, 1, *(detail * n for n in COARSE)), np.float32)
    maps.ravel()[rng.integers(maps.size, size=4)] = 1.0
    maps[0, 0, -1, -1, -1] = 1.0
    held = functional.max_pool3d(torch.from_numpy(maps), detail // 2)[0, 0] > 0
    cells = cells_reached(Support(held), flow)
    for factor in (2, 4):
        carried = pull(torch.from_numpy(maps), resample(flow, [factor * n for n in COARSE]))
        full = functional.max_pool3d(carried, factor).flatten().nonzero()[:, 0]
        assert len(full)
        assert set(full.tolist()) <= set(cells.index.tolist())
    assert len(cells.index) < 0.25 * np.prod(COARSE)


def test_cells_far_from_everything_are_left_out() -> None:
    held = torch.zeros([2 * n for n in COARSE], dtype=torch.bool)
    held[8:12, 10:14, 6:10] = True
    cells = cells_reached(Support(held), torch.zeros(1, 3, *COARSE))
    assert {tuple(map(int, place)) for place in zip(*cells.places(), strict=True)} == {
        (i, j, k) for i in range(3, 7) for j in range(4, 8) for k in range(2, 6)
    }


def test_what_is_put_can_be_taken() -> None:
    cells = Cells(torch.tensor([3, 250, 700]), COARSE)
    maps = torch.zeros(2, *(4 * n for n in COARSE))
    values = torch.arange(2 * 3 * 64.0).view(2, 3, 64)
    cells.put(values, maps)
    torch.testing.assert_close(cells.taken(maps), values)
    i, j, k = (int(place[1]) for place in cells.places())
    assert (i * COARSE[1] + j) * COARSE[2] + k == 250
    assert maps[1, 4 * i, 4 * j, 4 * k + 1] == values[1, 1, 1]
    assert maps[:, : 4 * i].count_nonzero() == 2 * 64 - 1  # the first of all values is 0
