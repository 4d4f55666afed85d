"""People in memory and their augmented batches."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional

from brainviewer.cohort.reading import People
from brainviewer.cohort.store import CohortError
from brainviewer.core.features import FeatureError
from brainviewer.generators.networks import Deviations
from brainviewer.training.dataset import (
    BatchSource,
    fit_deviations,
    load_training_data,
    mirror_some,
    warp_smoothly,
)
from brainviewer.training.recipe import TrainingRecipeError
from tests.tiny import (
    GRID_AFFINE,
    PEOPLE,
    RECIPE,
    SHAPE,
    features_of,
    person_id,
    write_table,
    write_tiny_cohort,
)

UNDISTURBED = replace(
    RECIPE, condition_noise=0.0, condition_dropout=0.0, condition_regression=0.0, warp_mm=0.0
)


FIXED = ("age", "sex")


def random_of(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def maps_of(count: int, shape=(8, 6, 4)) -> torch.Tensor:
    return torch.rand((count, 3, *shape), generator=random_of(9))


# Reading


def test_people_are_split_by_fold_and_nobody_is_lost(data) -> None:
    parts = {"train": data.train, "validation": data.validation, "test": data.test}
    for name, part in parts.items():
        wanted = {"test": {0, 1}, "validation": {2}, "train": set(range(3, 10))}[name]
        assert {data.folds[person] for person in part.ids} <= wanted
    everybody = [person for part in parts.values() for person in part.ids]
    assert sorted(everybody) == [person_id(index) for index in range(PEOPLE)]


def test_the_schema_knows_the_training_people_alone(data) -> None:
    ages = [row["age"] for row in data.train.conditions]
    known = data.schema["age"].fitted
    assert (known.count, known.low, known.high) == (len(data.train), min(ages), max(ages))
    assert known.mean == pytest.approx(np.mean(ages))


def test_maps_and_volumes_are_those_of_the_store(data, cohort_once) -> None:
    maps = cohort_once.read_tissues(data.train.ids[0])
    np.testing.assert_array_equal(data.train.maps[0], maps)
    np.testing.assert_allclose(data.train.volumes_ml[0], maps.sum(axis=(1, 2, 3)) / 255, rtol=1e-6)
    np.testing.assert_array_equal(data.affine, GRID_AFFINE)


def test_the_affine_moves_with_the_crop(cohort_once) -> None:
    recipe = replace(RECIPE, first_voxel=(0, 2, 0), shape=(16, 20, 16))
    affine = load_training_data(cohort_once, recipe).affine
    np.testing.assert_array_equal(affine[:3, 3], GRID_AFFINE[:3, 3] + [0, 20, 0])


def test_people_without_age_or_sex_or_scan_are_left_out(store) -> None:
    rows = [{"participant_id": person_id(i), **features_of(i)} for i in range(PEOPLE)]
    rows[0]["age"] = "n/a"
    rows[1]["sex"] = "n/a"
    write_table(store.folder, [*rows, {**rows[2], "participant_id": "sub-unscanned"}])
    folds = load_training_data(store, RECIPE).folds
    assert set(folds) == {person_id(index) for index in range(2, PEOPLE)}


def test_too_few_people_are_refused(tmp_path) -> None:
    store = write_tiny_cohort(tmp_path, people=19)
    with pytest.raises(CohortError, match=r"needs at least 20 people .* this cohort has 19"):
        load_training_data(store, RECIPE)


@pytest.mark.parametrize("people", [1, 2])
def test_hardly_anybody_is_one_sentence_too(tmp_path, people) -> None:
    store = write_tiny_cohort(tmp_path, people=people)
    with pytest.raises(CohortError, match=rf"needs at least 20 people .* this cohort has {people}"):
        load_training_data(store, RECIPE)


def test_a_table_of_others_than_those_with_a_scan_is_refused(store) -> None:
    rows = [{"participant_id": f"sub-x{i}", **features_of(i)} for i in range(PEOPLE)]
    write_table(store.folder, rows)
    with pytest.raises(CohortError, match=r"people with a scan, age and sex; this cohort has 0"):
        load_training_data(store, RECIPE)


def write_changed(store, **changes) -> None:
    """Write the table with the same values for everybody; None for no such column."""
    rows = [{"participant_id": person_id(i), **features_of(i), **changes} for i in range(PEOPLE)]
    kept = [name for name in rows[0] if changes.get(name, "") is not None]
    write_table(store.folder, [{name: row[name] for name in kept} for row in rows])


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"height": 170.0}, "height is left out, as it is 170.0 for all who are trained on"),
        ({"occupation": "b"}, "occupation is left out, as it is b for all who are trained on"),
    ],
)
def test_a_feature_of_one_value_is_left_out_with_a_notice(store, changes, sentence) -> None:
    write_changed(store, **changes)
    data = load_training_data(store, RECIPE)
    assert data.notices == (sentence,)
    assert data.schema.names == tuple(name for name in RECIPE.features if name not in changes)


def test_a_generator_of_one_sex_says_which(store) -> None:
    write_changed(store, sex="F")
    data = load_training_data(store, RECIPE)
    assert data.schema.names == RECIPE.features
    assert data.schema["sex"].fitted.shares == (1.0, 0.0)
    assert data.notices == ()


@pytest.mark.parametrize("features", [RECIPE.features, ()])
def test_people_of_one_age_are_refused_before_the_training(store, features) -> None:
    write_changed(store, age=40)
    with pytest.raises(FeatureError, match=r"age is 40.0 for all 28 training people; train on"):
        load_training_data(store, replace(RECIPE, features=features))


@pytest.mark.parametrize(
    ("column", "sentence"),
    [
        ({"sex": None}, "the table has no column sex; it has age, height"),
        ({"height": "n/a"}, "column height is no feature: it is empty; take it out of the recipe"),
        ({"education": "n/a"}, "education is missing for every person; leave it out or fill in"),
    ],
)
def test_a_column_that_nothing_can_be_learned_from_is_refused(store, column, sentence) -> None:
    write_changed(store, **column)
    with pytest.raises(FeatureError, match=sentence):
        load_training_data(store, RECIPE)


def test_an_unknown_feature_is_refused_with_those_there_are(cohort_once) -> None:
    recipe = replace(RECIPE, features=(*RECIPE.features, "iq"))
    with pytest.raises(FeatureError, match="no column iq; it has age, sex, height"):
        load_training_data(cohort_once, recipe)


def test_a_brain_outside_the_crop_is_refused(cohort_once) -> None:
    recipe = replace(RECIPE, first_voxel=(8, 0, 0), shape=(8, 24, 16))
    with pytest.raises(CohortError, match=r"% of sub-0.. lies outside the generator's grid"):
        load_training_data(cohort_once, recipe)


def test_people_of_another_cohort_are_trained_on_besides(cohort_once, tmp_path) -> None:
    more = write_tiny_cohort(tmp_path / "more", people=5)
    alone, joined = (load_training_data(cohort_once, RECIPE, m) for m in ((), [more]))
    assert len(alone.more) == 0
    assert joined.more.ids == tuple(person_id(index) for index in range(5))
    assert joined.schema == alone.schema
    assert joined.train.ids == alone.train.ids
    source = BatchSource(joined, RECIPE)
    assert source.per_epoch == (len(joined.train) + 5) // RECIPE.batch_size


def test_another_cohort_needs_the_same_grid(cohort_once, tmp_path) -> None:
    more = write_tiny_cohort(tmp_path / "more", people=5)
    manifest = more.read_manifest()
    more.write_manifest(replace(manifest, shape=(8, 24, 16)))
    with pytest.raises(CohortError, match="more has another grid than"):
        load_training_data(cohort_once, RECIPE, [more])


def test_an_unconditional_recipe_keeps_age_and_sex_for_the_folds_alone(cohort_once) -> None:
    data = load_training_data(cohort_once, replace(RECIPE, features=()))
    assert data.folds == load_training_data(cohort_once, RECIPE).folds
    assert data.schema.columns == ()
    assert set(data.train.conditions[0]) == {"age", "sex"}
    assert BatchSource(data, RECIPE).batch(0).conditions.shape == (4, 0)


# Batches


def test_the_batch_of_a_step_is_the_same_in_every_run(data) -> None:
    first, second = (BatchSource(data, RECIPE) for _ in range(2))
    second.batch(0)
    for step in (5, 17):
        one, other = first.batch(step), second.batch(step)
        assert torch.equal(one.maps, other.maps)
        assert torch.equal(one.conditions, other.conditions)
    assert not torch.equal(first.batch(5).maps, first.batch(17).maps)


def test_another_seed_makes_other_batches(data) -> None:
    sources = [BatchSource(data, replace(RECIPE, seed=seed)) for seed in (1, 2)]
    assert not torch.equal(sources[0].batch(0).maps, sources[1].batch(0).maps)


def test_processes_share_a_batch(data) -> None:
    whole = BatchSource(data, RECIPE).batch(3)
    parts = [whole.part(rank, 2) for rank in range(2)]
    assert torch.equal(torch.stack([p.maps for p in parts], 1).flatten(0, 1), whole.maps)
    assert torch.equal(parts[1].conditions, whole.conditions[1::2])


def test_batches_hold_maps_and_conditions(data) -> None:
    batch = BatchSource(data, RECIPE).batch(0)
    assert batch.maps.shape == (4, 3, *SHAPE)
    assert batch.conditions.shape == (4, len(data.schema.columns))
    assert batch.maps.min() >= 0
    assert batch.maps.max() <= 1 + 1e-6


def test_an_epoch_passes_over_people_once_in_another_order_each(data) -> None:
    source = BatchSource(data, UNDISTURBED)
    known = [tuple(data.schema.encode(row).tolist()) for row in data.train.conditions]
    assert source.per_epoch == len(known) // 4
    orders = []
    for epoch in range(2):
        steps = range(epoch * source.per_epoch, (epoch + 1) * source.per_epoch)
        seen = [tuple(row) for step in steps for row in source.batch(step).conditions.tolist()]
        assert len(set(seen)) == len(seen) == 4 * source.per_epoch
        assert set(seen) <= set(known)
        orders.append(seen)
    assert orders[0] != orders[1]


def test_maps_go_with_the_conditions_of_the_same_person(data) -> None:
    batch = BatchSource(data, UNDISTURBED).batch(0)
    for maps, conditions in zip(batch.maps, batch.conditions, strict=True):
        encoded = [data.schema.encode(row) for row in data.train.conditions]
        index = [np.array_equal(row, conditions.numpy()) for row in encoded].index(True)
        np.testing.assert_allclose(maps.sum(dim=(1, 2, 3)), data.train.volumes_ml[index], rtol=1e-5)


def test_age_and_sex_are_never_disturbed(data) -> None:
    recipe = replace(RECIPE, condition_noise=3.0, condition_dropout=0.5)
    names = [column.feature for column in data.schema.columns]
    fixed = [names.index("age"), names.index("sex")]
    free = [index for index in range(len(names)) if index not in fixed]
    disturbed = BatchSource(data, recipe)
    plain = BatchSource(data, UNDISTURBED)
    for step in range(8):
        one, other = disturbed.batch(step).conditions, plain.batch(step).conditions
        assert torch.equal(one[:, fixed], other[:, fixed])
        assert (one[:, free] != other[:, free]).any(dim=1).all()


def test_a_hidden_feature_is_hidden_in_all_its_columns(data) -> None:
    recipe = replace(UNDISTURBED, condition_noise=0.1, condition_dropout=0.5)
    source = BatchSource(data, recipe)
    deviations = Deviations(len(data.schema.columns))
    fit_deviations(deviations, data)
    columns = [i for i, c in enumerate(data.schema.columns) if c.feature == "occupation"]
    departures = [deviations(source.batch(step).conditions)[:, columns] for step in range(7)]
    hidden = torch.cat(departures).abs() < 1e-5
    assert torch.equal(hidden.all(dim=1), hidden.any(dim=1))
    assert 0 < hidden.all(dim=1).sum() < len(hidden)


def test_noise_is_in_standard_deviations_of_each_column(data) -> None:
    recipe = replace(UNDISTURBED, condition_noise=0.5)
    noisy, plain = (BatchSource(data, r) for r in (recipe, UNDISTURBED))
    batches = [(noisy.batch(s).conditions, plain.batch(s).conditions) for s in range(200)]
    spread = torch.cat([one - other for one, other in batches]).std(dim=0)
    encoded = torch.tensor(np.stack([data.schema.encode(row) for row in data.train.conditions]))
    wanted = 0.5 * encoded.std(dim=0)
    names = [column.feature for column in data.schema.columns]
    wanted[[names.index("age"), names.index("sex")]] = 0.0
    torch.testing.assert_close(spread, wanted, rtol=0.1, atol=1e-6)


def test_what_is_hidden_is_what_is_expected_at_that_age_and_sex(data) -> None:
    recipe = replace(UNDISTURBED, condition_regression=0.4)
    source, plain = (BatchSource(data, r) for r in (recipe, UNDISTURBED))
    deviations = Deviations(len(data.schema.columns))
    fit_deviations(deviations, data)
    hidden = []
    for step in range(60):
        given, own = source.batch(step).conditions, plain.batch(step).conditions
        for row, before in zip(deviations(given), given == own, strict=True):
            hidden.append(not before.all())
            if hidden[-1]:
                free = [i for i, c in enumerate(data.schema.columns) if c.feature not in FIXED]
                torch.testing.assert_close(row[free], torch.zeros(len(free)), atol=1e-5, rtol=0)
    assert 0.3 < np.mean(hidden) < 0.5


def test_a_missing_value_is_what_is_expected_at_that_age_and_sex(data) -> None:
    rows = [{**row, "height": None} for row in data.train.conditions]
    people = replace(data.train, conditions=(rows[0], *data.train.conditions[1:]))
    lacking = replace(data, train=people)
    column = [c.feature for c in data.schema.columns].index("height")
    deviations = Deviations(len(data.schema.columns))
    fit_deviations(deviations, lacking)
    source = BatchSource(lacking, replace(UNDISTURBED, batch_size=len(people)))
    departures = deviations(source.batch(0).conditions)[:, column]
    assert (departures.abs() < 1e-5).sum() == 1


def test_a_batch_larger_than_the_people_is_refused(data) -> None:
    few = People(
        data.train.ids[:3], data.train.maps[:3], data.train.volumes_ml[:3],
        data.train.conditions[:3],
    )  # fmt: skip
    with pytest.raises(TrainingRecipeError, match=r"batch_size must be at most 3, .* got 4"):
        BatchSource(replace(data, train=few), RECIPE)


# Mirror


def test_about_half_are_mirrored_left_to_right_and_the_others_untouched() -> None:
    maps = maps_of(64)
    mirrored = mirror_some(maps, random_of(1))
    flipped = [torch.equal(a, b.flip(1)) for a, b in zip(mirrored, maps, strict=True)]
    kept = [torch.equal(a, b) for a, b in zip(mirrored, maps, strict=True)]
    assert [not k for k in kept] == flipped
    assert 16 < sum(flipped) < 48


# Warp


def test_a_warp_of_nothing_changes_nothing() -> None:
    maps = maps_of(2)
    assert torch.equal(warp_smoothly(maps, random_of(1), amount_mm=0.0, spacing_mm=2.0), maps)
    torch.testing.assert_close(
        warp_smoothly(maps, random_of(1), amount_mm=1e-7, spacing_mm=2.0), maps, rtol=0, atol=1e-5
    )


def ramps(shape: tuple[int, int, int]) -> torch.Tensor:
    """Maps (1, 3, I, J, K) whose values are i, j and k: what a warp makes of them is where to."""
    grids = torch.meshgrid(*(torch.arange(float(n)) for n in shape), indexing="ij")
    return torch.stack(grids)[None]


def displacements_mm(amount_mm: float, seed: int) -> torch.Tensor:
    """Displacements (3, I, J, K) in mm, of voxels of 2 mm, away from the border."""
    before = ramps((64, 80, 48))
    after = warp_smoothly(before, random_of(seed), amount_mm=amount_mm, spacing_mm=2.0)
    return 2 * (after - before)[0, :, 8:-8, 8:-8, 8:-8]


def test_a_warp_displaces_by_the_amount_along_every_axis() -> None:
    moved = torch.stack([displacements_mm(2.0, seed) for seed in range(3)])
    # Between the points of the coarse grid a mean of 8 is less spread: 0.54 on the average.
    assert moved.std(dim=(0, 2, 3, 4)).tolist() == pytest.approx([1.1, 1.1, 1.1], abs=0.35)


def test_a_warp_in_mm_does_not_depend_on_the_size_of_voxels() -> None:
    """A voxel of 4 mm moves as far as the eight of 2 mm in its place."""
    coarse, fine = ramps((32, 40, 24)), ramps((64, 80, 48))
    moved = [
        spacing * (warp_smoothly(it, random_of(1), amount_mm=3.0, spacing_mm=spacing) - it)
        for it, spacing in ((coarse, 4.0), (fine, 2.0))
    ]
    inner = functional.avg_pool3d(moved[1], 2)[0, :, 4:-4, 4:-4, 4:-4]
    torch.testing.assert_close(moved[0][0, :, 4:-4, 4:-4, 4:-4], inner, rtol=0, atol=0.5)


def test_a_warp_is_smooth() -> None:
    moved = displacements_mm(1.0, 1)
    for axis in (1, 2, 3):
        assert moved.diff(dim=axis).abs().max() < 0.5
    assert moved.abs().max() > 0.5


def test_a_warp_keeps_partial_volumes_and_those_of_each_person_apart() -> None:
    maps = maps_of(1).expand(2, -1, -1, -1, -1) / 3
    warped = warp_smoothly(maps, random_of(1), amount_mm=2.0, spacing_mm=2.0)
    assert warped.min() >= 0
    assert warped.sum(dim=1).max() <= 1 + 1e-6
    assert not torch.equal(warped[0], warped[1])
