import json

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QLabel, QPushButton

from brainviewer.gui.icons import ICON_FOLDER, icon, refresh_icons, set_icon
from brainviewer.gui.theme import STYLE_FOLDER, ThemeFollower, load_theme, theme_for, theme_of

MIN_TEXT_CONTRAST = 4.5
MIN_GRAPHIC_CONTRAST = 3.0
TEXT_ON = [
    ("text", "window"),
    ("text", "panel"),
    ("text", "field"),
    ("text", "raised"),
    ("muted", "window"),
    ("muted", "panel"),
    ("muted", "field"),  # what an empty field says
    ("muted", "raised"),
    ("edited", "window"),
    ("edited", "panel"),
    ("accent", "window"),  # the tab that has the keyboard, and links
    ("accent", "panel"),
    ("accent", "field"),
    ("on_accent", "accent"),
    ("on_error", "error"),
    ("on_warning", "warning"),
    ("WM", "panel"),
    ("GM", "panel"),
    ("CSF", "panel"),
]


def luminance(color: str) -> float:
    """Relative luminance, WCAG 2.2."""
    channels = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("name", ["dark", "light"])
@pytest.mark.parametrize(("text", "ground"), TEXT_ON)
def test_text_can_be_read(name: str, text: str, ground: str) -> None:
    colors = load_theme(name).colors
    assert contrast(colors[text], colors[ground]) >= MIN_TEXT_CONTRAST


@pytest.mark.parametrize("name", ["dark", "light"])
def test_the_keyboard_focus_stands_out(name: str) -> None:
    colors = load_theme(name).colors
    for ground in ("window", "panel", "field"):
        assert contrast(colors["accent"], colors[ground]) >= MIN_GRAPHIC_CONTRAST


def test_both_themes_name_the_same_colors() -> None:
    dark, light = (
        json.loads((STYLE_FOLDER / f"{name}.json").read_text()) for name in ("dark", "light")
    )
    assert dark.keys() == light.keys()


def test_the_style_sheet_has_no_open_names(qapp: QApplication) -> None:
    assert "@" not in load_theme("dark").style_sheet()


def test_an_unknown_scheme_is_shown_dark() -> None:
    assert theme_for(Qt.ColorScheme.Unknown).name == "dark"
    assert theme_for(Qt.ColorScheme.Light).name == "light"


@pytest.fixture
def follower(qapp: QApplication):
    style, palette, sheet = qapp.style().objectName(), qapp.palette(), qapp.styleSheet()
    follower = ThemeFollower(qapp)
    yield follower
    follower.deleteLater()
    qapp.setStyleSheet(sheet)
    qapp.setPalette(palette)
    qapp.setStyle(style)


def test_a_widget_knows_its_theme(follower: ThemeFollower, qtbot) -> None:
    label = QLabel("text")
    qtbot.addWidget(label)
    for name in ("light", "dark"):
        follower.apply(load_theme(name))
        assert theme_of(label.palette()).name == name


@pytest.mark.parametrize("path", sorted(ICON_FOLDER.glob("*.svg")), ids=lambda path: path.stem)
def test_every_icon_can_be_drawn(qapp: QApplication, path) -> None:
    image = icon(path.stem).pixmap(32, 32).toImage()
    assert any(image.pixelColor(x, y).alpha() for x in range(32) for y in range(32))


def test_icons_take_on_the_colour_of_another_theme(follower: ThemeFollower, qtbot) -> None:
    follower.apply(load_theme("dark"))
    parent = QPushButton()
    qtbot.addWidget(parent)
    button = QPushButton(parent)
    set_icon(button, "camera")
    before = button.icon().cacheKey()
    follower.apply(load_theme("light"))
    refresh_icons(parent)
    assert button.icon().cacheKey() != before
