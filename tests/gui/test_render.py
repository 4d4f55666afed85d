"""The picture without a screen is drawn by a process that has none."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtGui import QImage

from brainviewer.core.recipe import RecipeError, write_recipe
from brainviewer.generators.checkpoint import CheckpointError
from brainviewer.gui.render import render_recipe
from brainviewer.session.model import first_state, recipe_of
from tests.fakes import FakeGenerator, write_fake_checkpoint

REPOSITORY = Path(__file__).parents[2]
PROGRAM = """
import sys
from pathlib import Path
from brainviewer.gui.render import render_recipe
from tests.fakes import FakeLoader
recipe, out, root = map(Path, sys.argv[1:])
print(render_recipe(recipe, out, size=(1280, 800), load=FakeLoader(), root=root, {more}))
"""


@pytest.fixture
def recipe(checkpoint, tmp_path):
    state = first_state(checkpoint, FakeGenerator(checkpoint))
    path = tmp_path / "recipe.json"
    write_recipe(path, recipe_of(replace(state, age=70.0)))
    return path


def draw(recipe: Path, out: Path, *, more: str = "", **settings: str) -> QImage:
    """Draw in a process without a screen."""
    environment = {k: v for k, v in os.environ.items() if k not in ("DISPLAY", "WAYLAND_DISPLAY")}
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            PROGRAM.format(more=more),
            recipe,
            out,
            recipe.parent / "checkpoints",
        ],
        env=environment | {"PYTHONPATH": str(REPOSITORY)} | settings,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.stdout.strip() == str(out), done.stderr
    return QImage(str(out))


def test_the_window_is_drawn_without_a_screen(recipe, tmp_path) -> None:
    image = draw(recipe, tmp_path / "window.png")
    assert (image.width(), image.height()) == (1280, 800)
    middle = image.convertToFormat(QImage.Format.Format_Grayscale8).copy(340, 30, 900, 500)
    grey = np.frombuffer(middle.constBits(), np.uint8)
    assert grey.max() > 200


def test_the_window_can_be_arranged_before_it_is_drawn(recipe, tmp_path) -> None:
    plain = draw(recipe, tmp_path / "plain.png")
    for number, view in enumerate(("compare", "gradients")):
        arrange = f"arrange=lambda window: window.view_menu.{view}.trigger()"
        assert draw(recipe, tmp_path / f"{number}.png", more=arrange) != plain


def test_another_brain_can_be_put_beside(recipe, tmp_path) -> None:
    write_fake_checkpoint(recipe.parent / "checkpoints", "other")
    pictures = [
        draw(recipe, tmp_path / f"{number}.png", more=f"beside={beside!r}")
        for number, beside in enumerate(("", "factual", "other"))
    ]
    assert pictures[0] != pictures[1]
    assert pictures[1] != pictures[2]


def test_an_unknown_checkpoint_beside_is_one_sentence(recipe, tmp_path) -> None:
    with pytest.raises(CheckpointError, match="nobody"):
        render_recipe(recipe, tmp_path / "x.png", root=tmp_path, beside="nobody")


def test_the_users_settings_are_left_alone(recipe, tmp_path, settings_file) -> None:
    draw(recipe, tmp_path / "window.png", XDG_CONFIG_HOME=str(tmp_path / "config"))
    assert not list((tmp_path / "config").rglob("*.json"))


def test_a_file_that_is_no_recipe_is_one_sentence(qtbot, tmp_path) -> None:
    (tmp_path / "x.json").write_text("{}")
    with pytest.raises(RecipeError, match=r"x\.json"):
        render_recipe(tmp_path / "x.json", tmp_path / "x.png")
