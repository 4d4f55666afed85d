"""Help, about and export."""

from pathlib import Path

import pytest
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QDialogButtonBox, QPushButton, QWidget

from brainviewer.gui.about_dialog import AboutDialog
from brainviewer.gui.export_dialog import ExportDialog
from brainviewer.gui.export_job import Order, Part
from brainviewer.gui.help_dialog import HelpDialog, action_rows
from brainviewer.gui.menus import FileMenu, HelpMenu, PersonMenu
from brainviewer.session.bids import Destination


@pytest.fixture
def owner(qtbot):
    widget = QWidget()
    qtbot.addWidget(widget)
    return widget


def test_the_list_of_keys_is_made_from_the_actions(owner) -> None:
    rows = action_rows([FileMenu(owner), PersonMenu(owner), HelpMenu(owner)])
    assert ("Help", "F1", "Keys and mouse: Every action with its keys") in rows
    assert any(keys == "Ctrl+E" and what.startswith("Export") for _, keys, what in rows)
    used = [keys for _, keys, _ in rows if keys]
    assert len(used) == len(set(used))


def test_the_list_of_keys_can_be_searched(owner, qtbot) -> None:
    dialog = HelpDialog([("File", "Ctrl+E", "Export"), ("File", "Ctrl+Q", "Quit")], owner)
    dialog.search.setText("quit")
    assert dialog.shown.rowCount() == 1
    dialog.search.setText("ctrl+e")
    assert dialog.shown.index(0, 2).data() == "Export"


def test_about_names_versions_and_device_and_is_no_medical_device(owner) -> None:
    dialog = AboutDialog("NVIDIA H200", owner)
    dialog.findChild(QPushButton, "copy_versions").click()
    text = QGuiApplication.clipboard().text()
    assert "Device: NVIDIA H200" in text
    assert "torch 2" in text


def test_recent_files_are_listed_and_asked_for(owner, qtbot) -> None:
    menu = FileMenu(owner)
    menu.show_recent([])
    assert not menu.recent.isEnabled()
    menu.show_recent(["/data/a.nii.gz", "/data/b.json"])
    with qtbot.waitSignal(menu.recent_requested) as asked:
        menu.recent.actions()[1].trigger()
    assert asked.args == ["/data/b.json"]


@pytest.fixture
def dialog(qtbot, tmp_path):
    widget = ExportDialog(("WM", "GM", "CSF"), has_ages=True, label="seed7", folder=tmp_path)
    qtbot.addWidget(widget)
    return widget


def export_button(dialog: ExportDialog) -> QPushButton:
    return dialog.buttons.button(QDialogButtonBox.StandardButton.Ok)


def test_the_proposal_is_maps_labels_and_the_table(dialog, qtbot, tmp_path) -> None:
    with qtbot.waitSignal(dialog.ordered) as asked:
        export_button(dialog).click()
    wanted = Order(frozenset({Part.BRAIN, Part.TABLE}), Destination(tmp_path, "seed7"))
    assert asked.args == [wanted]


@pytest.mark.parametrize(
    ("field", "text", "words"),
    [("label", "a b", "such as ab"), ("label", "", "letters or digits"), ("folder", " ", "folder")],
)
def test_what_is_missing_is_said_and_the_export_waits(dialog, field, text, words) -> None:
    getattr(dialog, field).setText(text)
    assert words in dialog.problem.text()
    assert not export_button(dialog).isEnabled()


def test_nothing_chosen_is_nothing_to_export(dialog) -> None:
    for box in dialog.boxes.values():
        box.setChecked(False)
    assert dialog.problem.text() == "choose something to export"


def test_an_image_generator_has_no_volumes_to_export(qtbot) -> None:
    dialog = ExportDialog(("T1w",), has_ages=True, label="x", folder=Path("/tmp"))
    qtbot.addWidget(dialog)
    assert not dialog.boxes[Part.TABLE].isEnabled()
    assert "T1w image" in dialog.boxes[Part.BRAIN].text()


def test_without_an_age_nothing_over_age_can_be_exported(qtbot) -> None:
    dialog = ExportDialog(("WM", "GM", "CSF"), has_ages=False, label="x", folder=Path("/tmp"))
    qtbot.addWidget(dialog)
    for part in (Part.TABLE, Part.PLOT, Part.SERIES):
        assert not dialog.boxes[part].isEnabled()
        assert not dialog.boxes[part].isChecked()
    assert dialog.order().parts == {Part.BRAIN}
