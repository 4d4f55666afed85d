"""A generator without a network and the checkpoint folder that goes with it, for tests.

Any test may `from tests.fakes import ...`; pytest's importlib mode finds it from the root.
"""

from __future__ import annotations

import csv
import json
import threading
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np

from brainviewer.cohort.own_scan import OwnScan
from brainviewer.core.features import Feature, FeatureSchema, Kind, Level, fit_schema
from brainviewer.core.population import PERCENTILES, Population, population_rows
from brainviewer.core.scenario import Regression, fit_regression
from brainviewer.core.tissues import TISSUES, map_volumes_ml
from brainviewer.core.volume import Brain, Volume, voxel_volume_ml
from brainviewer.generators.base import GenerationError, Identity

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping
    from pathlib import Path

    from brainviewer.core.volume import Affine
    from brainviewer.generators.checkpoint import Checkpoint
    from brainviewer.session.state import Session

SHAPE = (16, 20, 16)
SPACING_MM = 10.0
LATENT_SIZE = 8
WAIT_S = 10.0
AFFINE = np.diag([SPACING_MM, SPACING_MM, SPACING_MM, 1.0])
AFFINE[:3, 3] = [-SPACING_MM * (n - 1) / 2 for n in SHAPE]

SIGNALS = (
    "checkpoint_changed",
    "person_changed",
    "conditions_changed",
    "scenario_changed",
    "extrapolation_changed",
    "brain_changed",
    "factual_changed",
    "trajectory_changed",
    "device_changed",
    "busy_changed",
    "progress_changed",
    "drawing_stopped",
    "failed",
    "notice",
)

FEATURES = (
    Feature("age", Kind.NUMERIC, "Age at the scan", "years"),
    Feature("sex", Kind.LEVELS, "Sex", levels=(Level("F", "female"), Level("M", "male"))),
    Feature("height", Kind.NUMERIC, "Body height", "cm"),
    Feature(
        "education",
        Kind.ORDERED,
        "Highest qualification",
        levels=(Level("1", "none"), Level("2", "school"), Level("3", "degree")),
    ),
    Feature(
        "occupation",
        Kind.LEVELS,
        "Occupation",
        levels=(Level("a", "at work"), Level("b", "studying"), Level("c", "retired")),
    ),
)


class FakeGenerator:
    """An ellipsoid brain whose ventricle grows with age.

    Size depends on sex and height, proportions on the latent. `hold` makes every following
    `generate` wait for `release`; `wait_started` waits until one more `generate` has begun;
    exceptions in `failures` are raised by the next calls, one each.
    """

    can_encode = True
    channels = TISSUES
    shape = SHAPE
    affine = AFFINE
    space = "native"

    def __init__(self, checkpoint: Checkpoint, device_name: str = "CPU") -> None:
        self.name = checkpoint.name
        self.schema = checkpoint.schema
        self.device_name = device_name
        config = getattr(checkpoint, "config", {})
        self.shape = tuple(config.get("shape", SHAPE))
        self.affine = np.array(config.get("affine", AFFINE))
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.failures: list[Exception] = []
        self.differentiated: list[dict[str, Any]] = []
        self.gradient_failures: list[Exception] = []
        self._gate = threading.Event()
        self._gate.set()
        self._started = threading.Semaphore(0)

    @property
    def ages(self) -> list[float]:
        """The ages that were asked for, in order."""
        return [conditions["age"] for _, conditions in self.calls]

    def hold(self) -> None:
        """Make every following `generate` wait, and forget those that have begun."""
        while self._started.acquire(blocking=False):
            pass
        self._gate.clear()

    def release(self) -> None:
        """Let the waiting `generate` and all later ones go on."""
        self._gate.set()

    def wait_started(self) -> None:
        """Wait until a `generate` has begun that was not waited for yet."""
        assert self._started.acquire(timeout=WAIT_S), "no brain was asked for"

    def draw(self, seed: int) -> Identity:
        latent = np.random.default_rng(seed).standard_normal(LATENT_SIZE).astype(np.float32)
        return Identity(latent, f"seed {seed}", seed)

    def encode(self, brain: Brain, conditions: Mapping[str, Any]) -> Identity:
        latent = np.resize(brain.data.sum(axis=(1, 2)).ravel(), LATENT_SIZE)
        return Identity((latent / np.abs(latent).max()).astype(np.float32), "encoded")

    def generate(self, identity: Identity, conditions: Mapping[str, Any]) -> Brain:
        self.calls.append((identity.label, dict(conditions)))
        self._started.release()
        if not self._gate.wait(WAIT_S):
            raise TimeoutError("the test never released the fake generator")
        if self.failures:
            raise self.failures.pop(0)
        if identity.latent.shape != (LATENT_SIZE,):
            raise GenerationError(f"the identity has the shape {identity.latent.shape}")
        maps = _maps(identity.latent, conditions, self.shape, self.affine)
        return Brain(self.channels, maps, self.affine)

    def volume_gradients(
        self,
        identity: Identity,
        conditions: Mapping[str, Any],
        weights: np.ndarray | None = None,
    ) -> np.ndarray:
        """Numbers 1, 2, ... in reading order: rows are structures, columns those of the schema."""
        self.differentiated.append(dict(conditions))
        if self.gradient_failures:
            raise self.gradient_failures.pop(0)
        rows, columns = 3 if weights is None else len(weights), len(self.schema.columns)
        return np.arange(1, rows * columns + 1, dtype=np.float32).reshape(rows, columns)


