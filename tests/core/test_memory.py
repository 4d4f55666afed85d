"""What the system says of its memory."""

from __future__ import annotations

import sys

import pytest

from brainviewer.core import memory


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no /proc")
def test_some_memory_is_free() -> None:
    assert 2**20 < memory.available_bytes() < 2**50


@pytest.mark.parametrize("content", ["", "MemFree: 3 kB\n", "MemAvailable:\n", "MemAvailable: x\n"])
def test_a_system_that_does_not_tell_is_believed(tmp_path, monkeypatch, content) -> None:
    path = tmp_path / "meminfo"
    path.write_text(content)
    monkeypatch.setattr(memory, "_MEMINFO", path)
    assert memory.available_bytes() is None


def test_no_file_is_no_answer(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(memory, "_MEMINFO", tmp_path / "none")
    assert memory.available_bytes() is None
