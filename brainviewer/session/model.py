"""The state of a session as frozen data, and how it is made, checked, carried over and saved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from brainviewer.core.features import Conditions, FeatureError, Value
from brainviewer.core.recipe import Recipe
from brainviewer.core.scenario import AGE, Scenario
from brainviewer.generators.base import Identity
from brainviewer.session.request import Course, Person, is_extrapolated

if TYPE_CHECKING:
    from brainviewer.generators.checkpoint import Checkpoint

FIRST_SEED = 1
FIRST_CHECKPOINT = "diffeo-ixi"


class Draws(Protocol):
    """Whatever draws people: a generator, or a decoder."""

    def draw(self, seed: int) -> Identity:
        """Draw a person."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class State:
    """All that a brain on the screen depends on.

    Attributes
    ----------
    checkpoint : Checkpoint
    person : Person
    edits : mapping of feature to value
        What the user changed, without age.
    age : float or None, years
        None where the generator takes no age.
    scenario : Scenario
    extrapolate : bool
        Whether values outside the range of the training people are allowed.
    set_aside : State or None
        Where the generator takes no features: the last state of one that did, whose features come
        back with the next.
    """

    checkpoint: Checkpoint
    person: Person
    edits: Conditions
    age: float | None
    scenario: Scenario = Scenario.IDEAL
    extrapolate: bool = False
    set_aside: State | None = None

    @property
    def course(self) -> Course:
        """The conditions over age."""
        known = self.checkpoint
        return Course(
            known.schema, known.regression, self.person.factual, self.edits, self.scenario
        )

    @property
    def conditions(self) -> dict[str, Value]:
        """What the generator is asked for."""
        return self.course.at(self.age)

    @property
    def takes_features(self) -> bool:
        """Whether the generator takes any features: otherwise people can only be drawn."""
        return bool(self.checkpoint.schema.features)

    def check(self, name: str, value: Value) -> None:
        """Raise FeatureError when a feature cannot have a value."""
        if not self.takes_features:
            raise FeatureError(f"{name} cannot be set: {takes_no_features(self.checkpoint)}")
        if name == AGE and value is None:
            raise FeatureError("age must be a number of years, got none")
        self.checkpoint.schema[name].check(
            value, extrapolate=self.extrapolate, where=f"checkpoint {self.checkpoint.name!r}"
        )

    def check_all(self) -> None:
        """Raise FeatureError when any value that was set or given is not allowed."""
        given = [*self.person.factual.items(), *self.edits.items()]
        if self.age is not None or AGE in self.checkpoint.schema:
            given.append((AGE, self.age))
        for name, value in given:
            self.check(name, value)


def first_state(checkpoint: Checkpoint, people: Draws, seed: int = FIRST_SEED) -> State:
    """Begin with a person whose every feature is typical of the training people."""
    factual = checkpoint.schema.typical()
    identity = people.draw(seed)
    age = own_age(checkpoint, factual)
    return State(checkpoint, Person(identity, factual, identity.label), {}, age)


def first_choice(checkpoints: Sequence[Checkpoint]) -> Checkpoint:
    """Choose where nothing was said: the shipped one that looks most like people, if it is there.

    Else the first checkpoint that takes features, else the first.
    """
    shown = [it for it in checkpoints if it.name == FIRST_CHECKPOINT]
    return next((it for it in (*shown, *checkpoints) if it.schema.features), checkpoints[0])


def seed_for_another(old: State | None) -> int:
    """Return the seed that another checkpoint begins with: the person's own, if they have one."""
    seed = None if old is None else old.person.identity.seed
    return FIRST_SEED if seed is None else seed


def carried_over(old: State, checkpoint: Checkpoint, people: Draws) -> tuple[State, list[str]]:
    """Keep what an old state shares with another checkpoint.

    Returns
    -------
    State
    list of str
        A sentence for everything that could not be kept.
    """
    new = first_state(checkpoint, people, seed_for_another(old))
    if not new.takes_features:
        return replace(new, set_aside=old if old.takes_features else old.set_aside), []
    return _with_features_of(old.set_aside or old, new)


def recipe_of(state: State) -> Recipe:
    """Write down what the brain on the screen is made from."""
    identity = state.person.identity
    conditions = state.conditions
    return Recipe(
        checkpoint=state.checkpoint.name,
        label=state.person.label,
        seed=identity.seed,
        latent=identity.latent if identity.seed is None else None,
        conditions=conditions,
        factual=dict(state.person.factual),
        edits=dict(state.edits),
        age=state.age,
        scenario=state.scenario,
        extrapolated=is_extrapolated(state.checkpoint.schema, conditions),
    )


