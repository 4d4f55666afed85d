"""Errors whose message is a sentence for the user."""

from __future__ import annotations

LONGEST = 500
CUT = " … "


class SentenceError(ValueError):
    """An error whose message is one line; of a long one the middle goes."""

    def __init__(self, message: str) -> None:
        super().__init__(one_line(message))


def one_line(message: str) -> str:
    """Put a message on one line of bounded length, without signs that cannot be printed."""
    printable = "".join(it if it.isprintable() else " " for it in message)
    line = " ".join(printable.split())
    if len(line) <= LONGEST:
        return line
    half = (LONGEST - len(CUT)) // 2
    return f"{line[:half]}{CUT}{line[-half:]}"
