"""The message bar at the top and the status bar at the bottom."""

import pytest
from PySide6.QtGui import QGuiApplication

from brainviewer.core.space import Convention
from brainviewer.gui.message_bar import MessageBar
from brainviewer.gui.status_bar import StatusBar


@pytest.fixture
def messages(qtbot):
    bar = MessageBar()
    qtbot.addWidget(bar)
    return bar


def test_a_message_is_shown_until_it_is_dismissed(messages) -> None:
    assert messages.isHidden()
    messages.show_error("cannot read a.nii: it is empty; copy it again")
    assert not messages.isHidden()
    assert messages.label.text() == "cannot read a.nii: it is empty; copy it again"
    messages.close_button.click()
    assert messages.isHidden()


def test_messages_wait_for_each_other_and_are_not_repeated(messages) -> None:
    for sentence in ("first", "second", "first", "third"):
        messages.show_error(sentence)
    assert (messages.sentence, messages.count.text()) == ("first", "2 more")
    messages.dismiss()
    assert (messages.sentence, messages.count.text()) == ("second", "1 more")


def test_a_notice_leaves_by_itself_an_error_does_not(messages, qtbot) -> None:
    messages._timer.setInterval(10)
    messages.show_notice("saved")
    with qtbot.waitSignal(messages.dismissed):
        pass
    assert messages.isHidden()
    messages.show_error("wrong")
    assert not messages._timer.isActive()


def test_a_message_can_be_copied(messages) -> None:
    messages.show_error("wrong")
    messages.copy_button.click()
    assert QGuiApplication.clipboard().text() == "wrong"


@pytest.fixture
def status(qtbot):
    bar = StatusBar()
    qtbot.addWidget(bar)
    bar.show()
    return bar


def test_work_that_can_be_cancelled_shows_progress_and_cancel(status, qtbot) -> None:
    status.show_busy("Exporting")
    assert not status.cancel_button.isVisible()
    status.show_progress(0.25)
    assert status.progress.isVisible()
    assert status.progress.value() == 250
    with qtbot.waitSignal(status.cancel_requested):
        status.cancel_button.click()
    status.show_busy("")
    assert not status.progress.isVisible()
    assert not status.cancel_button.isVisible()


def test_the_sides_are_said_in_words(status, qtbot) -> None:
    status.show_convention(Convention.RADIOLOGICAL)
    assert "left is on the right" in status.convention.text()
    status.show_convention(Convention.NEUROLOGICAL)
    assert "left is on the left" in status.convention.text()
    with qtbot.waitSignal(status.convention_requested):
        status.convention.click()


def test_the_device_is_named(status) -> None:
    status.show_device("NVIDIA H200")
    assert status.device.text() == "Device: NVIDIA H200"
