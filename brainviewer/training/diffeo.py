"""How the diffeomorphic family is made: people are registered, and what is common is fitted."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch

from brainviewer.core.tissues import TISSUES
from brainviewer.core.volume import voxel_volume_ml
from brainviewer.generators.diffeo import Diffeo, DiffeoConfig
from brainviewer.generators.mixture import Amounts
from brainviewer.generators.registration import Effort
from brainviewer.training.anatomy import load_anatomy, refine_template
from brainviewer.training.calibration import calibrate_volumes
from brainviewer.training.dataset import encode_people, fit_deviations
from brainviewer.training.intensities import fit_intensities
from brainviewer.training.loop import Progress
from brainviewer.training.mixture import fit_mixture, personal_fields
from brainviewer.training.recipe import TrainingRecipeError, loss_weights
from brainviewer.training.region_maps import NO_LABELS, RegionLabels, fit_region_maps
from brainviewer.training.registering import RegistrationRun, as_shares
from brainviewer.training.registration_page import write_registration_page
from brainviewer.training.velocities import fit_knots, fit_people

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray
    from torch import Tensor

    from brainviewer.cohort.reading import People
    from brainviewer.core.volume import FloatArray
    from brainviewer.training.dataset import TrainingData
    from brainviewer.training.recipe import TrainingRecipe


_log = logging.getLogger(__name__)


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
    images: Callable[[str], NDArray[np.uint8] | None] = lambda name: None,
    processes: int = 1,
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
        Of the training people: they guide the registration and become the template's regions.
    images : function of a participant id
        The T1 image (I, J, K), 255 x intensity; None where somebody has none.
    processes : int
        People are registered in as many at once.

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
    run = RegistrationRun(out, data, labels, effort, device, on_progress)
    if resume and run.exists():
        run.check()
    else:
        run.begin()
    template = run.template()
    velocities, kept = run.register_all(template, processes)
    data = replace(data, train=kept)
    most = 2 * len(kept) - 1  # which people and their mirror images span, their mean taken off
    sizes = replace(config, components=min(config.components, most), regions=labels.groups.names)
    seen = [images(name) for name in kept.ids]
    pictured = any(image is not None for image in seen)
    if config.conditions:
        mixes = min(config.mixture_components, most)
        sizes = replace(sizes, mixture=True, mixture_components=mixes)
    model = Diffeo(replace(sizes, fine=True, t1=pictured))
    model.mean.shares.copy_(torch.from_numpy(template)[None])
    assert model.fine is not None
    fine = refine_template(load_anatomy(template.shape[1:], data.affine), template, effort)
    model.fine.shares.copy_(torch.from_numpy(fine)[None])
    fit_deviations(model.deviations, data)
    y = _conditions(model, data, kept)
    fit_knots(model, y)
    missed, fields = _fit_mixture(model, kept, velocities, y)
    scores = missed | fit_people(model, velocities, y, fields)
    scores["labelled"] = fit_region_maps(model.regions, labels.of_people(kept.ids, velocities))
    if config.conditions:
        voxel_ml = voxel_volume_ml(data.affine)
        scores |= calibrate_volumes(
            model,
            y,
            kept.volumes_ml,
            voxel_ml,
            regions_ml=labels.volumes_of(kept.ids) * voxel_ml,
            on_progress=lambda done, total: on_progress(Progress(done, total, 0.0, {})),
        )
    if model.config.t1:
        scores["image_explained"] = _fit_image(model, kept, seen, velocities, y)
    page = write_registration_page(
        out,
        model,
        data.affine,
        list(zip(kept.ids, kept.maps, velocities, strict=True)),
        labels_of=labels.of_person,
        image_of=images,
        failed=run.failed(),
    )
    _log.info("the pictures of the registration are in %s", page)
    run.log(len(kept), scores | validate(model, data))
    return model, data


def _fit_mixture(
    model: Diffeo, people: People, velocities: FloatArray, y: Tensor
) -> tuple[dict[str, float], FloatArray | None]:
    """Fit how the tissues mix with age and sex; return what is missed, and what is personal."""
    if model.mixture is None:
        return {}, None
    shares, terms = model.mean.shares[:, :3], model.terms_of_age(y).numpy()
    pairs = ((as_shares(m), v) for m, v in zip(people.maps, velocities, strict=True))
    found = [Amounts.of_person(*(torch.from_numpy(a)[None] for a in pair)) for pair in pairs]
    missed = fit_mixture(model.mixture, shares, terms, found)
    fields = personal_fields(model.mixture, shares, terms, found)
    return {"mixture_missed": missed}, fields


def _fit_image(
    model: Diffeo,
    people: People,
    images: Sequence[NDArray[np.uint8] | None],
    velocities: FloatArray,
    y: Tensor,
) -> float:
    """Fit how bright tissues are to the people who have an image."""
    chosen = [index for index, image in enumerate(images) if image is not None]
    terms = model.design(y)[chosen, : model.config.age_terms].numpy()
    given = (
        (as_shares(image), as_shares(people.maps[index]), velocities[index])
        for index, image in enumerate(images)
        if image is not None
    )
    assert model.intensities is not None
    return fit_intensities(model.intensities, model.mean.shares[:, :3], terms, given)


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
