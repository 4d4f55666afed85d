"""The loop: stopped and resumed it takes the same steps, and it stops at what is not a number."""

from __future__ import annotations

import csv
import errno
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, BinaryIO

import pytest
import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from brainviewer.training import loop
from brainviewer.training.loop import (
    LOG_FILE,
    STATE_FILE,
    Player,
    TrainingError,
    learning_rate,
    train,
)
from tests.tiny import RECIPE

if TYPE_CHECKING:
    from brainviewer.training.loop import Progress

STEPS = 12
LINE = replace(RECIPE, steps=STEPS, learning_rate=0.05)


class LineTask:
    """Fits a line to points that depend on the step, with a weight that adapts as it goes."""

    def __init__(self, poison_at: int = -1) -> None:
        torch.manual_seed(1)
        self.model = nn.Linear(3, 2)
        self.weight = 1.0
        self.steps = 0
        self.poison_at = poison_at

    @property
    def players(self) -> dict[str, Player]:
        return {"line": Player(self.model)}

    def losses(
        self,
        player: str,
        modules: dict[str, nn.Module],
        batch: SimpleNamespace,
        random: torch.Generator,
    ) -> dict[str, Tensor]:
        noise = torch.randn(batch.x.shape, generator=random)
        error = (modules[player](batch.x + 0.1 * noise) - batch.x[:, :2]).square().mean()
        total = self.weight * error + (float("nan") if batch.step == self.poison_at else 0.0)
        return {"total": total, "error": error}

    def after_step(self, losses: dict[str, float]) -> None:
        self.weight *= 1.0 + 0.01 * losses["error"]
        self.steps += 1

    def state(self) -> dict[str, Any]:
        return {"weight": self.weight}

    def restore(self, state: dict[str, Any]) -> None:
        self.weight = state["weight"]

    def validate(self, model: nn.Module) -> dict[str, float]:
        return {"val_norm": float(model.weight.norm())}


class Points:
    """Batches that depend on the number of the step alone."""

    def batch(self, step: int) -> SimpleNamespace:
        random = torch.Generator().manual_seed(100 + step)
        points = SimpleNamespace(step=step, x=torch.randn((8, 3), generator=random))
        return SimpleNamespace(part=lambda rank, processes: points)


class Stopped(Exception):  # noqa: N818
    """Somebody pressed Ctrl+C."""


def stop_at(step: int):
    def on_progress(progress: Progress) -> None:
        if progress.step == step:
            raise Stopped

    return on_progress


def run(task: LineTask, out: Path, **arguments: Any) -> nn.Module:
    return train(task, Points(), LINE, fabric=Fabric(accelerator="cpu"), out=out, **arguments)


def rows_of(out: Path) -> list[tuple[int, str, str]]:
    with (out / LOG_FILE).open(newline="", encoding="utf-8") as file:
        rows = [(int(step), name, value) for step, name, value in csv.reader(file)]
    return [row for row in rows if row[1] != "seconds"]


@pytest.fixture
def save_always(monkeypatch) -> None:
    monkeypatch.setattr(loop, "SAVE_EVERY_SECONDS", 0.0)


@pytest.mark.usefixtures("save_always")
def test_a_run_that_was_stopped_and_resumed_is_the_one_that_never_stopped(tmp_path) -> None:
    whole, halves = LineTask(), LineTask()
    never = run(whole, tmp_path / "whole")
    with pytest.raises(Stopped):
        run(halves, tmp_path / "halves", on_progress=stop_at(7))
    again = LineTask()
    resumed = run(again, tmp_path / "halves", resume=True)
    for name in ("weight", "bias"):
        assert torch.equal(getattr(resumed, name), getattr(never, name))
        assert torch.equal(getattr(again.model, name), getattr(whole.model, name))
    assert again.weight == whole.weight
    assert again.steps == STEPS - 6
    assert rows_of(tmp_path / "halves") == rows_of(tmp_path / "whole")


def test_a_finished_run_that_is_resumed_takes_no_step(tmp_path) -> None:
    first = run(LineTask(), tmp_path)
    again = LineTask()
    second = run(again, tmp_path, resume=True)
    assert again.steps == 0
    assert torch.equal(second.weight, first.weight)


