"""Sessions on a fake checkpoint; they are closed after the test."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from brainviewer.generators.checkpoint import Checkpoint, find_checkpoints
from brainviewer.session.state import Session
from tests.fakes import Diary, FakeGenerator, FakeLoader, write_fake_checkpoint

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder with one fake checkpoint named "fake"."""
    folder = tmp_path / "checkpoints"
    write_fake_checkpoint(folder)
    return folder


@pytest.fixture
def checkpoint(root: Path) -> Checkpoint:
    return find_checkpoints(root)[0][0]


@pytest.fixture
def generator(checkpoint: Checkpoint) -> FakeGenerator:
    return FakeGenerator(checkpoint)


@pytest.fixture
def loader() -> FakeLoader:
    return FakeLoader()


@pytest.fixture
def make_session(root: Path) -> Iterator[Callable[..., Session]]:
    """Make sessions that do not wait for the hand to rest, unless told otherwise."""
    made: list[tuple[Session, FakeLoader]] = []

    def make(loader: FakeLoader, *, quiet_s: float = 0.0, **arguments: Any) -> Session:
        made.append((Session(load=loader, root=root, quiet_s=quiet_s, **arguments), loader))
        return made[-1][0]

    yield make
    for session, loader in made:
        for generator in loader.generators:
            generator.release()
        session.close()


@pytest.fixture
def empty_session(make_session: Callable[..., Session], loader: FakeLoader) -> Session:
    """A session before anything is opened."""
    return make_session(loader)


@pytest.fixture
def session(empty_session: Session) -> Session:
    """A session whose first brain and trajectory are there."""
    empty_session.open_checkpoint("fake")
    empty_session.wait_idle()
    return empty_session


@pytest.fixture
def diary(session: Session) -> Diary:
    return Diary(session)
