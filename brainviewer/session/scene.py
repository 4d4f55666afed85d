"""How a saved person was looked at: the part of a recipe that a brain does not depend on."""

from __future__ import annotations

import math
import re
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, get_args

from brainviewer.core.recipe import Recipe, RecipeError
from brainviewer.core.space import Convention, Plane
from brainviewer.session.blending import FIRST_DIVIDER, Blending, Together
from brainviewer.session.layers import Interpolation, Kind, check_layer
from brainviewer.session.lightbox import Lightbox
from brainviewer.session.look import LARGE_3D, LayerLook
from brainviewer.session.panels import Panels, panels_from_json
from brainviewer.session.rulers import Ruler
from brainviewer.session.shown_regions import ShownRegion
from brainviewer.session.view import ZOOM_RANGE, View

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

World = tuple[float, float, float]

FARTHEST_MM = 1e6
WINDOW_PIXELS = (200, 8192)

LARGE = ("", *Plane, LARGE_3D)
MODES_3D = ("Surfaces", "Volume", "Glass", "Tissues", "White matter", "Grey matter", "CSF")
PARTS = ("", "volumes", "features", "regions")
CLIPS = ("", *"LRAPSI")
SURFACES_3D = ("cortex", "white_matter", "ventricles")


@dataclass(frozen=True, slots=True)
class Look3D:
    """How the brain is drawn in 3D, and from where.

    Attributes
    ----------
    mode : one of `MODES_3D`
    surfaces : tuple of some of `SURFACES_3D`
        Those that are drawn.
    cortex_opacity : float in [0, 1]
    position, focal_point : (x, y, z), world mm
        Where the camera stands, and what it looks at.
    up : (x, y, z)
        What points up in its picture.
    clip : str
        The side that is cut away, one of L R A P S I; empty for none.
    clip_at : (x, y, z), world mm
        A point of the cut.
    """

    mode: str
    surfaces: tuple[str, ...]
    cortex_opacity: float
    position: World
    focal_point: World
    up: World
    clip: str = ""
    clip_at: World = (0.0, 0.0, 0.0)


