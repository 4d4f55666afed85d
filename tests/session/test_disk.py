"""A disk that is full, read-only or forbidden: one sentence, and what was there stays."""

from __future__ import annotations

import errno
import logging
import resource
import tempfile
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from brainviewer.core.nifti import ImageError, write_volume
from brainviewer.core.recipe import RecipeError, write_recipe
from brainviewer.core.saliency import SaliencyRow
from brainviewer.core.volume import Volume
from brainviewer.session.autosave import Autosave
from brainviewer.session.bids import Destination
from brainviewer.session.export import (
    ExportError,
    brain_export_steps,
    series_export_steps,
    sweep_series,
)
from brainviewer.session.movie import open_movie
from brainviewer.session.settings import Settings, read_settings, write_settings
from brainviewer.session.sweep import sweep_of
from brainviewer.session.tables import write_curves_csv, write_saliency_csv

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from brainviewer.session.state import Session

REFUSALS = (ExportError, RecipeError, ImageError)
SMALL_BYTES = 300
REASONS = {
    errno.ENOSPC: "no space is left on the disk",
    errno.EACCES: "permission is denied",
    errno.EROFS: "the disk is read-only",
    errno.EDQUOT: "the disk quota is used up",
}


@contextmanager
def nearly_full() -> Iterator[None]:
    """Let the system refuse every file of more than some hundred bytes, after it has begun."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (SMALL_BYTES, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@contextmanager
def refusing(number: int) -> Iterator[None]:
    """Let the system refuse to make files and folders."""
    opened = Path.open

    def refuse(*_: Any, **__: Any) -> Any:
        raise OSError(number, "refused")

    def open_to_read(path: Path, mode: str = "r", *rest: Any, **named: Any) -> Any:
        return refuse() if set(mode) & set("wxa+") else opened(path, mode, *rest, **named)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "open", open_to_read)
        patch.setattr(Path, "mkdir", refuse)
        patch.setattr(tempfile, "mkdtemp", refuse)
        yield


def finish(steps: Any) -> None:
    for _ in steps:
        pass


def noise() -> Volume:
    data = np.random.default_rng(1).random((16, 16, 16), np.float32)
    return Volume(data, np.eye(4), "noise")


def film(path: Path) -> None:
    movie = open_movie(path, 10, overwrite=True)
    try:
        for seed in range(3):
            picture = np.random.default_rng(seed).integers(0, 255, (64, 64, 3), np.uint8)
            movie.add(picture)
        movie.finish()
    finally:
        movie.discard()


def export(session: Session, folder: Path) -> None:
    destination = Destination(folder, "X", overwrite=True)
    finish(brain_export_steps(session.decoder, session.recipe(), destination))


def export_series(session: Session, folder: Path) -> None:
    destination = Destination(folder, "X", overwrite=True)
    series = sweep_series(session.state, sweep_of(session.state, count=3, first=30, last=50))
    finish(series_export_steps(session.decoder, session.recipe(), destination, series=series))


WRITERS: dict[str, Callable[[Session, Path], None]] = {
    "brain": export,
    "series": export_series,
    "recipe": lambda session, folder: write_recipe(folder / "r.json", session.recipe()),
    "curves": lambda session, folder: write_curves_csv(
        folder / "c.csv", session.curves.all(), overwrite=True
    ),
    "saliency": lambda session, folder: write_saliency_csv(
        folder / "s.csv",
        [SaliencyRow("GM", "age", "", -1.0, -0.1, "years")] * 20,
        overwrite=True,
    ),
    "image": lambda session, folder: write_volume(folder / "a.nii", noise()),
    "compressed image": lambda session, folder: write_volume(folder / "a.nii.gz", noise()),
    "gif": lambda session, folder: film(folder / "a.gif"),
    "mp4": lambda session, folder: film(folder / "a.mp4"),
}


def contents(folder: Path) -> dict[str, bytes]:
    return {str(it): it.read_bytes() for it in folder.rglob("*") if it.is_file()}


@pytest.mark.parametrize("name", WRITERS)
def test_a_disk_that_is_full_half_way_loses_nothing(session, tmp_path, name) -> None:
    write = partial(WRITERS[name], session, tmp_path)
    write()
    before = contents(tmp_path)
    assert before
    with pytest.raises(REFUSALS) as caught, nearly_full():
        write()
    assert contents(tmp_path) == before
    assert "\n" not in str(caught.value)
    assert "larger than the system allows" in str(caught.value) or name == "mp4"


@pytest.mark.parametrize("name", [it for it in WRITERS if it not in ("gif", "mp4")])
def test_a_folder_that_takes_nothing_is_named_with_the_reason(session, tmp_path, name) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    for number, reason in REASONS.items():
        with pytest.raises(REFUSALS) as caught, refusing(number):
            WRITERS[name](session, folder)
        assert str(folder) in str(caught.value)
        assert reason in str(caught.value)
        assert list(folder.iterdir()) == []


def test_the_window_is_told_that_nothing_is_kept_and_keeps_on_trying(
    session, tmp_path, caplog
) -> None:
    kept = Autosave(tmp_path)
    with caplog.at_level(logging.WARNING), refusing(errno.ENOSPC):
        kept.write(session.recipe())
        kept.write(session.recipe())
    assert REASONS[errno.ENOSPC] in kept.problem
    assert len(caplog.records) == 1
    kept.write(session.recipe())
    assert kept.problem == ""
    assert len(list(tmp_path.glob("*.json"))) == 1
    kept.close()


def test_a_home_that_is_read_only_is_a_warning(session, tmp_path, caplog) -> None:
    path = tmp_path / "config" / "settings.json"
    with caplog.at_level(logging.WARNING), refusing(errno.EROFS):
        write_settings(Settings(last_checkpoint="x"), path)
        kept = Autosave(tmp_path / "state")
        kept.write(session.recipe())
        assert kept.left_behind() == []
        kept.close()
    assert REASONS[errno.EROFS] in caplog.text
    assert read_settings(path) == Settings()