def course_of(recipe: Recipe, checkpoint: Checkpoint) -> Course:
    """Return the conditions over age of the person of a recipe."""
    return Course(
        checkpoint.schema, checkpoint.regression, recipe.factual, recipe.edits, recipe.scenario
    )


def identity_of(recipe: Recipe, people: Draws) -> Identity:
    """Return the identity that a recipe names, drawn again or taken from its latent."""
    if recipe.seed is not None:
        return replace(people.draw(recipe.seed), label=recipe.label)
    assert recipe.latent is not None
    return Identity(recipe.latent, recipe.label)


def state_of(recipe: Recipe, checkpoint: Checkpoint, people: Draws) -> tuple[State, list[str]]:
    """Return the state that a recipe was written in, and a sentence if it had to be bent.

    The conditions win: where they do not follow from the person, edits and scenario (the file was
    edited, or the regression is another one), they become the person as given.

    Raises
    ------
    FeatureError
        When a value does not suit the checkpoint.
    """
    identity = identity_of(recipe, people)
    state = State(
        checkpoint,
        Person(identity, recipe.factual, recipe.label),
        recipe.edits,
        _asked_age(checkpoint, recipe),
        recipe.scenario,
        recipe.extrapolated,
    )
    own_age(checkpoint, recipe.factual)
    if AGE in recipe.edits:
        raise FeatureError("the edits of a recipe cannot hold age; it has a place of its own")
    state.check_all()
    if state.conditions == dict(recipe.conditions):
        return state, []
    exact = replace(
        state,
        person=replace(state.person, factual=recipe.conditions),
        edits={},
        age=own_age(checkpoint, recipe.conditions),
    )
    exact.check_all()
    return exact, [
        "the conditions of the recipe do not follow from its person and edits; "
        "they are now the factual ones"
    ]


def age_of(conditions: Conditions) -> float:
    """Return the age among conditions in years; FeatureError when there is none."""
    age = conditions.get(AGE)
    if isinstance(age, bool) or not isinstance(age, int | float):
        raise FeatureError(f"a person needs an age in years, got {age!r}")
    return float(age)


def _asked_age(checkpoint: Checkpoint, recipe: Recipe) -> float | None:
    """Return the age that a recipe asks for, or that of its person; None without ages."""
    if AGE not in checkpoint.schema:
        return None
    return age_of(recipe.factual) if recipe.age is None else recipe.age


def own_age(checkpoint: Checkpoint, conditions: Conditions) -> float | None:
    """Return the age among conditions in years; None where the generator takes no age."""
    return age_of(conditions) if AGE in checkpoint.schema else None


def takes_no_features(checkpoint: Checkpoint) -> str:
    """Say that a generator takes no features."""
    return f"checkpoint {checkpoint.name!r} takes no features, it only draws people"


def nearest_age(checkpoint: Checkpoint, age: float | None) -> float | None:
    """Return the age in the range of the training people that is nearest to one, in years."""
    if age is None or AGE not in checkpoint.schema:
        return None
    known = checkpoint.schema[AGE].fitted
    return min(max(age, known.low), known.high)


def plain_value(value: Value) -> Value:
    """Return a value without numpy's types, and a mixture that nobody else can change."""
    if isinstance(value, Mapping):
        return {code: float(share) for code, share in value.items()}
    if isinstance(value, float):
        return float(value)
    return value


def _with_features_of(old: State, new: State) -> tuple[State, list[str]]:
    """Take over the features, edits, age and scenario that another checkpoint knows too."""
    name = new.checkpoint.name
    shared = {k: v for k, v in old.person.factual.items() if _fits(new, k, v)}
    kept = {k: v for k, v in old.edits.items() if _fits(new, k, v)}
    lost = [feature for feature in old.edits if feature not in kept]
    notices = [f"{name} cannot take over {', '.join(lost)}"] if lost else []
    age = new.age if old.age is None else nearest_age(new.checkpoint, old.age)
    if age != old.age and age is not None:
        known = new.checkpoint.schema[AGE].fitted
        notices.insert(
            0,
            f"{name} knows ages of {known.low:g}-{known.high:g} years; age is now {age:g} years",
        )
    person = replace(new.person, factual={**new.person.factual, **shared})
    return replace(new, person=person, edits=kept, age=age, scenario=old.scenario), notices


def _fits(state: State, name: str, value: Value) -> bool:
    try:
        state.check(name, value)
    except FeatureError:
        return False
    return True
