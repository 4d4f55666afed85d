"""Messages that fit one line."""

from __future__ import annotations

from brainviewer.core.sentences import CUT, LONGEST, SentenceError, one_line


def test_lines_and_signs_that_cannot_be_printed_become_spaces() -> None:
    assert one_line(" a\n\tb\0c  d ") == "a b c d"


def test_the_middle_of_a_long_message_goes() -> None:
    line = one_line("begin" + "x" * 10_000 + "end")
    assert len(line) <= LONGEST
    assert line.startswith("begin")
    assert CUT in line
    assert line.endswith("end")


def test_an_error_says_one_line() -> None:
    assert str(SentenceError("a\nb")) == "a b"
