"""Every control has a name to be read aloud, an explanation, and is reached by keyboard."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractSlider,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QLineEdit,
    QScrollBar,
    QTabBar,
    QWidget,
)

from brainviewer.gui.about_dialog import AboutDialog
from brainviewer.gui.checkpoint_panel import CardDialog
from brainviewer.gui.help_dialog import HelpDialog
from brainviewer.gui.movie_dialog import MovieDialog
from tests.fakes import FakeLoader, LabelledGenerator
from tests.gui.conftest import give_keyboard

if TYPE_CHECKING:
    from collections.abc import Iterator

    from brainviewer.gui.main_window import MainWindow

# Qt's own: of title bars that are not shown, of menus too wide, and the corner of tables.
QTS_OWN = (
    "qt_dockwidget_closebutton", "qt_dockwidget_floatbutton", "qt_menubar_ext_button",
    "qt_tableview_cornerbutton",
)  # fmt: skip
CONTROLS = (QAbstractButton, QAbstractSlider, QAbstractSpinBox, QComboBox, QLineEdit)


@pytest.fixture
def loader() -> FakeLoader:
    return FakeLoader(kind=LabelledGenerator)


def controls(root: QWidget) -> Iterator[QWidget]:
    """All controls below a widget but those that Qt makes inside of its own."""
    for widget in root.findChildren(QWidget):
        inside = widget.parentWidget()
        if not isinstance(widget, CONTROLS) or isinstance(widget, QScrollBar):
            continue
        if isinstance(inside, QAbstractSpinBox | QComboBox | QTabBar | QLineEdit):
            continue
        if widget.objectName() in QTS_OWN:
            continue
        yield widget


def problems_of(widget: QWidget) -> list[str]:
    text = widget.text() if isinstance(widget, QAbstractButton) else ""
    found = []
    if not (text.strip("&…. ") or widget.accessibleName()):
        found.append("name")
    if not widget.toolTip() and not isinstance(widget.parentWidget(), QDialogButtonBox):
        found.append("tooltip")
    if widget.focusPolicy() is Qt.FocusPolicy.NoFocus:
        found.append("way to it by keyboard")
    return found


def complaints(root: QWidget) -> list[str]:
    return [
        f"{type(it).__name__} {it.objectName()!r} in {it.parentWidget().objectName()!r} has no "
        f"{' and no '.join(problems)}"
        for it in controls(root)
        if (problems := problems_of(it))
    ]


def test_all_controls_of_the_window_have_names_and_explanations(started, qtbot) -> None:
    window = started
    window.session.curves.pin("before")
    window.messages.show_error("it failed")
    window.view_menu.regions.trigger()
    qtbot.waitUntil(lambda: window.regions.bars.keys != ())
    window.viewing.show_compare(True)
    assert len(list(controls(window))) > 80
    assert complaints(window) == []


@pytest.mark.parametrize("kind", ["card", "about", "help", "export", "movie"])
def test_all_controls_of_the_dialogs_have_names(started: MainWindow, kind: str) -> None:
    window = started
    dialogs = {
        "card": lambda: CardDialog(window.session.checkpoint, window),
        "about": lambda: AboutDialog("CPU", window),
        "help": lambda: HelpDialog([("Slices", "X", "Crosshair")], window),
        "export": window.exporter.ask,
        "movie": lambda: MovieDialog(window.session.state, window),
    }
    dialog = dialogs[kind]()
    assert isinstance(dialog, QDialog)
    assert list(controls(dialog))
    assert complaints(dialog) == []
    dialog.close()


def test_all_commands_are_explained(started) -> None:
    lacking = []
    for menu in started.menus:
        for action in menu.actions():
            if action.isSeparator() or action.menu() is not None:
                continue
            if not action.toolTip() or action.toolTip() == action.iconText():
                lacking.append(f"{menu.title()}: {action.text()} is not explained")
    assert lacking == []


def test_no_two_commands_have_the_same_keys(started) -> None:
    seen: dict[str, str] = {}
    menus = list(started.menus)
    while menus:
        menu = menus.pop()
        for action in menu.actions():
            if action.menu() is not None:
                menus.append(action.menu())
            for keys in action.shortcuts():
                text = keys.toString()
                assert text not in seen, f"{text}: {seen.get(text)} and {action.text()}"
                seen[text] = action.text()
    assert len(seen) > 30


def test_tab_reaches_the_slices_and_the_3d_view(started, qtbot) -> None:
    wanted = {f"slice_view_{plane}" for plane in ("coronal", "sagittal", "axial")}
    wanted.add("view_3d_picture")
    seen: set[str] = set()
    give_keyboard(qtbot, started.side.age.slider)
    for _ in range(250):
        qtbot.keyClick(QApplication.focusWidget(), Qt.Key.Key_Tab)
        seen.add(QApplication.focusWidget().objectName())
    assert wanted <= seen
