"""Keeps the panels and the session in step: facts to the panels, wishes to the session."""

from __future__ import annotations

import logging
import math
from typing import TYPE_CHECKING, Any

from brainviewer.core.scenario import AGE, SEX, Scenario
from brainviewer.gui.standings import percentiles_of
from brainviewer.gui.trajectory_axes import Marked
from brainviewer.gui.volumes_table import volume_rows
from brainviewer.session.own_point import OWN_SCAN, from_own_point
from brainviewer.session.state import Person, Session, SessionError, Shown, Trajectory

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from brainviewer.core.features import Value
    from brainviewer.generators.checkpoint import Checkpoint
    from brainviewer.gui.gradient_panel import GradientPanel
    from brainviewer.gui.measures_panel import MeasuresPanel
    from brainviewer.gui.message_bar import MessageBar
    from brainviewer.gui.region_panel import RegionPanel
    from brainviewer.gui.side_panel import SidePanel
    from brainviewer.gui.status_bar import StatusBar
    from brainviewer.gui.trajectory_panel import TrajectoryPanel
    from brainviewer.session.encoding import Encoded

_LOG = logging.getLogger(__name__)


class SessionLink:
    """Connects a session with the panels until it is closed.

    Parameters
    ----------
    session : Session
    side : SidePanel
    measures : MeasuresPanel
    gradients : GradientPanel
    regions : RegionPanel
    status : StatusBar
    messages : MessageBar
        Where wishes that cannot be are answered.
    """

    def __init__(
        self,
        session: Session,
        *,
        side: SidePanel,
        measures: MeasuresPanel,
        gradients: GradientPanel,
        regions: RegionPanel,
        status: StatusBar,
        messages: MessageBar,
    ) -> None:
        self._session = session
        self._side = side
        self._measures = measures
        self._gradients = gradients
        self._status = status
        self._messages = messages
        self._facts: list[tuple[Any, Callable[..., None]]] = [
            (session.checkpoint_changed, self._on_checkpoint_changed),
            (session.person_changed, self._on_person_changed),
            (session.conditions_changed, self._on_conditions_changed),
            (session.scenario_changed, self._on_scenario_changed),
            (session.brain_changed, self._on_brain_changed),
            (session.factual_changed, self._on_factual_changed),
            (session.trajectory_changed, self._on_trajectory_changed),
            (session.scan_changed, self._on_scan_changed),
            (session.scan_refined, self._on_scan_changed),
            (session.curves.other_changed, measures.trajectory.show_other),
            (session.curves.pins_changed, measures.trajectory.show_pins),
            (session.curves.factual_regions_changed, measures.trajectory.show_factual_regions),
            (session.gradients.changed, gradients.show_gradients),
            (session.gradients.outdated, gradients.show_outdated),
            (session.regions.changed, regions.show_regions),
            (session.regions.outdated, regions.show_outdated),
            (session.device_changed, status.show_device),
            (session.busy_changed, status.show_busy),
            (session.progress_changed, status.show_progress),
            (session.drawing_stopped, self._on_drawing_stopped),
            (session.failed, self._on_failed),
            (session.notice, messages.show_notice),
        ]
        for signal, slot in self._facts:
            signal.connect(slot)
        self._connect_wishes()
        side.checkpoint.show_checkpoints(session.checkpoints, session.problems)

    def close(self) -> None:
        """Let go of the session."""
        for signal, slot in self._facts:
            signal.disconnect(slot)
        self._facts.clear()

    def wish(self, ask: Callable[..., None], *values: Any) -> None:  # noqa: ANN401  any wish's
        """Ask the session for something; a wish that cannot be is a sentence, and changes nothing.

        Parameters
        ----------
        ask : method of the session
        values : what the method takes
        """
        try:
            ask(*values)
        except (ValueError, SessionError) as error:
            _LOG.info("%s", error)
            self._messages.show_error(str(error))
            self._show_state()

    def _connect_wishes(self) -> None:
        side = self._side
        side.checkpoint.checkpoint_requested.connect(self._on_checkpoint_requested)
        side.age.age_requested.connect(self._on_age_requested)
        side.age.factual_requested.connect(self._on_factual_age_requested)
        side.sex.sex_requested.connect(self._on_sex_requested)
        side.scenario.scenario_requested.connect(self._on_scenario_requested)
        side.person.seed_requested.connect(self._on_seed_requested)
        side.person.new_person_requested.connect(self._on_new_person_requested)
        side.person.average_requested.connect(self._on_average_requested)
        side.person.factual_requested.connect(self._on_factual_requested)
        side.features.value_requested.connect(self._on_value_requested)
        side.features.reset_requested.connect(self._on_reset_requested)
        side.features.reset_all_requested.connect(self._on_reset_all_requested)
        self._connect_curves(self._measures.trajectory)
        self._measures.volumes.copied.connect(self._messages.show_notice)
        self._status.cancel_requested.connect(self._session.cancel_tasks)

    def _connect_curves(self, panel: TrajectoryPanel) -> None:
        panel.age_requested.connect(self._on_age_requested)
        panel.pin_requested.connect(self.pin)
        panel.pins.rename_requested.connect(self._session.curves.rename_pin)
        panel.pins.visible_requested.connect(self._session.curves.show_pin)
        panel.pins.remove_requested.connect(self._session.curves.remove_pin)

    def pin(self) -> None:
        """Keep the person of now for comparison."""
        self._session.curves.pin()

    # Wishes

    def _on_checkpoint_requested(self, name: str) -> None:
        self.wish(self._session.open_checkpoint, name)

    def _on_age_requested(self, years: float) -> None:
        self.wish(self._session.set_age, years)

    def _on_factual_age_requested(self) -> None:
        self.wish(self._session.reset_feature, AGE)

    def _on_sex_requested(self, code: str) -> None:
        self.wish(self._session.set_feature, SEX, code)

    def _on_scenario_requested(self, scenario: Scenario) -> None:
        self.wish(self._session.set_scenario, scenario)

    def _on_seed_requested(self, seed: int) -> None:
        self.wish(self._session.new_person, seed)

    def _on_new_person_requested(self) -> None:
        self.wish(self._session.new_person)

    def _on_average_requested(self) -> None:
        self.wish(self._session.average_person)

    def _on_factual_requested(self) -> None:
        self.wish(self._session.make_factual)

    def _on_value_requested(self, name: str, value: Value) -> None:
        self.wish(self._session.set_feature, name, value)

    def _on_reset_requested(self, name: str) -> None:
        self.wish(self._session.reset_feature, name)

    def _on_reset_all_requested(self) -> None:
        self.wish(self._session.reset_features)

    # Facts

    def _on_checkpoint_changed(self, checkpoint: Checkpoint) -> None:
        side, schema = self._side, checkpoint.schema
        side.set_ready(True)
        side.checkpoint.show_checkpoints(self._session.checkpoints, self._session.problems)
        side.checkpoint.show_checkpoint(checkpoint)
        side.scenario.setEnabled(AGE in schema)
        if AGE in schema:
            side.age.show_feature(schema[AGE])
        else:
            side.age.show_not_taken()
        side.sex.setVisible(SEX in schema)
        if SEX in schema:
            side.sex.show_feature(schema[SEX])
        side.features.show_schema(schema)
        side.person.offer_average(self._session.has_average)
        self._measures.trajectory.show_checkpoint(checkpoint)
        self._gradients.show_schema(schema)
        self._tell_waiting()

    def _tell_waiting(self) -> None:
        """Say that another brain is asked for than the one on the screen, where that is so."""
        if not self._session.is_up_to_date:
            self._status.show_waiting()
        elif self._session.shown is not None:
            self._status.show_brain(self._session.shown)

    def _on_person_changed(self, person: Person) -> None:
        checkpoint = self._session.checkpoint
        if checkpoint is None:
            return
        age = person.factual.get(AGE)
        self._side.person.show_person(person, checkpoint.schema)
        if AGE in checkpoint.schema:
            self._side.age.show_factual(float(age) if isinstance(age, int | float) else None)
        self._measures.trajectory.show_factual(None)
        self._show_own()
        self._show_conditions()
        self._tell_waiting()

    def _on_conditions_changed(self, _conditions: Mapping[str, Value]) -> None:
        self._show_conditions()
        self._tell_waiting()

    def _on_scenario_changed(self, scenario: Scenario) -> None:
        self._side.scenario.show_scenario(scenario)

    def _on_brain_changed(self, shown: Shown) -> None:
        self._status.show_brain(shown)
        self.show_volumes()

    def _on_factual_changed(self, shown: Shown) -> None:
        self._measures.trajectory.show_factual(_marked(shown))
        self.show_volumes()

    def _on_trajectory_changed(self, trajectory: Trajectory) -> None:
        self._measures.trajectory.show_trajectory(trajectory)
        self._show_own()

    def _on_scan_changed(self, _encoded: Encoded) -> None:
        self._show_own()

    def _on_drawing_stopped(self, sentence: str) -> None:
        self._messages.show_notice(sentence)
        self._show_state()

    def _on_failed(self, sentence: str) -> None:
        self._messages.show_error(sentence)
        self._show_state()

    def _show_state(self) -> None:
        """Put the controls back to what the session holds, after a wish that could not be."""
        checkpoint, person = self._session.checkpoint, self._session.person
        self._side.checkpoint.show_checkpoints(self._session.checkpoints, self._session.problems)
        if checkpoint is not None and person is not None:
            self._side.checkpoint.show_checkpoint(checkpoint)
            self._side.person.show_person(person, checkpoint.schema)
            self._side.scenario.show_scenario(self._session.scenario)
            self._show_conditions()

    def _show_conditions(self) -> None:
        session, conditions = self._session, self._session.conditions
        person = session.person
        if person is None:
            return
        if math.isfinite(session.age):
            self._side.age.show_age(session.age)
            self._measures.trajectory.show_age(session.age)
        self._side.sex.show_value(conditions.get(SEX))
        self._side.features.show_conditions(conditions, edits=session.edits, factual=person.factual)
        self._measures.trajectory.show_sex(conditions.get(SEX))

    def _show_own(self) -> None:
        """Show what was measured on the person's scan, and the trajectory from there."""
        point, trajectory = self._session.own_point, self._session.trajectory
        panel = self._measures.trajectory
        if point is None or trajectory is None:
            panel.show_own(None, None)
        else:
            marked = Marked(point.age, point.volumes_ml)
            panel.show_own(marked, from_own_point(trajectory, point))

    def show_volumes(self) -> None:
        """Show the volumes of the brain on the screen, also of a scan in its place."""
        session = self._session
        shown, generator = session.in_place, session.generator
        if shown is None or generator is None or session.checkpoint is None:
            return
        is_scan, scan = shown is not session.shown, session.comparison.scan
        factual = scan.volumes_ml if is_scan and scan is not None else session.factual_volumes_ml
        standings = percentiles_of(shown, session.checkpoint)
        table = self._measures.volumes
        table.show_rows(volume_rows(shown.volumes_ml, factual, standings))
        caption = self._caption(shown)
        table.show_caption(
            f"{OWN_SCAN.capitalize()}, carried: {caption}" if is_scan else caption,
            space=generator.space,
        )
        self._measures.trajectory.show_now(_marked(shown))

    def _caption(self, shown: Shown) -> str:
        person, now = self._session.person, _age(shown.conditions)
        if math.isnan(now):
            return "Drawn by the seed alone"
        factual = "" if person is None else f", factual {_age(person.factual):.1f} years"
        return f"Now {now:.1f}{factual}"


def _age(conditions: Mapping[str, Value]) -> float:
    age = conditions.get(AGE)
    return float(age) if isinstance(age, int | float) else math.nan


def _marked(shown: Shown) -> Marked:
    return Marked(_age(shown.conditions), shown.volumes_ml)
