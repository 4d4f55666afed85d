"""What nobody caught: the sentence to the window, the trace to the log."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from brainviewer.session.failures import sentence_for

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType


class ErrorHook:
    """Stands in for Python's excepthook while the window is open.

    Parameters
    ----------
    show : function of a sentence
    """

    def __init__(self, show: Callable[[str], None]) -> None:
        self._show = show
        self._earlier = sys.excepthook

    def install(self) -> None:
        """Begin."""
        sys.excepthook = self

    def remove(self) -> None:
        """Give Python its own hook back."""
        sys.excepthook = self._earlier

    def __call__(
        self,
        kind: type[BaseException],
        error: BaseException,
        trace: TracebackType | None,
    ) -> None:
        """Show an exception as a sentence; leave Ctrl+C and the like to Python."""
        if isinstance(error, Exception):
            self._show(sentence_for(error))
        else:
            self._earlier(kind, error, trace)
