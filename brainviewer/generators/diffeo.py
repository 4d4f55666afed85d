"""A brain as a diffeomorphic warp of a sharp template.

    shares(x) = T_y(exp(v)(x)),    v = c + B^T (W^T d(y) + b + F e)

with the template T_y, whose tissues mix by age and sex (`brainviewer.generators.mixture`), the flow
of a stationary velocity v, a basis B of velocities, the design d of the conditions y and standard
normal noise e: a conditional template (Dalca et al. 2019, NeurIPS 32)
with the statistics of velocities of registered people (Arsigny et al. 2006, MICCAI). The rows of
W^T B are coefficient fields; F F^T is how people differ who are asked for the same. Somebody who
was registered keeps what the basis does not hold: v = ... + r, with r behind e in the latent.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from brainviewer.core.space import finer_affine
from brainviewer.core.tissues import T1, TISSUES
from brainviewer.core.volume import Brain, voxel_volume_ml
from brainviewer.generators.base import GenerationError, Identity
from brainviewer.generators.carrier import Carrier
from brainviewer.generators.flow import (
    displacement_between,
    exponentiate,
    jacobian_determinant,
    pull,
    resample,
)
from brainviewer.generators.intensities import Intensities, lit
from brainviewer.generators.mixture import Amounts, Mixture, fields_shape, mixed, own_fields
from brainviewer.generators.networks import Deviations, MeanBrain, MeanFeatures, full_precision
from brainviewer.generators.region_maps import RegionMaps
from brainviewer.generators.registration import Effort, registration_steps
from brainviewer.generators.tissue_generator import TissueGenerator, load_tissue_generator

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

    from numpy.typing import NDArray

    from brainviewer.core.features import Conditions, FeatureSchema
    from brainviewer.core.volume import Affine, FloatArray
    from brainviewer.generators.checkpoint import Checkpoint
    from brainviewer.generators.device import Device

FINE = 2  # voxels of the fine template in one of the maps, along each axis
REDUCTION = 2  # voxels of the maps in one of the velocity, along each axis
MULTIPLE = 8  # what a registration halves three times
SMALLEST_SHARE = 1e-6
LEAST_OVERLAP = 0.6  # mean Dice of tissues; people of a cohort reach 0.75 to 0.85
SMALLEST_GROWTH = 1e-3  # of a Jacobian determinant, which is positive
DIM = 0.05  # added to an intensity before it divides another
LARGEST_TONE = 2.0
ENCODING_STEPS = 60
ENCODING_RATE = 0.1
# Weight of the mean squared difference of maps at half resolution beside |e|^2 / 2.
ENCODING_WEIGHT = 2e4


@dataclass(frozen=True, slots=True)
class DiffeoConfig:
    """Sizes of the model.

    Attributes
    ----------
    shape : (I, J, K)
        The grid; each a multiple of 8.
    conditions : int
        Length of the condition vector; 0 for an unconditional model.
    components : int
        Velocities in the basis.
    knots : int
        Of the natural cubic spline in age; at least 3.
    regions : tuple of str
        Names of the template's regions; none where its people had no labels.
    fine : bool
        Whether the template is known on a grid twice as fine too.
    t1 : bool
        Whether it is known how bright the tissues are in a T1-weighted image.
    mixture : bool
        Whether the tissues of the template mix anew with age and sex.
    mixture_components : int
        Fields in the basis of mixtures, by which people of one age and sex differ.
    """

    shape: tuple[int, int, int]
    conditions: int
    components: int = 64
    knots: int = 4
    regions: tuple[str, ...] = ()
    fine: bool = False
    t1: bool = False
    mixture: bool = False
    mixture_components: int = 0

    def __post_init__(self) -> None:
        if any(n % MULTIPLE for n in self.shape):
            raise ValueError(f"the grid must be multiples of {MULTIPLE} voxels, got {self.shape}")
        if self.knots < 3 or self.components < 1:
            raise ValueError(
                f"there must be at least 3 knots and 1 component, got {self.knots} and "
                f"{self.components}"
            )
        if self.mixture_components < 0:
            raise ValueError(f"mixture_components must not be negative: {self.mixture_components}")

    @property
    def latent(self) -> int:
        """Length of the noise: what stands before velocities, then before fields of mixture."""
        return self.components + self.mixture_components

    @property
    def remainder(self) -> int:
        """Numbers in what a registered person keeps besides: velocity, then fields of mixture."""
        return self.voxels + (prod(fields_shape(self.shape)) if self.mixture else 0)

    @property
    def channels(self) -> tuple[str, ...]:
        """What its brains hold: tissue maps, and a T1-weighted image where it is known."""
        return (*TISSUES, T1) if self.t1 else TISSUES

    @property
    def age_terms(self) -> int:
        """How many of the design's terms are of age and sex alone."""
        return 2 * (self.knots - 1) + 1

    @property
    def voxels(self) -> int:
        """Numbers in a velocity."""
        return 3 * prod(self.coarse_shape)

    @property
    def coarse_shape(self) -> tuple[int, int, int]:
        """The velocity's grid."""
        i, j, k = (n // REDUCTION for n in self.shape)
        return i, j, k

    @property
    def fine_shape(self) -> tuple[int, int, int]:
        """The grid of the fine template."""
        i, j, k = (FINE * n for n in self.shape)
        return i, j, k

    @classmethod
    def from_json(cls, entry: Mapping[str, Any]) -> DiffeoConfig:
        """Rebuild from a configuration file."""
        tuples = {name: tuple(entry[name]) for name in ("shape", "regions") if name in entry}
        return cls(**{**entry, **tuples})

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)


