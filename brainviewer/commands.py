"""What the commands without a window do; `brainviewer.cli` parses, this works.

Every function here raises a ValueError, RuntimeError or OSError whose message is the sentence for
the user.
"""

from __future__ import annotations

import json
import sys
from contextlib import contextmanager
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, TypeVar

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from brainviewer.cohort.limits import check_age
from brainviewer.core.features import Conditions, Feature, FeatureError, Kind, Value
from brainviewer.core.files import write_bytes_atomically, write_json_atomically
from brainviewer.core.nifti import image_name, read_volume
from brainviewer.core.purpose import NOT_CLINICAL
from brainviewer.core.recipe import Recipe, read_recipe, write_recipe
from brainviewer.core.regions import label_regions
from brainviewer.core.scenario import AGE, SEX, Scenario
from brainviewer.generators.base import GenerationError, HasAverage
from brainviewer.generators.checkpoint import (
    SCORES_FILE,
    Checkpoint,
    CheckpointError,
    find_checkpoints,
    load_generator,
    resolve_checkpoint,
)
from brainviewer.session.bids import Destination, subject_label
from brainviewer.session.decoder import Decoder, no_refining
from brainviewer.session.directions import parse_direction
from brainviewer.session.encoding import encoding_steps, label_of, likeness_in_words
from brainviewer.session.export import (
    ExportError,
    brain_export_steps,
    series_export_steps,
    sweep_series,
    trajectory_export_steps,
)
from brainviewer.session.fine import maker_at
from brainviewer.session.model import (
    age_of,
    course_of,
    first_choice,
    identity_of,
    own_age,
    state_of,
    takes_no_features,
)
from brainviewer.session.refining import refining_steps
from brainviewer.session.region_export import region_export_steps
from brainviewer.session.request import (
    is_extrapolated,
    measured_volumes_ml,
    structures_of,
)
from brainviewer.session.saliency import saliency_steps
from brainviewer.session.sweep import sweep_of
from brainviewer.session.tables import write_saliency_csv, write_trajectory_csv
from brainviewer.session.trajectory import (
    TrajectoryPlan,
    age_range,
    measure_with,
    named_volumes,
    spread_identities,
    trajectory_steps,
)
from brainviewer.session.warp_export import (
    carried_export_steps,
    check_carried,
    local_change_export_steps,
)
from brainviewer.session.weights import other_weights, weights_hash

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
    from pathlib import Path

    from brainviewer.cohort.own_scan import OwnScan
    from brainviewer.core.volume import Brain
    from brainviewer.generators.base import Generator as BrainGenerator
    from brainviewer.generators.base import Identity
    from brainviewer.session.export import Maker
    from brainviewer.training.loop import Progress as TrainingProgress

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Wishes:
    """The person that a command line describes.

    Attributes
    ----------
    checkpoint : str or None
        None takes the only or first one there is.
    age : float or None, years
    sex : str or None
    settings : sequence of str
        ``"NAME=VALUE"``.
    seed : int
    extrapolate : bool
    average : bool
        Not somebody of a seed is meant, but the mean brain of the conditions.
    """

    checkpoint: str | None
    age: float | None
    sex: str | None
    settings: Sequence[str]
    seed: int
    extrapolate: bool
    average: bool = False


@dataclass(frozen=True, slots=True)
class Ages:
    """The ages of a trajectory: first, last (None: the training range's), step, in years."""

    first: float | None
    last: float | None
    step: float
    scenario: str


def generate_brains(
    wishes: Wishes,
    out: Path,
    *,
    count: int,
    device: str,
    overwrite: bool,
    spacing_mm: float | None = None,
    regions: bool = False,
) -> list[Path]:
    """Make `count` people under the same conditions and export them, with label images if asked."""
    _check_count(count)
    if wishes.average and count > 1:
        raise ValueError(f"there is one average brain of an age and sex, got --count {count}")
    checkpoint = _checkpoint(wishes.checkpoint)
    conditions = _conditions(checkpoint, wishes)
    decoder = _decoder(checkpoint, device)
    if wishes.average:
        recipe = _recipe_of_average(checkpoint, conditions, decoder.generator)
        kinds = _Kinds(decoder, maker_at(decoder, spacing_mm), regions)
        return _export(recipe, kinds, out, overwrite=overwrite)
    kinds = _Kinds(decoder, maker_at(decoder, spacing_mm), regions)
    paths: list[Path] = []
    with _progress() as progress:
        task = progress.add_task("making brains", total=count)
        for number in range(count):
            seed = wishes.seed + number
            for part in decoder.drawing_steps(seed):
                progress.update(task, completed=number + part)
            recipe = _recipe(checkpoint, conditions, seed)
            paths += _export(recipe, kinds, out, overwrite=overwrite)
            progress.update(task, completed=number + 1)
    return paths


