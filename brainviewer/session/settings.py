"""What the application remembers between two starts: a small JSON file of the user's."""

from __future__ import annotations

import base64
import json
import logging
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, get_args

from platformdirs import user_config_path

from brainviewer.core.files import reason_for, write_json_atomically
from brainviewer.core.space import Convention
from brainviewer.session.layers import Interpolation
from brainviewer.session.view import ZOOM_RANGE
from brainviewer.session.viewpoints import Viewpoint

_LOG = logging.getLogger(__name__)

MOST_RECENT = 10


@dataclass(frozen=True, slots=True)
class Preferences:
    """How slices are shown at the start.

    Attributes
    ----------
    convention : Convention
    interpolation : ``"nearest"``, ``"linear"`` or ``"cubic"``
        What is shown between voxels.
    crosshair : bool
        Whether the crosshair is drawn.
    zoom : float
        That of all planes, about their middles; 1 fits the panes.
    legend : bool
        Whether it is told what colours stand for.
    """

    convention: Convention = Convention.RADIOLOGICAL
    interpolation: Interpolation = "linear"
    crosshair: bool = True
    zoom: float = 1.0
    legend: bool = True


@dataclass(frozen=True, slots=True)
class Settings:
    """What is remembered.

    Attributes
    ----------
    recent_files : tuple of str
        The newest first, at most ten.
    last_checkpoint : str
        Name or folder; empty at the first start.
    layout : bytes
        The arrangement of the window, as Qt gives it; empty at the first start.
    preferences : Preferences
    viewpoints : tuple of Viewpoint
        The named 3D views.
    """

    recent_files: tuple[str, ...] = ()
    last_checkpoint: str = ""
    layout: bytes = b""
    preferences: Preferences = Preferences()
    viewpoints: tuple[Viewpoint, ...] = ()

    def with_recent_file(self, path: Path | str) -> Settings:
        """Put a file first among the recent ones."""
        newest = str(Path(path).absolute())
        others = [name for name in self.recent_files if name != newest]
        return replace(self, recent_files=(newest, *others)[:MOST_RECENT])


def settings_path() -> Path:
    """Return where the settings of this user lie."""
    return user_config_path("brainviewer", appauthor=False) / "settings.json"


def read_settings(path: Path | None = None) -> Settings:
    """Read the settings; those of the first start where there is no file or a broken one."""
    path = path or settings_path()
    try:
        return _from_json(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return Settings()
    except (OSError, KeyError, TypeError, ValueError, RecursionError) as error:
        _LOG.warning("the settings in %s cannot be used and are ignored: %r", path, error)
        return Settings()


def write_settings(settings: Settings, path: Path | None = None) -> None:
    """Write the settings in one step; a disk that refuses is a warning, as nothing is lost."""
    path = path or settings_path()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json_atomically(path, _to_json(settings))
    except OSError as error:
        _LOG.warning("the settings cannot be written to %s: %s", path, reason_for(error))


def _to_json(settings: Settings) -> dict[str, Any]:
    return {
        "recent_files": list(settings.recent_files),
        "last_checkpoint": settings.last_checkpoint,
        "layout": base64.b64encode(settings.layout).decode("ascii"),
        "preferences": asdict(settings.preferences),
        "viewpoints": [it.to_json() for it in settings.viewpoints],
    }


def _from_json(entry: dict[str, Any]) -> Settings:
    recent, last = entry["recent_files"], entry["last_checkpoint"]
    if not isinstance(recent, list) or not all(isinstance(name, str) for name in (*recent, last)):
        raise TypeError("recent files and checkpoint must be texts")
    layout = base64.b64decode(entry["layout"], validate=True)
    # Files from before there were preferences and viewpoints have none.
    preferences = _preferences(entry.get("preferences", asdict(Preferences())))
    viewpoints = tuple(Viewpoint.from_json(it) for it in entry.get("viewpoints", []))
    return Settings(tuple(recent[:MOST_RECENT]), last, layout, preferences, viewpoints)


def _preferences(entry: dict[str, Any]) -> Preferences:
    crosshair, zoom = entry["crosshair"], entry["zoom"]
    # Files from before there were these choices have none.
    interpolation, legend = entry.get("interpolation", "linear"), entry.get("legend", True)
    if not isinstance(crosshair, bool) or not isinstance(legend, bool):
        raise TypeError("whether there is a crosshair or a legend must be true or false")
    if interpolation not in get_args(Interpolation):
        raise ValueError(f"an interpolation was expected, got {interpolation!r}")
    low, high = ZOOM_RANGE
    if isinstance(zoom, bool) or not low <= zoom <= high:
        raise ValueError(f"zoom must lie in {low:g}-{high:g}, got {zoom!r}")
    return Preferences(
        Convention(entry["convention"]), interpolation, crosshair, float(zoom), legend
    )
