"""A person's own scan: asked for, prepared in the background, encoded, shown beside itself."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QFileDialog, QProgressDialog, QWidget

from brainviewer.cohort.bids import find_conditions
from brainviewer.cohort.own_scan import STAGES
from brainviewer.core.tissues import TISSUES
from brainviewer.gui.background import Background
from brainviewer.gui.file_opener import IMAGE_FILTER
from brainviewer.gui.scan_dialog import ScanDialog
from brainviewer.gui.verdict_dialog import VerdictDialog
from brainviewer.gui.wording import millilitres
from brainviewer.session.comparison import Against, Choice
from brainviewer.session.failures import sentence_for
from brainviewer.session.preparing import Preparation

if TYPE_CHECKING:
    from brainviewer.cohort.own_scan import OwnScan
    from brainviewer.core.features import Conditions
    from brainviewer.gui.bridge import Bridge
    from brainviewer.gui.viewing_area import ViewingArea
    from brainviewer.session.encoding import Encoded
    from brainviewer.session.state import Session

SECONDS = "about a minute"


class ScanOpener(QObject):
    """Leads from the file of a scan to its person on the screen.

    Parameters
    ----------
    session : Session
    viewing : ViewingArea
    bridge : Bridge
    window : QWidget
        Owns the dialogs.
    preparation : Preparation or None

    Signals
    -------
    failed : str
        One sentence.
    notice : str
        One sentence.
    """

    failed = Signal(str)
    notice = Signal(str)

    def __init__(
        self,
        session: Session,
        viewing: ViewingArea,
        bridge: Bridge,
        window: QWidget,
        *,
        preparation: Preparation | None = None,
    ) -> None:
        super().__init__(window)
        self._session = session
        self._viewing = viewing
        self._window = window
        self._background = Background(bridge)
        self._preparation = preparation or Preparation(bridge.post)
        self._progress: QProgressDialog | None = None
        self._prepared: OwnScan | None = None
        self._path = Path()
        self._refine_s = 0.0
        session.scan_changed.connect(self._on_encoded)
        session.scan_refined.connect(self._on_refined)

    def close(self) -> None:
        """End what runs and let go of the session."""
        self._preparation.cancel()
        self._end_progress()
        self._session.scan_changed.disconnect(self._on_encoded)
        self._session.scan_refined.disconnect(self._on_refined)

    @property
    def can_open(self) -> bool:
        """Whether the generator in use, if there is one yet, could show a scan."""
        generator = self._session.generator
        return generator is None or generator.can_encode

    def ask(self) -> None:
        """Let the user choose a scan."""
        name, _ = QFileDialog.getOpenFileName(self._window, "Open own scan", "", IMAGE_FILTER)
        if name:
            self.open(Path(name))

    def open(self, path: Path) -> None:
        """Ask who is on a scan; what its dataset says is filled in."""
        generator = self._session.generator
        if generator is None:
            self.failed.emit("no checkpoint is open yet; open one first")
        elif not generator.can_encode:
            self.failed.emit(
                f"{generator.name} has no encoder and cannot show a scan of a person; choose "
                f"another generator"
            )
        else:
            self._background.run(
                partial(find_conditions, path),
                done=partial(self._ask_person, path),
                failed=self._on_failed,
            )

    def _ask_person(self, path: Path, known: Conditions) -> None:
        checkpoint, decoder = self._session.checkpoint, self._session.decoder
        if checkpoint is not None and decoder is not None:
            dialog = ScanDialog(
                path, checkpoint.schema, known, self._window, refines=decoder.refines
            )
            dialog.told.connect(self.prepare)
            dialog.finished.connect(dialog.deleteLater)
            dialog.open()

    def prepare(self, path: Path, conditions: Conditions, refine_s: float = 0.0) -> None:
        """Prepare a scan, with a way to stop, encode it, and refine it for some seconds at most."""
        self._path, self._refine_s = path, refine_s
        progress = QProgressDialog(STAGES[0], "&Stop", 0, len(STAGES), self._window)
        progress.setObjectName("scan_progress")
        progress.setWindowTitle(f"{path.name} — BrainViewer")
        progress.setMinimumDuration(0)
        progress.setAutoClose(False)
        progress.setAutoReset(False)
        progress.canceled.connect(self._on_stopped)
        progress.setValue(0)
        self._progress = progress
        self._preparation.start(
            path,
            on_stage=self._show_stage,
            done=partial(self._on_prepared, conditions),
            failed=partial(self._on_refused, path.name),
        )

    def _show_stage(self, stage: int) -> None:
        if self._progress is not None:
            self._progress.setLabelText(f"{STAGES[stage]} ({SECONDS} in all)")
            self._progress.setValue(stage)

    def _on_prepared(self, conditions: Conditions, scan: OwnScan) -> None:
        self._end_progress()
        if not scan.doubts:
            self._encode(conditions, scan)
            return
        dialog = VerdictDialog.doubtful(scan.name, scan.doubts, self._window)
        dialog.continued.connect(partial(self._encode, conditions, scan))
        self._ask_about(dialog)

    def _encode(self, conditions: Conditions, scan: OwnScan) -> None:
        self._prepared = scan
        try:
            self._session.encode_scan(scan, conditions)
        except (ValueError, RuntimeError) as error:
            self.failed.emit(str(error))

    def _ask_about(self, dialog: VerdictDialog) -> None:
        dialog.another_requested.connect(self.ask)
        dialog.open()

    def _on_encoded(self, encoded: Encoded) -> None:
        """Show scan and reconstruction side by side, and say how far apart they are."""
        scan, self._prepared = self._prepared, None
        if scan is not None:
            self._add_image(scan)
        self._viewing.show_compare(comparing=True)
        beside, *_ = self._session.comparison.scans
        self._viewing.compare.choose(Choice(beside))
        carried = ", carried along when age or features change" * (beside is Against.CARRIED)
        self.notice.emit(
            f"A is {encoded.person.label} as the generator rebuilds it, B the scan's own "
            f"{_in_words(encoded)}{carried}; the T1 image is among the layers"
        )
        if scan is not None and self._refine_s > 0:
            self._refine()

    def _add_image(self, scan: OwnScan) -> None:
        """Put the prepared image among the layers; neither it nor the file's covers the brains."""
        display = self._viewing.display
        display.add_image(scan.t1)
        for index, layer in enumerate(display.layers):
            is_file = bool(layer.source) and layer.source == str(self._path)
            if is_file or layer.volume is scan.t1:
                display.set_layer(index, visible=False)

    def _refine(self) -> None:
        try:
            self._session.refine_scan(self._refine_s)
        except (ValueError, RuntimeError) as error:
            self.failed.emit(str(error))

    def _on_refined(self, encoded: Encoded) -> None:
        before = encoded.unrefined
        if before is not None:
            self.notice.emit(
                f"Refined: the error of {encoded.person.label} went from {before.error:.3f} to "
                f"{encoded.likeness.error:.3f} (1 − overlap with the scan's own tissues)"
            )

    def _on_stopped(self) -> None:
        self._preparation.cancel()
        self._end_progress()

    def _on_refused(self, name: str, sentence: str) -> None:
        self._end_progress()
        self._ask_about(VerdictDialog.refused(name, sentence, self._window))

    def _on_failed(self, error: Exception) -> None:
        self.failed.emit(sentence_for(error))

    def _end_progress(self) -> None:
        progress, self._progress = self._progress, None
        if progress is not None:
            progress.canceled.disconnect(self._on_stopped)
            progress.close()
            progress.deleteLater()


def _in_words(encoded: Encoded) -> str:
    """Say how far reconstruction and scan are apart: the volumes and the overlap of tissues."""
    alike = encoded.likeness
    errors = ", ".join(
        f"{tissue} {millilitres(encoded.rebuilt_ml[tissue])} mL "
        f"(scan {millilitres(encoded.scan.volumes_ml[tissue])}, overlap {alike.dice[tissue]:.2f})"
        for tissue in TISSUES
        if tissue in encoded.rebuilt_ml
    )
    return f"tissues: {errors}" if errors else f"image (apart by {alike.difference:.3f} on average)"
