"""Weights that are stored small come back nearly as they were."""

from __future__ import annotations

import pytest
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from brainviewer.generators.packing import pack_weights, read_weights


def stored(tmp_path, **state: torch.Tensor):
    path = tmp_path / "weights.safetensors"
    path.write_bytes(pack_weights({name.replace("_", "."): t for name, t in state.items()}))
    return path


def test_a_large_matrix_takes_one_byte_a_number(tmp_path) -> None:
    matrix = torch.randn(400, 1000) * torch.logspace(-3, 2, 400)[:, None]
    path = stored(tmp_path, layer_weight=matrix)
    assert path.stat().st_size < 1.02 * matrix.numel() + 1000
    off = (read_weights(path)["layer.weight"] - matrix).abs()
    assert (off <= 0.51 * matrix.abs().amax(dim=1, keepdim=True) / 127).all()


def test_a_row_of_zeros_stays_zero_and_a_large_kernel_keeps_its_shape(tmp_path) -> None:
    kernel = torch.randn(100, 100, 3, 3, 3)
    kernel[7] = 0
    back = read_weights(stored(tmp_path, conv_weight=kernel))["conv.weight"]
    assert back.shape == kernel.shape
    assert not back[7].any()


def test_small_tensors_are_halves_and_integers_stay(tmp_path) -> None:
    small, count = torch.randn(30, 40), torch.tensor([3, 2**40])
    path = stored(tmp_path, small_weight=small, count=count)
    assert load_file(path)["small.weight"].dtype == torch.float16
    weights = read_weights(path)
    torch.testing.assert_close(weights["small.weight"], small.half().float(), rtol=0, atol=0)
    torch.testing.assert_close(weights["count"], count, rtol=0, atol=0)


def test_the_mean_brain_keeps_small_shares(tmp_path) -> None:
    shares = torch.cat([torch.logspace(-4, 0, 1000), torch.zeros(1)])
    back = read_weights(stored(tmp_path, mean_shares=shares))["mean.shares"]
    assert back[-1] == 0
    assert (back - shares).abs().max() < 0.005
    assert ((back / shares)[:-1].log().abs().max()) < 0.4


def test_shares_that_are_mostly_zero_take_little_room(tmp_path) -> None:
    shares = torch.zeros(1, 4, 30, 40, 50)
    shares[:, :, 10:20, 10:20] = 0.25
    path = stored(tmp_path, mean_shares=shares, none_shares=torch.zeros(0, 4, 4, 4))
    assert path.stat().st_size < 0.05 * shares.numel()
    weights = read_weights(path)
    torch.testing.assert_close(weights["mean.shares"], shares, atol=0.005, rtol=0)
    assert weights["none.shares"].shape == (0, 4, 4, 4)


@pytest.mark.parametrize("shape", [[1, 4, 5], [4, 5, 2**40], [-4, 5], [0, 3]])
def test_shares_of_another_size_are_an_error(tmp_path, shape) -> None:
    path = stored(tmp_path, mean_shares=torch.rand(1, 4, 6))
    entries = load_file(path)
    save_file({**entries, "mean.shares:shape": torch.tensor(shape)}, path)
    with pytest.raises(SafetensorError, match=r"mean\.shares is damaged"):
        read_weights(path)


def test_files_without_packing_are_read_as_they_are(tmp_path) -> None:
    path = tmp_path / "plain.safetensors"
    matrix = torch.randn(600, 600).half()
    save_file({"layer.weight": matrix, "mean.shares": matrix.abs()}, path)
    weights = read_weights(path)
    torch.testing.assert_close(weights["layer.weight"], matrix.float(), rtol=0, atol=0)
    torch.testing.assert_close(weights["mean.shares"], matrix.abs().float(), rtol=0, atol=0)


def test_a_matrix_without_its_scale_is_an_error(tmp_path) -> None:
    path = tmp_path / "broken.safetensors"
    save_file({"layer.weight": torch.ones(2, 2, dtype=torch.int8)}, path)
    with pytest.raises(SafetensorError, match=r"layer\.weight has no scale for each of its rows"):
        read_weights(path)