def test_resuming_without_a_state_starts_at_the_beginning(tmp_path) -> None:
    task = LineTask()
    run(task, tmp_path, resume=True)
    assert task.steps == STEPS


def test_not_resuming_starts_over(tmp_path) -> None:
    run(LineTask(), tmp_path)
    task = LineTask()
    run(task, tmp_path)
    assert task.steps == STEPS
    assert len({row[:2] for row in rows_of(tmp_path)}) == len(rows_of(tmp_path))


def test_the_average_is_what_comes_back_not_the_last_weights(tmp_path) -> None:
    task = LineTask()
    average = run(task, tmp_path)
    assert not torch.equal(average.weight, task.model.weight)
    assert not average.weight.requires_grad


def test_the_average_is_an_exponential_mean_of_the_weights(tmp_path) -> None:
    task, seen = LineTask(), []
    start = task.model.bias.detach().clone()
    average = run(
        task, tmp_path, on_progress=lambda _: seen.append(task.model.bias.detach().clone())
    )
    mean = start
    for step, bias in enumerate(seen):
        decay = min(LINE.ema_decay, (1 + step) / (10 + step))
        mean = decay * mean + (1 - decay) * bias
    torch.testing.assert_close(average.bias, mean)


def test_the_log_has_a_row_for_each_number_of_a_step(tmp_path) -> None:
    run(LineTask(), tmp_path, validate_every=5)
    rows = rows_of(tmp_path)
    assert [row[0] for row in rows if row[1] == "error"] == list(range(STEPS))
    assert [row[0] for row in rows if row[1] == "val_norm"] == [4, 9, 11]


def test_progress_counts_the_steps(tmp_path) -> None:
    seen = []
    run(LineTask(), tmp_path, on_progress=seen.append)
    assert [(it.step, it.steps) for it in seen] == [(n, STEPS) for n in range(1, STEPS + 1)]
    assert seen[-1].losses["error"] < seen[0].losses["error"]


@pytest.mark.usefixtures("save_always")
def test_what_is_not_a_number_stops_the_run_and_keeps_the_last_state(tmp_path) -> None:
    task = LineTask(poison_at=5)
    with pytest.raises(
        TrainingError, match=r"step 5 gave total nan; the last good state is in .*state\.pt; lower"
    ):
        run(task, tmp_path)
    state = torch.load(tmp_path / STATE_FILE, weights_only=True)
    assert state["step"] == 5
    assert torch.equal(state["players"]["line"]["module"]["weight"], task.model.weight)
    assert torch.isfinite(task.model.weight).all()
    run(LineTask(), tmp_path, resume=True)


def test_before_the_first_state_the_sentence_does_not_speak_of_one(tmp_path) -> None:
    with pytest.raises(TrainingError, match=r"lower the learning rate and start again$"):
        run(LineTask(poison_at=2), tmp_path)
    assert not (tmp_path / STATE_FILE).exists()


@pytest.mark.parametrize("content", [b"", b"garbage" * 100])
def test_a_damaged_state_is_one_sentence(tmp_path, content) -> None:
    (tmp_path / STATE_FILE).write_bytes(content)
    with pytest.raises(TrainingError, match=r"state\.pt is damaged or of another recipe; train wi"):
        run(LineTask(), tmp_path, resume=True)


def test_the_state_of_another_network_is_refused(tmp_path) -> None:
    run(LineTask(), tmp_path)
    other = LineTask()
    other.model = nn.Linear(3, 5)
    with pytest.raises(TrainingError, match="of another recipe"):
        run(other, tmp_path, resume=True)


# Another recipe, other people