@dataclass(frozen=True, slots=True, eq=False)
class SavedPin:
    """A pin without its trajectory, which is made again."""

    name: str
    visible: bool
    recipe: Recipe


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """How a person was looked at.

    Attributes
    ----------
    crosshair : (x, y, z), world mm
    crosshair_visible : bool
    convention : Convention
    large : one of `LARGE`
        The pane that has the whole space; empty while all share it.
    layers : tuple of LayerLook
        The lowest first; images from files are named by their paths and not held themselves.
    views : mapping of Plane to View
        Zoom and pan.
    brain_3d : Look3D or None
        None where it was not drawn.
    beside : str
        What a second brain shows: ``"factual"``, ``"pin:0"`` for the first pin at the age that is
        looked at, ``"pin:0:own"`` at its own, ``"checkpoint:cvae-ixi"``; empty while there is none.
    structure : str
        The volume or label whose gradients are listed; empty before there are any.
    pins : tuple of SavedPin
    rulers : tuple of Ruler
        The distances that were measured.
    lightbox : Lightbox or None
        The slices of one plane that are shown instead of the three.
    local_change : str
        The direction in which local change is shown: ``"age"``, ``"sex=M"``; empty for none.
    regions : tuple of ShownRegion
        Those that are seen in slices and in 3D.
    legend : bool
        Whether it is told what the colours of the layers stand for.
    blending : Blending
        How the second brain is looked at.
    in_front : str
        The part that is in front of those below the slices: one of `PARTS`, or empty.
    active : str
        The name of the layer that keys and drags change; empty for the one that it is.
    panels : Panels
        How the parts around the slices are looked at.
    window_pixels : (width, height) or None
        How large the window was; a picture without a screen is as large.
    """

    crosshair: World
    crosshair_visible: bool
    convention: Convention
    large: str
    layers: tuple[LayerLook, ...]
    views: Mapping[Plane, View]
    brain_3d: Look3D | None = None
    beside: str = ""
    structure: str = ""
    pins: tuple[SavedPin, ...] = ()
    rulers: tuple[Ruler, ...] = ()
    lightbox: Lightbox | None = None
    local_change: str = ""
    regions: tuple[ShownRegion, ...] = ()
    legend: bool = True
    blending: Blending = field(default_factory=Blending)
    in_front: str = ""
    active: str = ""
    panels: Panels = field(default_factory=Panels)
    window_pixels: tuple[int, int] | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the scene as plain values, the ``view`` of a recipe."""
        return {
            "crosshair_mm": list(self.crosshair),
            "crosshair_visible": self.crosshair_visible,
            "convention": self.convention.value,
            "large": self.large,
            "layers": [_layer_to_json(it) for it in self.layers if it.image is None or it.source],
            "planes": {
                plane.value: {"zoom": view.zoom, "centre_mm": list(view.centre)}
                for plane, view in self.views.items()
            },
            "brain_3d": None if self.brain_3d is None else _look_3d_to_json(self.brain_3d),
            "beside": self.beside,
            "structure": self.structure,
            "local_change": self.local_change,
            "pins": [
                {"name": pin.name, "visible": pin.visible, "recipe": pin.recipe.to_json()}
                for pin in self.pins
            ],
            "rulers": [
                {"plane": it.plane.value, "start_mm": list(it.start), "end_mm": list(it.end)}
                for it in self.rulers
            ],
            "lightbox": None if self.lightbox is None else asdict(self.lightbox),
            "regions": [asdict(it) for it in self.regions],
            "legend": self.legend,
            "compare": {**asdict(self.blending), "spans": dict(self.blending.spans)},
            "in_front": self.in_front,
            "active": self.active,
            "panels": self.panels.to_json(),
            "window_pixels": self.window_pixels and list(self.window_pixels),
        }


def scene_from_json(entry: Mapping[str, Any]) -> Scene:
    """Rebuild from `Scene.to_json`.

    Raises
    ------
    RecipeError
        When something is missing, or is not a possible value.
    """
    try:
        return Scene(
            crosshair=_point(entry["crosshair_mm"]),
            crosshair_visible=_flag(entry["crosshair_visible"]),
            convention=Convention(entry["convention"]),
            large=_one_of(entry["large"], LARGE),
            layers=tuple(_layer(it) for it in _list(entry["layers"])),
            views={plane: _view(entry["planes"][plane.value]) for plane in Plane},
            brain_3d=None if entry["brain_3d"] is None else _look_3d(entry["brain_3d"]),
            beside=_beside(entry["beside"]),
            structure=_text(entry["structure"]),
            pins=tuple(_pin(it) for it in _list(entry["pins"])),
            # Recipes from before there were these have none.
            rulers=tuple(_ruler(it) for it in _list(entry.get("rulers", []))),
            lightbox=_lightbox(entry.get("lightbox")),
            local_change=_text(entry.get("local_change", "")),
            regions=tuple(_region(it) for it in _list(entry.get("regions", []))),
            legend=_flag(entry.get("legend", True)),
            blending=_blending(entry.get("compare", {})),
            in_front=_one_of(entry.get("in_front", ""), PARTS),
            active=_text(entry.get("active", "")),
            panels=panels_from_json(_mapping(entry.get("panels", {}))),
            window_pixels=_window(entry.get("window_pixels")),
        )
    except KeyError as error:
        raise RecipeError(f"the view of the recipe has no {error}") from error
    except (TypeError, ValueError) as error:
        raise RecipeError(f"the view of the recipe is malformed ({error})") from error


def _layer_to_json(look: LayerLook) -> dict[str, Any]:
    return {
        "name": look.name,
        "image": look.source,
        "kind": look.kind,
        "colormap": look.colormap,
        "window": list(look.window),
        "opacity": look.opacity,
        "visible": look.visible,
        "interpolation": look.interpolation,
        "frame": look.frame,
    }


def _layer(entry: Mapping[str, Any]) -> LayerLook:
    low, high = _numbers(entry["window"], 2)
    opacity = _number(entry["opacity"])
    colormap = _text(entry["colormap"])
    check_layer(colormap, (low, high), opacity)
    return LayerLook(
        _text(entry["name"]),
        colormap,
        (low, high),
        opacity,
        _flag(entry["visible"]),
        _one_of(entry["interpolation"], get_args(Interpolation)),  # type: ignore[arg-type]
        _one_of(entry["kind"], get_args(Kind)),  # type: ignore[arg-type]
        source=_text(entry["image"]),
        # Recipes from before frames could be chosen have none.
        frame=_count(entry.get("frame", 0)),
    )


def _look_3d_to_json(look: Look3D) -> dict[str, Any]:
    plain = asdict(look)
    return {key: list(it) if isinstance(it, tuple) else it for key, it in plain.items()}


def _view(entry: Mapping[str, Any]) -> View:
    zoom = _number(entry["zoom"])
    low, high = ZOOM_RANGE
    if not low <= zoom <= high:
        raise ValueError(f"zoom must lie in {low:g}-{high:g}, got {zoom:g}")
    x, y = (_near(it) for it in _numbers(entry["centre_mm"], 2))
    return View(zoom, (x, y))


def _look_3d(entry: Mapping[str, Any]) -> Look3D:
    return Look3D(
        _one_of(entry["mode"], MODES_3D),
        tuple(_one_of(it, SURFACES_3D) for it in _list(entry["surfaces"])),
        min(max(_number(entry["cortex_opacity"]), 0.0), 1.0),
        _point(entry["position"]),
        _point(entry["focal_point"]),
        _point(entry["up"]),
        # Recipes from before there were cuts have none.
        _one_of(entry.get("clip", ""), CLIPS),
        _point(entry.get("clip_at", [0.0, 0.0, 0.0])),
    )


def _beside(value: object) -> str:
    text = _text(value)
    if re.fullmatch(r"(factual|pin:\d+(:own)?|checkpoint:.+)?", text) is None:
        raise ValueError(f"factual, pin:NUMBER or checkpoint:NAME was expected, got {text!r}")
    return text


def _pin(entry: Mapping[str, Any]) -> SavedPin:
    return SavedPin(
        _text(entry["name"]), _flag(entry["visible"]), Recipe.from_json(entry["recipe"])
    )


def _lightbox(entry: Mapping[str, Any] | None) -> Lightbox | None:
    if entry is None:
        return None
    rows, columns = (_count(entry[name]) for name in ("rows", "columns"))
    spacing, start = (_number(entry[name]) for name in ("spacing_mm", "start_mm"))
    return Lightbox(Plane(entry["plane"]), rows, columns, spacing, start)


def _ruler(entry: Mapping[str, Any]) -> Ruler:
    return Ruler(Plane(entry["plane"]), _point(entry["start_mm"]), _point(entry["end_mm"]))


def _blending(value: object) -> Blending:
    entry = _mapping(value)
    spans = {name: _number(span) for name, span in _mapping(entry.get("spans", {})).items()}
    divider = _number(entry.get("divider", FIRST_DIVIDER))
    if not 0 <= divider <= 1 or any(span <= 0 for span in spans.values()):
        raise ValueError("a divider in 0-1 and positive spans were expected")
    together = Together(entry.get("together", Together.SIDE_BY_SIDE))
    return Blending(together, divider, _text(entry.get("layer", "")), spans)


def _window(value: object) -> tuple[int, int] | None:
    if value is None:
        return None
    low, high = WINDOW_PIXELS
    sizes = [_count(it) for it in _list(value)]
    if len(sizes) != 2 or not all(low <= size <= high for size in sizes):
        raise ValueError(f"a width and a height of {low}-{high} pixels were expected, got {sizes}")
    return sizes[0], sizes[1]


def _region(entry: Mapping[str, Any]) -> ShownRegion:
    color = _text(entry["color"])
    if re.fullmatch(r"#[0-9a-fA-F]{6}", color) is None:
        raise ValueError(f"a colour as #rrggbb was expected, got {color!r}")
    return ShownRegion(_text(entry["name"]), color)


def _point(value: object) -> World:
    x, y, z = (_near(it) for it in _numbers(value, 3))
    return x, y, z


def _near(millimetres: float) -> float:
    if abs(millimetres) > FARTHEST_MM:
        raise ValueError(f"a place within {FARTHEST_MM:g} mm was expected, got {millimetres:g} mm")
    return millimetres


def _numbers(value: object, count: int) -> list[float]:
    numbers = [_number(it) for it in _list(value)]
    if len(numbers) != count:
        raise ValueError(f"{count} numbers were expected, got {len(numbers)}")
    return numbers


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"a number was expected, got {value!r}")
    return float(value)


def _count(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"a whole number was expected, got {value!r}")
    return value


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"true or false was expected, got {value!r}")
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"a text was expected, got {value!r}")
    return value


def _list(value: object) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError(f"a list was expected, got {value!r}")
    return value


def _mapping(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise TypeError(f"an object was expected, got {value!r}")
    return value


def _one_of(value: object, choices: Sequence[str]) -> str:
    if value not in choices:
        raise ValueError(f"one of {', '.join(filter(None, choices))} was expected, got {value!r}")
    return str(value)