def reproduce_brain(
    recipe_path: Path,
    out: Path,
    *,
    checkpoint: str | None,
    device: str,
    overwrite: bool,
    spacing_mm: float | None = None,
    regions: bool = False,
) -> list[Path]:
    """Make the brain of a recipe or sidecar again."""
    recipe = read_recipe(recipe_path)
    found = resolve_checkpoint(checkpoint or recipe.checkpoint)
    weights = weights_hash(found)
    warning = other_weights(recipe, weights)
    if warning:
        _tell(warning)
    found.schema.check(recipe.conditions, extrapolate=recipe.extrapolated, where=_named(found))
    decoder = _decoder(found, device)
    kinds = _Kinds(decoder, maker_at(decoder, spacing_mm), regions)
    return _export(replace(recipe, weights=weights), kinds, out, overwrite=overwrite)


@dataclass(frozen=True, slots=True)
class CarryWish:
    """Where to write the scan itself under other conditions, and which.

    Attributes
    ----------
    out : Path
        The folder.
    age : float or None, years
    settings : sequence of str
        ``"NAME=VALUE"``; what is not said stays as on the scan.
    """

    out: Path
    age: float | None
    settings: Sequence[str]


def encode_own_scan(
    scan: Path,
    wishes: Wishes,
    out: Path,
    *,
    device: str,
    overwrite: bool,
    carry: CarryWish | None = None,
    refine_s: float = 0.0,
) -> list[Path]:
    """Prepare a scan, find its identity, and write the person as a recipe.

    With `refine_s`, the identity is refined for so many seconds at most.

    What the command line does not say of the person is taken from the participants.tsv of the
    dataset that the scan lies in, or stays unknown; age and sex must be known where they are asked
    for.
    """
    from brainviewer.cohort.bids import find_conditions

    _check_free([out], overwrite=overwrite)
    destination = None
    if carry is not None:
        destination = Destination(
            carry.out, subject_label(label_of(image_name(scan))), overwrite=overwrite
        )
        check_carried(destination)
    checkpoint = _checkpoint(wishes.checkpoint)
    known = find_conditions(scan)
    age = known.get(AGE) if wishes.age is None else wishes.age
    if isinstance(age, int | float):
        check_age(age)
    unknown: dict[str, Value] = {name: known.get(name) for name in checkpoint.schema.names}
    conditions = _conditions(checkpoint, wishes, unknown)
    missing = [f"--{name}" for name in (AGE, SEX) if conditions.get(name, 0) is None]
    if missing:
        raise FeatureError(f"say who is on the scan: {' and '.join(missing)}")
    decoder = _decoder(checkpoint, device)
    carried = None if carry is None else _carried_conditions(carry, wishes, conditions, decoder)
    if refine_s > 0 and not decoder.refines:
        raise GenerationError(no_refining(checkpoint))
    prepared = _prepare(scan)
    encoded = _work("encoding", encoding_steps(prepared, conditions, decoder))
    if refine_s > 0:
        search = refining_steps(encoded, decoder, seconds=refine_s)
        encoded = _work(f"refining, for {refine_s:g} s at most", search)
    _tell(likeness_in_words(encoded))
    _tell(NOT_CLINICAL)
    recipe = replace(
        _recipe(checkpoint, conditions, seed=0),
        label=encoded.person.label,
        seed=None,
        latent=encoded.person.identity.latent,
    )
    write_recipe(out, recipe)
    if destination is None or carried is None:
        return [out]
    steps = carried_export_steps(prepared, encoded.person, decoder, destination, conditions=carried)
    return [out, *_work("carrying the scan", steps)]


