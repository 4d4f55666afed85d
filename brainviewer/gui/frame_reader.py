"""Reads the frames of 4D images that are asked for."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from brainviewer.core.frames import FrameFile
from brainviewer.gui.background import Background
from brainviewer.session.failures import sentence_for

if TYPE_CHECKING:
    from brainviewer.core.volume import Volume
    from brainviewer.gui.bridge import Bridge
    from brainviewer.session.display import Display
    from brainviewer.session.layers import Layer


class FrameReader(QObject):
    """Reads one frame at a time on a thread, and always the newest that is wished for.

    Parameters
    ----------
    display : Display
        Has the wishes, and shows what was read.
    bridge : Bridge
    parent : QObject

    Signals
    -------
    failed : str
        One sentence.
    """

    failed = Signal(str)

    def __init__(self, display: Display, bridge: Bridge, parent: QObject) -> None:
        super().__init__(parent)
        self._display = display
        self._background = Background(bridge)
        self._files: dict[str, FrameFile] = {}
        self._is_reading = False
        display.frames.changed.connect(self._on_wished)
        display.layers_changed.connect(self._on_layers_changed)

    def close(self) -> None:
        """Let go of the display."""
        self._display.frames.changed.disconnect(self._on_wished)
        self._display.layers_changed.disconnect(self._on_layers_changed)

    @property
    def sources(self) -> tuple[str, ...]:
        """The paths of the files that are held to be read from again."""
        return tuple(self._files)

    def _on_wished(self) -> None:
        wish = None if self._is_reading else self._display.frames.next(self._display.layers)
        if wish is None:
            return
        layer, frame = wish
        self._is_reading = True
        self._background.run(
            partial(_read, self._files.get(layer.source), layer.source, frame),
            done=partial(self._on_read, layer, frame),
            failed=partial(self._on_failed, layer.name, frame),
        )

    def _on_read(self, layer: Layer, frame: int, answer: tuple[FrameFile, Volume]) -> None:
        file, volume = answer
        self._is_reading = False
        self._files[layer.source] = file
        self._display.show_frame(layer.name, frame, volume)
        self._on_wished()

    def _on_failed(self, name: str, frame: int, error: Exception) -> None:
        self._is_reading = False
        self._display.frames.settle(name, frame)
        self.failed.emit(sentence_for(error))
        self._on_wished()

    def _on_layers_changed(self) -> None:
        """Forget the files of layers that are gone: their frames may fill the memory."""
        shown = {layer.source for layer in self._display.layers}
        self._files = {source: file for source, file in self._files.items() if source in shown}


def _read(file: FrameFile | None, source: str, frame: int) -> tuple[FrameFile, Volume]:
    file = FrameFile(source) if file is None else file
    return file, file.read(frame)
