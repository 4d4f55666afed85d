"""How much memory is free, as far as the system tells."""

from __future__ import annotations

from pathlib import Path

GB = 1e9
_MEMINFO = Path("/proc/meminfo")
_AVAILABLE = "MemAvailable:"


def available_bytes() -> int | None:
    """Return what can be taken without swapping; None where the system does not tell."""
    try:
        lines = _MEMINFO.read_text(encoding="ascii").splitlines()
        line = next(it for it in lines if it.startswith(_AVAILABLE))
        return int(line.split()[1]) * 1024  # in kB
    except (OSError, StopIteration, IndexError, ValueError):
        return None
