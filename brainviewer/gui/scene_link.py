"""Recipes of the whole window: what is shown, and how it is looked at."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from brainviewer.session.directions import directions_of
from brainviewer.session.model import recipe_of
from brainviewer.session.scene import WINDOW_PIXELS, SavedPin, Scene, scene_from_json

if TYPE_CHECKING:
    from PySide6.QtCore import QSize

    from brainviewer.core.recipe import Recipe
    from brainviewer.gui.file_opener import FileOpener
    from brainviewer.gui.panels_link import PanelsLink
    from brainviewer.gui.viewing_area import ViewingArea
    from brainviewer.session.history import History
    from brainviewer.session.look import LayerLook
    from brainviewer.session.state import Session


class SceneLink:
    """Writes recipes with their view, and opens them.

    Parameters
    ----------
    session : Session
    viewing : ViewingArea
    panels : PanelsLink
        The parts around the slices.
    opener : FileOpener
        Reads the images that a view names.
    history : History
        Gets one step for a view.
    """

    def __init__(
        self,
        session: Session,
        viewing: ViewingArea,
        panels: PanelsLink,
        *,
        opener: FileOpener,
        history: History,
    ) -> None:
        self._session = session
        self._viewing = viewing
        self._panels = panels
        self._opener = opener
        self._history = history
        self._waiting: Scene | None = None
        self._layers: tuple[LayerLook, ...] = ()
        self._active = ""
        session.brain_changed.connect(self._on_brain_changed)
        session.failed.connect(self._on_failed)
        session.drawing_stopped.connect(self._on_failed)

    def close(self) -> None:
        """Let go of the session."""
        self._session.brain_changed.disconnect(self._on_brain_changed, missing_ok=True)
        self._session.failed.disconnect(self._on_failed, missing_ok=True)
        self._session.drawing_stopped.disconnect(self._on_failed, missing_ok=True)

    @property
    def is_waiting(self) -> bool:
        """Whether a view waits for its brain or its images, or for frames of them."""
        is_reading = self._opener.is_reading or self._viewing.display.frames.is_waiting
        return self._waiting is not None or is_reading

    def recipe(self) -> Recipe:
        """Write down what is shown, and how."""
        return replace(self._session.recipe(), view=self._scene().to_json())

    def open(self, recipe: Recipe) -> None:
        """Show what a recipe says, the way it says; the view comes when its brain does.

        Raises
        ------
        RecipeError, FeatureError, CheckpointError
            When it cannot be; nothing has changed then.
        """
        scene = None if recipe.view is None else scene_from_json(recipe.view)
        self._session.apply_recipe(recipe)
        self._waiting = scene
        self._show_waiting()

    def place_image(self, source: str) -> None:
        """Give an image that was opened the place and the look that the view had for it."""
        if source in {look.source for look in self._layers}:
            self._viewing.show_layers(self._layers, active=self._active)

    def _scene(self) -> Scene:
        pins = tuple(
            SavedPin(pin.name, pin.visible, recipe_of(pin.state))
            for pin in self._session.curves.pins
        )
        direction = self._session.local_change.direction
        return replace(
            self._viewing.scene(),
            pins=pins,
            structure=self._panels.gradients.chosen,
            local_change="" if direction is None else direction.text,
            in_front=self._panels.docks.in_front,
            panels=self._panels.panels(),
            window_pixels=_within(self._viewing.window().size()),
        )

    def _show_waiting(self) -> None:
        scene, state = self._waiting, self._session.state
        if scene is None or state is None or not self._session.is_in_use(state.checkpoint):
            return
        if not self._viewing.display.layers or self._session.is_drawing:
            return
        self._waiting = None
        with self._history.one_step():
            self._session.replace_pins(scene.pins)
            self._viewing.show_scene(scene)
        if scene.structure:
            self._panels.gradients.choose(scene.structure)
        self._show_local_change(scene.local_change)
        self._panels.docks.bring_named(scene.in_front)
        self._panels.show(scene.panels)
        self._layers, self._active = scene.layers, scene.active
        there = {layer.source for layer in self._viewing.display.layers}
        images = dict.fromkeys(it.source for it in scene.layers if it.source)
        self._opener.open_all([Path(it) for it in images if it not in there])

    def _show_local_change(self, text: str) -> None:
        """Map the change in a direction; a generator that has it not shows none."""
        schema = self._session.checkpoint.schema if self._session.checkpoint else None
        known = () if schema is None else directions_of(schema)
        found = [direction for direction in known if direction.text == text]
        self._session.local_change.choose(found[0] if found else None)

    def _on_brain_changed(self, _shown: object) -> None:
        self._show_waiting()

    def _on_failed(self, _sentence: str) -> None:
        """Keep the view of now when the brain of a recipe cannot come, or may not."""
        self._waiting = None


def _within(size: QSize) -> tuple[int, int]:
    """Return the size of a window that a recipe can hold."""
    low, high = WINDOW_PIXELS
    return min(max(size.width(), low), high), min(max(size.height(), low), high)
