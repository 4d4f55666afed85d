import pytest

from brainviewer.gui.screen import NoScreenError, check_screen


@pytest.fixture
def no_screen(monkeypatch):
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)


def test_without_a_screen_there_is_a_sentence(no_screen) -> None:
    with pytest.raises(NoScreenError, match="DISPLAY is not set"):
        check_screen()


def test_a_screen_that_does_not_answer_is_named(no_screen, monkeypatch) -> None:
    monkeypatch.setenv("DISPLAY", ":987")
    with pytest.raises(NoScreenError, match=":987"):
        check_screen()


def test_drawing_without_a_screen_needs_none(no_screen, monkeypatch) -> None:
    monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")
    check_screen()
