"""A GPU whose memory is used up, in everything a generator can be asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from brainviewer.core.volume import Brain
from brainviewer.generators.base import GenerationError, Identity
from brainviewer.generators.checkpoint import Checkpoint, CheckpointError, open_checkpoint
from brainviewer.session.decoder import Decoder, is_out_of_memory
from tests.fakes import (
    FineGenerator,
    LabelledGenerator,
    RegisteringGenerator,
    SlowGenerator,
    write_fake_checkpoint,
)

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

WORDS = "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 8 GiB"
PERSON = {"age": 50.0, "sex": "F"}
OTHER = {"age": 70.0, "sex": "F"}
MOVED = ["the memory of the GPU is used up; fake now runs on the CPU"]


def full() -> RuntimeError:
    return torch.cuda.OutOfMemoryError(WORDS)


STEPS = ("drawing_steps", "fine_steps", "encode_steps")
ASKED = (
    *STEPS,
    *("generate", "encode", "volume_gradients", "region_volumes", "region_labels"),
    *("displacement", "tone", "log_growth"),
)


class Everything(FineGenerator, LabelledGenerator, RegisteringGenerator, SlowGenerator):
    """A fake that can be asked for everything; on a GPU it has no memory for any of it."""

    def encode_steps(self, brain: Brain, conditions: Any) -> Any:
        yield 0.5
        return self.encode(brain, conditions)

    def __getattribute__(self, name: str) -> Any:
        if name not in ASKED or self.device_name == "CPU":
            return super().__getattribute__(name)
        return _refuse_on_the_way if name in STEPS else _refuse


def _refuse(*arguments: Any) -> None:
    raise full()


def _refuse_on_the_way(*arguments: Any) -> Generator[float, None, None]:
    yield 0.5
    raise full()


class Loader:
    """Loads onto a GPU, unless the CPU is asked for; the first loadings may fail."""

    def __init__(self) -> None:
        self.devices: list[str] = []
        self.failures: list[Exception] = []

    def __call__(self, checkpoint: Checkpoint, *, device: str = "auto") -> Everything:
        self.devices.append(device)
        if self.failures:
            raise self.failures.pop(0)
        return Everything(checkpoint, "CPU" if device == "cpu" else "Small GPU")


@pytest.fixture
def checkpoint(tmp_path: Path) -> Checkpoint:
    return open_checkpoint(write_fake_checkpoint(tmp_path))


@pytest.fixture
def loader() -> Loader:
    return Loader()


@pytest.fixture
def moves() -> list[str]:
    return []


@pytest.fixture
def decoder(checkpoint: Checkpoint, loader: Loader, moves: list[str]) -> Decoder:
    return Decoder(checkpoint, loader, on_moved=moves.append)


def result_of(steps: Generator[float, None, Any]) -> Any:
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


QUESTIONS = {
    "generate": lambda it, who, brain: it.generate(who, PERSON),
    "encode": lambda it, who, brain: it.encode(brain, PERSON),
    "encode_steps": lambda it, who, brain: result_of(it.encode_steps(brain, PERSON)),
    "fine_steps": lambda it, who, brain: result_of(it.fine_steps(who, PERSON)),
    "drawing_steps": lambda it, who, brain: drawn(it),
    "volume_gradients": lambda it, who, brain: it.volume_gradients(who, PERSON),
    "region_volumes": lambda it, who, brain: it.region_volumes(who, PERSON),
    "region_labels": lambda it, who, brain: it.region_labels(who, PERSON),
    "displacement": lambda it, who, brain: it.displacement(who, PERSON, OTHER),
    "tone": lambda it, who, brain: it.tone(who, PERSON, OTHER),
    "log_growth": lambda it, who, brain: it.log_growth(who, PERSON, OTHER),
}


@pytest.mark.parametrize("question", QUESTIONS)
def test_what_the_gpu_has_no_memory_for_is_done_on_the_cpu_and_told_once(
    decoder, loader, checkpoint, moves, question
) -> None:
    on_cpu = Everything(checkpoint)
    who = result_of(on_cpu.drawing_steps(1))
    brain = on_cpu.generate(who, PERSON)
    ask = QUESTIONS[question]
    wanted = ask(on_cpu, who, brain)
    for _ in range(2):
        np.testing.assert_array_equal(plain(ask(decoder, who, brain)), plain(wanted))
    assert moves == MOVED
    assert loader.devices == ["auto", "cpu"]


def drawn(people: Everything | Decoder) -> Identity:
    """Draw a person, whom a decoder keeps instead of returning them."""
    found = result_of(people.drawing_steps(5))
    return people.draw(5) if found is None else found


def plain(answer: Any) -> np.ndarray:
    if isinstance(answer, Brain):
        return answer.data
    return np.asarray(getattr(answer, "latent", answer))


def test_a_generator_that_does_not_fit_the_gpu_is_loaded_on_the_cpu(
    checkpoint, loader, moves
) -> None:
    loader.failures = [CheckpointError(f"the weights cannot be loaded ({WORDS}); copy it again")]
    decoder = Decoder(checkpoint, loader, on_moved=moves.append)
    assert decoder.generator.device_name == "CPU"
    assert moves == MOVED


def test_other_errors_and_those_of_the_cpu_go_on(checkpoint, loader, moves) -> None:
    decoder = Decoder(checkpoint, loader, device="cpu", on_moved=moves.append)
    who = result_of(decoder.generator.drawing_steps(1))
    decoder.generator.failures = [full(), GenerationError("no")]
    with pytest.raises(RuntimeError, match="out of memory"):
        decoder.generate(who, PERSON)
    with pytest.raises(GenerationError, match="no"):
        decoder.generate(who, PERSON)
    assert moves == []


@pytest.mark.parametrize(
    ("words", "is_one"),
    [
        (WORDS, True),
        ("CUDA error: out of memory", True),
        ("cuDNN error: CUDNN_STATUS_ALLOC_FAILED", True),
        ("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`", True),
        ("CUDA error: device-side assert triggered", False),
    ],
)
def test_what_torch_says_of_a_full_gpu_is_recognised(words, is_one) -> None:
    assert is_out_of_memory(RuntimeError(words)) is is_one
