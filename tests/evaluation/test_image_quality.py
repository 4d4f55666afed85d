"""Scores of T1 images as images, against slow or known ones."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from monai.metrics import MultiScaleSSIMMetric

from brainviewer.evaluation.image_quality import (
    SCALE_WEIGHTS,
    block_means,
    multiscale_similarities,
    nearest,
    scale_count,
    signal_to_noise,
)


def images(count: int, size: int = 32) -> np.ndarray:
    """Smooth images with some noise, in [0, 1]: (N, S, S, S) float32."""
    rng = np.random.default_rng(1)
    grid = np.stack(np.meshgrid(*(np.linspace(-1, 1, size),) * 3, indexing="ij"))
    bowls = [np.exp(-((grid - rng.normal(0, 0.2, (3, 1, 1, 1))) ** 2).sum(0)) for _ in range(count)]
    noisy = np.stack(bowls) + rng.normal(0, 0.05, (count, size, size, size))
    return noisy.clip(0, 1).astype(np.float32)


@pytest.mark.parametrize(
    ("shape", "count"),
    [((80, 112, 80), 3), ((144, 176, 144), 4), ((16, 24, 16), 1), ((8, 8, 8), 1)],
)
def test_there_are_as_many_scales_as_the_window_fits_into(shape, count) -> None:
    assert scale_count(shape) == count


def test_ms_ssim_is_monais() -> None:
    own = images(3)
    pairs = np.array([[0, 1], [0, 2], [1, 1]])
    found = multiscale_similarities(lambda index: own[index], pairs)
    weights = np.array(SCALE_WEIGHTS[:2]) / sum(SCALE_WEIGHTS[:2])
    metric = MultiScaleSSIMMetric(spatial_dims=3, weights=weights.tolist())
    first, second = (torch.from_numpy(own[pairs[:, side]])[:, None] for side in (0, 1))
    np.testing.assert_allclose(found, metric(first, second)[:, 0], atol=1e-4)
    assert found[2] == pytest.approx(1.0, abs=1e-6)


def test_every_pair_is_told() -> None:
    told = []
    pairs = np.array([[0, 1], [0, 2]])
    multiscale_similarities(lambda index: images(3)[index], pairs, on_pair=lambda: told.append(1))
    assert len(told) == 2


@pytest.mark.parametrize("sd", [0.01, 0.025])
def test_snr_is_the_white_matter_by_the_noise_that_was_added(sd) -> None:
    image = np.zeros((40, 40, 40), np.float32)
    image[5:-5, 5:-5, 5:-5] = 0.75
    image[15:25, 15:25, 15:25] = 0.5  # its edge is no noise
    noisy = image + np.random.default_rng(1).normal(0, sd, image.shape).astype(np.float32)
    assert signal_to_noise(noisy) == pytest.approx(0.75 / sd, rel=0.02)


def test_an_image_without_noise_or_white_matter_has_no_snr() -> None:
    assert np.isnan(signal_to_noise(np.zeros((8, 8, 8), np.float32)))
    assert np.isnan(signal_to_noise(np.full((8, 8, 8), 0.75, np.float32)))


def test_blocks_are_means_of_four_voxels_along_each_axis() -> None:
    stored = np.random.default_rng(1).integers(0, 256, (2, 8, 9, 4)).astype(np.uint8)
    found = block_means(stored, unit=255.0)
    assert found.shape == (2, 4)
    assert found[1, 3] == pytest.approx(stored[1, 4:8, 4:8, :4].mean() / 255.0)


def test_the_nearest_is_that_with_the_least_root_mean_square() -> None:
    others = np.array([[0.0, 0.0], [3.0, 4.0]], np.float32)
    index, distance = nearest(np.array([[3.0, 5.0], [0.0, 0.0]], np.float32), others)
    assert index.tolist() == [1, 0]
    np.testing.assert_allclose(distance, [np.sqrt(0.5), 0.0])
