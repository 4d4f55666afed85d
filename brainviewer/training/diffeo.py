"""How the diffeomorphic family is made: people are registered, and what is common is fitted."""

from __future__ import annotations

import csv
import json
import logging
import time
import zipfile
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from brainviewer.cohort.reading import FULL, People
from brainviewer.cohort.store import CohortError
from brainviewer.core.files import write_atomically, write_json_atomically
from brainviewer.core.scenario import feature_age
from brainviewer.core.tissues import TISSUES
from brainviewer.core.volume import voxel_volume_ml
from brainviewer.generators.device import choose_device
from brainviewer.generators.diffeo import Diffeo, DiffeoConfig
from brainviewer.generators.flow import exponentiate, jacobian_determinant, pull, resample
from brainviewer.generators.registration import Effort, register
from brainviewer.training.anatomy import build_template, load_anatomy, refine_template
from brainviewer.training.calibration import calibrate_volumes
from brainviewer.training.dataset import FEWEST_PEOPLE, encode_people, fit_deviations
from brainviewer.training.loop import LOG_FILE, Progress, TrainingError
from brainviewer.training.recipe import TrainingRecipeError, loss_weights
from brainviewer.training.region_maps import NO_LABELS, RegionLabels, fit_region_maps
from brainviewer.training.velocities import fit_velocities

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path
    from typing import BinaryIO

    from torch import Tensor

    from brainviewer.core.volume import FloatArray
    from brainviewer.training.dataset import TrainingData
    from brainviewer.training.recipe import TrainingRecipe

_log = logging.getLogger(__name__)

RUN_FILE = "run.json"
FAILED_FILE = "failed.json"
TEMPLATE_FILE = "template.npz"
TEMPLATE_PEOPLE = 16
LEAST_OVERLAP = 0.6  # mean Dice of the tissues; the cohort's people reach 0.75 to 0.85


class RegistrationError(ValueError):
    """A brain that the template could not be registered to; the message says why."""


@dataclass(frozen=True, slots=True)
class DiffeoWeights:
    """The weight of a velocity's roughness beside the mismatch of maps."""

    smoothness: float = 0.005


def fit_diffeo(
    data: TrainingData,
    recipe: TrainingRecipe,
    device: str,
    *,
    out: Path,
    resume: bool,
    labels: RegionLabels = NO_LABELS,
    on_progress: Callable[[Progress], None] = lambda progress: None,
) -> tuple[Diffeo, TrainingData]:
    """Build the template, register the training people to it, and fit their velocities.

    The recipe's ``steps`` are those of Adam for a brain, its ``learning_rate`` their length in
    voxels of the velocity.

    Parameters
    ----------
    out : Path
        Folder for the template, the velocity of each person and the log: all that is not lost when
        the run is interrupted.
    resume : bool
        Take up what is there; without it, all is made anew.
    labels : RegionLabels
        Of the training people, which become the template's regions.

    Returns
    -------
    Diffeo
    TrainingData
        Without the training people whose registration failed.

    Raises
    ------
    TrainingRecipeError
        When the recipe does not fit the family.
    CohortError
        When fewer than 20 people could be registered, or a file of the run is damaged.
    TrainingError
        When the run to resume was of another recipe or other people.
    """
    weights = loss_weights(DiffeoWeights, recipe)
    effort = Effort(recipe.steps, recipe.learning_rate, weights.smoothness)
    _check(data, recipe)
    config = _config(data, recipe)
    run = _Run(out, data, effort, choose_device(device).torch_device, on_progress)
    if resume and run.exists():
        run.check()
    else:
        run.begin()
    template = run.template()
    velocities, kept = run.register_all(template)
    data = replace(data, train=kept)
    most = 2 * len(kept) - 1  # which people and their mirror images span, their mean taken off
    sizes = replace(config, components=min(config.components, most), regions=labels.groups.names)
    model = Diffeo(replace(sizes, fine=True))
    model.mean.shares.copy_(torch.from_numpy(template)[None])
    assert model.fine is not None
    fine = refine_template(load_anatomy(template.shape[1:], data.affine), template, effort)
    model.fine.shares.copy_(torch.from_numpy(fine)[None])
    fit_deviations(model.deviations, data)
    y = _conditions(model, data, kept)
    scores = fit_velocities(model, velocities, y)
    if config.conditions:
        scores |= calibrate_volumes(
            model,
            y,
            kept.volumes_ml,
            voxel_volume_ml(data.affine),
            on_progress=lambda done, total: on_progress(Progress(done, total, 0.0, {})),
        )
    scores["labelled"] = fit_region_maps(model.regions, labels.of_people(kept.ids, velocities))
    run.log(len(kept), scores | validate(model, data))
    return model, data


