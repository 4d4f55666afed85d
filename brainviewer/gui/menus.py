"""The menus: every action with its keys, the text of its tooltip and its icon."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QMenu, QWidget

from brainviewer.gui.icons import set_icon
from brainviewer.session.sweep import swept_features

if TYPE_CHECKING:
    from collections.abc import Sequence

    from brainviewer.core.features import FeatureSchema


class FileMenu(QMenu):
    """Opening, saving and leaving.

    Signals
    -------
    recent_requested : str
        The path of a recent file.
    """

    recent_requested = Signal(str)

    def __init__(self, parent: QWidget) -> None:
        super().__init__("&File", parent)
        self.open_image = make_action(self, "Open &image…", "Ctrl+O", "Add an image as a layer")
        self.open_scan = make_action(
            self,
            "Open own &scan…",
            "Ctrl+Alt+S",
            "Turn a T1-weighted scan into a person whose age and features can be changed",
        )
        self.open_recipe = make_action(
            self, "Open &recipe…", "Ctrl+Shift+O", "Show the brain of a saved recipe or a sidecar"
        )
        self.open_checkpoint = make_action(
            self, "Open &checkpoint folder…", "Ctrl+Alt+O", "Use a generator from another folder"
        )
        self.recent = self.addMenu("Recent &files")
        self.recent.setToolTipsVisible(True)
        self.addSeparator()
        self.save_recipe = make_action(
            self, "&Save recipe…", "Ctrl+S", "Save what this brain is made from, to make it again"
        )
        self.export = make_action(
            self, "&Export…", "Ctrl+E", "Write maps, labels, tables and pictures to a folder"
        )
        self.screenshot = make_action(
            self, "Screen&shot…", "Ctrl+Shift+S", "Save a picture of the window"
        )
        self.report = make_action(
            self, "Re&port…", "Ctrl+R", "Write a page about this person: pictures, volumes, limits"
        )
        self.movie = make_action(
            self, "&Movie…", "Ctrl+Shift+M", "Film the person while age or another number changes"
        )
        self.addSeparator()
        self.leave = make_action(self, "&Quit", "Ctrl+Q", "Close the window")
        for action, name in (
            (self.open_image, "open"),
            (self.open_scan, "person"),
            (self.open_recipe, "recipe"),
            (self.open_checkpoint, "checkpoint"),
            (self.export, "export"),
            (self.screenshot, "camera"),
        ):
            set_icon(action, name)
        self.recent.triggered.connect(self._on_recent_triggered)

    def show_recent(self, paths: Sequence[str]) -> None:
        """List the recent files, the newest first."""
        self.recent.clear()
        self.recent.setEnabled(bool(paths))
        for number, path in enumerate(paths, 1):
            action = self.recent.addAction(f"&{number % 10} {path}")
            action.setData(path)
            action.setToolTip(path)

    def set_ready(self, ready: bool) -> None:
        """Let brains be saved once there is one."""
        for action in (self.open_scan, self.save_recipe, self.export, self.report):
            action.setEnabled(ready)
        if not ready:
            self.movie.setEnabled(False)

    def show_schema(self, schema: FeatureSchema) -> None:
        """Leave out what makes no sense for a generator without numbers to change."""
        self.movie.setEnabled(bool(swept_features(schema)))

    def _on_recent_triggered(self, action: QAction) -> None:
        self.recent_requested.emit(action.data())


class EditMenu(QMenu):
    """Taking steps back, and doing them again."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__("&Edit", parent)
        self.undo = make_action(self, "&Undo", "Ctrl+Z", "Take the last change back")
        self.redo = make_action(self, "&Redo", "", "Do again what was taken back")
        self.redo.setShortcuts([QKeySequence("Ctrl+Shift+Z"), QKeySequence("Ctrl+Y")])
        set_icon(self.undo, "undo")
        set_icon(self.redo, "redo")
        # The list of keys names them without what they would do at the moment.
        self.undo.setIconText("Undo")
        self.redo.setIconText("Redo")
        self.show_history("", "")

    def show_history(self, undo: str, redo: str) -> None:
        """Name what would be taken back and done again; empty for nothing."""
        for action, name, text in ((self.undo, "&Undo", undo), (self.redo, "&Redo", redo)):
            # What a user called something may hold the sign for a mnemonic.
            action.setText(f"{name} {text.replace('&', '&&')}".rstrip())
            action.setEnabled(bool(text))


class PersonMenu(QMenu):
    """Who is shown."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__("&Person", parent)
        self.new_person = make_action(
            self, "&New person", "Ctrl+N", "Draw another person under the same conditions"
        )
        self.average = make_action(
            self,
            "Avera&ge brain",
            "Ctrl+Shift+N",
            "The mean brain of this age and sex, where the generator knows it",
        )
        self.make_factual = make_action(
            self,
            "Make this the &factual person",
            "Ctrl+Shift+F",
            "Take what is shown as what the person is known to have",
        )
        self.pin = make_action(
            self, "&Pin for comparison", "Ctrl+P", "Keep this person with edits and scenario"
        )
        set_icon(self.pin, "pin")
        self.addSeparator()
        self.factual_age = make_action(
            self, "Back to the factual &age", "Ctrl+Backspace", "Undo all changes of age"
        )
        self.reset_features = make_action(
            self, "&Reset all features", "Ctrl+Shift+Backspace", "Undo all edits of features"
        )
        set_icon(self.new_person, "new_person")
        set_icon(self.reset_features, "reset")

    def set_ready(self, ready: bool) -> None:
        """Let the actions be used once there is a person."""
        for action in self.actions():
            action.setEnabled(ready)

    def offer_average(self, offered: bool) -> None:
        """Offer the mean brain where the generator knows it."""
        self.average.setEnabled(offered)

    def show_schema(self, schema: FeatureSchema) -> None:
        """Leave out what makes no sense for a generator without features."""
        for action in (self.make_factual, self.factual_age, self.reset_features):
            action.setEnabled(bool(schema.features))


class HelpMenu(QMenu):
    """What one can do, and what this is."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__("&Help", parent)
        self.commands = make_action(
            self, "&Commands…", "Ctrl+K", "Type a part of a command, and do it"
        )
        self.keys = make_action(self, "&Keys and mouse", "F1", "Every action with its keys")
        self.card = make_action(
            self, "About this &checkpoint", "", "What the generator in use is for, and its limits"
        )
        self.about = make_action(self, "&About BrainViewer", "", "Versions and device")
        set_icon(self.commands, "search")
        set_icon(self.keys, "keys")
        set_icon(self.card, "info")


def make_action(menu: QMenu, text: str, keys: str, explanation: str) -> QAction:
    """Add an action to a menu.

    Parameters
    ----------
    menu : QMenu
    text : str
        With its mnemonic: ``"&Export…"``.
    keys : str
        As Qt writes them: ``"Ctrl+E"``; empty for none.
    explanation : str
        For tooltip, status bar and the list of keys.
    """
    action = menu.addAction(text)
    action.setObjectName(text.replace("&", "").replace("…", "").replace(" ", "_").lower())
    action.setToolTip(explanation)
    action.setStatusTip(explanation)
    if keys:
        action.setShortcut(QKeySequence(keys))
    menu.setToolTipsVisible(True)
    return action