class Diffeo(nn.Module):
    """Template, design, basis and spread together."""

    knots: Tensor
    centre: Tensor
    basis: Tensor
    intercept: Tensor
    weights: Tensor
    factor: Tensor

    def __init__(self, config: DiffeoConfig) -> None:
        super().__init__()
        self.config = config
        self.mean = MeanBrain(config.shape)
        self.fine = MeanBrain(config.fine_shape) if config.fine else None
        self.deviations = Deviations(config.conditions)
        self.regions = RegionMaps(len(config.regions), config.coarse_shape, config.shape)
        voxels = config.voxels
        self.intensities = Intensities(config.shape, config.age_terms) if config.t1 else None
        self.mixture = (
            Mixture(config.shape, config.age_terms, config.mixture_components)
            if config.mixture
            else None
        )
        terms = config.age_terms + config.conditions
        self.register_buffer("knots", torch.linspace(-1.5, 1.5, config.knots))
        self.register_buffer("centre", torch.zeros(voxels))
        self.register_buffer("basis", torch.zeros(config.components, voxels))
        self.register_buffer("intercept", torch.zeros(config.latent))
        self.register_buffer("weights", torch.zeros(terms, config.latent))
        self.register_buffer("factor", torch.eye(config.latent))

    def design(self, y: Tensor) -> Tensor:
        """Return the terms d(y) of conditions (B, D): (B, T).

        A natural cubic spline in age, sex, their products, and how the other features depart from
        what is expected at that age and sex; 0 in the columns of age and sex themselves.
        """
        age, sex = self.deviations.age, self.deviations.sex
        a, s = (y @ age)[:, None], (y @ sex)[:, None]
        spline = natural_spline(a, self.knots)
        others = self.deviations(y) * (1.0 - age - sex)
        return torch.cat([spline, s, spline * s, others], dim=1)

    def scores(self, noise: Tensor, y: Tensor) -> Tensor:
        """Return what stands before the bases for noise (B, L) and conditions (B, D): (B, L)."""
        return self.design(y) @ self.weights + self.intercept + noise @ self.factor.T

    def velocity(self, noise: Tensor, y: Tensor) -> Tensor:
        """Return v of noise (B, L) and conditions (B, D): (B, 3, I/2, J/2, K/2), its voxels.

        Noise may be followed by what is left of a registered person: (B, L + R).
        """
        noise, left = noise[:, : self.config.latent], noise[:, self.config.latent :]
        velocity = self._spanned(self.scores(noise, y))
        if not left.shape[1]:
            return velocity
        return velocity + left[:, : self.config.voxels].view_as(velocity)

    def mixing(self, noise: Tensor, y: Tensor) -> Tensor | None:
        """Return how the template's tissues mix, (B, 3, I/4, J/4, K/4), for the same; or None."""
        noise, left = noise[:, : self.config.latent], noise[:, self.config.latent :]
        fields = self._mixed(self.scores(noise, y), y)
        if fields is None or not left.shape[1]:
            return fields
        return fields + left[:, self.config.voxels :].view_as(fields)

    def latent_of(self, velocity: Tensor, y: Tensor, fields: Tensor | None) -> Tensor:
        """Return noise and remainder (B, L + R) that give velocity and fields under conditions.

        Parameters
        ----------
        velocity : (B, 3, I/2, J/2, K/2) Tensor
        y : (B, D) Tensor
        fields : (B, 3, I/4, J/4, K/4) Tensor or None
            None where tissues do not mix.
        """
        plain = self.scores(y.new_zeros((len(velocity), self.config.latent)), y)
        scores = [_projected(velocity.flatten(1) - self.centre, self.basis)]
        if self.mixture is not None and fields is not None:
            departure = fields - self.mixture.fields(self.terms_of_age(y))
            scores.append(_projected(departure.flatten(1), self.mixture.basis))
        noise = torch.linalg.solve(self.factor, (torch.cat(scores, dim=1) - plain).T).T
        parts = [velocity - self.velocity(noise, y)]
        found = self.mixing(noise, y)
        if found is not None and fields is not None:
            parts.append(fields - found)
        return torch.cat([noise, *(part.flatten(1) for part in parts)], dim=1)

    def shares(self, noise: Tensor, y: Tensor) -> Tensor:
        """Return tissue and background shares (B, 4, I, J, K) of noise and conditions."""
        flow = exponentiate(self.velocity(noise, y))
        return _with_background(self._tissues(flow, self.mixing(noise, y)))

    def light(self, flow: Tensor, y: Tensor) -> Tensor:
        """Return the light (B, 4, I, J, K) that makes an image of carried tissue shares."""
        assert self.intensities is not None
        return self.intensities.light(self.terms_of_age(y), flow)

    def tissues_and_image(self, noise: Tensor, y: Tensor) -> Tensor:
        """Return tissue shares and T1-weighted image (B, 4, I, J, K) of noise and conditions."""
        flow = exponentiate(self.velocity(noise, y))
        shares = self._tissues(flow, self.mixing(noise, y))
        return torch.cat([shares, lit(shares, self.light(flow, y))], dim=1)

    def tone(self, noise: Tensor, before: Tensor, after: Tensor) -> Tensor:
        """Return by how much the image changes in the brain (I, J, K) under `after`; 1 outside.

        Besides what the flow moves: how bright tissues are, and how they mix.
        """
        flow = exponentiate(self.velocity(noise, after))
        old, new = (self._tissues(flow, self.mixing(noise, y)) for y in (before, after))
        first, second = lit(old, self.light(flow, before)), lit(new, self.light(flow, after))
        inside = new.sum(dim=1, keepdim=True)
        ratio = (second + DIM) / (first + DIM)
        factor: Tensor = (1.0 + inside * (ratio - 1.0))[0, 0]
        return factor.clamp(1.0 / LARGEST_TONE, LARGEST_TONE)

    def template(self, y: Tensor) -> Tensor:
        """Return the tissues (B, 3, I, J, K) of the template under conditions (B, D)."""
        shares = self.mean.shares[:, :3].expand(len(y), -1, -1, -1, -1)
        fields = self._mixed(self.scores(y.new_zeros((len(y), self.config.latent)), y), y)
        return shares if fields is None else mixed(shares, fields)

    def carried(self, scores: Tensor, y: Tensor) -> Tensor:
        """Return the tissues (B, 3, I, J, K) under conditions, of what scores span."""
        return self._tissues(exponentiate(self._spanned(scores)), self._mixed(scores, y))

    def _tissues(self, flow: Tensor, fields: Tensor | None) -> Tensor:
        """Return the template's tissues (B, 3, I, J, K), carried by flows and mixed by fields."""
        template = self.mean.shares[:, :3].expand(len(flow), -1, -1, -1, -1)
        shares = pull(template, resample(flow, self.config.shape))
        return shares if fields is None else mixed(shares, pull(fields, flow))

    def _mixed(self, scores: Tensor, y: Tensor) -> Tensor | None:
        """Return how the template mixes, (B, 3, I/4, J/4, K/4), by what scores (B, L) span."""
        if self.mixture is None:
            return None
        return self.mixture.fields(self.terms_of_age(y), scores[:, self.config.components :])

    def terms_of_age(self, y: Tensor) -> Tensor:
        """Return those terms of the design that are of age and sex alone: (B, T)."""
        return self.design(y)[:, : self.config.age_terms]

    def fields_of(self, maps: Tensor, velocity: Tensor, y: Tensor) -> Tensor | None:
        """Return how the template must mix for maps (1, 3, I, J, K) of whom exp(v) carries it to.

        (1, 3, I/4, J/4, K/4); None where tissues do not mix.
        """
        expected = self._mixed(self.scores(y.new_zeros((1, self.config.latent)), y), y)
        if expected is None:
            return None
        return own_fields(self.mean.shares[:, :3], expected, Amounts.of_person(maps, velocity))

    def displacement(self, noise: Tensor, before: Tensor, after: Tensor) -> Tensor:
        """Return where a brain under `after` has what that under `before` has: (B, 3, I, J, K).

        exp(-v) o exp(v') - id, for the velocities v before and v' after, in voxels of the maps;
        exactly 0 where the conditions are the same.
        """
        if torch.equal(before, after):
            return noise.new_zeros((len(noise), 3, *self.config.shape))
        with full_precision(noise):
            own, shape = self.velocity(noise, before), self.config.shape
            flows = (self.velocity(noise, after), own, -own)
            there, here, back = (resample(exponentiate(v), shape) for v in flows)
            return displacement_between(there, here, back)

    def region_volumes(self, noise: Tensor, y: Tensor) -> Tensor:
        """Return the voxels (B, R) of each region for noise and conditions, of the maps' grid."""
        with full_precision(noise):
            back = exponentiate(-self.velocity(noise, y))
            return self.regions.volumes(back) * REDUCTION**3

    def region_volumes_of(self, scores: Tensor) -> Tensor:
        """Return the voxels (B, R) of each region of what scores (B, L) span."""
        back = exponentiate(-self._spanned(scores))
        return self.regions.volumes(back) * REDUCTION**3

    def region_labels(self, noise: Tensor, y: Tensor) -> Tensor:
        """Return 1 + the index of the region (B, I, J, K) at each voxel, 0 for none."""
        with full_precision(noise):
            return self.regions.carried(exponentiate(self.velocity(noise, y)))

    def _spanned(self, scores: Tensor) -> Tensor:
        flat = self.centre + scores[:, : self.config.components] @ self.basis
        return flat.view(len(flat), 3, *self.config.coarse_shape)

    def decode(self, noise: Tensor, y: Tensor, mean: MeanFeatures) -> Tensor:
        """Decode noise (B, L) under conditions (B, D): logits (B, 4, I, J, K)."""
        with full_precision(noise):
            return self.shares(noise, y).clamp_min(SMALLEST_SHARE).log()

    def noise(self, maps: Tensor, y: Tensor) -> Tensor:
        """Find the noise (B, L) of maps (B, 3, I, J, K) under conditions (B, D).

        The most probable one: the template is registered to the maps, at half resolution, by
        warps and mixtures of the model alone, with |e|^2 / 2 as penalty. Adam takes the same number
        of steps for everybody, so that the same maps give the same noise.
        """
        with torch.inference_mode(mode=False), torch.enable_grad(), full_precision(maps):
            wanted = functional.avg_pool3d(maps.clone(), REDUCTION)
            y = y.clone()
            shares = self.mean.shares[:, :3].expand(len(y), -1, -1, -1, -1)
            template = functional.avg_pool3d(shares, REDUCTION)
            noise = maps.new_zeros((len(maps), self.config.latent), requires_grad=True)
            optimizer = torch.optim.Adam([noise], lr=ENCODING_RATE)
            for step in range(ENCODING_STEPS):
                optimizer.param_groups[0]["lr"] = ENCODING_RATE * (1.0 - step / ENCODING_STEPS)
                optimizer.zero_grad()
                flow, fields = exponentiate(self.velocity(noise, y)), self.mixing(noise, y)
                carried = pull(template, flow)
                if fields is not None:
                    carried = mixed(carried, pull(fields, flow))
                misfit = (carried - wanted).square().sum(dim=1).mean(dim=(1, 2, 3)).sum()
                loss = ENCODING_WEIGHT * misfit + 0.5 * noise.square().sum()
                torch.autograd.backward(loss)
                optimizer.step()
            return noise.detach()


