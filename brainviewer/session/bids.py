"""The names and sidecars of what goes out: BIDS derivatives."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import brainviewer
from brainviewer.core.purpose import NOT_CLINICAL
from brainviewer.core.tissues import TISSUE_NAMES, TISSUES

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from brainviewer.core.recipe import Recipe
    from brainviewer.generators.base import Space

BIDS_VERSION = "1.10.0"
DATASET_FILE = "dataset_description.json"


@dataclass(frozen=True, slots=True)
class Destination:
    """Where an export goes.

    Attributes
    ----------
    folder : Path
        The root of the derivative dataset; files go to ``sub-<label>/anat`` below.
    label : str
        The subject's label: letters and digits.
    overwrite : bool
        Whether files that exist are replaced.
    """

    folder: Path
    label: str
    overwrite: bool = False

    @property
    def anat(self) -> Path:
        """The folder of the images."""
        return self.folder / f"sub-{self.label}" / "anat"


def subject_label(text: str) -> str:
    """Make a BIDS label of what a person is called: ``"seed 7"`` -> ``"seed7"``.

    Raises
    ------
    ValueError
        When no letter or digit is left.
    """
    label = re.sub(r"[^A-Za-z0-9]", "", text.removeprefix("sub-"))
    if not label:
        raise ValueError(f"a subject label needs letters or digits, got {text!r}")
    return label


def image_stem(
    label: str,
    suffix: str,
    *,
    desc: str,
    tissue: str = "",
    space: str = "",
    segmentation: str = "",
) -> str:
    """Name an image, without extension: ``sub-01_label-GM_desc-counterfactual_probseg``."""
    entities = {"space": space, "seg": segmentation, "label": tissue, "desc": desc}
    named = "".join(f"_{key}-{value}" for key, value in entities.items() if value)
    return f"sub-{label}{named}_{suffix}"


def description_of(recipe: Recipe) -> str:
    """Return the value of ``desc-``: the person as given, or changed."""
    return "factual" if recipe.is_factual else "counterfactual"


def image_sidecar(
    recipe: Recipe, what: str, *, space: Space, further: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return the sidecar of an image: a recipe, with the keys that BIDS expects beside.

    Parameters
    ----------
    what : str
        What the values are, in words.
    space : ``"native"`` or ``"template"``
    further : mapping, optional
        More keys for this file.
    """
    made_up = "a hypothetical brain made by a generative model, not a scan"
    return {
        **recipe.to_json(),
        "Description": f"{what}; {made_up}{_space_in_words(space)}{_range_in_words(recipe)}",
        "SkullStripped": True,
        "Warning": NOT_CLINICAL,
        **(further or {}),
    }


def dataset_description() -> dict[str, Any]:
    """Return what the root of a derivative dataset says about itself."""
    return {
        "Name": "Brains made by BrainViewer",
        "BIDSVersion": BIDS_VERSION,
        "DatasetType": "derivative",
        "GeneratedBy": [{"Name": "BrainViewer", "Version": brainviewer.__version__}],
    }


def label_table() -> str:
    """Return the table of the labels in a ``dseg`` image, tab-separated."""
    rows = [f"{index}\t{TISSUE_NAMES[name]}\t{name}" for index, name in enumerate(TISSUES, 1)]
    return "\n".join(["index\tname\tabbreviation", *rows]) + "\n"


def _space_in_words(space: Space) -> str:
    return "; volumes are normalised for head size" if space == "template" else ""


def _range_in_words(recipe: Recipe) -> str:
    return "; EXTRAPOLATED beyond the training people" if recipe.extrapolated else ""
