"""Make the pictures of the guide: `tools/on_screen.sh python docs/screenshots.py`."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from brainviewer.core.recipe import Recipe, write_recipe
from brainviewer.generators.checkpoint import resolve_checkpoint
from brainviewer.gui.render import render_recipe

OUT = Path(__file__).parent / "screenshots"
CHECKPOINT = "cvae-ixi"
PICTURES = {"window": (1600, 960, 63.0), "age-30": (1600, 960, 30.0), "age-80": (1600, 960, 80.0)}


def main() -> None:
    """Draw every picture."""
    OUT.mkdir(exist_ok=True)
    conditions = resolve_checkpoint(CHECKPOINT).schema.typical()
    with TemporaryDirectory() as folder:
        for name, (width, height, age) in PICTURES.items():
            recipe = Recipe(
                checkpoint=CHECKPOINT,
                label="seed 1",
                seed=1,
                conditions={**conditions, "age": age},
                factual=conditions,
                edits={},
                age=age,
            )
            path = Path(folder) / f"{name}.json"
            write_recipe(path, recipe)
            print(render_recipe(path, OUT / f"{name}.png", size=(width, height)))


if __name__ == "__main__":
    main()