def _prepare(scan: Path) -> OwnScan:
    """Prepare a scan under a progress bar, and tell what is unusual about it."""
    from brainviewer.cohort.own_scan import STAGES
    from brainviewer.cohort.preparing import prepare_own_scan

    with _progress() as progress:
        task = progress.add_task(STAGES[0], total=len(STAGES))
        prepared = prepare_own_scan(
            scan,
            on_stage=lambda stage: progress.update(
                task, completed=stage, description=STAGES[stage].lower()
            ),
        )
        progress.update(task, completed=len(STAGES))
    for doubt in prepared.doubts:
        _tell(f"doubtful: {doubt}")
    return prepared


def find_scan_regions(scan: Path, out: Path, *, device: str, overwrite: bool) -> list[Path]:
    """Prepare a scan, find its regions by the network, and write them on the scan's voxels."""
    from brainviewer.generators.parcellation import shipped_network
    from brainviewer.session.scan_regions import check_scan_regions, scan_region_steps

    destination = Destination(out, subject_label(label_of(image_name(scan))), overwrite)
    check_scan_regions(destination)
    network = shipped_network(device)
    prepared = _prepare(scan)
    _tell(NOT_CLINICAL)
    return _work("finding the regions", scan_region_steps(prepared, network, destination))


def _carried_conditions(
    carry: CarryWish, wishes: Wishes, conditions: Conditions, decoder: Decoder
) -> dict[str, Value]:
    """Return the conditions that a scan is to be carried to, before the long work begins."""
    wanted = replace(wishes, age=carry.age, sex=None, settings=carry.settings)
    return _conditions(decoder.checkpoint, wanted, conditions)


def write_trajectory(
    wishes: Wishes,
    ages: Ages,
    out: Path,
    *,
    device: str,
    overwrite: bool,
    regions: Sequence[str] = (),
) -> list[Path]:
    """Write the volumes of a person over age as CSV and PNG, and the maps as 4D NIfTI.

    Of T1 images, which have no volumes, the 4D NIfTI alone, unless regions are asked for.

    Parameters
    ----------
    regions : sequence of str
        Names of regions that are measured besides the tissues.
    """
    from brainviewer.gui.pictures import trajectory_png

    checkpoint = _checkpoint(wishes.checkpoint)
    _check_takes_features(checkpoint)
    conditions = _conditions(checkpoint, wishes)
    scenario = Scenario(ages.scenario)
    known = checkpoint.schema[AGE].fitted
    label, desc = subject_label(_label(wishes)), scenario.value
    table, picture = (out / f"sub-{label}_desc-{desc}_volumes.{kind}" for kind in ("csv", "png"))
    _check_free([table, picture], overwrite=overwrite)
    span = age_range(
        known.low if ages.first is None else ages.first,
        known.high if ages.last is None else ages.last,
        step_years=ages.step,
    )
    for age in (span[0], span[-1]):
        checkpoint.schema[AGE].check(
            float(age), extrapolate=wishes.extrapolate, where=_named(checkpoint)
        )
    decoder = _decoder(checkpoint, device)
    _check_regions(regions, decoder)
    generator = decoder.generator
    recipe = (
        _recipe_of_average(checkpoint, conditions, generator)
        if wishes.average
        else _recipe(checkpoint, conditions, wishes.seed)
    )
    recipe = replace(recipe, scenario=scenario)
    if recipe.seed is not None:
        _work("drawing the person", decoder.drawing_steps(recipe.seed))
    course = course_of(recipe, checkpoint)
    identity = identity_of(recipe, decoder)
    structures = (*structures_of(checkpoint), *regions)
    plan = TrajectoryPlan(
        identity,
        spread_identities(generator, structures),
        span,
        age_of(recipe.conditions),
        structures,
        scenario,
    )
    destination = Destination(out, label, overwrite)
    own: dict[float, Mapping[str, float]] = {}

    def note(age: float, brain: Brain) -> None:
        own[age] = measured_volumes_ml(brain)

    def recall(who: Identity, age: float) -> Mapping[str, float] | None:
        return own.get(age) if who is identity else None

    make = measure_with(generator, course)

    def measure(who: Identity, age: float) -> Mapping[str, float]:
        volumes = recall(who, age) or make(who, age)
        if not regions:
            return volumes
        found = decoder.region_volumes(who, course.at(age))
        return {**volumes, **named_volumes(found, decoder.regions, regions)}

    images = _work(
        "making brains",
        trajectory_export_steps(
            decoder, recipe, destination, course=course, ages=span, on_brain=note
        ),
    )
    if not structures:
        return images
    told = 0 if regions else len(own)  # nothing was measured of regions yet
    with _progress() as progress:
        steps = trajectory_steps(plan, measure, recall=recall)
        *_, trajectory = progress.track(
            steps, total=plan.step_count - told + 1, description="measuring"
        )
    write_trajectory_csv(table, trajectory, overwrite=overwrite)
    content = trajectory_png(trajectory, checkpoint, sex=str(conditions.get(SEX)), factual=None)
    write_bytes_atomically(picture, content)
    return [*images, table, picture]


