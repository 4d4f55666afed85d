"""Make the pictures of the guide: `tools/on_screen.sh python docs/screenshots.py [NAME ...]`."""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from PIL import Image

from brainviewer.core.recipe import Recipe, write_recipe
from brainviewer.generators.checkpoint import resolve_checkpoint
from brainviewer.gui.render import render_recipe

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from brainviewer.gui.main_window import MainWindow

OUT = Path(__file__).parent / "screenshots"
CHECKPOINT = "diffeo-ixi"
SIZE = (1600, 960)
VIEWS = (316, 18, 1600, 634)  # the slices and the 3D view in a picture of that size


def main(wanted: Sequence[str]) -> None:
    """Draw the pictures that are named, or every one."""
    OUT.mkdir(exist_ok=True)
    for name, (age, arrange) in PICTURES.items():
        if not wanted or name in wanted:
            draw(age, OUT / f"{name}.png", arrange=arrange)
    if not wanted or "ages" in wanted:
        with TemporaryDirectory() as folder:
            pair = [draw(age, Path(folder) / f"{age:.0f}.png") for age in (30.0, 80.0)]
            beside([Image.open(path).crop(VIEWS) for path in pair]).save(OUT / "ages.png")


def show_features(window: MainWindow) -> None:
    """Bring the gradients to the front."""
    window.view_menu.gradients.trigger()


def show_regions(window: MainWindow) -> None:
    """Bring the regions to the front."""
    window.view_menu.regions.trigger()


def map_local_change(window: MainWindow) -> None:
    """Lay the map of local change with age over the slices."""
    window.view_menu.local_change.trigger()


def pin_two(window: MainWindow) -> None:
    """Pin the person and a taller one, and go on with somebody else."""
    session = window.session
    session.curves.pin("seed 1")
    session.set_feature("height", 190.0)
    session.curves.pin("seed 1, tall")
    session.reset_features()
    session.new_person(3)


def change_and_take_back(window: MainWindow) -> None:
    """Change person and display, take the last step back, and list the steps."""
    session, display, history = window.session, window.viewing.display, window.past.history
    names = [layer.name for layer in display.layers]
    session.set_age(72.0)
    session.set_feature("height", 180.0)
    display.set_layer(names.index("GM"), visible=True)
    display.set_layer(names.index("GM"), opacity=0.35)
    window.viewing.toggle_convention()
    history.undo()
    window.docks.bring(window.docks.history)


def compare_with_the_person_as_given(window: MainWindow) -> None:
    """Put the person as given beside the older one, with the CSF of both."""
    display = window.viewing.display
    names = [layer.name for layer in display.layers]
    display.set_layer(names.index("CSF"), visible=True)
    window.view_menu.compare.trigger()


def draw(age: float, path: Path, *, arrange: Callable[[MainWindow], None] | None = None) -> Path:
    """Draw the window with the typical person of seed 1 at an age."""
    conditions = resolve_checkpoint(CHECKPOINT).schema.typical()
    recipe = Recipe(
        checkpoint=CHECKPOINT,
        label="seed 1",
        seed=1,
        conditions={**conditions, "age": age},
        factual=conditions,
        edits={},
        age=age,
    )
    with TemporaryDirectory() as folder:
        write_recipe(Path(folder) / "recipe.json", recipe)
        return render_recipe(Path(folder) / "recipe.json", path, size=SIZE, arrange=arrange)


def beside(pictures: list[Image.Image]) -> Image.Image:
    """Put pictures side by side at half their size."""
    halves = [picture.reduce(2) for picture in pictures]
    joined = Image.new("RGB", (sum(half.width for half in halves), halves[0].height))
    left = 0
    for half in halves:
        joined.paste(half, (left, 0))
        left += half.width
    return joined


PICTURES: dict[str, tuple[float, Callable[[MainWindow], None] | None]] = {
    "window": (63.0, None),
    "features": (63.0, show_features),
    "regions": (72.0, show_regions),
    "local_change": (70.0, map_local_change),
    "pins": (63.0, pin_two),
    "history": (63.0, change_and_take_back),
    "compare": (75.0, compare_with_the_person_as_given),
}

if __name__ == "__main__":
    main(sys.argv[1:])
