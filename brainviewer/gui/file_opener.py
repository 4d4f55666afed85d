"""Opening what a user chooses, drops or names: images, recipes, checkpoint folders."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QFileDialog, QWidget

from brainviewer.cohort.image_checks import may_be_scan
from brainviewer.core.imagefile import SUFFIXES, ImageInfo
from brainviewer.core.label_table import LabelTableError, table_beside
from brainviewer.core.nifti import peek, read_volume
from brainviewer.core.regions import looks_like_labels
from brainviewer.gui.background import Background
from brainviewer.session.failures import sentence_for
from brainviewer.session.recipe_files import open_recipe

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from brainviewer.core.label_table import LabelTable
    from brainviewer.core.recipe import Recipe
    from brainviewer.core.volume import Volume
    from brainviewer.gui.bridge import Bridge

Result = TypeVar("Result")
IMAGE_FILTER = f"Images ({' '.join('*' + suffix for suffix in SUFFIXES)});;All files (*)"
RECIPE_FILTER = "Recipes and sidecars (*.json);;All files (*)"


@dataclass(frozen=True, slots=True, eq=False)
class OpenedImage:
    """An image that was read, what its header said, and whether it may be the scan of a head.

    Of labels the table that lies beside them, or a doubt: why it could not be read.
    """

    path: Path
    volume: Volume
    info: ImageInfo
    may_be_scan: bool = False
    labels: LabelTable | None = None
    doubt: str = ""

    @property
    def warnings(self) -> list[str]:
        """Sentences about what the user cannot see in the picture."""
        sentences = [self.doubt] if self.doubt else []
        if not self.info.has_orientation:
            sentences.append(
                f"{self.path.name} does not say where left and right are; they are guessed"
            )
        if self.info.frames > 1:
            sentences.append(
                f"{self.path.name} has {self.info.frames} frames; the first one is shown: choose "
                f"another in Layers, or by comma and period in a slice"
            )
        return sentences


class FileOpener(QObject):
    """Asks for files, reads them on a thread, and tells what came of it.

    Signals
    -------
    image_opened : OpenedImage
    recipe_opened : Recipe
    checkpoint_chosen : str
        A folder.
    opened : str
        The path of a file that could be read.
    reading : str
        What is being read; empty when nothing is.
    failed : str
        One sentence.
    """

    image_opened = Signal(object)
    recipe_opened = Signal(object)
    checkpoint_chosen = Signal(str)
    opened = Signal(str)
    reading = Signal(str)
    failed = Signal(str)

    def __init__(self, bridge: Bridge, window: QWidget) -> None:
        super().__init__(window)
        self._window = window
        self._background = Background(bridge)
        self._left = 0

    @property
    def is_reading(self) -> bool:
        """Whether a file is being read."""
        return bool(self._left)

    def ask_image(self) -> None:
        """Let the user choose images."""
        names, _ = QFileDialog.getOpenFileNames(self._window, "Open image", "", IMAGE_FILTER)
        self.open_all(names)

    def ask_recipe(self) -> None:
        """Let the user choose a recipe."""
        name, _ = QFileDialog.getOpenFileName(self._window, "Open recipe", "", RECIPE_FILTER)
        self.open_all([name] if name else [])

    def ask_checkpoint(self) -> None:
        """Let the user choose the folder of a checkpoint."""
        folder = QFileDialog.getExistingDirectory(self._window, "Open checkpoint folder")
        self.open_all([folder] if folder else [])

    def open_all(self, names: Sequence[str | Path]) -> None:
        """Open files by what they are: folders are checkpoints, .json recipes, the rest images."""
        for path in (Path(name).absolute() for name in names):
            if path.is_dir():
                self.checkpoint_chosen.emit(str(path))
            elif path.suffix.lower() == ".json":
                self._read(path, partial(open_recipe, path), self._on_recipe_read)
            else:
                self._read(path, partial(_read_image, path), self._on_image_read)

    def _read(self, path: Path, read: Callable[[], Result], done: Callable[[Result], None]) -> None:
        self._left += 1
        self.reading.emit(f"Reading {path.name}")
        self._background.run(read, done=partial(self._end, path, done), failed=self._on_failed)

    def _end(self, path: Path, done: Callable[[Result], None], result: Result) -> None:
        self._count_down()
        self.opened.emit(str(path))
        done(result)

    def _count_down(self) -> None:
        self._left -= 1
        if not self._left:
            self.reading.emit("")

    def _on_image_read(self, image: OpenedImage) -> None:
        self.image_opened.emit(image)

    def _on_recipe_read(self, recipe: Recipe) -> None:
        self.recipe_opened.emit(recipe)

    def _on_failed(self, error: Exception) -> None:
        self._count_down()
        self.failed.emit(sentence_for(error))


def _read_image(path: Path) -> OpenedImage:
    volume, info = read_volume(path), peek(path)
    opened = OpenedImage(path, volume, info, may_be_scan(info, volume))
    if not looks_like_labels(volume.data):
        return opened
    try:
        return replace(opened, labels=table_beside(path))
    except LabelTableError as error:
        return replace(opened, doubt=str(error))
