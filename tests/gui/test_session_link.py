"""Panels and session in step, without the pictures."""

from types import SimpleNamespace

import pytest

from brainviewer.core.scenario import Scenario
from brainviewer.gui.gradient_panel import GradientPanel
from brainviewer.gui.measures_panel import MeasuresPanel
from brainviewer.gui.message_bar import MessageBar
from brainviewer.gui.region_panel import RegionPanel
from brainviewer.gui.session_link import SessionLink
from brainviewer.gui.side_panel import SidePanel
from brainviewer.gui.status_bar import StatusBar
from brainviewer.session.state import Session
from tests.fakes import FakeLoader, write_fake_checkpoint


@pytest.fixture
def parts(qtbot, tmp_path):
    """A session that is closed at the end, panels, and the link between them."""
    root = tmp_path / "checkpoints"
    write_fake_checkpoint(root)
    write_fake_checkpoint(root, "other")
    write_fake_checkpoint(root, "bare", features=())
    (root / "torn").mkdir()
    loader = FakeLoader(device_name="NVIDIA H200")
    session = Session(load=loader, root=root, quiet_s=0.0)
    panels = {
        "side": SidePanel(),
        "measures": MeasuresPanel(),
        "gradients": GradientPanel(),
        "regions": RegionPanel(),
        "status": StatusBar(),
        "messages": MessageBar(),
    }
    for widget in panels.values():
        qtbot.addWidget(widget)
    link = SessionLink(session, **panels)
    yield SimpleNamespace(session=session, loader=loader, link=link, **panels)
    link.close()
    session.close()


@pytest.fixture
def ready(parts):
    """The same with a first brain and its trajectory."""
    parts.session.open_checkpoint("fake")
    parts.session.wait_idle()
    return parts


def table_words(parts, column: int) -> list[str]:
    cells = parts.measures.volumes.table
    return [cells.item(row, column).text() for row in range(cells.rowCount())]


def test_before_a_generator_is_there_only_the_checkpoint_can_be_chosen(parts) -> None:
    assert parts.side.checkpoint.isEnabled()
    assert not parts.side.age.isEnabled()
    assert parts.side.checkpoint.chooser.count() == 4


def test_a_loaded_generator_fills_every_panel(ready) -> None:
    side, session = ready.side, ready.session
    assert side.checkpoint.chooser.currentText() == session.checkpoint.title
    assert side.age.box.value() == pytest.approx(session.age, abs=0.05)
    assert side.person.seed_box.value() == session.person.identity.seed
    assert set(side.features.rows) == {"height", "education", "occupation"}
    assert ready.status.device.text() == "Device: NVIDIA H200"
    assert ready.status.exactness.text() == "Exact"
    assert table_words(ready, 0) == [f"{v:.1f}" for v in session.shown.volumes_ml.values()]
    assert table_words(ready, 2) == ["0.0", "0.0", "0.0"]


def test_nothing_is_exact_before_the_brain_that_is_asked_for_is_there(ready) -> None:
    said, session = ready.status.exactness, ready.session
    ready.loader.last.hold()
    session.new_person(5)
    assert said.text() == "On its way"
    ready.loader.last.release()
    session.wait_idle()
    assert said.text() == "Exact"
    texts = []
    session.checkpoint_changed.connect(lambda _: texts.append(said.text()))
    session.open_checkpoint("other")
    session.wait_idle()
    assert texts == ["On its way"]
    assert said.text() == "Exact"


def test_going_back_to_what_is_shown_is_exact_at_once(ready) -> None:
    session, age = ready.session, ready.session.age
    ready.loader.last.hold()
    session.set_feature("height", 180.0)
    assert ready.status.exactness.text() != "Exact"
    session.reset_features()
    assert session.age == age
    assert ready.status.exactness.text() == "Exact"
    ready.loader.last.release()
    session.wait_idle()


def test_the_age_slider_changes_the_brain_and_the_numbers(ready) -> None:
    before = table_words(ready, 0)
    ready.side.age.slider.setValue(790)
    ready.session.wait_idle()
    assert ready.session.shown.conditions["age"] == 79.0
    assert ready.session.shown.exact
    assert table_words(ready, 0) != before
    assert any(words.startswith(("+", "−")) for words in table_words(ready, 2))
    assert ready.measures.volumes.caption.text().startswith("Now 79.0, factual ")


