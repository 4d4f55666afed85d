"""A slider that goes where one clicks, and a guard against wheels that scroll past."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtWidgets import QSlider, QStyle, QStyleOptionSlider, QWidget

if TYPE_CHECKING:
    from PySide6.QtCore import QPoint, QRect
    from PySide6.QtGui import QMouseEvent, QWheelEvent

NOTCH_DEGREES = 120
_FINE = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier


class JumpSlider(QSlider):
    """A horizontal slider whose handle jumps to the pointer and can be dragged on from there.

    The wheel moves a page step a notch; with Ctrl or Shift a single step.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(Qt.Orientation.Horizontal, parent)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Put the handle under the pointer before Qt starts the drag."""
        if event.button() is Qt.MouseButton.LeftButton:
            self._jump(event.position().toPoint())
        super().mousePressEvent(event)

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Step once a notch, whatever the system's lines a notch are."""
        turned = event.angleDelta().y() or event.angleDelta().x()
        step = self.singleStep() if event.modifiers() & _FINE else self.pageStep()
        self.setValue(self.value() + round(step * turned / NOTCH_DEGREES))
        event.accept()

    def _jump(self, point: QPoint) -> None:
        option = QStyleOptionSlider()
        self.initStyleOption(option)
        handle = self._rect(option, QStyle.SubControl.SC_SliderHandle)
        if handle.contains(point):
            return
        groove = self._rect(option, QStyle.SubControl.SC_SliderGroove)
        offset = point.x() - groove.x() - handle.width() // 2
        travel = groove.width() - handle.width()
        self.setValue(
            QStyle.sliderValueFromPosition(
                self.minimum(), self.maximum(), offset, travel, option.upsideDown
            )
        )

    def _rect(self, option: QStyleOptionSlider, part: QStyle.SubControl) -> QRect:
        return self.style().subControlRect(QStyle.ComplexControl.CC_Slider, option, part, self)


class WheelGuard(QObject):
    """Keeps the wheel from changing controls that have no focus: it then scrolls the panel."""

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Leave a wheel event to the parent unless the control was chosen before."""
        if event.type() is not QEvent.Type.Wheel or not isinstance(watched, QWidget):
            return False
        if watched.hasFocus():
            return False
        event.ignore()
        return True
