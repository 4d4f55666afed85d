"""The training loop: every family gives a task, the loop gives steps, averages, log and state."""

from __future__ import annotations

import copy
import csv
import io
import logging
import math
import time
from dataclasses import dataclass, field
from pickle import UnpicklingError
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import torch
from torch import Tensor, nn

from brainviewer.core.files import (
    reason_for,
    remove_stale,
    write_atomically,
    write_text_atomically,
)
from brainviewer.training.resuming import START_OVER, describe_run, tell_difference

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path
    from typing import Self

    from lightning_fabric import Fabric

    from brainviewer.training.recipe import TrainingRecipe

_log = logging.getLogger(__name__)

STATE_FILE = "state.pt"
LOG_FILE = "log.csv"
SAVE_EVERY_SECONDS = 180.0
CLIP_NORM = 1.0
ADAM_BETAS = (0.9, 0.98)
WARM_UP_STEPS = 50
LAST_LEARNING_RATE = 0.02  # of the first
# What torch raises for a file that is no state, is cut short, or is of other networks.
_DAMAGED = (
    *(OSError, EOFError, LookupError, RuntimeError, ValueError, TypeError, AttributeError),
    UnpicklingError,
)


class TrainingError(RuntimeError):
    """Training that cannot go on; the sentence says where it stopped."""


@dataclass(frozen=True, slots=True, eq=False)
class Player:
    """A network with an optimiser of its own; adversarial families have several.

    Attributes
    ----------
    module : nn.Module
    rate : float
        Learning rate, as a multiple of the recipe's.
    betas : (float, float)
        Of Adam.
    rates : mapping of str to float
        For parameters whose name begins so, a further multiple of the learning rate: a prior
        network that starts at zero has a longer way to go than what was trained before.
    steps : range or None
        When it takes turns, None for always. The learning rate rises and falls within.
    """

    module: nn.Module
    rate: float = 1.0
    betas: tuple[float, float] = ADAM_BETAS
    rates: Mapping[str, float] = field(default_factory=dict)
    steps: range | None = None

    def groups(self) -> list[dict[str, Any]]:
        """Return the parameters by their multiple of the recipe's learning rate."""
        found: dict[float, list[nn.Parameter]] = {}
        for name, parameter in self.module.named_parameters():
            more = [rate for start, rate in self.rates.items() if name.startswith(start)]
            found.setdefault(self.rate * math.prod(more), []).append(parameter)
        return [{"params": own, "multiple": multiple} for multiple, own in found.items()]


class Shared(Protocol):
    """A batch that several processes share out."""

    def part(self, rank: int, processes: int) -> Self:
        """Return the share of one of several processes."""
        ...


Given = TypeVar("Given", bound=Shared, covariant=True)
Taken = TypeVar("Taken", bound=Shared, contravariant=True)
Same = TypeVar("Same", bound=Shared)


class Source(Protocol[Given]):
    """Where the batches come from."""

    def batch(self, step: int) -> Given:
        """Make the batch of a step, the same in every run."""
        ...


