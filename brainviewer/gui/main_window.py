"""The window: it builds the parts, connects them and remembers how they were arranged."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, Qt, QUrl
from PySide6.QtWidgets import QMainWindow, QVBoxLayout, QWidget

from brainviewer.core.scenario import AGE
from brainviewer.gui.about_dialog import AboutDialog
from brainviewer.gui.autosaver import Autosaver
from brainviewer.gui.background import Background
from brainviewer.gui.change_link import ChangeLink
from brainviewer.gui.checkpoint_panel import CardDialog
from brainviewer.gui.command_list import Command, commands_of
from brainviewer.gui.command_palette import CommandPalette
from brainviewer.gui.docks import Docks
from brainviewer.gui.exporter import Exporter
from brainviewer.gui.file_opener import FileOpener, OpenedImage
from brainviewer.gui.frame_reader import FrameReader
from brainviewer.gui.gradient_panel import GradientPanel
from brainviewer.gui.help_dialog import PANEL_ROWS, HelpDialog, action_rows
from brainviewer.gui.history_link import HistoryLink
from brainviewer.gui.history_panel import HistoryPanel
from brainviewer.gui.icons import refresh_icons, window_icon
from brainviewer.gui.image_dialog import ImageInformation
from brainviewer.gui.label_link import LabelLink
from brainviewer.gui.measures_panel import MeasuresPanel
from brainviewer.gui.menus import EditMenu, FileMenu, HelpMenu, PersonMenu
from brainviewer.gui.message_bar import MessageBar
from brainviewer.gui.movie_dialog import SERIES, MovieDialog, MovieOrder
from brainviewer.gui.movie_maker import MovieMaker
from brainviewer.gui.panels_link import PanelsLink
from brainviewer.gui.region_link import RegionLink
from brainviewer.gui.region_panel import RegionPanel
from brainviewer.gui.scan_opener import ScanOpener
from brainviewer.gui.scene_link import SceneLink
from brainviewer.gui.session_link import SessionLink
from brainviewer.gui.side_panel import SidePanel
from brainviewer.gui.status_bar import StatusBar
from brainviewer.gui.undo_guard import UndoGuard
from brainviewer.gui.view_menu import ViewMenu
from brainviewer.gui.viewing_area import KEY_ROWS, ViewingArea
from brainviewer.session.settings import Settings, write_settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from PySide6.QtGui import QCloseEvent, QDragEnterEvent, QDropEvent

    from brainviewer.generators.checkpoint import Checkpoint
    from brainviewer.gui.bridge import Bridge
    from brainviewer.session.autosave import Autosave
    from brainviewer.session.state import Person, Session

TOLD_MS = 3000


class MainWindow(QMainWindow):
    """The application's window.

    It owns the session and the bridge from here on, and ends both when it is closed.

    Parameters
    ----------
    session : Session
    bridge : Bridge
        The one that the session posts through.
    settings : Settings
        What was remembered from the last time.
    save : function of Settings
        Remembers them for the next time.
    autosave : Autosave, optional
        Keeps what is on the screen in case the application is killed.
    """

    def __init__(
        self,
        session: Session,
        bridge: Bridge,
        settings: Settings,
        *,
        save: Callable[[Settings], None] = write_settings,
        autosave: Autosave | None = None,
    ) -> None:
        super().__init__()
        self.session = session
        self._bridge = bridge
        self._settings = settings
        self._save_settings = save
        self._is_closed = False
        bridge.setParent(self)
        self.messages = MessageBar()
        self.side = SidePanel()
        self.viewing = ViewingArea(session, Background(bridge))
        self.measures = MeasuresPanel()
        self.gradients = GradientPanel()
        self.regions = RegionPanel()
        self.steps = HistoryPanel()
        self.status = StatusBar()
        self.opener = FileOpener(bridge, self)
        self.frames = FrameReader(self.viewing.display, bridge, self)
        self.information = ImageInformation(self.viewing.display, bridge, self)
        self._lay_out()
        self._make_menus()
        self.link = SessionLink(
            session,
            side=self.side,
            measures=self.measures,
            gradients=self.gradients,
            regions=self.regions,
            status=self.status,
            messages=self.messages,
        )
        self.scans = ScanOpener(session, self.viewing, bridge, self)
        self.changes = ChangeLink(session, self.viewing, self.view_menu.local_change)
        self.labels = LabelLink(session, self.viewing.display, self.gradients)
        self.shown_regions = RegionLink(
            session, self.viewing, self.regions, self.measures.trajectory
        )
        self.past = HistoryLink(
            session, self.viewing, menu=self.edit_menu, panel=self.steps, window=self
        )
        self.scenes = SceneLink(
            session,
            self.viewing,
            PanelsLink(
                self.docks,
                trajectory=self.measures.trajectory,
                gradients=self.gradients,
                regions=self.regions,
            ),
            opener=self.opener,
            history=self.past.history,
        )
        self.exporter = Exporter(session, self, viewing=self.viewing, recipe=self.scenes.recipe)
        self.movies = MovieMaker(session, self.viewing, bridge.post, self)
        self.autosaver = (
            None
            if autosave is None
            else Autosaver(
                autosave, session, self.scenes, messages=self.messages, bridge=bridge, parent=self
            )
        )
        UndoGuard(self)
        self._connect()
        self._restore()

    def remember_checkpoint(self, checkpoint: Checkpoint) -> None:
        """Begin with this checkpoint the next time."""
        self._settings = replace(self._settings, last_checkpoint=str(checkpoint.folder))

    def remember_file(self, path: str) -> None:
        """Put a file first among the recent ones."""
        self._settings = self._settings.with_recent_file(path)
        self.file_menu.show_recent(self._settings.recent_files)

    @property
    def settings(self) -> Settings:
        """What is remembered for the next time."""
        return self._settings

    # Building

    def _lay_out(self) -> None:
        self.setObjectName("main_window")
        self.setWindowTitle("BrainViewer")
        self.setWindowIcon(window_icon())
        self.setAcceptDrops(True)
        self.setCentralWidget(self._centre())
        self.setStatusBar(self.status)
        self.docks = Docks(
            self,
            side=self.side,
            layers=self.viewing.layers,
            history=self.steps,
            measures=self.measures,
            gradients=self.gradients,
            regions=self.regions,
        )

    def _centre(self) -> QWidget:
        centre = QWidget()
        column = QVBoxLayout(centre)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.messages)
        column.addWidget(self.viewing, 1)
        return centre

    def _make_menus(self) -> None:
        self.file_menu = FileMenu(self)
        self.edit_menu = EditMenu(self)
        self.view_menu = ViewMenu(self, self.viewing, self.docks.all)
        self.person_menu = PersonMenu(self)
        self.help_menu = HelpMenu(self)
        self.menus = (
            self.file_menu,
            self.edit_menu,
            self.view_menu,
            self.person_menu,
            self.help_menu,
        )
        for menu in self.menus:
            self.menuBar().addMenu(menu)
        self.commands = CommandPalette(self, self._commands)
        self.file_menu.set_ready(False)
        self.person_menu.set_ready(False)
        self.help_menu.card.setEnabled(False)

    def _connect(self) -> None:
        self._connect_files()
        person, view = self.person_menu, self.view_menu
        person.new_person.triggered.connect(self._on_new_person)
        person.average.triggered.connect(self._on_average)
        person.make_factual.triggered.connect(self._on_make_factual)
        person.pin.triggered.connect(self.link.pin)
        person.factual_age.triggered.connect(self._on_factual_age)
        person.reset_features.triggered.connect(self._on_reset_features)
        view.reset_layout.triggered.connect(self.docks.reset)
        self.status.convention_requested.connect(self.viewing.toggle_convention)
        self.viewing.changed.connect(self._on_display_changed)
        self._on_display_changed()
        view.gradients.triggered.connect(self._on_gradients)
        self.docks.features.visibilityChanged.connect(self.session.gradients.watch)
        view.regions.triggered.connect(self._on_regions)
        self.docks.regions.visibilityChanged.connect(self.session.regions.watch)
        self.regions.place_requested.connect(self.viewing.display.set_crosshair)
        self.regions.copied.connect(self.messages.show_notice)
        self.regions.curves_requested.connect(self._on_curves)
        self.gradients.feature_requested.connect(self._on_feature_requested)
        self.gradients.save_requested.connect(self.exporter.save_gradients)
        view.layer.information.triggered.connect(self.information.show_of_chosen)
        self.viewing.layers.information_requested.connect(self.information.show_of)
        view.layer.chosen.connect(self._on_layer_chosen)
        view.full_screen.toggled.connect(self._on_full_screen)
        self.help_menu.commands.triggered.connect(self.commands.toggle)
        self.help_menu.keys.triggered.connect(self._on_keys)
        self.help_menu.card.triggered.connect(self._on_card)
        self.help_menu.about.triggered.connect(self._on_about)
        self.side.checkpoint.card_requested.connect(self._on_card)
        self.session.checkpoint_changed.connect(self._on_checkpoint_changed)
        self.session.person_changed.connect(self._on_person_changed)

    def _connect_files(self) -> None:
        menu, opener, exporter = self.file_menu, self.opener, self.exporter
        menu.open_image.triggered.connect(opener.ask_image)
        menu.open_scan.triggered.connect(self.scans.ask)
        self.scans.failed.connect(self.messages.show_error)
        self.viewing.own_scan.failed.connect(self.messages.show_error)
        self.viewing.own_scan.changed.connect(self.link.show_volumes)
        self.scans.notice.connect(self.messages.show_notice)
        menu.open_recipe.triggered.connect(opener.ask_recipe)
        menu.open_checkpoint.triggered.connect(opener.ask_checkpoint)
        menu.recent_requested.connect(self._on_recent_requested)
        menu.export.triggered.connect(exporter.ask)
        menu.screenshot.triggered.connect(exporter.save_screenshot)
        menu.movie.triggered.connect(self._on_movie)
        self.movies.written.connect(exporter.show_written)
        self.movies.failed.connect(self.messages.show_error)
        menu.report.triggered.connect(exporter.save_report)
        menu.save_recipe.triggered.connect(exporter.save_recipe)
        menu.leave.triggered.connect(self.close)
        opener.image_opened.connect(self._on_image_opened)
        opener.recipe_opened.connect(self._on_recipe_opened)
        opener.checkpoint_chosen.connect(self._on_checkpoint_chosen)
        opener.opened.connect(self.remember_file)
        opener.reading.connect(self.status.showMessage)
        opener.failed.connect(self.messages.show_error)
        self.frames.failed.connect(self.messages.show_error)
        self.information.failed.connect(self.messages.show_error)
        exporter.written.connect(self.messages.show_notice)
        exporter.failed.connect(self.messages.show_error)

    # What happens

    def _on_checkpoint_changed(self, checkpoint: Checkpoint) -> None:
        self.remember_checkpoint(checkpoint)
        if not self.file_menu.export.isEnabled():
            self.side.age.setFocus()
        self.file_menu.set_ready(True)
        self.person_menu.set_ready(True)
        self.person_menu.show_schema(checkpoint.schema)
        self.person_menu.offer_average(self.session.has_average)
        self.file_menu.show_schema(checkpoint.schema)
        self.help_menu.card.setEnabled(True)

    def _on_person_changed(self, person: Person) -> None:
        self.setWindowTitle(f"{person.label} — BrainViewer")

    def _on_new_person(self) -> None:
        self.link.wish(self.session.new_person)

    def _on_average(self) -> None:
        self.link.wish(self.session.average_person)

    def _on_make_factual(self) -> None:
        self.link.wish(self.session.make_factual)

    def _on_factual_age(self) -> None:
        self.link.wish(self.session.reset_feature, AGE)

    def _on_reset_features(self) -> None:
        self.link.wish(self.session.reset_features)

    def _on_recipe_opened(self, recipe: object) -> None:
        self.link.wish(self.scenes.open, recipe)

    def _on_movie(self) -> None:
        if self.session.state is not None:
            dialog = MovieDialog(self.session.state, self)
            dialog.ordered.connect(self._on_movie_ordered)
            dialog.open()

    def _on_movie_ordered(self, order: MovieOrder) -> None:
        if order.kind == SERIES:
            self.exporter.save_series(order.sweep)
            return
        movie = self.exporter.ask_movie(order.sweep.name, order.kind, order.rate_hz)
        if movie is not None:
            self.movies.start(order, movie)

    def _on_checkpoint_chosen(self, folder: str) -> None:
        self.link.wish(self.session.open_checkpoint, folder)

    def _on_image_opened(self, image: OpenedImage) -> None:
        source = str(image.path)
        with self.past.history.one_step():
            self.viewing.display.add_image(
                image.volume, source, frames=image.info.frames, labels=image.labels
            )
            self.scenes.place_image(source)
        for sentence in image.warnings:
            self.messages.show_notice(sentence)
        if image.may_be_scan and self.scans.can_open:
            self.messages.suggest(
                f"{image.path.name} lies beside the brain now; if it is a T1-weighted scan of an "
                f"adult, it can be made a person whose age and features can be changed",
                "As own &scan…",
                accept=partial(self.scans.open, image.path),
            )

    def _on_layer_chosen(self, name: str) -> None:
        self.status.showMessage(f"Active layer: {name}", TOLD_MS)

    def _on_display_changed(self) -> None:
        self.status.show_convention(self.viewing.display.convention)

    def _on_full_screen(self, full: bool) -> None:
        self.setWindowState(
            self.windowState() | Qt.WindowState.WindowFullScreen
            if full
            else self.windowState() & ~Qt.WindowState.WindowFullScreen
        )

    def _on_recent_requested(self, path: str) -> None:
        self.opener.open_all([path])

    def _on_gradients(self) -> None:
        self.docks.bring(self.docks.features)
        self.gradients.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def _on_regions(self) -> None:
        self.docks.bring(self.docks.regions)
        self.regions.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def _on_curves(self) -> None:
        self.docks.bring(self.docks.volumes)

    def _on_feature_requested(self, name: str) -> None:
        self.docks.bring(self.docks.person)
        self.side.go_to(name)

    def _commands(self) -> list[Command]:
        """List what can be done: by a menu, then by mouse and keys."""
        by_hand = [Command(place, what, "", keys) for place, keys, what in (*KEY_ROWS, *PANEL_ROWS)]
        own = self.help_menu.commands
        return [*(it for it in commands_of(self.menus) if it.action is not own), *by_hand]

    def _on_keys(self) -> None:
        rows = [*action_rows(self.menus), *KEY_ROWS, *PANEL_ROWS]
        HelpDialog(rows, self).show()

    def _on_card(self) -> None:
        if self.session.checkpoint is not None:
            CardDialog(self.session.checkpoint, self).show()

    def _on_about(self) -> None:
        AboutDialog(self.session.device_name, self).show()

    # Qt's events

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Take files."""
        if any(url.isLocalFile() for url in event.mimeData().urls()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        """Open what is dropped."""
        self.opener.open_all(_local_paths(event.mimeData().urls()))
        event.acceptProposedAction()

    def changeEvent(self, event: QEvent) -> None:
        """Draw the icons again when the colours change."""
        super().changeEvent(event)
        if event.type() is QEvent.Type.PaletteChange:
            refresh_icons(self)

    def closeEvent(self, event: QCloseEvent) -> None:
        """Remember the layout, let go of the session, and end what runs."""
        if not self._is_closed:
            self._is_closed = True
            self._save()
            self.hide()
            self.docks.features.visibilityChanged.disconnect(self.session.gradients.watch)
            self.docks.regions.visibilityChanged.disconnect(self.session.regions.watch)
            self.session.checkpoint_changed.disconnect(self._on_checkpoint_changed)
            self.session.person_changed.disconnect(self._on_person_changed)
            self.labels.close()
            self.frames.close()
            self.changes.close()
            self.shown_regions.close()
            self.scans.close()
            if self.autosaver is not None:
                self.autosaver.close()
            self.scenes.close()
            self.past.close()
            self.link.close()
            self._bridge.close()
            self.session.close()
            self.viewing.close()
        super().closeEvent(event)

    def _restore(self) -> None:
        self.file_menu.show_recent(self._settings.recent_files)
        self.docks.restore(self._settings.layout)
        self.viewing.show_preferences(self._settings.preferences)
        self.viewing.viewpoints.replace(self._settings.viewpoints)

    def _save(self) -> None:
        self._settings = replace(
            self._settings,
            layout=self.docks.layout(),
            preferences=self.viewing.preferences(),
            viewpoints=self.viewing.viewpoints.all,
        )
        self._save_settings(self._settings)


def _local_paths(urls: list[QUrl]) -> list[Path]:
    return [Path(url.toLocalFile()) for url in urls if url.isLocalFile()]
