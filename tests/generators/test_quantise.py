"""Fine-grained quantisation against a slow obvious version."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from brainviewer.generators.quantise import FineQuantiser, nearest


@pytest.fixture
def quantiser() -> FineQuantiser:
    made = FineQuantiser(5, 6)
    random = torch.Generator().manual_seed(1)
    made.books.copy_(torch.randn(made.books.shape, generator=random))
    made.books[1] *= 0.3
    return made


def grid_of(shape=(2, 6, 3, 2, 4)) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(2))


def slowly_nearest(vector: np.ndarray, book: np.ndarray) -> int:
    return min(range(len(book)), key=lambda index: ((vector - book[index]) ** 2).sum())


def test_each_half_and_its_remainder_are_replaced_by_the_nearest_vectors(quantiser) -> None:
    z = grid_of()
    values, codes = quantiser(z)
    first, second = quantiser.books.numpy()
    for b, i, j, k in np.ndindex(2, 3, 2, 4):
        for half in range(2):
            channels = slice(3 * half, 3 * half + 3)
            vector = z[b, channels, i, j, k].numpy()
            code = slowly_nearest(vector, first)
            rest = slowly_nearest(vector - first[code], second)
            assert codes[b, half, i, j, k] == code
            assert codes[b, 2 + half, i, j, k] == rest
            found = values[b, channels, i, j, k].numpy()
            np.testing.assert_allclose(found, first[code] + second[rest], rtol=1e-6)


def test_codes_stand_for_what_was_quantised(quantiser) -> None:
    values, codes = quantiser(grid_of())
    assert torch.equal(quantiser.look_up(codes), values)
    assert codes.shape == (2, 4, 3, 2, 4)


def test_what_is_in_the_codebook_stays_as_it_is(quantiser) -> None:
    quantiser.books[1, 0] = 0.0
    z = torch.cat([quantiser.books[0, 3], quantiser.books[0, 1]])[None, :, None, None, None]
    values, codes = quantiser(z)
    torch.testing.assert_close(values, z)
    assert codes.flatten().tolist() == [3, 1, 0, 0]


def test_the_remainder_brings_the_vector_nearer(quantiser) -> None:
    quantiser.books[1, 0] = 0.0  # not worse, at least
    z = grid_of()
    fine, codes = quantiser(z)
    codes[:, 2:] = 0
    coarse = quantiser.look_up(codes)
    assert (fine - z).square().mean() < (coarse - z).square().mean()


def test_assigning_passes_no_gradient(quantiser) -> None:
    assert not quantiser(grid_of().requires_grad_())[0].requires_grad


def test_the_nearest_of_far_vectors_is_found() -> None:
    book = torch.tensor([[1000.0, 0.0], [1000.0, 1.0], [-1000.0, 0.0]])
    vectors = torch.tensor([[1000.0, 0.8], [1000.0, 0.3], [-3.0, 5.0]])
    assert nearest(vectors, book).tolist() == [1, 0, 2]
