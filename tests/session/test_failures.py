"""Errors in words."""

from __future__ import annotations

import errno

import pytest

from brainviewer.core.features import FeatureError
from brainviewer.session.failures import sentence_for


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (
            FeatureError("age must lie in 20-80 years, got 12"),
            "age must lie in 20-80 years, got 12",
        ),
        (MemoryError(), "the memory of this computer is used up; close other programs"),
        (
            RuntimeError(
                "[enforce fail at alloc_cpu.cpp:124] DefaultCPUAllocator: can't allocate"
                " memory: you tried to allocate 1 bytes. Error code 12"
            ),
            "the memory of this computer is used up",
        ),
        (OSError(errno.ENOSPC, "ENOSPC"), "the system refused: no space is left on the disk"),
        (ValueError("shapes (3,) and (4,)\nat line 5"), "(ValueError: shapes (3,) and (4,)); see"),
        (KeyError(), "something unforeseen went wrong (KeyError: ); see the log"),
    ],
)
def test_every_error_becomes_one_sentence_and_keeps_its_trace(error, sentence, caplog) -> None:
    said = sentence_for(error)
    assert sentence in said
    assert "\n" not in said
    assert caplog.records[0].exc_info[1] is error