class LabelledGenerator(FakeGenerator):
    """A fake generator that knows the two halves of its brains, split at voxel I/2."""

    regions = ("left half", "right half")

    def region_volumes(self, identity: Identity, conditions: Mapping[str, Any]) -> np.ndarray:
        maps = _maps(identity.latent, conditions, self.shape, self.affine).sum(axis=0)
        half = self.shape[0] // 2
        sums = np.array([maps[:half].sum(), maps[half:].sum()])
        return (sums * voxel_volume_ml(self.affine)).astype(np.float32)

    def region_labels(self, identity: Identity, conditions: Mapping[str, Any]) -> np.ndarray:
        maps = _maps(identity.latent, conditions, self.shape, self.affine).sum(axis=0)
        side = np.where(np.arange(self.shape[0]) < self.shape[0] // 2, 1, 2)
        return np.where(maps > 0.5, side[:, None, None], 0).astype(np.int16)


class SlowGenerator(FakeGenerator):
    """A generator that takes its time to draw: after `hold_drawing`, until `release`."""

    def __init__(self, checkpoint: Checkpoint, device_name: str = "CPU") -> None:
        super().__init__(checkpoint, device_name)
        self.drawn: list[int] = []
        self.drawing_failures: list[Exception] = []
        self._may_end = threading.Event()
        self._may_end.set()

    def hold_drawing(self) -> None:
        """Make every following drawing go on step by step until `release`."""
        self._may_end.clear()

    def release(self) -> None:
        super().release()
        self._may_end.set()

    def draw(self, seed: int) -> Identity:
        raise AssertionError(f"seed {seed} was not drawn in steps")

    def drawing_steps(self, seed: int) -> Generator[float, None, Identity]:
        yield 0.25
        while not self._may_end.wait(0.01):
            yield 0.5
        if self.drawing_failures:
            raise self.drawing_failures.pop(0)
        self.drawn.append(seed)
        yield 1.0
        return super().draw(seed)


class UnveilingGenerator(SlowGenerator):
    """A slow fake of whom half can be seen while it draws."""

    def unveiling_steps(self, seed: int) -> Generator[tuple[float, Identity], None, Identity]:
        half = Identity(0.5 * FakeGenerator.draw(self, seed).latent, f"half of seed {seed}")
        steps = self.drawing_steps(seed)
        while True:
            try:
                yield next(steps), half
            except StopIteration as end:
                identity: Identity = end.value
                return identity


class WarpingGenerator(FakeGenerator):
    """A fake whose brains move back and grow by one percent a year, but for the right half."""

    def displacement(self, identity: Identity, before: Any, after: Any) -> np.ndarray:
        moved = np.zeros((3, *self.shape), np.float32)
        moved[1] = 0.2 * (after["age"] - before["age"])
        return moved

    def tone(self, identity: Identity, before: Any, after: Any) -> np.ndarray:
        return np.full(self.shape, 1 + 0.01 * (after["age"] - before["age"]), np.float32)

    def log_growth(self, identity: Identity, before: Any, after: Any) -> np.ndarray:
        growth = 0.01 * (after["age"] - before["age"]) + 0.2 * (after["sex"] != before["sex"])
        mapped = np.zeros(self.shape, np.float32)
        mapped[: self.shape[0] // 2] = growth
        return mapped


class RegisteringGenerator(WarpingGenerator):
    """A warping fake that takes its time to encode, until `release`, and keeps more of a person."""

    def __init__(self, checkpoint: Checkpoint, device_name: str = "CPU") -> None:
        super().__init__(checkpoint, device_name)
        self._may_encode = threading.Event()

    def release(self) -> None:
        super().release()
        self._may_encode.set()

    def encode_steps(self, brain: Brain, conditions: Mapping[str, Any]) -> Any:
        while not self._may_encode.wait(0.01):
            yield 0.5
        yield 1.0
        return self.encode(brain, conditions)


class SearchingGenerator(FakeGenerator):
    """A fake that refines: each step goes half of the way to the person of a seed.

    `fake_scan` shows the person of seed 5; `steps` counts.
    """

    aim = 5

    def __init__(self, checkpoint: Checkpoint, device_name: str = "CPU") -> None:
        super().__init__(checkpoint, device_name)
        self.steps = 0

    def refining_steps(self, identity: Identity, brain: Brain, conditions: Any) -> Any:
        latent, aim = identity.latent, self.draw(self.aim).latent
        while True:
            self.steps += 1
            latent = (latent + aim) / 2
            yield Identity(latent.astype(np.float32), identity.label)


class StrayingGenerator(SearchingGenerator):
    """A fake that refines into the wrong direction."""

    def refining_steps(self, identity: Identity, brain: Brain, conditions: Any) -> Any:
        while True:
            self.steps += 1
            yield Identity(np.full(LATENT_SIZE, -30.0, np.float32), identity.label)


class FineGenerator(FakeGenerator):
    """A fake that makes its brains at half the spacing too; `fine_calls` holds their ages."""

    def __init__(self, checkpoint: Checkpoint, device_name: str = "CPU") -> None:
        super().__init__(checkpoint, device_name)
        self.fine_calls: list[float] = []

    @property
    def fine_affine(self) -> Affine:
        fine = self.affine.copy()
        fine[:3, 3] -= self.affine.diagonal()[:3] / 4
        fine[:3, :3] /= 2
        return fine

    def fine_steps(self, identity: Identity, conditions: Mapping[str, Any]) -> Any:
        yield 0.5
        self.fine_calls.append(conditions["age"])
        shape = tuple(2 * n for n in self.shape)
        maps = _maps(identity.latent, conditions, shape, self.fine_affine)
        return Brain(self.channels, maps, self.fine_affine)


def fake_scan(name: str = "sub-X_T1w", *, affine: Affine = AFFINE, seed: int = 5) -> OwnScan:
    """Return a prepared scan whose maps lie on a grid of the fake generator's shape."""
    maker = FakeGenerator(SimpleNamespace(name="fake", schema=None))
    maps = maker.generate(maker.draw(seed), {"age": 50.0}).data
    t1 = Volume(maps.sum(axis=0), affine, name)
    brain = Brain(TISSUES, maps, affine)
    return OwnScan(name, t1, brain, np.eye(4), map_volumes_ml(maps, affine))


class FakeLoader:
    """Stands in for `load_generator`: ``Session(load=FakeLoader())``.

    Generators of checkpoints whose name begins with "slow" take their time to draw; with
    `holds_drawing`, from the start until they are released. That of "labelled" knows regions.
    """

    def __init__(self, device_name: str = "CPU", kind: type[FakeGenerator] = FakeGenerator) -> None:
        self.device_name = device_name
        self.kind = kind
        self.holds_drawing = False
        self.generators: list[FakeGenerator] = []
        self.loads: list[tuple[str, str]] = []
        self.failures: list[Exception] = []

    @property
    def last(self) -> FakeGenerator:
        """The generator that was loaded last."""
        return self.generators[-1]

    def __call__(self, checkpoint: Checkpoint, *, device: str = "auto") -> FakeGenerator:
        self.loads.append((checkpoint.name, device))
        if self.failures:
            raise self.failures.pop(0)
        made = self._kind(checkpoint.name)(
            checkpoint, "CPU" if device == "cpu" else self.device_name
        )
        if self.holds_drawing and isinstance(made, SlowGenerator):
            made.hold_drawing()
        self.generators.append(made)
        return made

    def _kind(self, name: str) -> type[FakeGenerator]:
        if name.startswith("slow"):
            return SlowGenerator
        return LabelledGenerator if name == "labelled" else self.kind


class Diary:
    """All that a session emitted: (signal name, value), in order."""

    def __init__(self, session: Session) -> None:
        self.entries: list[tuple[str, Any]] = []
        self._slots = [self._slot(name) for name in SIGNALS]
        for name, slot in zip(SIGNALS, self._slots, strict=True):
            getattr(session, name).connect(slot)

    def of(self, name: str) -> list[Any]:
        return [value for signal, value in self.entries if signal == name]

    def clear(self) -> None:
        self.entries.clear()

    def _slot(self, name: str) -> Callable[[Any], None]:
        def note(value: Any) -> None:
            self.entries.append((name, value))

        return note


def write_fake_checkpoint(
    root: Path,
    name: str = "fake",
    *,
    features: tuple[Feature, ...] = FEATURES,
    shape: tuple[int, int, int] = SHAPE,
    affine: np.ndarray = AFFINE,
) -> Path:
    """Write a complete checkpoint folder under a root; `find_checkpoints(root)` lists it."""
    folder = root / name
    folder.mkdir(parents=True)
    schema, regression = fake_training(features)
    config = {
        "format_version": 1,
        "title": f"Fake brain, {name}",
        "generator": "fake",
        "channels": list(TISSUES),
        "shape": list(shape),
        "affine": affine.tolist(),
        "space": "native",
        "features": schema.to_json(),
        "regression": regression.to_json(),
    }
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    (folder / "weights.safetensors").write_bytes(b"")
    (folder / "card.md").write_text(f"# {name}\n\nAn ellipsoid.\n", encoding="utf-8")
    (folder / "scores.json").write_text("{}\n", encoding="utf-8")
    with (folder / "population.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(population_rows(_population()))
    return folder


def fake_training(
    features: tuple[Feature, ...] = FEATURES,
) -> tuple[FeatureSchema, Regression]:
    """Fit schema and regression to 240 people aged 20 to 80 who shrink and retire with age."""
    names = {feature.name for feature in features}
    people = [{name: value for name, value in row.items() if name in names} for row in _people()]
    schema = fit_schema(features, people)
    return schema, fit_regression(schema, people)


def _people() -> list[dict[str, Any]]:
    rng = np.random.default_rng(0)
    people = []
    for index in range(240):
        age = float(20 + index * 60 / 239)
        sex = "FM"[index % 2]
        people.append(
            {
                "age": age,
                "sex": sex,
                "height": float(round(165 + 12 * (sex == "M") - age / 10 + rng.normal(0, 5), 1)),
                "education": str(1 + index % 3),
                "occupation": "c" if age > 65 else ("b" if age < 26 else "a"),
            }
        )
    return people


def _population() -> Population:
    """Percentiles of nobody: the fake brain's own volumes at each age, give or take 10 %."""
    ages = np.arange(20.0, 81.0, 10.0)
    curves = {}
    for sex in ("F", "M"):
        volumes = [
            map_volumes_ml(
                _maps(np.zeros(LATENT_SIZE), {"age": age, "sex": sex, "height": 170.0}), AFFINE
            )
            for age in ages
        ]
        for tissue in TISSUES:
            middle = np.array([volume[tissue] for volume in volumes])
            curves[(tissue, sex)] = np.stack(
                [middle * (0.8 + 0.4 * percent / 100) for percent in PERCENTILES]
            )
    for tissue in TISSUES:
        curves[(tissue, "all")] = (curves[(tissue, "F")] + curves[(tissue, "M")]) / 2
    return Population(ages, curves)


def _maps(
    latent: np.ndarray,
    conditions: Mapping[str, Any],
    shape: tuple[int, ...] = SHAPE,
    affine: np.ndarray = AFFINE,
) -> np.ndarray:
    """Nested ellipsoids: ventricle, white matter, grey matter, outer CSF; (3, I, J, K) float32."""
    ventricle = 0.15 + 0.003 * float(conditions.get("age", 50.0))
    size = (1.08 if conditions.get("sex") == "M" else 1.0) * (
        float(conditions.get("height") or 170.0) / 170.0
    )
    axes = np.array([62.0, 78.0, 62.0]) * size * (1.0 + 0.04 * np.tanh(latent[:3]))
    grid = np.stack(np.meshgrid(*(np.arange(n) for n in shape), indexing="ij"), axis=-1)
    world = grid * np.diag(affine)[:3] + affine[:3, 3]
    radius = np.linalg.norm(world / axes, axis=-1)
    inside = [_inside(radius, edge) for edge in (ventricle, 0.7 + 0.02 * latent[3], 0.9, 1.0)]
    white = inside[1] - inside[0]
    grey = inside[2] - inside[1]
    fluid = inside[3] - inside[2] + inside[0]
    return np.stack([white, grey, fluid]).astype(np.float32)


def _inside(radius: np.ndarray, edge: float) -> np.ndarray:
    """1 within the edge, 0 outside, with a soft border a voxel wide."""
    return np.clip((edge - radius) / 0.15 + 0.5, 0.0, 1.0)