def _check_regions(names: Sequence[str], decoder: Decoder) -> None:
    """Refuse regions that are not known, with the names that are nearest."""
    for name in names:
        if name in decoder.regions:
            continue
        if not decoder.regions:
            raise GenerationError(decoder.why_no_regions())
        near = get_close_matches(name, decoder.regions, n=3, cutoff=0.4) or decoder.regions[:3]
        raise GenerationError(
            f"there is no region {name!r}; there is {', '.join(near)}, and others that the tab "
            f"Regions lists"
        )


@dataclass(frozen=True, slots=True)
class Filming:
    """What is filmed: feature, first and last value (None: the training range's), frames, pane."""

    feature: str
    ends: tuple[float | None, float | None]
    frames: int
    rate_hz: int
    pane: str
    size: tuple[int, int]


def film_person(
    recipe: Path, filming: Filming, out: Path, *, device: str, overwrite: bool
) -> list[Path]:
    """Film the person of a recipe; into a folder, write 4D NIfTI instead."""
    if not out.suffix:
        return _write_series(recipe, filming, out, device=device, overwrite=overwrite)
    from brainviewer.gui.filming import film_steps
    from brainviewer.gui.movie_dialog import Shot

    shots = {"view": Shot.VIEW, **{it.value.lower(): it for it in Shot if it is not Shot.VIEW}}
    steps = film_steps(
        recipe,
        out,
        feature=filming.feature,
        ends=filming.ends,
        frames=filming.frames,
        rate_hz=filming.rate_hz,
        shot=shots[filming.pane],
        size=filming.size,
        overwrite=overwrite,
        device=device,
    )
    return [_work("filming", steps)]


def _write_series(
    recipe_path: Path, filming: Filming, out: Path, *, device: str, overwrite: bool
) -> list[Path]:
    recipe = read_recipe(recipe_path)
    checkpoint = resolve_checkpoint(recipe.checkpoint)
    decoder = _decoder(checkpoint, device)
    state, _ = state_of(recipe, checkpoint, decoder.generator)
    first, last = filming.ends
    sweep = sweep_of(state, filming.feature, first=first, last=last, count=filming.frames)
    destination = Destination(out, subject_label(recipe.label), overwrite)
    series = sweep_series(state, sweep)
    return _work("making brains", series_export_steps(decoder, recipe, destination, series=series))


def write_saliency(
    wishes: Wishes,
    out: Path,
    *,
    count: int,
    device: str,
    overwrite: bool,
    labels: Path | None = None,
) -> list[Path]:
    """Write the gradients of the volumes by the features as CSV, inside labels too."""
    _check_count(count)
    _check_free([out], overwrite=overwrite)
    checkpoint = _checkpoint(wishes.checkpoint)
    _check_takes_features(checkpoint)
    if not structures_of(checkpoint):  # before anybody is drawn, which may take seconds
        raise GenerationError(
            f"{checkpoint.name} makes T1-weighted images without tissue maps, so it has no volumes "
            f"to differentiate"
        )
    conditions = _conditions(checkpoint, wishes)
    generator = load_generator(checkpoint, device=device)
    people = [generator.draw(seed) for seed in range(wishes.seed, wishes.seed + count)]
    regions = None
    if labels is not None:
        image = read_volume(labels)
        regions = label_regions(image, affine=generator.affine, shape=generator.shape)
    rows = _work(
        "differentiating",
        saliency_steps(
            generator,
            people,
            conditions,
            schema=checkpoint.schema,
            channels=generator.channels,
            regions=regions,
        ),
    )
    write_saliency_csv(out, rows, overwrite=overwrite)
    return [out]


