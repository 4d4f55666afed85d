"""A movie of a recipe's person, without a screen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from brainviewer.generators.checkpoint import REPOSITORY_CHECKPOINTS, load_generator
from brainviewer.gui.movie_maker import shot_of
from brainviewer.gui.render import SIZE_PIXELS, drawn_window, fill_3d
from brainviewer.session.export import ExportError
from brainviewer.session.movie import open_movie
from brainviewer.session.request import Shown, measured_volumes_ml
from brainviewer.session.sweep import caption, conditions_along, sweep_of

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from brainviewer.gui.main_window import MainWindow
    from brainviewer.gui.movie_dialog import Shot
    from brainviewer.session.decoder import Decoder, LoadGenerator
    from brainviewer.session.model import State
    from brainviewer.session.movie import Movie
    from brainviewer.session.sweep import Sweep


def film_steps(
    recipe: Path,
    out: Path,
    *,
    feature: str,
    ends: tuple[float | None, float | None],
    frames: int,
    rate_hz: int,
    shot: Shot,
    size: tuple[int, int] = SIZE_PIXELS,
    overwrite: bool = False,
    device: str = "auto",
    load: LoadGenerator = load_generator,
    root: Path = REPOSITORY_CHECKPOINTS,
) -> Generator[float, None, Path]:
    """Film the person of a recipe while a feature goes from one end to the other.

    Parameters
    ----------
    recipe : Path
        A saved recipe, or the sidecar of an export.
    out : Path
        The MP4 or GIF file to write.
    feature, ends, frames
        As for `sweep_of`.
    rate_hz : int
        Frames a second.
    shot : Shot
    size : (width, height), pixels
        Of the window whose panes are filmed.
    overwrite : bool
    device, load, root
        As for `Session`.

    Yields
    ------
    float
        The part that is done, 0 to 1.

    Returns
    -------
    Path
        `out`.
    """
    movie = open_movie(out, rate_hz, overwrite=overwrite)
    try:
        with drawn_window(recipe, device=device, load=load, root=root, size=size) as window:
            state, decoder = window.session.state, window.session.decoder
            if state is None or decoder is None:
                raise ExportError(f"there is no brain to film in {recipe}")
            sweep = sweep_of(state, feature, first=ends[0], last=ends[1], count=frames)
            yield from _filmed(window, movie, shot, of=(state, decoder, sweep))
        return movie.finish()
    finally:
        movie.discard()


def _filmed(
    window: MainWindow, movie: Movie, shot: Shot, *, of: tuple[State, Decoder, Sweep]
) -> Generator[float, None, None]:
    """Add every frame."""
    state, decoder, sweep = of
    identity = state.person.identity
    for frame, conditions in enumerate(conditions_along(state, sweep)):
        brain = decoder.generate(identity, conditions)
        shown = Shown(brain, measured_volumes_ml(brain), conditions, identity, exact=True)
        window.viewing.show_at_once(shown)
        fill_3d(window, shown)
        movie.add(shot_of(window.viewing, shot, caption(state.checkpoint.schema, sweep, frame)))
        yield (frame + 1) / len(sweep.values)
