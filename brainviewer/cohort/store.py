"""The cohort on disk: one compressed array file a person, tables, and a manifest.

::

    COHORT_DIR/
        manifest.json        command, versions, grid, label names, what failed for whom
        participants.tsv     as given
        participants.json
        people/sub-01.npz    one array a volume: WM, GM, CSF, T1w, T1w_affine, regions
        people/sub-01.json   volumes in mL, volume factor of the affine, where it came from
        qc/, qc.html
"""

from __future__ import annotations

import json
import tokenize
import zipfile
import zlib
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from brainviewer.core.files import write_atomically, write_json_atomically
from brainviewer.core.sentences import SentenceError
from brainviewer.core.tissues import TISSUES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path
    from typing import BinaryIO

    from numpy.typing import NDArray

    from brainviewer.core.volume import Affine, FloatArray

MANIFEST_FILE = "manifest.json"
FORMAT_VERSION = 1
T1_RIGID = "T1w"
T1_AFFINE = "T1w_affine"
REGIONS = "regions"
# What the JSON file of a person must have.
_DETAILS = frozenset({"volumes_ml", "affine_volume_factor", "details"})

# What numpy raises for an archive that is missing, cut short, overwritten or lacks an array.
_UNREADABLE = (
    *(OSError, ValueError, TypeError, EOFError, LookupError, ArithmeticError, MemoryError),
    *(zipfile.BadZipFile, zlib.error, RuntimeError, SyntaxError, tokenize.TokenError),
)


class CohortError(SentenceError):
    """A cohort folder that cannot be used; one sentence with what to do."""