def write_local_change(
    wishes: Wishes,
    out: Path,
    *,
    along: str,
    recipe_path: Path | None,
    device: str,
    overwrite: bool,
) -> list[Path]:
    """Write where the brain of a person shrinks and grows along a feature."""
    if recipe_path is None:
        checkpoint = _checkpoint(wishes.checkpoint)
        _check_takes_features(checkpoint)
        recipe = _recipe(checkpoint, _conditions(checkpoint, wishes), wishes.seed)
    else:
        recipe = read_recipe(recipe_path)
        checkpoint = resolve_checkpoint(wishes.checkpoint or recipe.checkpoint)
        _check_takes_features(checkpoint)
    direction = parse_direction(along, checkpoint.schema)
    decoder = _decoder(checkpoint, device)
    destination = Destination(out, subject_label(recipe.label), overwrite)
    steps = local_change_export_steps(
        decoder,
        replace(recipe, weights=decoder.weights),
        destination,
        direction=direction,
        course=course_of(recipe, checkpoint),
    )
    return _work("mapping", steps)


def import_people(
    bids: Path, folder: Path, *, workers: int | None, tools: str, command: str
) -> int:
    """Import a BIDS folder, write the QC page, say what failed; 1 when nobody was imported."""
    from brainviewer.cohort.importing import import_cohort
    from brainviewer.cohort.qc import write_qc
    from brainviewer.cohort.store import CohortStore

    with _counting("importing") as show:
        summary = import_cohort(
            bids, folder, command=command, workers=workers, tools=tools, on_progress=show
        )
    for name, sentence in summary.failed.items():
        _tell(f"{name} was left out: {sentence}")
    for notice in summary.notices:
        _tell(notice)
    _tell(f"{summary.people} people are in {folder} ({summary.skipped} from an earlier run)")
    if summary.people:
        _tell(f"look them over: {write_qc(CohortStore(folder))}")
    return 0 if summary.people else 1


def simulate_people(
    folder: Path,
    *,
    people: int,
    seed: int,
    spacing_mm: float,
    workers: int | None,
    command: str,
) -> None:
    """Simulate a cohort."""
    from brainviewer.cohort.simulating import simulate_cohort

    with _counting("simulating", people) as show:
        simulate_cohort(
            folder,
            people=people,
            seed=seed,
            spacing_mm=spacing_mm,
            command=command,
            workers=workers,
            on_progress=show,
        )
    _tell(f"{people} simulated people are in {folder}")


def train_generator(
    recipe_path: Path,
    cohort: Path,
    out: Path,
    *,
    more: Sequence[Path],
    resume: bool,
    device: str,
    processes: int,
    command: str,
) -> None:
    """Train a generator and publish its checkpoint."""
    from brainviewer.training.recipe import read_training_recipe

    recipe = read_training_recipe(recipe_path)  # a wrong one is told before torch is loaded

    from brainviewer.cohort.store import CohortStore
    from brainviewer.training.run import train_checkpoint

    with _progress() as progress:
        task = progress.add_task("training", total=recipe.steps)

        def show(now: TrainingProgress) -> None:
            totals = {n: v for n, v in now.losses.items() if n.endswith(("total", "overlap"))}
            shown = " ".join(f"{name} {value:.3g}" for name, value in totals.items())
            progress.update(
                task, completed=now.step, total=now.steps, description=shown or "training"
            )

        train_checkpoint(
            recipe,
            CohortStore(cohort),
            out,
            more=[CohortStore(folder) for folder in more],
            resume=resume,
            device=device,
            processes=processes,
            command=command,
            on_progress=show,
        )
    _tell(f"the checkpoint is in {out}; score it with brainviewer evaluate")