def resume_with(out: Path, people: tuple[str, ...] = (), **changes: Any) -> LineTask:
    task = LineTask()
    fabric = Fabric(accelerator="cpu")
    recipe = replace(LINE, **changes)
    train(task, Points(), recipe, fabric=fabric, out=out, people=people, resume=True)
    return task


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"generator": "gan"}, "generator = 'cvae', and the recipe has 'gan'"),
        ({"seed": 7}, "seed = 1, and the recipe has 7"),
        ({"features": ("age", "sex")}, r"features = \['age', .*\], and the recipe has \['age', 's"),
        ({"test_folds": (3,)}, r"test_folds = \[0, 1\], and the recipe has \[3\]"),
        ({"validation_folds": ()}, r"validation_folds = \[2\], and the recipe has \[\]"),
        ({"weight_decay": 0.5}, "weight_decay = 0.01, and the recipe has 0.5"),
        ({"model": {**RECIPE.model, "latent": 9}}, r"model\.latent = 6, and the recipe has 9"),
        ({"losses": {"first_steps": 4}}, r"losses\.first_steps = None, and the recipe has 4"),
    ],
)
def test_a_state_of_another_recipe_is_refused_with_what_differs(
    tmp_path, changes, sentence
) -> None:
    run(LineTask(), tmp_path)
    before = (tmp_path / STATE_FILE).read_bytes()
    with pytest.raises(TrainingError, match=rf"state\.pt was written with {sentence}.*; set it ba"):
        resume_with(tmp_path, **changes)
    assert (tmp_path / STATE_FILE).read_bytes() == before
    assert rows_of(tmp_path)


def test_title_and_rate_may_change_on_the_way(tmp_path) -> None:
    run(LineTask(), tmp_path)
    assert resume_with(tmp_path, title="Another", learning_rate=0.01).steps == 0


def test_a_run_may_be_made_longer_but_not_shorter_than_it_is(tmp_path) -> None:
    run(LineTask(), tmp_path)
    with pytest.raises(TrainingError, match=r"is of step 12, and the recipe has 8 steps; raise th"):
        resume_with(tmp_path, steps=8)
    assert resume_with(tmp_path, steps=STEPS + 3).steps == 3
    assert rows_of(tmp_path)[-1][0] == STEPS + 2


@pytest.mark.parametrize(
    ("people", "sentence"),
    [
        (("sub-a", "sub-b", "sub-c"), "such as sub-c, who is trained on now"),
        (("sub-b",), "such as sub-a, who is not trained on now"),
    ],
)
def test_a_state_of_other_people_is_refused(tmp_path, people, sentence) -> None:
    run(LineTask(), tmp_path, people=("sub-a", "sub-b"))
    with pytest.raises(TrainingError, match=f"for other people of the cohort, {sentence}"):
        resume_with(tmp_path, people)
    assert resume_with(tmp_path, ("sub-b", "sub-a")).steps == 0


def forget(out: Path, *names: str) -> None:
    """Make a state as it was written before it said so much."""
    state = torch.load(out / STATE_FILE, weights_only=True)
    for name in names:
        del state["about"]["recipe"][name]
    if not names:
        del state["about"]
    torch.save(state, out / STATE_FILE)


def test_a_state_that_does_not_say_its_recipe_is_taken_up(tmp_path) -> None:
    run(LineTask(), tmp_path)
    forget(tmp_path)
    assert resume_with(tmp_path, ("sub-a",), seed=7).steps == 0


def test_what_the_state_could_not_know_is_not_compared(tmp_path) -> None:
    run(LineTask(), tmp_path)
    forget(tmp_path, "seed", "model")
    assert resume_with(tmp_path, seed=7).steps == 0


@pytest.mark.parametrize("content", [[1, 2], {"step": "x"}, {"step": 3, "about": 5}])
def test_a_file_of_something_else_is_one_sentence(tmp_path, content) -> None:
    torch.save(content, tmp_path / STATE_FILE)
    with pytest.raises(TrainingError, match="is damaged or of another recipe; train without"):
        run(LineTask(), tmp_path, resume=True)


# A full disk


class FullDisk:
    """A file on a disk with room for so many bytes."""

    def __init__(self, file: BinaryIO, room: int) -> None:
        self._file, self._room = file, room

    def write(self, content: bytes) -> int:
        self._room -= len(content)
        if self._room < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        return self._file.write(content)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


def fill_disk(monkeypatch, room: int) -> None:
    write = loop.write_atomically
    monkeypatch.setattr(
        loop,
        "write_atomically",
        lambda path, save: write(path, lambda file: save(FullDisk(file, room))),
    )