def _check(data: TrainingData, recipe: TrainingRecipe) -> None:
    """Refuse what this family has no use for."""
    if len(data.more):
        raise TrainingRecipeError(
            f"a {recipe.generator} is fitted to people with features; train it without --more"
        )
    if recipe.start:
        raise TrainingRecipeError(
            f"a {recipe.generator} starts from no other checkpoint, got start {recipe.start!r}"
        )


def _config(data: TrainingData, recipe: TrainingRecipe) -> DiffeoConfig:
    try:
        return DiffeoConfig(recipe.shape, len(data.schema.columns), **recipe.model)
    except (TypeError, ValueError) as error:
        raise TrainingRecipeError(
            f"the recipe does not fit a {recipe.generator}: {error}"
        ) from error


@dataclass(frozen=True, slots=True, eq=False)
class _Run:
    """A run's folder, and what is made in it step by step."""

    out: Path
    data: TrainingData
    effort: Effort
    device: torch.device
    on_progress: Callable[[Progress], None]

    def exists(self) -> bool:
        """Say whether there is something to resume."""
        return (self.out / RUN_FILE).is_file()

    def begin(self) -> None:
        """Delete what an earlier run left, and write what this one is about."""
        left = [self.out / name for name in (RUN_FILE, TEMPLATE_FILE, FAILED_FILE, LOG_FILE)]
        for path in (*left, *self._fields.glob("*.npz")):
            path.unlink(missing_ok=True)
        self.out.mkdir(parents=True, exist_ok=True)
        write_json_atomically(self.out / RUN_FILE, self._about)

    def check(self) -> None:
        """Raise TrainingError unless the run that is there is about the same."""
        path = self.out / RUN_FILE
        try:
            same = json.loads(path.read_text(encoding="utf-8")) == self._about
        except (OSError, ValueError):
            same = False
        if not same:
            raise TrainingError(
                f"{path} is damaged or of another recipe or cohort; train without --resume to "
                f"start over"
            )

    def template(self) -> FloatArray:
        """Return the template (4, I, J, K), made from people of all ages where there is none."""
        path = self.out / TEMPLATE_FILE
        if path.is_file():
            return _read(path)
        people = self.data.train
        order = np.argsort([feature_age(row) for row in people.conditions], kind="stable")
        places = np.linspace(0, len(people) - 1, min(TEMPLATE_PEOPLE, len(people)))
        chosen = [_maps(people, order[round(place)]) for place in places]
        template = build_template(
            load_anatomy(chosen[0].shape[1:], self.data.affine),
            chosen,
            replace(self.effort, steps=max(1, self.effort.steps // 2)),
            on_progress=lambda done, total: self._report(done, total, {}),
        )
        self._write(path, template)
        return template

    def register_all(self, template: FloatArray) -> tuple[FloatArray, People]:
        """Return the velocities of the training people and those of them who could be registered.

        Who fails is left out, and named in the log and in failed.json.
        """
        people, failed = self.data.train, {}
        velocities: dict[int, FloatArray] = {}
        for index, name in enumerate(people.ids):
            path = self._fields / f"{name}.npz"
            if not path.is_file():
                start = time.perf_counter()
                velocity = self._register(template, _maps(people, index))
                self._write(path, velocity.astype(np.float16))
                self.log(index, {"seconds": time.perf_counter() - start})
            velocity = _read(path).astype(np.float32)
            try:
                overlap = check_registration(template, _maps(people, index), velocity)
            except RegistrationError as error:
                _log.warning("%s is left out: %s", name, error)
                failed[name] = str(error)
                continue
            velocities[index] = velocity
            self._report(index + 1, len(people), {"overlap": overlap})
        write_json_atomically(self.out / FAILED_FILE, failed)
        if len(velocities) < FEWEST_PEOPLE:
            raise CohortError(
                f"the template must be registered to at least {FEWEST_PEOPLE} people, and was to "
                f"{len(velocities)} of {len(people)}"
            )
        return np.stack(list(velocities.values())), _only(people, list(velocities))

    def log(self, step: int, numbers: Mapping[str, float]) -> None:
        """Append numbers to the table of the run: step, name, value."""
        with (self.out / LOG_FILE).open("a", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([step, n, f"{v:.6g}"] for n, v in numbers.items())

    @property
    def _about(self) -> dict[str, Any]:
        shape = list(self.data.train.maps.shape[2:])
        return {"effort": asdict(self.effort), "shape": shape, "people": list(self.data.train.ids)}

    @property
    def _fields(self) -> Path:
        return self.out / "velocities"

    def _register(self, template: FloatArray, maps: FloatArray) -> FloatArray:
        first, second = (torch.from_numpy(m)[None].to(self.device) for m in (template[:3], maps))
        found: FloatArray = register(first, second, self.effort)[0].cpu().numpy()
        return found

    def _write(self, path: Path, array: np.ndarray[Any, Any]) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)

        def save(file: BinaryIO) -> None:
            np.savez(file, array=array)

        write_atomically(path, save)

    def _report(self, done: int, total: int, numbers: dict[str, float]) -> None:
        self.on_progress(Progress(done, total, 0.0, numbers))


@torch.inference_mode()
def check_registration(template: FloatArray, maps: FloatArray, velocity: FloatArray) -> float:
    """Return how well a carried template covers a brain: the mean soft Dice of the tissues.

    Parameters
    ----------
    template : (4, I, J, K) float32 ndarray
    maps : (3, I, J, K) float32 ndarray
    velocity : (3, I/2, J/2, K/2) float32 ndarray, voxels

    Raises
    ------
    RegistrationError
        When the tissues overlap by less than 0.6 or the warp folds.
    """
    flow = exponentiate(torch.from_numpy(velocity)[None])
    smallest = float(jacobian_determinant(flow).min())
    if not smallest > 0:
        raise RegistrationError(f"the warp folds, its smallest Jacobian is {smallest:.2f}")
    carried = pull(torch.from_numpy(template)[None, :3], resample(flow, maps.shape[1:]))[0].numpy()
    overlap = float(np.mean([dice(*pair) for pair in zip(carried, maps, strict=True)]))
    if overlap < LEAST_OVERLAP:
        raise RegistrationError(
            f"the tissues overlap by {overlap:.2f}, less than {LEAST_OVERLAP}; look at its scan"
        )
    return overlap


def dice(first: FloatArray, second: FloatArray) -> float:
    """Return the overlap of two maps in [0, 1]: 2 sum min(a, b) / sum (a + b)."""
    return float(2.0 * np.minimum(first, second).sum() / max(first.sum() + second.sum(), 1e-6))


@torch.inference_mode()
def validate(model: Diffeo, data: TrainingData) -> dict[str, float]:
    """Return volume errors (mL) of brains without noise on the validation people."""
    if not len(data.validation) or not model.config.conditions:
        return {}
    y = _conditions(model, data, data.validation)
    voxel_ml = voxel_volume_ml(data.affine)
    errors = []
    for own, volumes_ml in zip(y, data.validation.volumes_ml, strict=True):
        shares = model.shares(torch.zeros((1, model.config.latent)), own[None])[0, :3]
        errors.append(np.abs(shares.sum(dim=(1, 2, 3)).numpy() * voxel_ml - volumes_ml))
    return {f"val_mae_{t}": float(e) for t, e in zip(TISSUES, np.mean(errors, axis=0), strict=True)}


def _conditions(model: Diffeo, data: TrainingData, people: People) -> Tensor:
    """Return the conditions (N, D) of people, what is missing as expected."""
    encoded, known = encode_people(data.schema, people)
    return model.deviations.fill(torch.from_numpy(encoded), torch.from_numpy(known))


def _maps(people: People, index: int) -> FloatArray:
    return np.asarray(people.maps[index] / FULL, dtype=np.float32)


def _only(people: People, chosen: list[int]) -> People:
    return People(
        tuple(people.ids[n] for n in chosen),
        people.maps[chosen],
        people.volumes_ml[chosen],
        tuple(people.conditions[n] for n in chosen),
    )


def _read(path: Path) -> FloatArray:
    """Read an array that a run wrote."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            found: FloatArray = arrays["array"]
            return found
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile) as error:
        raise CohortError(f"{path} is damaged ({error}); delete it and resume") from error