def evaluate_generators(
    names: Sequence[str],
    cohort: Path,
    out: Path,
    *,
    draws: int,
    device: str,
    networks: tuple[Path | None, Path | None],
    labels: Path | None = None,
    images: bool = False,
) -> None:
    """Score checkpoints on the people of their test folds, and keep its scores with each.

    Parameters
    ----------
    networks : (volumes, slices)
        TorchScript files with published feature networks; None fits one.
    labels : Path, optional
        A label image whose regions are in Table IV too.
    images : bool
        Judge the T1-weighted images of generators that make tissue maps as well.
    """
    from brainviewer.cohort.store import CohortStore
    from brainviewer.evaluation.comparison import Settings, evaluate_checkpoints
    from brainviewer.evaluation.images import evaluate_images, makes_images_alone
    from brainviewer.evaluation.looking import NetworkFiles

    checkpoints = [resolve_checkpoint(name) for name in names]
    if images or any(map(makes_images_alone, checkpoints)):
        with _counting("evaluating") as show:
            evaluate_images(checkpoints, CohortStore(cohort), out, device=device, on_progress=show)
        _keep_scores(checkpoints, out)
        return
    atlas = None if labels is None else read_volume(labels)
    settings = Settings(device, draws, NetworkFiles(*networks), labels=atlas)
    with _counting("evaluating") as show:
        evaluate_checkpoints(
            checkpoints, CohortStore(cohort), out, settings=settings, on_progress=show
        )
    _keep_scores(checkpoints, out)


def evaluate_brain_age(
    names: Sequence[str],
    cohort: Path,
    out: Path,
    *,
    synthetic: Sequence[int] | None,
    device: str,
) -> None:
    """Score what the images of generators are good for in learning to tell ages.

    Parameters
    ----------
    synthetic : sequence of int, optional
        Numbers of synthetic people to add to the real ones; those of `AgeSettings` when not given.
    """
    from brainviewer.cohort.store import CohortStore
    from brainviewer.evaluation.brain_age import AgeSettings
    from brainviewer.evaluation.brain_age import evaluate_brain_age as evaluate

    checkpoints = [resolve_checkpoint(name) for name in names]
    settings = AgeSettings(device=device)
    if synthetic:
        settings = AgeSettings(tuple(synthetic), device=device)
    with _counting("evaluating") as show:
        evaluate(checkpoints, CohortStore(cohort), out, settings=settings, on_progress=show)
    _keep_scores(checkpoints, out)


def _keep_scores(checkpoints: Sequence[Checkpoint], out: Path) -> None:
    """Keep with each checkpoint the scores that were found of it."""
    from brainviewer.evaluation.comparison import folder_of

    for checkpoint in checkpoints:
        own = {"weights": weights_hash(checkpoint)}
        found = _read_scores(folder_of(checkpoint, checkpoints, out)) | own
        before = _read_scores(checkpoint.folder)
        # Tissue maps and images of one generator are judged in two runs.
        kept = before if before.get("weights") == own["weights"] else {}
        write_json_atomically(checkpoint.folder / SCORES_FILE, kept | found)
    _tell(f"{SCORES_FILE}, tables and figures are in {out}")


