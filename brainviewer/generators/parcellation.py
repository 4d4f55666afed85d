"""The regions of any T1-weighted brain, by a network: for brains whose maker knows of none.

A U-Net (Cicek et al. 2016) that sees the image and where in standard space each voxel
lies, so that left and right are told apart and neighbours that look alike are not confused. It is
trained on labelled people of many simulated contrasts (`brainviewer.training.parcellation`).
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import torch
from safetensors import SafetensorError
from scipy import ndimage
from torch import Tensor, nn
from torch.nn import functional

from brainviewer.core.files import write_bytes_atomically, write_json_atomically
from brainviewer.core.space import resample
from brainviewer.core.volume import Volume, voxel_spacing, voxel_volume_ml
from brainviewer.generators.device import choose_device
from brainviewer.generators.packing import pack_weights, read_weights

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping, Sequence

    from numpy.typing import NDArray

    from brainviewer.core.volume import Affine, FloatArray

Result = TypeVar("Result")

NETWORK_FOLDER = Path(__file__).parents[2] / "resources" / "regions" / "network"
WEIGHTS_FILE = "weights.safetensors"
FACTS_FILE = "network.json"
SCHEMA = 1

BOX_STEP = 8
NEIGHBOURS, AXES = 8, 3
COORDINATE_MM = 100.0  # what a coordinate of 1 stands for
BLUR = 0.5  # voxels for each that is left out when an image is thinned
FAINT = 0.05  # of the brightest: what blurring puts outside the brain


class ParcellationError(ValueError):
    """An image without a brain to label, or a network that cannot be read; one sentence."""


@dataclass(frozen=True, slots=True)
class NetworkSizes:
    """How large a network is.

    Attributes
    ----------
    widths : (int, int, int)
        Channels on voxels twice, four and eight times as large.
    fine_width : int
        Channels on the voxels themselves.
    box : (I, J, K)
        Voxels about the middle of the brain that it is trained on, multiples of 8; brains that are
        larger enlarge it.
    spacing_mm : float
        Of the voxels it was trained on.
    """

    widths: tuple[int, int, int] = (32, 64, 96)
    fine_width: int = 16
    box: tuple[int, int, int] = (72, 96, 72)
    spacing_mm: float = 2.0

    def __post_init__(self) -> None:
        if len(self.widths) != 3 or len(self.box) != 3 or any(n % BOX_STEP for n in self.box):
            raise ValueError(
                f"there are three widths and a box of multiples of {BOX_STEP} voxels, got "
                f"{self.widths} and {self.box}"
            )


@dataclass(frozen=True, slots=True)
class NetworkFacts:
    """What a network knows of itself.

    Attributes
    ----------
    regions : tuple of R str
    sizes : NetworkSizes
    dice : mapping of region to float
        Mean overlap with the labels of people whom it never saw.
    people : int
        How many it was trained on.
    trained_on : str
    """

    regions: tuple[str, ...]
    sizes: NetworkSizes
    dice: Mapping[str, float]
    people: int
    trained_on: str


@dataclass(frozen=True, slots=True, eq=False)
class Parcellation:
    """The regions of one brain.

    Attributes
    ----------
    names : tuple of R str
    labels : (I, J, K) int16 ndarray
        On the grid of the image: 1 + the index of the region, 0 for none.
    volumes_ml : (R,) float32 ndarray, mL
        Sums of probabilities, so that they change smoothly where labels jump.
    """

    names: tuple[str, ...]
    labels: NDArray[np.int16]
    volumes_ml: FloatArray


class RegionNetwork(nn.Module):
    """From a standardised image and coordinates to the scores of the regions.

    Most is done on voxels twice as large, to which eight neighbours are folded as channels, and the
    classes are told in the brain alone: a scan then takes a second or two without a GPU.

    Parameters
    ----------
    regions : int
        Besides the background, which is class 0.
    sizes : NetworkSizes
    """

    def __init__(self, regions: int, sizes: NetworkSizes) -> None:
        super().__init__()
        first, second, third = sizes.widths
        self.down1 = _two_convolutions(NEIGHBOURS + AXES, first)
        self.down2 = _two_convolutions(first, second)
        self.deep = _two_convolutions(second, third)
        self.up2 = _two_convolutions(third + second, second)
        self.up1 = _two_convolutions(second + first, first)
        self.unfold = nn.ConvTranspose3d(first, sizes.fine_width, kernel_size=2, stride=2)
        self.fine = nn.Sequential(*_convolution(sizes.fine_width + 1, sizes.fine_width))
        self.head = nn.Linear(sizes.fine_width, regions + 1)

    def forward(self, images: Tensor, places: Tensor, inside: Tensor) -> Tensor:
        """Score the voxels inside the brain: (P, 1 + R), in the order of ``inside``.

        Parameters
        ----------
        images : (B, 1, I, J, K) Tensor
            Standardised by `standardise`; I, J and K multiples of 8.
        places : (B, 3, I, J, K) Tensor
            World coordinates, 1 for 100 mm.
        inside : (B, I, J, K) bool Tensor
        """
        steps = self.steps(images, places, inside)
        return finish(steps)

    def steps(
        self, images: Tensor, places: Tensor, inside: Tensor
    ) -> Generator[None, None, Tensor]:
        """Do the same layer by layer, so that something else may run in between."""
        half = torch.cat([_folded(images), functional.avg_pool3d(places, 2)], dim=1)
        near = self.down1(half)
        yield
        wide = self.down2(functional.max_pool3d(near, 2))
        yield
        deep = self.deep(functional.max_pool3d(wide, 2))
        wide = self.up2(torch.cat([_doubled(deep), wide], dim=1))
        yield
        near = self.up1(torch.cat([_doubled(wide), near], dim=1))
        yield
        fine = self.fine(torch.cat([self.unfold(near), images], dim=1))
        yield
        scores: Tensor = self.head(fine.movedim(1, -1)[inside])
        return scores


def _folded(images: Tensor) -> Tensor:
    """Fold each 2 x 2 x 2 voxels (B, 1, I, J, K) to channels: (B, 8, I/2, J/2, K/2)."""
    count, _, *sizes = images.shape
    i, j, k = (n // 2 for n in sizes)
    parts = images.view(count, i, 2, j, 2, k, 2).permute(0, 2, 4, 6, 1, 3, 5)
    return parts.reshape(count, NEIGHBOURS, i, j, k)


def _doubled(features: Tensor) -> Tensor:
    return functional.interpolate(features, scale_factor=2, mode="trilinear")


def _two_convolutions(before: int, after: int) -> nn.Sequential:
    return nn.Sequential(*_convolution(before, after), *_convolution(after, after))


def _convolution(before: int, after: int) -> list[nn.Module]:
    return [
        nn.Conv3d(before, after, 3, padding=1, bias=False),
        nn.InstanceNorm3d(after, affine=True),
        nn.LeakyReLU(0.1),
    ]


class Parcellator:
    """A trained network and the names of its regions.

    Parameters
    ----------
    network : RegionNetwork
    facts : NetworkFacts
    device : str
    """

    def __init__(self, network: RegionNetwork, facts: NetworkFacts, device: str = "auto") -> None:
        self.facts = facts
        self._device = choose_device(device)
        self._network = network.to(self._device.torch_device).eval()

    @property
    def names(self) -> tuple[str, ...]:
        """The regions."""
        return self.facts.regions

    def __call__(self, t1: FloatArray, affine: Affine) -> Parcellation:
        """Label a brain.

        Parameters
        ----------
        t1 : (I, J, K) float32 ndarray
            Without skull, 0 outside, in any unit; aligned to standard space by its affine.
        affine : (4, 4) float64 ndarray, mm
            Axes along x, y and z, towards right, front and top.

        Raises
        ------
        ParcellationError
            When the image holds no brain.
        """
        return finish(self.steps(t1, affine))

    def steps(self, t1: FloatArray, affine: Affine) -> Generator[None, None, Parcellation]:
        """Do the same in steps of a fraction of a second."""
        image, coarse = at_spacing(t1, affine, self.facts.sizes.spacing_mm)
        box = brain_box(image > 0, self.facts.sizes.box)
        cut = torch.from_numpy(cut_out(image, box))[None, None]
        places = torch.from_numpy(places_of(box, coarse))[None]
        probabilities = yield from self._probabilities(cut, places)
        yield
        volumes = probabilities[1:].sum(dim=(1, 2, 3)) * voxel_volume_ml(coarse)
        labels = np.zeros(image.shape, dtype=np.int16)
        put_back(labels, probabilities.argmax(dim=0).to(torch.int16).cpu().numpy(), box)
        if image.shape != t1.shape:
            there = resample(Volume(labels, coarse), affine=affine, shape=t1.shape, order=0)
            labels = np.where(t1 > 0, there.data, 0).astype(np.int16)
        return Parcellation(self.names, labels, volumes.float().cpu().numpy())

    def _probabilities(self, image: Tensor, places: Tensor) -> Generator[None, None, Tensor]:
        """Return (1 + R, I, J, K) probabilities; outside the brain there is background alone."""
        device = self._device.torch_device
        inside = (image[:, 0] > 0).to(device)
        steps = self._network.steps(standardise(image).to(device), places.to(device), inside)
        scores: Tensor | None = None
        while scores is None:
            # Not around the yield: what runs in between has a mode of its own.
            with torch.inference_mode(), self._device.autocast():
                try:
                    next(steps)
                except StopIteration as done:
                    scores = done.value
            yield
        with torch.inference_mode():
            shares = torch.zeros((1 + len(self.names), *image.shape[2:]), device=device)
            shares[0] = 1.0
            shares[:, inside[0]] = torch.softmax(scores.float(), dim=1).T
        return shares


def finish(steps: Generator[None, None, Result]) -> Result:
    """Take all steps at once and return what the last one does."""
    while True:
        try:
            next(steps)
        except StopIteration as done:
            result: Result = done.value
            return result


def standardise(images: Tensor) -> Tensor:
    """Scale images (B, 1, I, J, K) so that what is above 0 in each has mean 0 and deviation 1.

    Raises
    ------
    ParcellationError
        When nothing is above 0, or everything is alike.
    """
    scaled = []
    for image in images:
        inside = image[image > 0]
        spread = float(inside.std()) if inside.numel() > 1 else 0.0
        if not spread > 0:
            raise ParcellationError("there is no brain in the image to find regions in")
        scaled.append((image - inside.mean()) / spread)
    return torch.stack(scaled)


def brain_box(inside: NDArray[np.bool_], sizes: tuple[int, int, int]) -> tuple[range, range, range]:
    """Return the voxels about a brain: as many as asked for, or a few more where it is larger.

    They may reach beyond the image.

    Raises
    ------
    ParcellationError
        When there is no brain.
    """
    ranges = []
    for axis, wanted in enumerate(sizes):
        others = tuple(other for other in range(3) if other != axis)
        filled = np.flatnonzero(inside.any(axis=others))
        if not filled.size:
            raise ParcellationError("there is no brain in the image to find regions in")
        first, last = int(filled[0]), int(filled[-1])
        more = max(0, last - first + 1 - wanted)
        size = wanted + BOX_STEP * -(-more // BOX_STEP)
        start = (first + last + 1 - size) // 2
        ranges.append(range(start, start + size))
    i, j, k = ranges
    return i, j, k


def cut_out(image: NDArray[Any], box: Sequence[range]) -> NDArray[Any]:
    """Copy the voxels of a box out of an image (I, J, K), 0 where it reaches beyond."""
    cut = np.zeros([len(it) for it in box], dtype=image.dtype)
    inner, outer = _overlap(image.shape, box)
    cut[inner] = image[outer]
    return cut


def put_back(image: NDArray[Any], cut: NDArray[Any], box: Sequence[range]) -> None:
    """Write the voxels of a box where `cut_out` took them from."""
    inner, outer = _overlap(image.shape, box)
    image[outer] = cut[inner]


def places_of(box: Sequence[range], affine: Affine) -> FloatArray:
    """Return where the voxels of a box lie: (3, I, J, K) float32, 1 for 100 mm.

    Parameters
    ----------
    affine : (4, 4) float64 ndarray, mm
        With axes along x, y and z.
    """
    axes = [
        (affine[axis, axis] * np.arange(it.start, it.stop) + affine[axis, 3]) / COORDINATE_MM
        for axis, it in enumerate(box)
    ]
    return np.stack(np.meshgrid(*axes, indexing="ij")).astype(np.float32)


def at_spacing(t1: FloatArray, affine: Affine, spacing_mm: float) -> tuple[FloatArray, Affine]:
    """Return an image on voxels of a size, and its affine: itself where it has them."""
    spacing = voxel_spacing(affine)
    if np.allclose(spacing, spacing_mm, rtol=1e-3):
        return np.asarray(t1, dtype=np.float32), affine
    factors = spacing_mm / spacing
    coarse = affine.copy()
    coarse[:3, :3] *= factors
    coarse[:3, 3] += affine[:3, :3] @ ((factors - 1.0) / 2.0)
    i, j, k = (int(np.ceil(n / f)) for n, f in zip(t1.shape, factors, strict=True))
    blurred = ndimage.gaussian_filter(t1.astype(np.float32), BLUR * np.maximum(factors - 1.0, 0.0))
    image = resample(Volume(blurred, affine), affine=coarse, shape=(i, j, k)).data
    brightest = image.max(initial=np.float32(0.0))
    return np.where(image < FAINT * brightest, 0.0, image).astype(np.float32), coarse


def _overlap(
    shape: Sequence[int], box: Sequence[range]
) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    inner, outer = [], []
    for n, it in zip(shape, box, strict=True):
        first, last = max(0, it.start), min(n, it.stop)
        inner.append(slice(first - it.start, max(first, last) - it.start))
        outer.append(slice(first, max(first, last)))
    return tuple(inner), tuple(outer)


def save_network(network: RegionNetwork, facts: NetworkFacts, folder: Path) -> None:
    """Write a network; its facts last, so that they mark completeness."""
    write_bytes_atomically(folder / WEIGHTS_FILE, pack_weights(network.state_dict()))
    write_json_atomically(folder / FACTS_FILE, {"schema": SCHEMA, **asdict(facts)})


_UNREADABLE = (
    OSError, ValueError, KeyError, TypeError, AttributeError, RuntimeError, SafetensorError,
)  # fmt: skip


def load_network(folder: Path = NETWORK_FOLDER, device: str = "auto") -> Parcellator:
    """Read a network.

    Raises
    ------
    ParcellationError
        When it is not there, damaged, or of another version.
    """
    try:
        entry = json.loads((folder / FACTS_FILE).read_text(encoding="utf-8"))
        if entry.pop("schema") != SCHEMA:
            raise ParcellationError(
                f"the network in {folder.name} is of another version; train it again"
            )
        sizes = {name: _plain(value) for name, value in entry.pop("sizes").items()}
        names = tuple(entry.pop("regions"))
        facts = NetworkFacts(names, NetworkSizes(**sizes), **entry)
        network = RegionNetwork(len(names), facts.sizes)
        network.load_state_dict(read_weights(folder / WEIGHTS_FILE))
    except _UNREADABLE as error:
        if isinstance(error, ParcellationError):
            raise
        raise ParcellationError(
            f"the network that finds regions cannot be read from {folder} ({error}); train it with "
            f"brainviewer train resources/recipes/regions-ixi.toml"
        ) from error
    return Parcellator(network, facts, device)


def _plain(value: Any) -> Any:  # noqa: ANN401
    return tuple(value) if isinstance(value, list) else value


@lru_cache(maxsize=1)
def shipped_network(device: str = "auto") -> Parcellator:
    """Read the network that comes with the application, once; errors as `load_network`."""
    return load_network(NETWORK_FOLDER, device)
