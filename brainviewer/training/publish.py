"""From a trained model to a checkpoint folder: weights, configuration, card, population table."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import QuantileRegressor

from brainviewer.core.files import (
    write_bytes_atomically,
    write_json_atomically,
    write_text_atomically,
)
from brainviewer.core.population import EVERYONE, PERCENTILES, Population, population_rows
from brainviewer.core.scenario import SEX, feature_age, fit_regression
from brainviewer.core.tissues import T1, TISSUE_NAMES, TISSUES, has_tissues
from brainviewer.core.volume import voxel_spacing
from brainviewer.generators.checkpoint import (
    CARD_FILE,
    CONFIG_FILE,
    FORMAT_VERSION,
    POPULATION_FILE,
    WEIGHTS_FILE,
)
from brainviewer.generators.packing import pack_weights

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from torch import nn

    from brainviewer.cohort.reading import People
    from brainviewer.training.dataset import TrainingData
    from brainviewer.training.recipe import TrainingRecipe

# What each family cannot do, in a sentence for the card.
_BLURRED = "A variational autoencoder is\nblurred: its cortical folds are those of an average."
_INVENTED = (
    "An adversarial generator invents\ndetail: single folds and speckles need not be anybody's."
)
_DIFFUSED = "A diffusion model works on a\ncoarse grid of codes: fine detail is its decoder's."
_WARPED = "Every brain is a warp of one\ntemplate: its folds are the template's, moved."
_SPELLED = "People are spelled with the codes\nof a codebook: what has no code cannot be shown."
LIMITS = {
    "vae": _BLURRED,
    "cvae": _BLURRED,
    "gan": _INVENTED,
    "cgan": _INVENTED,
    "alphagan": _INVENTED,
    "csegsynth": _INVENTED,
    "ldm": _DIFFUSED,
    "cldm": _DIFFUSED,
    "diffeo": _WARPED,
    "brainsynth": _SPELLED,
}

Numbers = NDArray[np.float64]

AGE_STEP_YEARS = 2.0
FEWEST_PEOPLE = 20


def publish_checkpoint(
    folder: Path,
    model: nn.Module,
    *,
    data: TrainingData,
    recipe: TrainingRecipe,
    model_config: Mapping[str, Any],
    channels: Sequence[str] | None = None,
    command: str,
    source: str,
    licence: str,
) -> None:
    """Write a checkpoint folder that `open_checkpoint` and `load_generator` read.

    Weights are stored as `brainviewer.generators.packing` says.

    Parameters
    ----------
    folder : Path
        Made when absent; the files in it are replaced one by one.
    channels : sequence of str
        What the generator makes; that which it was trained on unless it is given.
    command : str
        The command that trained it.
    source, licence : str
        Name and licence of the cohort.
    """
    folder.mkdir(parents=True, exist_ok=True)
    write_bytes_atomically(folder / WEIGHTS_FILE, pack_weights(model.state_dict()))
    people = data.train
    config = {
        "format_version": FORMAT_VERSION,
        "generator": recipe.generator,
        "title": recipe.title,
        "channels": list(channels or data.channels),
        "space": "native",
        "shape": list(recipe.shape),
        "affine": data.affine.tolist(),
        "grid": {"first_voxel": list(recipe.first_voxel)},
        "model": dict(model_config),
        "features": data.schema.to_json(),
        "missing_values": "expected at age and sex",
        "regression": fit_regression(data.schema, people.conditions).to_json(),
        "trained_on": {
            "source": source,
            "licence": licence,
            "people": len(people),
            "more_people": len(data.more),
        },
        "command": command,
        "recipe": _plain(recipe),
        "folds": data.folds,
        "test_folds": list(recipe.test_folds),
        "validation_folds": list(recipe.validation_folds),
    }
    write_json_atomically(folder / CONFIG_FILE, config)
    write_text_atomically(folder / POPULATION_FILE, population_csv(fit_population(people)))
    write_text_atomically(folder / CARD_FILE, card(config, data))


def fit_population(people: People) -> Population:
    """Fit percentile curves of the volumes in age, for each sex and for everyone.

    A sex with fewer than twenty people has none of its own.
    Quantile regression (Koenker and Bassett 1978), quadratic in age; the curves are sorted at each
    age, since curves fitted one by one may cross at the ends.
    """
    ages = np.array([feature_age(row) for row in people.conditions])
    sexes = np.array([str(row.get(SEX)) for row in people.conditions])
    volumes = people.volumes_ml.astype(np.float64)
    # A little before the oldest: rounding could put the last step there, and the age in twice.
    inner = np.arange(ages.min(), ages.max() - AGE_STEP_YEARS / 100, AGE_STEP_YEARS)
    grid = np.append(inner, ages.max())
    of_sex = {sex: sexes == sex for sex in sorted(set(sexes))}
    groups = {sex: own for sex, own in of_sex.items() if own.sum() >= FEWEST_PEOPLE}
    groups[EVERYONE] = np.ones(len(ages), dtype=bool)
    curves = {
        (tissue, sex): _curves(ages[chosen], volumes[chosen, index], grid)
        for sex, chosen in groups.items()
        for index, tissue in enumerate(TISSUES)
    }
    return Population(grid, curves)


def population_csv(population: Population) -> str:
    """Return the population table as CSV text."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(population_rows(population))
    return text.getvalue()


