"""The report: one page that needs nothing else, from the window and from a command."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from PySide6.QtCore import Qt

from brainviewer.core.purpose import NOT_CLINICAL
from brainviewer.core.recipe import write_recipe
from brainviewer.gui.render import report_recipe
from brainviewer.gui.report_page import EXTRAPOLATED, Report, report_html
from brainviewer.gui.volumes_table import VolumeRow
from brainviewer.session.model import first_state, recipe_of
from tests.fakes import FakeGenerator, FakeLoader
from tests.gui.conftest import give_keyboard, wait_until_idle

CTRL = Qt.KeyboardModifier.ControlModifier
VOID = {"meta", "img", "br", "hr"}


class Nesting(HTMLParser):
    """Notes what is opened and closed, and what is fetched from elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.sources: list[str] = []
        self.tags: list[str] = []

    def handle_starttag(self, tag, attrs) -> None:
        self.tags.append(tag)
        self.sources += [value for name, value in attrs if name == "src"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag) -> None:
        assert self.open.pop() == tag


def parsed(page: str) -> Nesting:
    nesting = Nesting()
    nesting.feed(page)
    assert nesting.open == []
    assert all(source.startswith("data:image/png;base64,") for source in nesting.sources)
    return nesting


@pytest.fixture
def report(checkpoint) -> Report:
    state = replace(first_state(checkpoint, FakeGenerator(checkpoint)), age=70.0)
    return Report(
        recipe_of(replace(state, edits={"height": 181.25})),
        checkpoint,
        "native",
        [VolumeRow("GM", 612.34, 650.0, 37.0), VolumeRow("CSF", 300.0, 290.0, 99.0)],
        {"Axial, z = 8.0 mm": b"\x89PNG axial"},
        b"\x89PNG trajectory",
        "2026-01-02 03:04",
    )


def test_a_page_holds_everything_and_is_well_formed(report) -> None:
    page = report_html(report)
    assert len(parsed(page).sources) == 2
    assert "<h1>seed 1 at 70.0 years</h1>" in page
    assert NOT_CLINICAL in page
    assert "<tr><td>Grey matter</td>" in page
    for cell in ("612.3", "650.0", "−37.7", "−5.8", "37th", "≥ 95th", "181.25 cm", "edited"):
        assert f">{cell}</td>" in page
    assert "<p>An ellipsoid.</p>" in page  # the card
    assert "20–80 years" in page
    assert "&quot;brainviewer-recipe&quot;" in page
    assert EXTRAPOLATED not in page


def test_what_lies_outside_the_training_people_is_said(report) -> None:
    far = replace(report, recipe=replace(report.recipe, extrapolated=True), space="template")
    page = report_html(far)
    assert EXTRAPOLATED in page
    assert "template space" in page


def test_nothing_that_a_file_says_becomes_html(report) -> None:
    evil = "<script>alert(1)</script>"
    page = report_html(
        replace(
            report,
            recipe=replace(report.recipe, label=evil),
            checkpoint=replace(report.checkpoint, title=evil, card=f"# x\n\n{evil}\n"),
        )
    )
    assert "script" not in parsed(page).tags


def test_a_generator_without_features_has_a_page_too(report) -> None:
    bare = replace(report.recipe, conditions={}, factual={}, edits={}, age=None)
    schema = replace(report.checkpoint.schema, features=())
    page = report_html(
        replace(
            report,
            recipe=bare,
            checkpoint=replace(report.checkpoint, schema=schema),
            volumes=(),
            trajectory=b"",
        )
    )
    assert parsed(page)
    assert "<h1>seed 1</h1>" in page
    assert "only draws people" in page
    assert "Over a lifetime" not in page


def test_ctrl_r_writes_the_page_of_the_person_on_the_screen(
    started, qtbot, tmp_path, monkeypatch
) -> None:
    path = tmp_path / "person.html"
    monkeypatch.setattr(
        "brainviewer.gui.exporter.QFileDialog.getSaveFileName", lambda *_: (str(path), "")
    )
    started.session.set_age(70.0)
    wait_until_idle(started, qtbot)
    give_keyboard(qtbot, started.side.age.slider)
    with qtbot.waitSignal(started.exporter.written, timeout=20_000) as said:
        qtbot.keyClick(started.focusWidget(), Qt.Key.Key_R, CTRL)
    assert said.args == [f"Saved {path}"]
    page = path.read_text(encoding="utf-8")
    captions = re.findall(r"<figcaption>(\w+)", page)
    drawn = ["Sagittal", "Coronal", "Axial"]
    drawn += ["In"] if started.viewing.pane_3d.picture() is not None else []
    assert captions == [*drawn, "Volumes"]
    assert len(parsed(page).sources) == len(captions)
    grey = f"{started.session.shown.volumes_ml['GM']:.1f}"
    assert f">{grey}</td>" in page


def test_a_disk_that_refuses_is_a_sentence(started, qtbot, tmp_path, monkeypatch) -> None:
    path = tmp_path / "absent" / "person.html"
    monkeypatch.setattr(
        "brainviewer.gui.exporter.QFileDialog.getSaveFileName", lambda *_: (str(path), "")
    )
    started.file_menu.report.trigger()
    qtbot.waitUntil(lambda: "does not exist" in started.messages.sentence)


def test_a_command_writes_the_same_page_without_a_screen(checkpoint, qtbot, tmp_path) -> None:
    state = replace(first_state(checkpoint, FakeGenerator(checkpoint)), age=33.0)
    write_recipe(tmp_path / "recipe.json", recipe_of(state))
    out = tmp_path / "person.html"
    report_recipe(tmp_path / "recipe.json", out, load=FakeLoader(), root=checkpoint.folder.parent)
    page = out.read_text(encoding="utf-8")
    assert "<h1>seed 1 at 33.0 years</h1>" in page
    assert len(parsed(page).sources) >= 4
