"""Guides: regions keep their differences, and lead a registration where tissues do not."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import ndimage

from brainviewer.generators.flow import exponentiate, pull
from brainviewer.generators.registration import Effort, register
from brainviewer.training.guides import WEIGHT, guide_of, mean_guide, paired, region_codes

SHAPE = (32, 40, 32)


def test_codes_differ_by_as_much_as_indicators_do() -> None:
    codes = region_codes(78)
    assert codes.shape == (79, 12)
    assert not codes[0].any()
    between = torch.cdist(codes[1:], codes[1:]).square()[~torch.eye(78, dtype=torch.bool)]
    assert between.mean() == pytest.approx(2 * WEIGHT, rel=0.05)
    assert between.min() > 0.3 * WEIGHT
    assert torch.equal(codes, region_codes(78))


def test_a_guide_is_the_mean_code_of_eight_voxels() -> None:
    codes = region_codes(2)
    labels = np.zeros((4, 4, 4), np.uint8)
    labels[:2, :2, :2], labels[2, 2, 2] = 1, 2
    guide = guide_of(labels, codes)
    assert guide.shape == (12, 2, 2, 2)
    np.testing.assert_allclose(guide[:, 0, 0, 0], codes[1], rtol=1e-5)
    np.testing.assert_allclose(guide[:, 1, 1, 1], codes[2] / 8, rtol=1e-5)


def halves(border: int) -> np.ndarray:
    """A ball of one tissue, whose left and right parts are two regions: (I, J, K)."""
    axes = np.meshgrid(*[np.linspace(-1, 1, n) for n in SHAPE], indexing="ij")
    ball = sum(a**2 for a in axes) < 0.8
    return np.where(ball, 1 + (np.arange(SHAPE[0])[:, None, None] >= border), 0).astype(np.uint8)


def test_a_border_that_the_tissues_do_not_show_is_found_by_its_guide() -> None:
    codes, (labels, moved) = region_codes(2), (halves(16), halves(20))
    tissue = ndimage.gaussian_filter((labels > 0).astype(np.float32), 0.7)
    maps = torch.from_numpy(np.stack([tissue, 0 * tissue, 0 * tissue]))[None]
    template = torch.from_numpy(guide_of(labels, codes))[None]
    pair = paired(template, guide_of(moved, codes))
    blind = register(maps, maps, Effort(steps=40))
    led = register(maps, maps, Effort(steps=40), pair)
    own = torch.from_numpy(guide_of(moved, codes))[None]
    missed = [(pull(template, exponentiate(v)) - own).square().mean() for v in (blind, led)]
    assert missed[1] < 0.3 * missed[0]


def test_the_guides_of_a_template_are_those_of_who_has_labels() -> None:
    guide = guide_of(halves(16), region_codes(2))
    still = torch.zeros((1, 3, *guide.shape[1:]))
    found = mean_guide([None, guide], [still, still])
    assert found is not None
    np.testing.assert_allclose(found[0].numpy(), guide, atol=1e-5)
    assert mean_guide([None, None], [still, still]) is None
    assert paired(found, None) is None
    assert paired(None, guide) is None
