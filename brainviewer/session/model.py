"""The state of a session as frozen data, and how it is made, checked, carried over and saved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from brainviewer.core.features import Conditions, FeatureError, Value
from brainviewer.core.recipe import Recipe
from brainviewer.core.scenario import AGE, Scenario
from brainviewer.generators.base import Identity
from brainviewer.session.request import Course, Person, is_extrapolated

if TYPE_CHECKING:
    from brainviewer.generators.base import Generator
    from brainviewer.generators.checkpoint import Checkpoint

FIRST_SEED = 1


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
    age : float, years
    scenario : Scenario
    extrapolate : bool
        Whether values outside the range of the training people are allowed.
    """

    checkpoint: Checkpoint
    person: Person
    edits: Conditions
    age: float
    scenario: Scenario = Scenario.IDEAL
    extrapolate: bool = False

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

    def check(self, name: str, value: Value) -> None:
        """Raise FeatureError when a feature cannot have a value."""
        if name == AGE and value is None:
            raise FeatureError("age must be a number of years, got none")
        self.checkpoint.schema[name].check(
            value, extrapolate=self.extrapolate, where=f"checkpoint {self.checkpoint.name!r}"
        )

    def check_all(self) -> None:
        """Raise FeatureError when any value that was set or given is not allowed."""
        for name, value in (*self.person.factual.items(), *self.edits.items(), (AGE, self.age)):
            self.check(name, value)


def first_state(checkpoint: Checkpoint, generator: Generator) -> State:
    """Begin with a person whose every feature is typical of the training people."""
    factual = checkpoint.schema.typical()
    identity = generator.draw(FIRST_SEED)
    return State(checkpoint, Person(identity, factual, identity.label), {}, age_of(factual))


def carried_over(
    old: State, checkpoint: Checkpoint, generator: Generator
) -> tuple[State, list[str]]:
    """Keep what an old state shares with another checkpoint.

    Returns
    -------
    State
    list of str
        A sentence for everything that could not be kept.
    """
    new = first_state(checkpoint, generator)
    seed = old.person.identity.seed
    identity = new.person.identity if seed is None else generator.draw(seed)
    shared = {k: v for k, v in old.person.factual.items() if _fits(new, k, v)}
    kept = {name: value for name, value in old.edits.items() if _fits(new, name, value)}
    lost = [name for name in old.edits if name not in kept]
    age, notices = _nearest_age(new, old.age)
    if lost:
        notices.append(f"{checkpoint.name} cannot take over {', '.join(lost)}")
    person = Person(identity, {**new.person.factual, **shared}, identity.label)
    return State(checkpoint, person, kept, age, old.scenario), notices


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


def identity_of(recipe: Recipe, generator: Draws) -> Identity:
    """Return the identity that a recipe names, drawn again or taken from its latent."""
    if recipe.seed is not None:
        return replace(generator.draw(recipe.seed), label=recipe.label)
    assert recipe.latent is not None
    return Identity(recipe.latent, recipe.label)


def state_of(
    recipe: Recipe, checkpoint: Checkpoint, generator: Generator
) -> tuple[State, list[str]]:
    """Return the state that a recipe was written in, and a sentence if it had to be bent.

    The conditions win: where they do not follow from the person, edits and scenario (the file was
    edited, or the regression is another one), they become the person as given.

    Raises
    ------
    FeatureError
        When a value does not suit the checkpoint.
    """
    identity = identity_of(recipe, generator)
    state = State(
        checkpoint,
        Person(identity, recipe.factual, recipe.label),
        recipe.edits,
        recipe.age,
        recipe.scenario,
        recipe.extrapolated,
    )
    age_of(recipe.factual)
    if AGE in recipe.edits:
        raise FeatureError("the edits of a recipe cannot hold age; it has a place of its own")
    state.check_all()
    if state.conditions == dict(recipe.conditions):
        return state, []
    exact = replace(
        state,
        person=replace(state.person, factual=recipe.conditions),
        edits={},
        age=age_of(recipe.conditions),
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


def plain_value(value: Value) -> Value:
    """Return a value without numpy's types, and a mixture that nobody else can change."""
    if isinstance(value, Mapping):
        return {code: float(share) for code, share in value.items()}
    if isinstance(value, float):
        return float(value)
    return value


def _nearest_age(state: State, age: float) -> tuple[float, list[str]]:
    """Return the nearest age that a checkpoint knows, and a sentence when it is another one."""
    if _fits(state, AGE, age):
        return age, []
    known = state.checkpoint.schema[AGE].fitted
    nearest = min(max(age, known.low), known.high)
    return nearest, [
        f"{state.checkpoint.name} knows ages of {known.low:g}-{known.high:g} years; "
        f"age is now {nearest:g} years"
    ]


def _fits(state: State, name: str, value: Value) -> bool:
    try:
        state.check(name, value)
    except FeatureError:
        return False
    return True
