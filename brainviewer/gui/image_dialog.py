"""What an opened image's file says about it, as text that can be copied."""

from __future__ import annotations

from functools import partial
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QPushButton, QTextBrowser, QVBoxLayout

from brainviewer.core.header import header_facts
from brainviewer.gui.background import Background
from brainviewer.gui.controls import described
from brainviewer.session.failures import sentence_for

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from PySide6.QtWidgets import QWidget

    from brainviewer.core.header import Fact
    from brainviewer.gui.bridge import Bridge
    from brainviewer.session.display import Display
    from brainviewer.session.layers import Layer

SIZE_PIXELS = (640, 620)


class ImageDialog(QDialog):
    """Shows facts about an image; they can be selected, or copied as a table.

    Parameters
    ----------
    name : str
    facts : sequence of (what, words)
    """

    def __init__(self, name: str, facts: Sequence[Fact], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._facts = facts
        self.setObjectName("image_dialog")
        self.setWindowTitle(f"{name} — BrainViewer")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.resize(*SIZE_PIXELS)
        self.text = described(
            QTextBrowser(), "image_facts", accessible=f"Information on {name}", tooltip=""
        )
        self.text.setHtml(_table(facts))
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        self.copy_button = described(
            QPushButton("&Copy all"),
            "copy_image_facts",
            accessible="Copy all",
            tooltip="Copy everything as text with tabs",
        )
        buttons.addButton(self.copy_button, QDialogButtonBox.ButtonRole.ActionRole)
        column = QVBoxLayout(self)
        column.addWidget(self.text)
        column.addWidget(buttons)
        self.copy_button.clicked.connect(self._on_copy_clicked)
        buttons.rejected.connect(self.reject)

    def as_text(self) -> str:
        """Write the facts a line each, with tabs."""
        return "".join(f"{what}\t{words}\n" for what, words in self._facts)

    def _on_copy_clicked(self) -> None:
        QGuiApplication.clipboard().setText(self.as_text())


class ImageInformation(QObject):
    """Reads the facts about images away from the window, and shows them.

    Parameters
    ----------
    display : Display
    bridge : Bridge
    window : QWidget

    Signals
    -------
    failed : str
        One sentence.
    """

    failed = Signal(str)

    def __init__(self, display: Display, bridge: Bridge, window: QWidget) -> None:
        super().__init__(window)
        self._display = display
        self._window = window
        self._background = Background(bridge)

    def show_of(self, index: int) -> None:
        """Show what is known about the image of a layer."""
        layer = self._display.layers[index]
        self._background.run(
            partial(facts_of, layer),
            done=partial(self._on_known, layer.name),
            failed=self._on_failed,
        )

    def show_of_chosen(self) -> None:
        """Show what is known about the active image, else about the top one."""
        if self._display.image is not None:
            self.show_of(self._display.image)

    def _on_known(self, name: str, facts: Sequence[Fact]) -> None:
        ImageDialog(name, facts, self._window).show()

    def _on_failed(self, error: Exception) -> None:
        self.failed.emit(sentence_for(error))


def facts_of(layer: Layer) -> tuple[Fact, ...]:
    """Tell the range of a layer's values, and what the header of its file says.

    Raises
    ------
    ImageError
        The file cannot be read any more.
    """
    path, *header = header_facts(layer.source)
    data: NDArray[Any] = layer.volume.data
    which = f"Values, frame {layer.frame}" if layer.frames > 1 else "Values"
    words = f"{data.min():g} to {data.max():g}, mean {np.mean(data, dtype=np.float64):.4g}"
    return path, (which, words), *header


def _table(facts: Sequence[Fact]) -> str:
    rows = (
        f"<tr><td style='padding-right: 14px'>{escape(what)}</td><td>{escape(words)}</td></tr>"
        for what, words in facts
    )
    return f"<table cellpadding='2'>{''.join(rows)}</table>"