def _projected(rows: Tensor, basis: Tensor) -> Tensor:
    """Return what stands (B, L) before a basis (L, P), nearly orthonormal: it is stored rounded."""
    scores: Tensor = torch.linalg.solve(basis @ basis.T, basis @ rows.T).T
    return scores


def _with_background(tissues: Tensor) -> Tensor:
    """Append what the tissues (B, 3, I, J, K) lack of 1."""
    return torch.cat([tissues, 1.0 - tissues.sum(dim=1, keepdim=True)], dim=1)


class DiffeoGenerator(TissueGenerator):
    """A diffeomorphic model on a device, which also knows regions and local changes."""

    _model: Diffeo

    def __init__(
        self, name: str, model: Diffeo, *, schema: FeatureSchema, affine: Affine, device: Device
    ) -> None:
        super().__init__(name, model, schema=schema, affine=affine, device=device)
        self.channels = model.config.channels
        self._carrier = Carrier(model)

    def generate(self, identity: Identity, conditions: Conditions) -> Brain:
        """Carry the template: (C, I, J, K) in [0, 1]."""
        maps = self._carrier.maps(self._noise_tensor(identity), self._condition_tensor(conditions))
        return Brain(self.channels, maps.cpu().numpy(), self.affine)

    @property
    def regions(self) -> tuple[str, ...]:
        """The names of the regions."""
        return self._model.config.regions

    @torch.inference_mode()
    def region_volumes(self, identity: Identity, conditions: Conditions) -> FloatArray:
        """Measure the regions of a brain: (R,) float32, mL."""
        found = self._model.region_volumes(
            self._noise_tensor(identity), self._condition_tensor(conditions)
        )
        volumes: FloatArray = (found[0].float() * voxel_volume_ml(self.affine)).cpu().numpy()
        return volumes

    @torch.inference_mode()
    def region_labels(self, identity: Identity, conditions: Conditions) -> NDArray[np.int16]:
        """Label a brain: (I, J, K) int16, 1 + the index of the region, 0 for none."""
        found = self._model.region_labels(
            self._noise_tensor(identity), self._condition_tensor(conditions)
        )
        labels: NDArray[np.int16] = found[0].cpu().numpy()
        return labels

    @property
    def fine_affine(self) -> Affine | None:
        """Of the fine grid, (4, 4) float64, mm; None where there is no fine template."""
        if not self._model.config.fine:
            return None
        return finer_affine(self.affine, FINE)

    def fine_steps(
        self, identity: Identity, conditions: Conditions
    ) -> Generator[float, None, Brain]:
        """Make what `generate` does, (C, 2I, 2J, 2K); yields the part that is done."""
        affine = self.fine_affine
        if affine is None:
            raise GenerationError(f"{self.name} has no fine template")
        noise, y = self._noise_tensor(identity), self._condition_tensor(conditions)
        maps = noise.new_zeros((len(self.channels), *self._model.config.fine_shape))
        yield from self._carrier.fine_steps(noise, y, maps)
        return Brain(self.channels, maps.cpu().numpy(), affine)

    @property
    def _lengths(self) -> tuple[int, ...]:
        config = self._model.config
        return (config.latent, config.latent + config.remainder)

    def encode_steps(
        self, brain: Brain, conditions: Conditions
    ) -> Generator[float, None, Identity]:
        """Register the template to tissue maps, as in training; keep velocity and mixture whole.

        Under the same conditions the identity gives both back; under others the remainder stays as
        it is.
        """
        maps, model = self._maps_tensor(brain), self._model
        y = self._condition_tensor(conditions)
        with torch.inference_mode():
            mixed_template = model.template(y).float()
        template = mixed_template.clone()
        velocity = yield from registration_steps(template, maps, Effort())
        with torch.inference_mode():
            flow = exponentiate(velocity)
            smallest = float(jacobian_determinant(flow).min())
            overlap = float(soft_dice(pull(template, resample(flow, self.shape)), maps).mean())
            if smallest <= 0 or overlap < LEAST_OVERLAP:
                raise GenerationError(
                    f"the template could not be registered to this scan: the tissues overlap by "
                    f"{overlap:.2f}, the smallest Jacobian is {smallest:.2f}; look at its "
                    f"segmentation"
                )
            latent = model.latent_of(velocity, y, model.fields_of(maps, velocity, y))
            return Identity(latent[0].cpu().numpy(), "registered scan")

    @torch.inference_mode()
    def displacement(self, identity: Identity, before: Conditions, after: Conditions) -> FloatArray:
        """Tell where a brain has what another of its person has: (3, I, J, K) float32, mm."""
        voxels = self._displacement(identity, before, after)[0]
        to_world = self._device.tensor(self.affine[:3, :3].astype(np.float32))
        found: FloatArray = torch.einsum("ab,bijk->aijk", to_world, voxels).cpu().numpy()
        return found

    @torch.inference_mode()
    def tone(self, identity: Identity, before: Conditions, after: Conditions) -> FloatArray:
        """Tell how much brighter the same tissues are: (I, J, K) float32, 1 outside the brain."""
        ends = [self._condition_tensor(conditions) for conditions in (before, after)]
        if not self._model.config.t1 or torch.equal(*ends):
            return np.ones(self.shape, np.float32)
        with full_precision(ends[1]):
            found: FloatArray = self._model.tone(self._noise_tensor(identity), *ends).cpu().numpy()
            return found

    @torch.inference_mode()
    def log_growth(self, identity: Identity, before: Conditions, after: Conditions) -> FloatArray:
        """Tell how much a brain grows at each place: (I, J, K) float32, log of the Jacobian."""
        size = jacobian_determinant(self._displacement(identity, after, before))
        found: FloatArray = size[0].clamp_min(SMALLEST_GROWTH).log().cpu().numpy()
        return found

    @torch.inference_mode()
    def jacobian(self, identity: Identity, conditions: Conditions) -> FloatArray:
        """Tell how exp(v) spreads space: (I/2, J/2, K/2) float32."""
        y = self._condition_tensor(conditions)
        with full_precision(y):
            flow = exponentiate(self._model.velocity(self._noise_tensor(identity), y))
            found: FloatArray = jacobian_determinant(flow)[0].cpu().numpy()
            return found

    def _displacement(self, identity: Identity, before: Conditions, after: Conditions) -> Tensor:
        noise = self._noise_tensor(identity)
        ends = (self._condition_tensor(conditions) for conditions in (before, after))
        return self._model.displacement(noise, *ends).float()