def _read_scores(folder: Path) -> dict[str, Any]:
    """Read scores.json; nothing where there is none, or none that can be read."""
    try:
        entry = json.loads((folder / SCORES_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return entry if isinstance(entry, dict) else {}


def parse_setting(feature: Feature, text: str) -> Value:
    """Read the value of a feature from a command line: a number, or a level's code or name.

    Raises
    ------
    FeatureError
        When it is neither; the sentence lists the levels.
    """
    if text.lower() in ("", "n/a"):
        return None
    if feature.kind is Kind.NUMERIC:
        try:
            return float(text)
        except ValueError as error:
            unit = f" of {feature.unit}" if feature.unit else ""
            raise FeatureError(f"{feature.name} must be a number{unit}, got {text!r}") from error
    for level in feature.levels:
        if text.lower() in (level.code.lower(), level.label.lower()):
            return level.code
    names = ", ".join(f"{level.code} ({level.label})" for level in feature.levels)
    raise FeatureError(f"{feature.name} must be one of {names}, got {text!r}")


def _conditions(
    checkpoint: Checkpoint, wishes: Wishes, base: Conditions | None = None
) -> dict[str, Value]:
    """Return what is wished for; the rest as in `base`, or typical of the training people."""
    schema = checkpoint.schema
    if not schema.features and (wishes.settings or wishes.age is not None or wishes.sex):
        raise FeatureError(f"leave out --age, --sex and --set: {takes_no_features(checkpoint)}")
    conditions = schema.typical() if base is None else dict(base)
    for setting in wishes.settings:
        name, equals, text = setting.partition("=")
        if not equals:
            raise FeatureError(f"--set needs NAME=VALUE, got {setting!r}")
        conditions[name] = parse_setting(schema[name], text)
    if wishes.age is not None:
        conditions[AGE] = wishes.age
    if wishes.sex is not None:
        conditions[SEX] = parse_setting(schema[SEX], wishes.sex)
    schema.check(conditions, extrapolate=wishes.extrapolate, where=_named(checkpoint))
    return conditions


def _label(wishes: Wishes) -> str:
    return "average" if wishes.average else f"seed {wishes.seed}"


def _recipe_of_average(
    checkpoint: Checkpoint, conditions: Conditions, generator: BrainGenerator
) -> Recipe:
    if not isinstance(generator, HasAverage):
        raise GenerationError(f"{checkpoint.name} draws people, it has no average brain")
    average = generator.average()
    recipe = _recipe(checkpoint, conditions, seed=0)
    return replace(recipe, label=average.label, seed=None, latent=average.latent)


def _recipe(checkpoint: Checkpoint, conditions: Conditions, seed: int) -> Recipe:
    return Recipe(
        checkpoint=checkpoint.name,
        label=f"seed {seed}",
        seed=seed,
        conditions=conditions,
        factual=conditions,
        edits={},
        age=own_age(checkpoint, conditions),
        extrapolated=is_extrapolated(checkpoint.schema, conditions),
        weights=weights_hash(checkpoint),
    )


@dataclass(frozen=True, slots=True)
class _Kinds:
    """Who makes the brains that are exported, and whether their regions go with them."""

    decoder: Decoder
    maker: Maker
    regions: bool


def _export(recipe: Recipe, kinds: _Kinds, out: Path, *, overwrite: bool) -> list[Path]:
    destination = Destination(out, subject_label(recipe.label), overwrite)
    paths = _exhaust(brain_export_steps(kinds.maker, recipe, destination))
    if kinds.regions:
        fine = kinds.maker is not kinds.decoder
        paths += _exhaust(region_export_steps(kinds.decoder, recipe, destination, fine=fine))
    return paths


def _check_takes_features(checkpoint: Checkpoint) -> None:
    if not checkpoint.schema.features:
        raise FeatureError(takes_no_features(checkpoint))


def _check_count(count: int) -> None:
    if count < 1:
        raise ValueError(f"the count must be 1 or more, got {count}")


def _check_free(paths: Sequence[Path], *, overwrite: bool) -> None:
    """Refuse to replace files before the work begins, not after."""
    there = [path for path in paths if path.exists()]
    if there and not overwrite:
        raise ExportError(f"{there[0]} exists already; choose another name, or add --overwrite")


def _checkpoint(name: str | None) -> Checkpoint:
    if name is not None:
        return resolve_checkpoint(name)
    usable, _ = find_checkpoints()
    if not usable:
        raise CheckpointError("no checkpoint is installed; train one with brainviewer train")
    return first_choice(usable)


def _named(checkpoint: Checkpoint) -> str:
    return f"checkpoint {checkpoint.name!r}"


def _work(title: str, steps: Generator[float, None, Result]) -> Result:
    """Run steps that yield 0 to 1 under a progress bar and return what they return."""
    with _progress() as progress:
        task = progress.add_task(title, total=1.0)
        return _exhaust(steps, lambda part: progress.update(task, completed=part))


def _exhaust(
    steps: Generator[float, None, Result], show: Callable[[float], None] = lambda part: None
) -> Result:
    while True:
        try:
            show(next(steps))
        except StopIteration as end:
            result: Result = end.value
            return result


@contextmanager
def _counting(title: str, total: int | None = None) -> Iterator[Callable[[int, int, str], None]]:
    """Show a progress bar that is told (done, total, what)."""
    with _progress() as progress:
        task = progress.add_task(title, total=total)

        def show(done: int, of: int, what: str) -> None:
            progress.update(task, completed=done, total=of, description=what)

        yield show


def _progress() -> Progress:
    """Show progress on stderr, so that stdout holds results alone."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    )


def _decoder(checkpoint: Checkpoint, device: str) -> Decoder:
    """Load a generator; that it had to move to the CPU is told."""
    return Decoder(checkpoint, load_generator, device=device, on_moved=_tell)


def _tell(text: str) -> None:
    sys.stderr.write(f"{text}\n")
