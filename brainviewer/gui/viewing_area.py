"""The middle: slices, 3D view and read-out, on one display."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, get_args

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QStackedWidget, QVBoxLayout, QWidget

from brainviewer.core.space import Convention, Plane
from brainviewer.gui.change_bar import ChangeBar
from brainviewer.gui.compare_view import CompareView
from brainviewer.gui.cursor_bar import CursorBar, other_convention
from brainviewer.gui.layers_panel import LayersPanel
from brainviewer.gui.lightbox_canvas import LIGHTBOX_ROWS
from brainviewer.gui.lightbox_view import LightboxView
from brainviewer.gui.ortho_view import OrthoView
from brainviewer.gui.pane_3d import Pane3D
from brainviewer.gui.scan_bar import ScanBar
from brainviewer.gui.scan_link import ScanLink
from brainviewer.gui.slice_view import MOUSE_ROWS
from brainviewer.session.comparison import Against, Choice
from brainviewer.session.display import Display
from brainviewer.session.layers import Interpolation
from brainviewer.session.look import LARGE_3D, LayerLook, Look, look_of_layer
from brainviewer.session.scene import Scene
from brainviewer.session.settings import Preferences
from brainviewer.session.view import View
from brainviewer.session.viewpoints import Viewpoints

if TYPE_CHECKING:
    from collections.abc import Sequence

    from psygnal import SignalInstance
    from PySide6.QtGui import QCloseEvent

    from brainviewer.core.volume import Brain
    from brainviewer.gui.background import Background
    from brainviewer.session.layers import Layer
    from brainviewer.session.state import Session, Shown

KEY_ROWS = (
    *MOUSE_ROWS,
    *LIGHTBOX_ROWS,
    ("3D view", "Left click", "Move the crosshair to that place of the surface"),
    ("3D view", "Left drag", "Rotate"),
    ("3D view", "Middle drag", "Move the picture"),
    ("3D view", "Wheel, right drag, plus, minus", "Zoom"),
    ("3D view", "1, 3, 7", "Look from the front, the left, above; with Shift from opposite"),
    ("3D view", "C", "Cut the next side away, up to the crosshair; after the last none"),
    ("3D view", "Arrow keys", "Rotate; with Shift: move the picture"),
    ("3D view", "R", "Back to the first view"),
)


class ViewingArea(QWidget):
    """Shows the brains of a session.

    Parameters
    ----------
    session : Session
    background : Background
        Imports what the 3D view needs.

    Signals
    -------
    changed
        The look may be another: convention, crosshair, layers, or which pane is large.
    """

    changed = Signal()

    def __init__(self, session: Session, background: Background) -> None:
        super().__init__()
        self._session = session
        self._brain: Brain | None = None
        self._in_3d: Shown | None = None
        self.display = Display()
        self.viewpoints = Viewpoints()
        self.pane_3d = Pane3D(background)
        self.ortho = OrthoView(self.display, self.pane_3d)
        self.compare = CompareView(session, self.display)
        self._pages = QStackedWidget()
        self._pages.addWidget(self.ortho)
        self.lightbox = LightboxView(self.display)
        for page in (self.compare, self.lightbox):
            self._pages.addWidget(page)
        self.change_bar = ChangeBar()
        self.change_bar.hide()
        self.scan_bar = ScanBar()
        self.own_scan = ScanLink(session, self.scan_bar)
        self.own_scan.changed.connect(self._on_scan_in_place)
        self.scan_bar.in_place_requested.connect(self._on_in_place_requested)
        self.cursor_bar = CursorBar(self.display)
        self.layers = LayersPanel(self.display)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.scan_bar)
        column.addWidget(self.change_bar)
        column.addWidget(self._pages, 1)
        column.addWidget(self.cursor_bar)
        session.brain_changed.connect(self._on_brain_changed)
        for changed in self._other_grids:
            changed.connect(self._on_grid_changed)
        self.display.view_changed.connect(self._on_display_changed)
        self.display.layers_changed.connect(self._on_display_changed)
        self.display.rulers.changed.connect(self._on_display_changed)
        self.display.regions.changed.connect(self._on_display_changed)
        self.display.crosshair_changed.connect(self._on_crosshair_changed)
        self.viewpoints.changed.connect(self._on_display_changed)
        self.pane_3d.picked.connect(self.display.set_crosshair)
        for ortho in (self.ortho, self.compare.own):
            ortho.maximised_changed.connect(self.changed)
        self.lightbox.changed.connect(self.changed)
        self.lightbox.canvas.leave_requested.connect(partial(self.show_lightbox, False))

    def look(self) -> Look:
        """Describe how the brains are looked at."""
        display = self.display
        layers = tuple(look_of_layer(it) for it in display.layers if it.kind != "change")
        return Look(
            layers,
            display.maps,
            display.convention,
            self._large,
            display.regions.chosen,
            display.rulers.lines,
        )

    def show_look(self, look: Look) -> None:
        """Look at the brains that way."""
        self.display.set_convention(look.convention)
        self.display.arrange(look.layers)
        self.display.regions.replace(look.regions)
        self.display.rulers.replace(look.rulers)
        self._show_large(look.large)

    def toggle_convention(self) -> None:
        """Show the person's left on the other side."""
        self.display.set_convention(other_convention(self.display.convention))

    def show_radiological(self, radiological: bool) -> None:
        """Show the person's left on the right, or on the left."""
        self.display.set_convention(
            Convention.RADIOLOGICAL if radiological else Convention.NEUROLOGICAL
        )

    def show_next_interpolation(self) -> None:
        """Interpolate between voxels in the next way, after the last in the first again."""
        ways = get_args(Interpolation)
        self.display.set_interpolation(ways[(ways.index(self.display.interpolation) + 1) % 3])

    def show_crosshair(self, visible: bool) -> None:
        """Draw the crosshair or not."""
        if visible != self.display.crosshair_visible:
            self.display.toggle_crosshair()

    @property
    def is_comparing(self) -> bool:
        """Whether two brains are side by side."""
        return self._pages.currentWidget() is self.compare

    def show_compare(self, comparing: bool) -> None:
        """Put another brain beside the one on the screen, or give it the whole place again."""
        if comparing == self.is_comparing:
            return
        large = self._large
        self._pages.setCurrentWidget(self.compare if comparing else self.ortho)
        if comparing:
            self.compare.begin()
        else:
            self.compare.end()
        self._show_large(large)
        self._on_grid_changed(None)
        self.cursor_bar.read_beside(self.compare.beside if comparing else None)
        self.changed.emit()

    @property
    def is_lightbox(self) -> bool:
        """Whether many slices of one plane are shown."""
        return self._pages.currentWidget() is self.lightbox

    def show_lightbox(self, shown: bool) -> None:
        """Show many slices of one plane, or three slices and the 3D view again."""
        if shown == self.is_lightbox:
            return
        self.show_compare(False)
        self._pages.setCurrentWidget(self.lightbox if shown else self.ortho)
        if shown:
            self.lightbox.begin()
        self.changed.emit()

    @property
    def stage(self) -> QWidget:
        """The pictures: slices and 3D view, two brains, or the lightbox."""
        return self._pages

    def show_brain(self, shown: Shown) -> None:
        """Show a brain, fine where it was made fine; in 3D soon."""
        self._show_slices(shown)
        wanted = self._session.in_place if shown is self._session.shown else shown
        if wanted is not None and wanted is not self._in_3d:
            self._in_3d = wanted
            self.pane_3d.show_brain(wanted)
        self.display.regions.show_map(self._session.region_map.map)

    def show_at_once(self, shown: Shown) -> None:
        """Show a brain, in 3D too before this returns; its regions are not known."""
        self._brain, self._in_3d = shown.brain, None
        self.display.regions.show_map(None)
        self.display.show_brain(shown.brain)
        self.pane_3d.show_at_once(shown)

    def preferences(self) -> Preferences:
        """Describe what of the look is kept for the next start."""
        display = self.display
        return Preferences(
            display.convention,
            display.interpolation,
            display.crosshair_visible,
            display.view(Plane.AXIAL).zoom,
            display.legend_visible,
        )

    def show_preferences(self, preferences: Preferences) -> None:
        """Look at the first brain as at the last one of the last time."""
        self.display.set_convention(preferences.convention)
        self.show_crosshair(preferences.crosshair)
        self.display.show_legend(preferences.legend)
        self.display.set_views(dict.fromkeys(Plane, View(preferences.zoom)))
        self.display.set_interpolation(preferences.interpolation)

    def scene(self) -> Scene:
        """Describe all that is looked at, without pins."""
        display, look = self.display, self.look()
        return Scene(
            display.crosshair,
            display.crosshair_visible,
            look.convention,
            look.large,
            look.layers,
            {plane: display.view(plane) for plane in Plane},
            self.pane_3d.look(),
            self._beside,
            rulers=display.rulers.lines,
            regions=look.regions,
            legend=display.legend_visible,
            blending=self.compare.blend.blending,
            lightbox=self.lightbox.box if self.is_lightbox else None,
            active=display.layers[display.active].name if display.layers else "",
        )

    def show_scene(self, scene: Scene) -> None:
        """Look at the brain of now that way."""
        display = self.display
        self.show_layers(scene.layers, active=scene.active)
        display.set_convention(scene.convention)
        display.set_crosshair(scene.crosshair)
        self.show_crosshair(scene.crosshair_visible)
        display.set_views(scene.views)
        display.rulers.replace(scene.rulers)
        display.regions.replace(scene.regions)
        display.show_legend(scene.legend)
        if scene.brain_3d is not None:
            self.pane_3d.show_look(scene.brain_3d)
        if scene.lightbox is not None:
            self.lightbox.show_box(scene.lightbox)
        self.show_lightbox(scene.lightbox is not None)
        self.compare.blend.show(scene.blending)
        self.show_compare(bool(scene.beside))
        if scene.beside:
            self.compare.choose(self._choice_of(scene.beside))
        self._show_large(scene.large)

    def show_layers(self, looks: Sequence[LayerLook], *, active: str = "") -> None:
        """Give the layers these looks and this order; other images stay, on top.

        The layer of a name becomes the active one, where it is there.
        """
        images = {it.source: it for it in self.display.layers if it.source}
        known = [_with_image(it, images.get(it.source)) for it in looks]
        named = {look.source for look in looks if look.source}
        others = [
            look_of_layer(it)
            for it in self.display.layers
            if not it.generated and it.source not in named
        ]
        self.display.arrange([*known, *others])
        self._ask_for_frames(looks)
        names = [layer.name for layer in self.display.layers]
        if active in names:
            self.display.set_active(names.index(active))

    def _ask_for_frames(self, looks: Sequence[LayerLook]) -> None:
        wanted = {look.name: look.frame for look in looks}
        for layer in self.display.layers:
            if layer.frames > 1 and layer.name in wanted:
                self.display.frames.ask(layer, wanted[layer.name])

    @property
    def _other_grids(self) -> tuple[SignalInstance, ...]:
        """What may bring the same brain on another grid."""
        comparison = self._session.comparison
        stand_in = self._session.stand_in.fine
        own = self._session.fine.changed, stand_in.changed
        return *own, comparison.changed, comparison.fine.changed

    @property
    def _beside(self) -> str:
        """What is put beside, as a scene says it."""
        comparison = self._session.comparison
        choice = comparison.choice
        if not self.is_comparing or choice is None:
            return ""
        if choice.against is Against.PIN:
            numbers = [pin.number for pin in self._session.curves.pins]
            own = ":own" if choice.own_age else ""
            return f"{choice.against}:{numbers.index(choice.pin)}{own}"
        if choice.checkpoint is not None:
            return f"{choice.against}:{choice.checkpoint.name}"
        # The maps of a scan are in no recipe: the person as given is what is left of it.
        return Against.FACTUAL.value

    def _choice_of(self, beside: str) -> Choice:
        """Find what a scene puts beside; the person as given stands in for what is not here."""
        against, _, name = beside.partition(":")
        pins = self._session.curves.pins
        number, _, own = name.partition(":")
        if against == Against.PIN and int(number) < len(pins):
            return Choice(Against.PIN, pin=pins[int(number)].number, own_age=bool(own))
        found = [it for it in self._session.checkpoints if it.name == name]
        if against == Against.CHECKPOINT and found:
            return Choice.of_checkpoint(found[0])
        return Choice()

    @property
    def _panes(self) -> dict[str, QWidget]:
        """The panes by the names that a look has for them."""
        slices = {plane.value: view for plane, view in self.ortho.slices.items()}
        return {**slices, LARGE_3D: self.pane_3d}

    @property
    def _large(self) -> str:
        if self.is_comparing:
            return self.compare.large or ""
        large = self.ortho.maximised
        return next((name for name, pane in self._panes.items() if pane is large), "")

    def _show_large(self, large: str) -> None:
        """Give a pane the whole space, by the name that a look has for it; empty for none."""
        if self.is_comparing:
            self.compare.maximise(Plane(large) if large in [*Plane] else None)
        else:
            self.ortho.maximise(self._panes.get(large))

    def toggle_large(self, plane: Plane) -> None:
        """Give a plane the whole space, or let all panes share it again."""
        if self.is_comparing:
            self.compare.toggle_large(plane)
        else:
            self.ortho.toggle_maximised(self.ortho.slices[plane])

    def restore_panes(self) -> None:
        """Let all panes share the space."""
        self.ortho.restore()
        self.compare.restore()

    def auto_window(self) -> None:
        """Take brightness and contrast from the active layer itself."""
        if self.display.layers:
            self.display.auto_window(self.display.active)

    def window_around_crosshair(self) -> None:
        """Take brightness and contrast from the active layer near the crosshair."""
        if self.display.layers:
            self.display.window_around_crosshair(self.display.active)

    def closeEvent(self, event: QCloseEvent) -> None:
        """Let go of session and display, and close the parts, which do not hear of it otherwise."""
        self._session.brain_changed.disconnect(self._on_brain_changed, missing_ok=True)
        for changed in self._other_grids:
            changed.disconnect(self._on_grid_changed, missing_ok=True)
        self.display.view_changed.disconnect(self._on_display_changed, missing_ok=True)
        self.display.layers_changed.disconnect(self._on_display_changed, missing_ok=True)
        self.display.crosshair_changed.disconnect(self._on_crosshair_changed, missing_ok=True)
        self.viewpoints.changed.disconnect(self._on_display_changed, missing_ok=True)
        self.display.rulers.changed.disconnect(self._on_display_changed, missing_ok=True)
        self.display.regions.changed.disconnect(self._on_display_changed, missing_ok=True)
        self.own_scan.close()
        for part in (self.ortho, self.compare, self.lightbox, self.cursor_bar, self.layers):
            part.close()
        super().closeEvent(event)

    def _on_brain_changed(self, shown: Shown) -> None:
        self.show_brain(shown)

    def _on_in_place_requested(self, in_place: bool) -> None:
        """Put the scan itself beside the carried one, which would be beside itself otherwise."""
        if in_place and self._session.comparison.choice == Choice(Against.CARRIED):
            self.compare.choose(Choice(Against.SCAN))

    def _on_scan_in_place(self) -> None:
        if self._session.shown is not None:
            self.show_brain(self._session.shown)
        self.compare.show_cards()

    def _on_grid_changed(self, _fact: object) -> None:
        """Show the slices fine or coarse; the surfaces stay, which a drag could not wait for."""
        if self._session.shown is not None:
            self._show_slices(self._session.shown)

    def _show_slices(self, shown: Shown) -> None:
        brain = self._session.best_brains[0] if shown is self._session.shown else shown.brain
        if brain is not None and brain is not self._brain:
            self._brain = brain
            self.display.show_brain(brain)

    def _on_crosshair_changed(self) -> None:
        self.pane_3d.set_crosshair(self.display.crosshair)

    def _on_display_changed(self) -> None:
        self.changed.emit()


def _with_image(look: LayerLook, layer: Layer | None) -> LayerLook:
    """Give a look the image of a layer, in the frame that is there."""
    if layer is None:
        return replace(look, image=None)
    return replace(
        look,
        image=layer.volume,
        frame=layer.frame,
        frames=layer.frames,
        labels=layer.labels,
    )
