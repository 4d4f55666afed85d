"""The menu of named 3D views."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QInputDialog, QMenu, QWidget

from brainviewer.gui.menus import make_action
from brainviewer.session.viewpoints import LONGEST_NAME, Viewpoint, Viewpoints

if TYPE_CHECKING:
    from brainviewer.gui.pane_3d import Pane3D


class ViewpointMenu(QMenu):
    """Saves, shows and deletes views of the brain in 3D.

    Parameters
    ----------
    parent : QWidget
    pane : Pane3D
    viewpoints : Viewpoints
    """

    def __init__(self, parent: QWidget, pane: Pane3D, viewpoints: Viewpoints) -> None:
        super().__init__("Saved &views", parent)
        self._pane = pane
        self._viewpoints = viewpoints
        self.save = make_action(
            self, "&Save this view…", "Ctrl+Alt+V", "Give the present view of the brain a name"
        )
        self.delete = self.addMenu("&Delete view")
        self.delete.setEnabled(False)
        self.addSeparator()
        self.save.triggered.connect(self._on_save)
        self._shown: list[Viewpoint] = []
        self.show_viewpoints()

    def show_viewpoints(self) -> None:
        """List the views."""
        if self._shown == list(self._viewpoints.all):
            return
        self._shown = list(self._viewpoints.all)
        for action in self.actions()[3:]:
            self.removeAction(action)
            action.deleteLater()
        self.delete.clear()
        for viewpoint in self._shown:
            # A name may hold the sign for a mnemonic.
            name = viewpoint.name.replace("&", "&&")
            look = make_action(self, name, "", f"Look at the brain as in “{viewpoint.name}”")
            look.triggered.connect(partial(self._pane.show_viewpoint, viewpoint))
            forget = make_action(self.delete, name, "", f"Forget the view “{viewpoint.name}”")
            forget.triggered.connect(partial(self._viewpoints.remove, viewpoint.name))
        self.delete.setEnabled(bool(self._shown))

    def _on_save(self) -> None:
        look = self._pane.look()
        if look is None:
            return
        proposal = f"View {len(self._viewpoints.all) + 1}"
        name, wanted = QInputDialog.getText(
            self.parentWidget(), "Save view", "Name of the view:", text=proposal
        )
        name = name.strip()[:LONGEST_NAME]
        if wanted and name:
            self._viewpoints.save(Viewpoint(name, look.position, look.focal_point, look.up))