class Task(Protocol[Taken]):
    """What a family brings to the loop.

    A step is one turn of each player whose time it is, in order: its losses, their gradients, its
    optimiser.
    """

    @property
    def model(self) -> nn.Module:
        """The network that is averaged and published: the players' modules are parts of it."""
        ...

    @property
    def players(self) -> Mapping[str, Player]:
        """Who learns, in the order of their turns."""
        ...

    def losses(
        self, player: str, modules: Mapping[str, nn.Module], batch: Taken, random: torch.Generator
    ) -> dict[str, Tensor]:
        """Return the terms of a player's turn; ``"total"`` is differentiated.

        Parameters
        ----------
        modules : mapping of player to its (wrapped) module
        """
        ...

    def after_step(self, losses: dict[str, float]) -> None:
        """Adapt what the task adapts, with the numbers of the step."""
        ...

    def state(self) -> dict[str, Any]:
        """Return what the task must remember to resume, besides the networks."""
        ...

    def restore(self, state: dict[str, Any]) -> None:
        """Take up a remembered state."""
        ...

    def validate(self, model: nn.Module) -> dict[str, float]:
        """Score the averaged model on the validation people."""
        ...


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a run is: step of steps, seconds for each, and the last losses."""

    step: int
    steps: int
    seconds_per_step: float
    losses: dict[str, float]


def train(
    task: Task[Same],
    source: Source[Same],
    recipe: TrainingRecipe,
    *,
    fabric: Fabric,
    out: Path,
    people: Sequence[str] = (),
    resume: bool = False,
    validate_every: int = 100,
    on_progress: Callable[[Progress], None] = lambda progress: None,
) -> nn.Module:
    """Train a task and return its averaged model.

    The state is written every three minutes and at the end; a resumed run takes the same steps as
    one that never stopped, since batch and noise of a step depend on its number alone.

    Parameters
    ----------
    out : Path
        Folder for state.pt and log.csv.
    people : sequence of str
        Who is trained on: a run is taken up with the same people alone.
    resume : bool
        Continue from state.pt where there is one.

    Raises
    ------
    TrainingError
        When a loss is not finite or the disk is full; the last written state stays. When the state
        to resume from is damaged, or of another recipe or other people.
    """
    out.mkdir(parents=True, exist_ok=True)
    remove_stale(out)
    team = {name: _Seat(fabric, player, recipe) for name, player in task.players.items()}
    modules = {name: seat.module for name, seat in team.items()}
    average = _Average(task.model, list(task.players.values()), recipe.ema_decay)
    run = _Run(out / STATE_FILE, task, team, average, describe_run(recipe, people))
    first = run.restore(recipe.steps) if resume else 0
    leads = fabric.global_rank == 0
    log = _Log(out / LOG_FILE, first) if leads else None
    saved = time.perf_counter()
    for step in range(first, recipe.steps):
        start = time.perf_counter()
        batch = source.batch(step).part(fabric.global_rank, fabric.world_size)
        random = _noise_source(step, recipe.seed, fabric.global_rank)
        numbers: dict[str, float] = {}
        playing = _playing(team, step)
        for name, seat in playing:
            losses = task.losses(name, modules, batch, random)
            numbers |= _shared_numbers(fabric, name if len(team) > 1 else "", losses)
            if not all(math.isfinite(value) for value in numbers.values()):
                raise TrainingError(_not_finite(step, numbers, run.path))
            seat.learn(fabric, losses["total"], learning_rate(step, recipe, seat.steps))
        average.update(
            task.model, [(seat.player.module, step - seat.steps.start) for _, seat in playing]
        )
        task.after_step(numbers)
        if leads and ((step + 1) % validate_every == 0 or step + 1 == recipe.steps):
            numbers |= task.validate(average.model)
        numbers["seconds"] = time.perf_counter() - start
        if log is not None:
            log.write(step, numbers)
        on_progress(Progress(step + 1, recipe.steps, numbers["seconds"], numbers))
        if leads and time.perf_counter() - saved > SAVE_EVERY_SECONDS:
            run.save(step + 1)
            saved = time.perf_counter()
    if leads:
        run.save(recipe.steps)
    return average.model


def learning_rate(step: int, recipe: TrainingRecipe, steps: range) -> float:
    """Return the rate of one of the steps: a short linear rise, then half a cosine down to 2 %."""
    turn = step - steps.start
    rise = min(1.0, (turn + 1) / WARM_UP_STEPS)
    fall = 0.5 * (1.0 + math.cos(math.pi * turn / len(steps)))
    return recipe.learning_rate * rise * (LAST_LEARNING_RATE + (1 - LAST_LEARNING_RATE) * fall)


class _Seat:
    """A player with its optimiser, set up for the machine."""

    def __init__(self, fabric: Fabric, player: Player, recipe: TrainingRecipe) -> None:
        self.player = player
        self.steps = range(recipe.steps) if player.steps is None else player.steps
        optimizer = torch.optim.AdamW(
            player.groups(),
            lr=recipe.learning_rate,
            betas=player.betas,
            weight_decay=recipe.weight_decay,
        )
        self.module, self.optimizer = fabric.setup(player.module, optimizer)

    def learn(self, fabric: Fabric, loss: Tensor, rate: float) -> None:
        """Take one step of the optimiser."""
        for group in self.optimizer.param_groups:
            group["lr"] = rate * group["multiple"]
        self.optimizer.zero_grad()
        fabric.backward(loss)
        fabric.clip_gradients(self.module, self.optimizer, max_norm=CLIP_NORM)
        self.optimizer.step()


def _playing(team: Mapping[str, _Seat], step: int) -> list[tuple[str, _Seat]]:
    return [(name, seat) for name, seat in team.items() if step in seat.steps]


class _Average:
    """The exponential moving average of a model's weights; what is no weight is as it is.

    The weights of a player are averaged over the player's own turns: before the first, nothing has
    been learned that could be kept, and after the last nothing more comes.
    """

    def __init__(self, model: nn.Module, players: Sequence[Player], decay: float) -> None:
        self.model = copy.deepcopy(model).eval().requires_grad_(False)
        self._decay = decay
        self._means = {
            id(value): mean
            for mean, value in zip(self.model.parameters(), model.parameters(), strict=True)
        }
        played = {id(value) for player in players for value in player.module.parameters()}
        self._unplayed = [value for value in model.parameters() if id(value) not in played]

    @torch.no_grad()
    def update(self, model: nn.Module, playing: Sequence[tuple[nn.Module, int]]) -> None:
        """Move towards the model; in a player's first steps faster, so that the start is forgotten.

        Parameters
        ----------
        playing : sequence of nn.Module and int
            Whose turn it was, and how many steps they have played before.
        """
        for module, step in playing:
            decay = min(self._decay, (1 + step) / (10 + step))
            for value in module.parameters():
                if id(value) in self._means:
                    self._means[id(value)].lerp_(value, 1 - decay)
        for value in self._unplayed:
            self._means[id(value)].copy_(value)
        for kept, now in zip(self.model.buffers(), model.buffers(), strict=True):
            kept.copy_(now)


class _Log:
    """A table with one row for each number of a step: step, name, value."""

    def __init__(self, path: Path, first: int) -> None:
        self._path = path
        table = io.StringIO(newline="")
        csv.writer(table).writerows(_rows_before(path, first))
        write_text_atomically(path, table.getvalue())

    def write(self, step: int, numbers: dict[str, float]) -> None:
        """Append the numbers of a step."""
        try:
            with self._path.open("a", newline="", encoding="utf-8") as file:
                csv.writer(file).writerows([step, n, f"{v:.6g}"] for n, v in numbers.items())
        except OSError as error:
            raise TrainingError(_not_written(self._path, error)) from error


def _rows_before(path: Path, first: int) -> list[list[str]]:
    if first == 0 or not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        # The last row of a run that was killed may be torn.
        rows = [row for row in csv.reader(file) if len(row) == 3 and row[0].isdecimal()]
    return [row for row in rows if int(row[0]) < first]


def _not_finite(step: int, numbers: dict[str, float], state: Path) -> str:
    wrong = ", ".join(f"{name} {n}" for name, n in numbers.items() if not math.isfinite(n))
    if not state.is_file():
        return f"step {step} gave {wrong}; lower the learning rate and start again"
    return (
        f"step {step} gave {wrong}; the last good state is in {state}; lower the learning rate "
        f"and resume"
    )


def _not_written(path: Path, error: OSError | RuntimeError) -> str:
    # torch's writer raises an error of its own over that of the disk.
    refused = error if isinstance(error, OSError) else error.__context__
    why = reason_for(refused) if isinstance(refused, OSError) else str(error)
    if not path.with_name(STATE_FILE).is_file():
        return f"{path} cannot be written: {why}; make room and start again"
    return f"{path} cannot be written: {why}; the last good state is kept: make room and resume"


def _noise_source(step: int, seed: int, rank: int) -> torch.Generator:
    return torch.Generator().manual_seed((rank * 999_983 + seed) * 1_000_003 + step)


def _shared_numbers(fabric: Fabric, player: str, losses: dict[str, Tensor]) -> dict[str, float]:
    """Return the terms as numbers, averaged over processes, under the name of the player."""
    values = torch.stack([value.detach().float() for value in losses.values()])
    if fabric.world_size > 1:
        values = fabric.all_reduce(values, reduce_op="mean")
    prefix = f"{player}_" if player else ""
    return {f"{prefix}{name}": value for name, value in zip(losses, values.tolist(), strict=True)}


@dataclass(frozen=True, slots=True, eq=False)
class _Run:
    """All that must be remembered to go on."""

    path: Path
    task: Task[Any]
    team: Mapping[str, _Seat]
    average: _Average
    about: Mapping[str, Any]

    def save(self, step: int) -> None:
        state = {
            "step": step,
            "players": {
                name: {
                    "module": seat.player.module.state_dict(),
                    "optimizer": seat.optimizer.state_dict(),
                }
                for name, seat in self.team.items()
            },
            "average": self.average.model.state_dict(),
            "task": self.task.state(),
            "about": self.about,
        }
        try:
            write_atomically(self.path, lambda file: torch.save(state, file))
        except (OSError, RuntimeError) as error:
            raise TrainingError(_not_written(self.path, error)) from error

    def restore(self, steps: int) -> int:
        """Take up the state, if there is one that these steps can follow; return its step."""
        if not self.path.is_file():
            return 0
        try:
            state = torch.load(self.path, map_location="cpu", weights_only=True)
            done = int(state["step"])
            # A state of before this was kept does not say what it is about.
            other = tell_difference(state["about"], self.about) if "about" in state else ""
            if not other and done <= steps:
                self._take_up(state)
        except _DAMAGED as error:
            raise TrainingError(
                f"{self.path} is damaged or of another recipe; train without --resume to start over"
            ) from error
        if other:
            raise TrainingError(f"{self.path} {other}")
        if done > steps:
            raise TrainingError(
                f"{self.path} is of step {done}, and the recipe has {steps} steps; raise them, "
                f"{START_OVER}"
            )
        _log.info("resumed at step %d", done)
        return done

    def _take_up(self, state: Mapping[str, Any]) -> None:
        for name, seat in self.team.items():
            seat.player.module.load_state_dict(state["players"][name]["module"])
            seat.optimizer.load_state_dict(state["players"][name]["optimizer"])
        self.average.model.load_state_dict(state["average"])
        self.task.restore(state["task"])