def test_every_wish_of_the_side_reaches_the_session(ready) -> None:
    side, session = ready.side, ready.session
    side.sex.buttons[1].click()
    side.features.rows["height"].box.setValue(180.0)
    side.scenario.findChild(object, "scenario_regressed").click()
    side.person.seed_box.setValue(12)
    assert dict(session.edits) == {"sex": "M", "height": 180.0}
    assert session.scenario is Scenario.REGRESSED
    assert session.person.identity.seed == 12
    side.person.factual_button.click()
    assert dict(session.edits) == {}
    assert session.person.factual["height"] == 180.0
    side.person.new_button.click()
    assert session.person.identity.seed != 12
    side.age.slider.setValue(300)
    side.age.factual_button.click()
    assert session.age == session.person.factual["age"]


def test_resets_take_edits_back(ready) -> None:
    side, session = ready.side, ready.session
    for name, value in (("height", 180.0), ("education", "3")):
        session.set_feature(name, value)
    side.features.rows["height"].reset_button.click()
    assert dict(session.edits) == {"education": "3"}
    side.features.reset_button.click()
    assert dict(session.edits) == {}


def test_features_that_move_with_age_are_shown_moving(ready) -> None:
    ready.session.set_scenario(Scenario.REGRESSED)
    ready.session.set_age(78.0)
    row = ready.side.features.rows["height"]
    assert row.box.value() == pytest.approx(ready.session.conditions["height"], abs=0.05)
    assert "moved from" in row.caption.text()


def test_a_wish_that_cannot_be_is_a_sentence_and_changes_nothing(ready) -> None:
    ready.measures.trajectory.age_requested.emit(12.0)
    assert "age must lie in 20-80 years" in ready.messages.sentence
    assert ready.side.age.box.value() == pytest.approx(ready.session.age, abs=0.05)


def test_a_checkpoint_that_fails_leaves_the_present_one_chosen(ready) -> None:
    ready.loader.failures.append(ValueError("the weights are torn"))
    chooser = ready.side.checkpoint.chooser
    index = chooser.findText("Fake brain, other")
    chooser.setCurrentIndex(index)
    chooser.activated.emit(index)
    ready.session.wait_idle()
    assert "the weights are torn" in ready.messages.sentence
    assert chooser.currentText() == "Fake brain, fake"


def test_work_that_fails_is_told_once(ready) -> None:
    ready.session.failed.emit("something")
    ready.session.failed.emit("something")
    assert ready.messages.count.text() == ""


def test_a_closed_link_hears_nothing(ready) -> None:
    ready.link.close()
    before = ready.side.age.box.value()
    ready.session.set_age(33.0)
    assert ready.side.age.box.value() == before


@pytest.fixture
def drawn(ready):
    """The parts after a generator without features was opened."""
    ready.session.open_checkpoint("bare")
    ready.session.wait_idle()
    return ready


def test_a_generator_without_features_says_so_wherever_a_feature_would_be(drawn) -> None:
    side, trajectory = drawn.side, drawn.measures.trajectory
    for control in (side.age, side.scenario, side.features.search, side.person.factual_button):
        assert not control.isEnabled()
    assert side.sex.isHidden()
    assert side.age.caption.text() == "not taken"
    assert side.features.nothing.text().startswith("This generator takes no features")
    assert not side.features.nothing.isHidden()
    assert trajectory.plot.isHidden()
    assert "takes no features" in trajectory.nothing.text()
    assert not trajectory.nothing.isHidden()
    assert drawn.measures.volumes.caption.text() == "Drawn by the seed alone"
    assert table_words(drawn, 2) == ["0.0", "0.0", "0.0"]
    drawn.session.gradients.watch(True)
    assert "takes no features" in drawn.gradients.nothing.text()


def test_from_a_generator_without_features_people_are_drawn(drawn) -> None:
    before = table_words(drawn, 0)
    drawn.side.person.seed_box.setValue(12)
    drawn.session.wait_idle()
    assert table_words(drawn, 0) != before
    assert drawn.side.person.label.text() == "Drawn by the seed alone"


def test_the_next_generator_with_features_has_its_controls_back(drawn) -> None:
    drawn.session.open_checkpoint("fake")
    drawn.session.wait_idle()
    side = drawn.side
    assert side.age.isEnabled()
    assert side.scenario.isEnabled()
    assert not side.sex.isHidden()
    assert not drawn.measures.trajectory.plot.isHidden()
    assert drawn.measures.trajectory.nothing.isHidden()
    assert side.age.caption.text() == "20–80 years"


def test_gradients_are_shown_and_called_outdated_when_a_feature_moves(ready) -> None:
    ready.session.gradients.watch(True)
    ready.session.wait_idle()
    assert ready.gradients.bars.rowCount() == len(ready.session.checkpoint.schema.columns)
    ready.session.set_age(44.0)
    assert ready.gradients.caption.text().startswith("Being computed")
    ready.session.wait_idle()
    assert ready.gradients.caption.text().startswith("Change of the volume")