@pytest.mark.usefixtures("save_always")
@pytest.mark.parametrize("room", [10, 1000, 3000])
def test_a_full_disk_is_one_sentence_and_the_last_state_stays(tmp_path, monkeypatch, room) -> None:
    whole = run(LineTask(), tmp_path / "whole")
    out = tmp_path / "full"

    def fill_at_seven(progress: Progress) -> None:
        if progress.step == 7:
            fill_disk(monkeypatch, room)

    with pytest.raises(TrainingError) as full, monkeypatch.context() as monkeypatch:
        run(LineTask(), out, on_progress=fill_at_seven)
    assert str(full.value) == (
        f"{out / STATE_FILE} cannot be written: no space is left on the disk; the last good state "
        f"is kept: make room and resume"
    )
    assert sorted(path.name for path in out.iterdir()) == [LOG_FILE, STATE_FILE]
    assert torch.load(out / STATE_FILE, weights_only=True)["step"] == 6
    resumed = run(LineTask(), out, resume=True)
    assert torch.equal(resumed.weight, whole.weight)
    assert rows_of(out) == rows_of(tmp_path / "whole")


def test_a_disk_that_is_full_from_the_first_has_no_state_to_resume(tmp_path, monkeypatch) -> None:
    fill_disk(monkeypatch, 1000)
    with pytest.raises(TrainingError, match=r"is left on the disk; make room and start again$"):
        run(LineTask(), tmp_path)
    assert not (tmp_path / STATE_FILE).exists()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is full")
def test_a_log_that_cannot_be_written_is_one_sentence(tmp_path) -> None:
    def fill_at_seven(progress: Progress) -> None:
        if progress.step == 7:
            (tmp_path / LOG_FILE).unlink()
            (tmp_path / LOG_FILE).symlink_to("/dev/full")

    with pytest.raises(TrainingError, match=r"log\.csv cannot be written: no space is left on the"):
        run(LineTask(), tmp_path, on_progress=fill_at_seven)


class PursuitTask(LineTask):
    """Two players: one runs from where the other is, who sees where the first has just gone."""

    def __init__(self) -> None:
        super().__init__()
        self.hunter = nn.Linear(3, 2)
        self.turns: list[str] = []

    @property
    def players(self) -> dict[str, Player]:
        return {"hunter": Player(self.hunter, rate=2.0), "prey": Player(self.model)}

    def losses(self, player, modules, batch, random) -> dict[str, Tensor]:
        self.turns.append(player)
        apart = (modules["hunter"](batch.x) - modules["prey"](batch.x)).square().mean()
        return {"total": apart if player == "hunter" else -apart.clamp(max=4.0)}

    def after_step(self, losses: dict[str, float]) -> None:
        assert set(losses) == {"hunter_total", "prey_total"}


def test_players_take_turns_and_only_their_own_network_moves(tmp_path) -> None:
    task = PursuitTask()
    seen: list[tuple[Tensor, Tensor]] = []
    original = task.losses

    def watch(player, modules, batch, random) -> dict[str, Tensor]:
        seen.append((task.hunter.weight.detach().clone(), task.model.weight.detach().clone()))
        return original(player, modules, batch, random)

    task.losses = watch
    run(task, tmp_path)
    assert task.turns == ["hunter", "prey"] * STEPS
    for turn, (before, after) in enumerate(pairwise(seen)):
        moved = [not torch.equal(a, b) for a, b in zip(before, after, strict=True)]
        assert moved == ([True, False] if turn % 2 == 0 else [False, True])


def test_a_player_learns_at_its_own_rate(tmp_path, monkeypatch) -> None:
    rates: dict[int, set[float]] = {}
    step = torch.optim.AdamW.step

    def watch(self, *arguments, **options):
        rates.setdefault(id(self), set()).add(self.param_groups[0]["lr"])
        return step(self, *arguments, **options)

    monkeypatch.setattr(torch.optim.AdamW, "step", watch)
    run(PursuitTask(), tmp_path)
    fast, slow = sorted(rates.values(), key=max, reverse=True)
    assert sorted(fast) == pytest.approx([2 * rate for rate in sorted(slow)])


def test_parts_of_a_player_may_learn_faster() -> None:
    module = nn.ModuleDict({"prior": nn.Linear(2, 2), "rest": nn.Linear(2, 2)})
    groups = Player(module, rate=2.0, rates={"prior.": 5.0}).groups()
    assert {group["multiple"] for group in groups} == {2.0, 10.0}
    (fast,) = (group["params"] for group in groups if group["multiple"] == 10.0)
    assert all(a is b for a, b in zip(fast, module["prior"].parameters(), strict=True))
    assert sum(len(group["params"]) for group in groups) == 4


