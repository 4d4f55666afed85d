"""What metadata do to a latent grid: the GLM of BrainSynth (Peng et al. 2023, section 4.2.1).

    Q(z) = P m + r

m is a row of a design matrix made of the conditions, P has one map of the latent grid for each of
its columns, and r is the residual, which does not go with the metadata any more.
"""

from __future__ import annotations

from typing import Literal

import torch
from einops import rearrange
from torch import Tensor, nn

from brainviewer.generators.networks import full_precision

Design = Literal["linear", "splines"]
DESIGNS = ("linear", "splines")
# Percentiles of age between which the curves bend (Harrell 2015, Table 2.3).
KNOT_PERCENTILES = (5.0, 35.0, 65.0, 95.0)
KNOTS = len(KNOT_PERCENTILES)


class MetadataMap(nn.Module):
    """P, and the design that turns conditions into m.

    ``"linear"`` is the paper's design: an intercept and the columns of the conditions, z-scored
    age and sex among them. ``"splines"`` adds a natural cubic spline in age and age times sex.

    Attributes
    ----------
    age, sex : (D,) Tensor
        1 at the column of age, of sex.
    knots : (4,) Tensor
        Of the spline, in z-scored age.
    maps : (K C, i, j, k) Tensor
        P: C channels for each of K columns of the design.
    """

    age: Tensor
    sex: Tensor
    knots: Tensor
    maps: Tensor

    def __init__(
        self, conditions: int, latent_shape: tuple[int, int, int, int], design: Design
    ) -> None:
        super().__init__()
        bends = KNOTS - 1 if design == "splines" and conditions else 0
        self._is_bent = bends > 0
        self.columns = 1 + conditions + bends
        channels, *grid = latent_shape
        self.register_buffer("age", torch.zeros(conditions))
        self.register_buffer("sex", torch.zeros(conditions))
        self.register_buffer("knots", torch.linspace(-1.5, 1.5, KNOTS))
        self.register_buffer("maps", torch.zeros(self.columns * channels, *grid))

    def forward(self, y: Tensor) -> Tensor:
        """Return P m (B, C, i, j, k) for conditions (B, D), departures from what is expected."""
        maps = rearrange(self.maps, "(m c) i j k -> m c i j k", m=self.columns)
        with full_precision(y):
            return torch.einsum("bm,mcijk->bcijk", self.design(y), maps)

    def design(self, y: Tensor) -> Tensor:
        """Turn conditions (B, D) into rows m (B, K)."""
        columns = [torch.ones_like(y[:, :0].sum(dim=1, keepdim=True)), y]
        if self._is_bent:
            age, sex = y @ self.age, y @ self.sex
            columns += [natural_spline(age, self.knots), (age * sex)[:, None]]
        return torch.cat(columns, dim=1)

    @torch.no_grad()
    def place(self, y: Tensor, age: int, sex: int) -> None:
        """Say which columns of conditions (N, D) are age and sex, and put the knots among them."""
        self.age[age], self.sex[sex] = 1.0, 1.0
        shares = y.new_tensor(KNOT_PERCENTILES) / 100.0
        self.knots.copy_(torch.quantile(y[:, age], shares))

    @torch.no_grad()
    def set(self, coefficients: Tensor) -> None:
        """Put coefficients (K, C i j k) in the place of P."""
        self.maps.copy_(coefficients.reshape(self.maps.shape))


def natural_spline(x: Tensor, knots: Tensor) -> Tensor:
    """Return the bent columns of a natural cubic spline (Hastie et al. 2009, Eqs. 5.4-5.5).

    With a constant and x itself they span all curves that are cubic between neighbouring knots,
    smooth at them, and straight before the first and after the last.

    Parameters
    ----------
    x : (B,) Tensor
    knots : (T,) Tensor, rising

    Returns
    -------
    (B, T - 2) Tensor
    """
    cubes = (x[:, None] - knots).clamp_min(0.0) ** 3  # (B, T)
    d = (cubes[:, :-1] - cubes[:, -1:]) / (knots[-1] - knots[:-1])
    return d[:, :-1] - d[:, -1:]
