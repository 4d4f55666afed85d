"""Every command of the menus as a list that can be searched."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QMenu

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


@dataclass(frozen=True, slots=True, eq=False)
class Command:
    """Something that can be done.

    Attributes
    ----------
    where : str
        The menu, or where the mouse or the keys do it.
    name : str
    explanation : str
        May be empty.
    keys : str
        Keys or mouse, as text; empty where there are none.
    action : QAction or None
        None for what only mouse or keys do.
    """

    where: str
    name: str
    explanation: str
    keys: str
    action: QAction | None = None

    @property
    def title(self) -> str:
        """Menu and name in a line."""
        return f"{self.where} › {self.name}"

    @property
    def is_possible(self) -> bool:
        """Whether it can be done from a list, now."""
        return self.action is not None and self.action.isEnabled()


def commands_of(menus: Iterable[QMenu]) -> list[Command]:
    """List every action of some menus and their submenus, but no recent files."""
    commands: list[Command] = []
    for menu in menus:
        where = plain(menu.title())
        for action in menu.actions():
            submenu = action.menu()
            if isinstance(submenu, QMenu):
                commands += commands_of([submenu])
            elif not action.isSeparator() and action.data() is None:
                commands.append(_command(where, action))
    return commands


def found(commands: Sequence[Command], text: str) -> list[Command]:
    """Return the commands that hold all words of a text, those first whose name begins with it."""
    words = text.lower().split()
    hits = [it for it in commands if all(word in _searched(it) for word in words)]
    return sorted(hits, key=lambda it: _rank(it, text.strip().lower()))


def plain(text: str) -> str:
    """Take the signs for mnemonic and dialog out of the text of an action or menu."""
    return text.replace("&", "").rstrip("…")


def _command(where: str, action: QAction) -> Command:
    native = QKeySequence.SequenceFormat.NativeText
    keys = ", ".join(it.toString(native) for it in action.shortcuts())
    # The text without its mnemonic, or what stands in for a text that changes.
    name, explanation = action.iconText().rstrip("…"), action.toolTip()
    is_news = explanation not in ("", name, action.text())
    return Command(where, name, explanation if is_news else "", keys, action)


def _searched(command: Command) -> str:
    return f"{command.where} {command.name} {command.explanation} {command.keys}".lower()


def _rank(command: Command, text: str) -> int:
    """0 where the name begins with the text, then where a word does, the name, the rest."""
    name = command.name.lower()
    if name.startswith(text):
        return 0
    if any(word.startswith(text) for word in name.split()):
        return 1
    return 2 if text in name else 3