def card(config: Mapping[str, Any], data: TrainingData) -> str:
    """Write the checkpoint's card: what it is for, whom it was trained on, where it ends."""
    people = data.train
    ages = [feature_age(row) for row in people.conditions]
    sexes = [str(row.get(SEX)) for row in people.conditions]
    counts = ", ".join(
        f"{sexes.count(code)} {data.schema[SEX].label(code) if SEX in data.schema else code}"
        for code in sorted(set(sexes))
    )
    held = len(data.validation) + len(data.test)
    trained_on = config["trained_on"]
    grid = " x ".join(str(n) for n in config["shape"])
    spacing = f"{voxel_spacing(data.affine)[0]:g} mm"
    span = f"{min(ages):.0f}-{max(ages):.0f} years"
    return f"""# {config["title"]}

Makes {_made(config["channels"])}
on {grid} voxels of {spacing}, rigidly aligned to MNI152; volumes are the person's own.

**Use.** Research and teaching: {_purpose(data)}.
Not for diagnosis, prognosis or any clinical decision.

**Training people.** {len(people)} of {trained_on["source"]}
({counts}; {span}; licence {trained_on["licence"]}){_besides(len(data.more))}.
{held} more were held out: {len(data.validation)} to watch the training and {len(data.test)} to
test, on which nothing was fitted or chosen. The folds are in config.json.

**Scores.** In scores.json, written by `brainviewer evaluate`.

**Limits.** Healthy adults on one scanner, seen once each: what looks like ageing is a difference
between people of different ages. Outside {span} nothing is known. {LIMITS[config["generator"]]}
The effects of rare levels rest on few people. {_measured(config["channels"], spacing)}

Trained with `{config["command"]}`.
"""


def _made(channels: Sequence[str]) -> str:
    image = "T1-weighted images without skull, white matter near 0.75,"
    if not has_tissues(channels):
        return image
    maps = f"{', '.join(f'{TISSUE_NAMES[t]} ({t})' for t in TISSUES)} partial-volume maps"
    return f"{maps} and {image}" if T1 in channels else maps


def _measured(channels: Sequence[str], spacing: str) -> str:
    if not has_tissues(channels):
        return (
            "Volumes in population.csv are\nthose of the training people's segmentations: an "
            "image has none of its own."
        )
    return (
        f"Volumes are sums of partial volumes\nat {spacing} and differ from those of other tools."
    )


def _purpose(data: TrainingData) -> str:
    kind = "segmentations" if data.channels == TISSUES else "images"
    if not data.schema.names:
        return f"{kind} of people that do not exist"
    return f"hypothetical {kind} under chosen values of\n{', '.join(data.schema.names)}"


def _besides(count: int) -> str:
    return f" and, for brains alone, {count} simulated or other people" if count else ""


def _curves(ages: Numbers, volumes: Numbers, grid: Numbers) -> Numbers:
    centre, scale = ages.mean(), ages.std()
    design = _quadratic((ages - centre) / scale)
    fits = [
        QuantileRegressor(quantile=p / 100, alpha=0.0, solver="highs")
        .fit(design, volumes)
        .predict(_quadratic((grid - centre) / scale))
        for p in PERCENTILES
    ]
    return np.sort(np.stack(fits), axis=0)


def _quadratic(t: Numbers) -> Numbers:
    return np.stack([t, t * t], axis=1)


def _plain(recipe: TrainingRecipe) -> dict[str, Any]:
    return {
        name: list(value) if isinstance(value, tuple) else value
        for name in recipe.__dataclass_fields__
        for value in [getattr(recipe, name)]
    }
