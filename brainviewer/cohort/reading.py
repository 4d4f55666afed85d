"""People of a cohort on a generator's grid: tissue maps or T1 images, volumes, and features."""

from __future__ import annotations

import zipfile
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from brainviewer.cohort.bids import Participants, read_participants
from brainviewer.cohort.store import REGIONS, T1_RIGID, CohortError, CohortStore, to_uint8
from brainviewer.core.intensity import scale_intensity
from brainviewer.core.tissues import TISSUES
from brainviewer.core.volume import voxel_volume_ml

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from brainviewer.core.features import Conditions
    from brainviewer.core.volume import Affine, FloatArray

LARGEST_CROP_LOSS = 0.01
FULL = 255.0  # what a partial volume of 1 is stored as


@dataclass(frozen=True, slots=True)
class Crop:
    """The part of a cohort's grid that a generator makes.

    Attributes
    ----------
    first_voxel : (i, j, k)
        Of the cohort's grid.
    shape : (I, J, K)
    """

    first_voxel: tuple[int, int, int]
    shape: tuple[int, int, int]

    @property
    def box(self) -> tuple[slice, slice, slice]:
        """The slices along i, j and k."""
        i, j, k = (slice(a, a + n) for a, n in zip(self.first_voxel, self.shape, strict=True))
        return i, j, k

    def cut(self, data: NDArray[Any]) -> NDArray[Any]:
        """Cut the part out of an array (..., I, J, K) on the cohort's grid: a view."""
        return data[(..., *self.box)]

    def affine(self, whole: Affine) -> Affine:
        """Return the affine of the part, given that of the cohort's grid."""
        moved = whole.copy()
        moved[:3, 3] += whole[:3, :3] @ np.array(self.first_voxel, dtype=np.float64)
        return moved

    def check(self, shape: tuple[int, int, int]) -> None:
        """Raise CohortError when the part reaches beyond a grid of this shape."""
        ends = [a + n for a, n in zip(self.first_voxel, self.shape, strict=True)]
        if min(self.first_voxel) < 0 or any(e > n for e, n in zip(ends, shape, strict=True)):
            raise CohortError(
                f"voxels {self.first_voxel} to {tuple(ends)} do not fit into the cohort's grid of "
                f"{shape} voxels; choose another first_voxel or shape"
            )


@dataclass(frozen=True, slots=True, eq=False)
class People:
    """Brains and conditions of some people.

    Attributes
    ----------
    ids : tuple of str
    maps : (N, C, I, J, K) uint8 ndarray
        255 x partial volume of WM, GM, CSF, or 255 x intensity of the T1-weighted image.
    volumes_ml : (N, 3) float32 ndarray
        Of WM, GM, CSF: of these maps, or measured in native space beside an image.
    conditions : tuple of Conditions
    """

    ids: tuple[str, ...]
    maps: NDArray[np.uint8]
    volumes_ml: FloatArray
    conditions: tuple[Conditions, ...]

    def __len__(self) -> int:
        return len(self.ids)

    def joined(self, others: People) -> People:
        """Return these people and others of the same grid."""
        return People(
            self.ids + others.ids,
            np.concatenate([self.maps, others.maps]),
            np.concatenate([self.volumes_ml, others.volumes_ml]),
            self.conditions + others.conditions,
        )


def read_table(store: CohortStore) -> Participants:
    """Read the features of a cohort's people.

    Raises
    ------
    BidsError, FeatureError
        When the table is missing or malformed.
    """
    return read_participants(store.folder / "participants.tsv", store.folder / "participants.json")