def soft_dice(first: Tensor, second: Tensor) -> Tensor:
    """Return the overlap of maps (..., I, J, K) in [0, 1]: 2 sum min(a, b) / sum (a + b)."""
    shared = torch.minimum(first, second).sum(dim=(-3, -2, -1))
    return 2.0 * shared / (first + second).sum(dim=(-3, -2, -1)).clamp_min(1e-6)


def natural_spline(x: Tensor, knots: Tensor) -> Tensor:
    """Return the basis of natural cubic splines but for its constant: (N, knots - 1).

    Linear beyond the first and the last knot. Hastie, Tibshirani and Friedman, The Elements of
    Statistical Learning, 2nd edition, Eqs. 5.4 and 5.5, divided by the knots' range squared.

    Parameters
    ----------
    x : (N, 1) Tensor
    knots : (M,) Tensor, rising
    """
    last, inner = knots[-1], knots[:-1]
    cubes = functional.relu(x - inner) ** 3 - functional.relu(x - last) ** 3
    d = cubes / (last - inner) / (last - knots[0])
    return torch.cat([x, d[:, :-1] - d[:, -1:]], dim=1)


def load(checkpoint: Checkpoint, device: str) -> TissueGenerator:
    """Load a checkpoint's weights; errors are turned into words by `load_generator`."""
    return load_tissue_generator(
        checkpoint, Diffeo, device, read_config=DiffeoConfig.from_json, kind=DiffeoGenerator
    )