@dataclass(frozen=True, slots=True, eq=False)
class PersonRecord:
    """One imported or simulated person.

    Attributes
    ----------
    participant_id : str
    volumes : mapping of name to (I, J, K) uint8 or uint16 ndarray
        ``WM``, ``GM``, ``CSF`` as 255 x partial volume and ``T1w`` as 255 x intensity, rigidly
        aligned; ``T1w_affine`` affinely; ``regions`` labels, rigidly, where known.
    volumes_ml : mapping of tissue to float, mL
        Measured in native space.
    affine_volume_factor : float
        Volume in the template over volume in the native space.
    details : mapping
        What quality control and later readers want: means, matrices, losses, times.
    """

    participant_id: str
    volumes: Mapping[str, NDArray[np.generic]]
    volumes_ml: Mapping[str, float]
    affine_volume_factor: float
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Manifest:
    """How a cohort came to be.

    Attributes
    ----------
    shape, affine
        The grid of every volume.
    command : str
    versions : mapping of package to version
    kind : ``"imported"`` or ``"simulated"``
    region_names : mapping of label, in decimal digits, to (name, tissue)
    failed : mapping of participant_id to the sentence that says why
    settings : mapping of name to value
        What everybody in the cohort was made with: the tools, or the seed.
    """

    shape: tuple[int, int, int]
    affine: list[list[float]]
    command: str
    versions: Mapping[str, str]
    kind: str
    region_names: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    failed: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CohortStore:
    """Read and write access to a cohort folder."""

    folder: Path

    def person_path(self, participant_id: str) -> Path:
        """Return the array file of a person."""
        return self.folder / "people" / f"{participant_id}.npz"

    def details_path(self, participant_id: str) -> Path:
        """Return the small JSON file of a person; written last, so it marks completeness."""
        return self.folder / "people" / f"{participant_id}.json"

    @property
    def participant_ids(self) -> list[str]:
        """The people who are complete, by name."""
        return sorted(path.stem for path in (self.folder / "people").glob("*.json"))

    def has(self, participant_id: str) -> bool:
        """Say whether a person is complete."""
        return self.details_path(participant_id).is_file()

    def exists(self) -> bool:
        """Say whether the folder holds a manifest."""
        return (self.folder / MANIFEST_FILE).is_file()

    def write_person(self, record: PersonRecord) -> None:
        """Write a person, the arrays first: an interrupted one is not complete."""
        path = self.person_path(record.participant_id)
        path.parent.mkdir(parents=True, exist_ok=True)

        def save(file: BinaryIO) -> None:
            np.savez_compressed(file, allow_pickle=False, **record.volumes)

        write_atomically(path, save)
        details = {
            "participant_id": record.participant_id,
            "volumes_ml": dict(record.volumes_ml),
            "affine_volume_factor": record.affine_volume_factor,
            "details": dict(record.details),
        }
        write_json_atomically(self.details_path(record.participant_id), details)

    def read_person(self, participant_id: str) -> PersonRecord:
        """Read a whole person; CohortError when a file is missing or damaged."""
        entry = self.read_details(participant_id)
        return PersonRecord(
            participant_id,
            self._read_arrays(participant_id),
            entry["volumes_ml"],
            entry["affine_volume_factor"],
            entry["details"],
        )

    def read_details(self, participant_id: str) -> dict[str, Any]:
        """Read what is known of a person besides the arrays; CohortError when it is not there."""
        if not self.has(participant_id):
            raise CohortError(f"{participant_id} is not in the cohort {self.folder}")
        try:
            text = self.details_path(participant_id).read_text(encoding="utf-8")
            entry: dict[str, Any] = json.loads(text)
        except (OSError, ValueError, RecursionError) as error:
            raise self._damaged(participant_id, error) from error
        if not isinstance(entry, dict) or not entry.keys() >= _DETAILS:
            raise self._damaged(participant_id, f"{', '.join(sorted(_DETAILS))} are not all there")
        return entry

    def read_tissues(self, participant_id: str) -> NDArray[np.uint8]:
        """Read the tissue maps of a person: (3, I, J, K) uint8, 255 x partial volume.

        CohortError when they are missing or damaged.
        """
        arrays = self._read_arrays(participant_id, TISSUES)
        return np.stack([arrays[tissue] for tissue in TISSUES]).astype(np.uint8, copy=False)

    def _read_arrays(
        self, participant_id: str, names: Iterable[str] | None = None
    ) -> dict[str, NDArray[np.generic]]:
        try:
            with (
                self.person_path(participant_id).open("rb") as file,
                np.load(file, allow_pickle=False) as arrays,
            ):
                return {name: arrays[name] for name in names or arrays.files}
        except _UNREADABLE as error:
            raise self._damaged(participant_id, error) from error

    def _damaged(self, participant_id: str, error: Exception | str) -> CohortError:
        return CohortError(
            f"the files of {participant_id} cannot be read ({error}); delete "
            f"{self.details_path(participant_id)} and run the same command again"
        )

    def write_manifest(self, manifest: Manifest) -> None:
        """Write the manifest."""
        self.folder.mkdir(parents=True, exist_ok=True)
        entry = {"format_version": FORMAT_VERSION, **asdict(manifest)}
        write_json_atomically(self.folder / MANIFEST_FILE, entry)

    def read_manifest(self) -> Manifest:
        """Read the manifest; CohortError when the folder is no cohort or of a newer format."""
        try:
            entry = json.loads((self.folder / MANIFEST_FILE).read_text(encoding="utf-8"))
            version = entry.pop("format_version")
            if version <= FORMAT_VERSION:
                return _manifest_from_json(entry)
        except (*_UNREADABLE, AttributeError) as error:
            raise CohortError(
                f"{self.folder} is not a cohort ({error}); make one with brainviewer import"
            ) from error
        raise CohortError(f"{self.folder} was written by a newer BrainViewer; update this one")


def to_uint8(data: FloatArray) -> NDArray[np.uint8]:
    """Scale [0, 1] to 0-255, rounding."""
    return np.asarray(np.round(np.clip(data, 0.0, 1.0) * 255.0), dtype=np.uint8)


def grid_affine(manifest: Manifest) -> Affine:
    """Return the affine of the grid as an array."""
    return np.array(manifest.affine, dtype=np.float64)


def _manifest_from_json(entry: dict[str, Any]) -> Manifest:
    regions = {label: (name, tissue) for label, (name, tissue) in entry["region_names"].items()}
    i, j, k = entry["shape"]
    return Manifest(**{**entry, "shape": (i, j, k), "region_names": regions})