@pytest.mark.usefixtures("save_always")
def test_several_players_resume_as_if_never_stopped(tmp_path) -> None:
    whole = PursuitTask()
    run(whole, tmp_path / "whole")
    with pytest.raises(Stopped):
        run(PursuitTask(), tmp_path / "halves", on_progress=stop_at(5))
    again = PursuitTask()
    run(again, tmp_path / "halves", resume=True)
    assert torch.equal(again.hunter.weight, whole.hunter.weight)
    assert rows_of(tmp_path / "halves") == rows_of(tmp_path / "whole")


def test_the_learning_rate_rises_and_falls() -> None:
    recipe = replace(RECIPE, steps=1000, learning_rate=1.0)
    rates = [learning_rate(step, recipe, range(1000)) for step in range(1000)]
    assert rates[0] == pytest.approx(1 / 50)
    assert rates[24] == pytest.approx(0.5, rel=0.01)
    assert rates[500] == pytest.approx(0.02 + 0.98 / 2)
    assert rates[-1] == pytest.approx(0.02, rel=0.01)
    top = rates.index(max(rates))
    assert top == 49
    assert rates[:50] == sorted(rates[:50])
    assert rates[top:] == sorted(rates[top:], reverse=True)


class RelayTask(LineTask):
    """Two players, one after the other, and a number beside their weights."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(3, 2)
        self.model = nn.ModuleDict({"first": self.first, "second": nn.Linear(3, 2)})
        self.model.register_buffer("last_step", torch.zeros(()))
        self.turns: list[tuple[int, str]] = []

    @property
    def players(self) -> dict[str, Player]:
        return {
            "first": Player(self.first, steps=range(5)),
            "second": Player(self.model["second"], steps=range(5, STEPS)),
        }

    def losses(self, player, modules, batch, random) -> dict[str, Tensor]:
        self.turns.append((batch.step, player))
        self.model.last_step.fill_(batch.step)
        return {"total": modules[player](batch.x).square().mean()}

    def after_step(self, losses: dict[str, float]) -> None:
        assert len(losses) == 1

    def validate(self, model: nn.Module) -> dict[str, float]:
        return {}


def test_a_player_takes_turns_in_its_own_steps_alone(tmp_path) -> None:
    task = RelayTask()
    run(task, tmp_path)
    assert task.turns == [(n, "first" if n < 5 else "second") for n in range(STEPS)]


def test_the_learning_rate_rises_and_falls_within_a_players_steps() -> None:
    recipe = replace(RECIPE, steps=1000, learning_rate=1.0)
    late = [learning_rate(step, recipe, range(400, 1000)) for step in range(400, 1000)]
    assert late == [learning_rate(step, recipe, range(600)) for step in range(600)]


def test_what_is_no_weight_is_in_the_average_as_it_is(tmp_path) -> None:
    assert run(RelayTask(), tmp_path).last_step == STEPS - 1


@pytest.mark.usefixtures("save_always")
def test_players_one_after_the_other_resume_as_if_never_stopped(tmp_path) -> None:
    whole = run(RelayTask(), tmp_path / "whole").state_dict()
    for step in (3, 8):
        with pytest.raises(Stopped):
            run(RelayTask(), tmp_path / f"{step}", on_progress=stop_at(step))
        again = run(RelayTask(), tmp_path / f"{step}", resume=True).state_dict()
        assert all(torch.equal(again[name], whole[name]) for name in whole)


def test_a_players_weights_are_averaged_over_its_own_turns(tmp_path) -> None:
    task, seen = RelayTask(), []

    def note(_progress) -> None:
        seen.append({name: value.clone() for name, value in task.model.state_dict().items()})

    starts = {name: value.clone() for name, value in task.model.state_dict().items()}
    average = run(task, tmp_path, on_progress=note).state_dict()
    for player, turns in (("first", seen[:5]), ("second", seen[5:])):
        name = f"{player}.weight"
        mean = starts[name]
        for turn, weights in enumerate(turns):
            decay = min(LINE.ema_decay, (1 + turn) / (10 + turn))
            mean = decay * mean + (1 - decay) * weights[name]
        torch.testing.assert_close(average[name], mean)
