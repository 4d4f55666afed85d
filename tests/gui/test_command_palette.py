"""Ctrl+K: finding a command and doing it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QMenu

from brainviewer.core.space import Convention
from brainviewer.gui.command_list import Command, commands_of, found
from tests.gui.conftest import give_keyboard

if TYPE_CHECKING:
    from brainviewer.gui.command_palette import CommandPalette

CONTROL = Qt.KeyboardModifier.ControlModifier


def names(commands) -> list[str]:
    return [it.name for it in commands]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ["Reset layout", "Fit", "Report"]),
        ("re", ["Reset layout", "Report", "Fit"]),
        ("LAY", ["Reset layout"]),
        ("ctrl+f", ["Fit"]),
        ("slices whole", ["Fit"]),
        ("nothing of the kind", []),
    ],
)
def test_all_words_are_looked_for_and_names_that_begin_so_come_first(text, expected) -> None:
    commands = [
        Command("View", "Reset layout", "", ""),
        Command("View", "Fit", "Show the slices whole, as before a reset", "Ctrl+F"),
        Command("File", "Report", "", "Ctrl+R"),
    ]
    assert names(found(commands, text)) == expected


def test_submenus_are_listed_and_recent_files_are_not(qtbot) -> None:
    menu = QMenu("&View")
    qtbot.addWidget(menu)
    deep = menu.addMenu("&3D view")
    deep.addAction("&Volume…")
    recent = QAction("scan.nii", menu)
    recent.setData("/data/scan.nii")
    menu.addAction(recent)
    assert [it.title for it in commands_of([menu])] == ["3D view › Volume"]


@pytest.fixture
def palette(started, qtbot) -> CommandPalette:
    give_keyboard(qtbot, started.side.age.slider)
    qtbot.keyClick(started.focusWidget(), Qt.Key.Key_K, CONTROL)
    qtbot.waitUntil(started.commands.search.hasFocus)
    return started.commands


def shown(palette: CommandPalette) -> list[str]:
    rows = range(palette.table.topLevelItemCount())
    return [palette.table.topLevelItem(row).text(0) for row in rows]


def test_typing_and_return_do_a_command(palette, started, qtbot) -> None:
    qtbot.keyClicks(palette.search, "radio")
    assert palette.table.currentItem().text(0) == "View › Radiological"
    assert palette.table.currentItem().text(1) == "Ctrl+L"
    assert palette.explanation.text().startswith("The person's left")
    qtbot.keyClick(palette.search, Qt.Key.Key_Return)
    assert started.viewing.display.convention is Convention.NEUROLOGICAL
    assert not palette.isVisible()
    assert started.side.age.slider.hasFocus()


def test_arrows_pass_over_what_cannot_be_done_now(palette, qtbot) -> None:
    qtbot.keyClicks(palette.search, "next way to compare")
    assert "View › Next way to compare (not available now)" in shown(palette)
    assert palette.table.currentItem() is None
    qtbot.keyClick(palette.search, Qt.Key.Key_Return)
    assert palette.isVisible()
    palette.search.clear()
    first = palette.table.currentItem()
    qtbot.keyClick(palette.search, Qt.Key.Key_Down)
    assert palette.table.currentItem() is not first
    qtbot.keyClick(palette.search, Qt.Key.Key_Up)
    assert palette.table.currentItem() is first


def test_mouse_and_keys_are_listed_too(palette, qtbot) -> None:
    qtbot.keyClicks(palette.search, "wheel zoom")
    assert any(row.startswith("Slices › Zoom at the pointer") for row in shown(palette))


def test_a_click_does_a_command(palette, started, qtbot) -> None:
    qtbot.keyClicks(palette.search, "crosshair")
    item = palette.table.findItems("View › Crosshair", Qt.MatchFlag.MatchExactly)[0]
    place = palette.table.visualItemRect(item).center()
    qtbot.mouseClick(palette.table.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert not started.viewing.display.crosshair_visible


def test_esc_and_a_click_elsewhere_close_it(palette, started, qtbot) -> None:
    qtbot.keyClick(palette.search, Qt.Key.Key_Escape)
    assert not palette.isVisible()
    qtbot.keyClick(started.focusWidget(), Qt.Key.Key_K, CONTROL)
    assert palette.isVisible()
    started.side.age.slider.setFocus()
    assert not palette.isVisible()
