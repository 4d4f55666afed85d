"""Errors in words: one sentence for the window, the trace for the log."""

from __future__ import annotations

import logging

from brainviewer.core.files import reason_for

_LOG = logging.getLogger(__name__)

OWN_PACKAGE = "brainviewer"
_NO_MEMORY = ("can't allocate memory", "not enough memory", "out of memory", "alloc_failed")


def sentence_for(error: Exception) -> str:
    """Say what went wrong, and log the trace.

    The application's own exceptions are sentences already.
    """
    if type(error).__module__.partition(".")[0] == OWN_PACKAGE:
        _LOG.warning("%s", error, exc_info=error)
        return str(error)
    _LOG.error("unforeseen: %r", error, exc_info=error)
    if isinstance(error, MemoryError) or _lacks_memory(error):
        return "the memory of this computer is used up; close other programs and try again"
    if isinstance(error, OSError):
        return f"the system refused: {reason_for(error)}"
    first_line = (str(error).splitlines() or [""])[0]
    return f"something unforeseen went wrong ({type(error).__name__}: {first_line}); see the log"


def _lacks_memory(error: Exception) -> bool:
    """Recognise torch's errors, which are no MemoryError."""
    words = str(error).lower()
    return isinstance(error, RuntimeError) and any(it in words for it in _NO_MEMORY)