def read_people(
    store: CohortStore,
    conditions: Mapping[str, Conditions],
    crop: Crop,
    *,
    affine: Affine,
    channels: tuple[str, ...] = TISSUES,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> People:
    """Read the maps of people and measure them.

    Parameters
    ----------
    channels : tuple of str
        ``("WM", "GM", "CSF")`` or ``("T1w",)``: nothing else is read.
    conditions : mapping of participant_id to Conditions
        Who to read, in order.
    crop : Crop
    affine : (4, 4) float64 ndarray, mm
        Of the cohort's grid, or of the part: only the size of a voxel matters.
    on_progress : callable of (done, total)

    Raises
    ------
    CohortError
        When a person is missing or damaged, or more than 1 % of a brain lies outside the part.
    """
    maps = np.empty((len(conditions), len(channels), *crop.shape), dtype=np.uint8)
    volumes = np.empty((len(conditions), len(TISSUES)), dtype=np.float32)
    for index, name in enumerate(conditions):
        if channels == TISSUES:
            maps[index] = read_maps(store, name, crop)
            volumes[index] = stored_volumes_ml(maps[index], affine)
        else:
            maps[index] = read_t1(store, name, crop)
            measured = store.read_details(name)["volumes_ml"]
            volumes[index] = [measured[tissue] for tissue in TISSUES]
        on_progress(index + 1, len(conditions))
    return People(tuple(conditions), maps, volumes, tuple(conditions.values()))


def read_maps(store: CohortStore, participant_id: str, crop: Crop) -> NDArray[np.uint8]:
    """Read the tissue maps of a person: (3, I, J, K) uint8, 255 x partial volume.

    Raises
    ------
    CohortError
        As `read_people`.
    """
    return _read_part(store, participant_id, TISSUES, crop)


def read_t1(store: CohortStore, participant_id: str, crop: Crop) -> NDArray[np.uint8]:
    """Read the rigidly aligned T1 image of a person: (1, I, J, K) uint8, 255 x intensity.

    It is scaled by `scale_intensity`.

    Raises
    ------
    CohortError
        As `read_people`.
    """
    part = _read_part(store, participant_id, (T1_RIGID,), crop)
    try:
        return to_uint8(scale_intensity(part))
    except ValueError as error:
        raise _damaged(store, participant_id, str(error)) from error


def find_t1(store: CohortStore, participant_id: str, crop: Crop) -> NDArray[np.uint8] | None:
    """Read the T1 image (I, J, K) of a person as `read_t1` does; None where the person has none."""
    if not _read_arrays(store, participant_id, (T1_RIGID,)):
        return None
    image: NDArray[np.uint8] = read_t1(store, participant_id, crop)[0]
    return image


def _read_part(
    store: CohortStore, participant_id: str, names: Sequence[str], crop: Crop
) -> NDArray[np.uint8]:
    """Read the named arrays of a person (C, I, J, K), of which the crop must lose little."""
    stored = _read_arrays(store, participant_id, names)
    missing = [name for name in names if name not in stored]
    if missing:
        raise _damaged(store, participant_id, f"there is no {missing[0]}")
    whole = np.stack([stored[name] for name in names])
    crop.check(whole.shape[1:])
    maps = np.ascontiguousarray(crop.cut(whole))
    kept, total = maps.sum(dtype=np.float64), whole.sum(dtype=np.float64)
    if kept < (1.0 - LARGEST_CROP_LOSS) * total:
        raise CohortError(
            f"{1.0 - kept / total:.1%} of {participant_id} lies outside the generator's "
            f"grid; enlarge shape or move first_voxel"
        )
    return maps


def read_regions(
    store: CohortStore, participant_id: str, crop: Crop
) -> NDArray[np.unsignedinteger[Any]] | None:
    """Read the region labels (I, J, K) of a person; None where the person has none."""
    stored = _read_arrays(store, participant_id, (REGIONS,))
    return crop.cut(stored[REGIONS]) if REGIONS in stored else None


def stored_volumes_ml(maps: NDArray[np.uint8], affine: Affine) -> FloatArray:
    """Sum stored tissue maps (..., C, I, J, K) to volumes (..., C), in mL."""
    sums = maps.sum(axis=(-3, -2, -1), dtype=np.float64)
    return np.asarray(sums / FULL * voxel_volume_ml(affine), dtype=np.float32)


def _read_arrays(
    store: CohortStore, participant_id: str, names: Sequence[str]
) -> dict[str, NDArray[Any]]:
    """Read those of the named arrays that a person has."""
    try:
        # np.load leaves a damaged file open when it opened it itself.
        with (
            store.person_path(participant_id).open("rb") as file,
            np.load(file, allow_pickle=False) as arrays,
        ):
            return {name: arrays[name] for name in names if name in arrays.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise _damaged(store, participant_id, str(error)) from error


def _damaged(store: CohortStore, participant_id: str, reason: str) -> CohortError:
    return CohortError(
        f"the arrays of {participant_id} cannot be read ({reason}); delete "
        f"{store.details_path(participant_id).name} and import again"
    )
