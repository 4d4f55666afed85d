"""How brains and images are looked at, as values that can be kept and gone back to."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from brainviewer.session.layers import Layer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from brainviewer.core.label_table import LabelTable
    from brainviewer.core.space import Convention
    from brainviewer.core.volume import Volume
    from brainviewer.session.layers import Interpolation, Kind
    from brainviewer.session.rulers import Ruler
    from brainviewer.session.shown_regions import ShownRegion


LARGE_3D = "3d"


@dataclass(frozen=True, slots=True)
class Paint:
    """What surfaces are painted with: a map, and the values of the first and the last colour."""

    volume: Volume
    window: tuple[float, float]


@dataclass(frozen=True, slots=True)
class LayerLook:
    """How one layer is shown.

    Attributes
    ----------
    name, colormap, window, opacity, visible, interpolation, kind
        Those of the `Layer`.
    image : Volume or None
        A user's image itself; None for a map of the generated brain, of which the next brain
        brings another, and for an image that has yet to be read.
    source : str
        The path of a user's image; empty where there is none.
    frame, frames : int
        Those of the `Layer`. Of an image that has yet to be read only the frame is known.
    labels : LabelTable or None
        That of the `Layer`.
    """

    name: str
    colormap: str
    window: tuple[float, float]
    opacity: float
    visible: bool
    interpolation: Interpolation
    kind: Kind
    image: Volume | None = None
    source: str = ""
    frame: int = 0
    frames: int = 1
    labels: LabelTable | None = None


@dataclass(frozen=True, slots=True)
class Look:
    """All of the display that can be undone; not the crosshair, zoom and pan.

    Attributes
    ----------
    layers : tuple of LayerLook
        The lowest first.
    maps : tuple of str
        The names of all maps of the brain, also of those that the user removed.
    convention : Convention
    large : str
        The pane that has the whole space: ``"coronal"``, ``"sagittal"``, ``"axial"`` or ``"3d"``;
        empty while all share it.
    regions : tuple of ShownRegion
        Those that are seen in slices and in 3D.
    rulers : tuple of Ruler
        The distances that were measured.
    """

    layers: tuple[LayerLook, ...]
    maps: tuple[str, ...]
    convention: Convention
    large: str = ""
    regions: tuple[ShownRegion, ...] = ()
    rulers: tuple[Ruler, ...] = ()


def look_of_layer(layer: Layer) -> LayerLook:
    """Describe how a layer is shown."""
    return LayerLook(
        layer.name,
        layer.colormap,
        layer.window,
        layer.opacity,
        layer.visible,
        layer.interpolation,
        layer.kind,
        None if layer.generated else layer.volume,
        layer.source,
        layer.frame,
        layer.frames,
        layer.labels,
    )


def layers_as(looks: Sequence[LayerLook], maps: Sequence[Layer]) -> tuple[Layer, ...]:
    """Make the layers that some looks describe.

    Parameters
    ----------
    looks : sequence of LayerLook
        The lowest first; maps that the brain has not and images that were not read are left out.
    maps : sequence of Layer
        The maps of the brain.
    """
    by_name = {layer.name: layer for layer in maps}
    return tuple(
        _layer_as(look, by_name.get(look.name))
        for look in looks
        if look.image is not None or (look.name in by_name and not look.source)
    )


def _layer_as(look: LayerLook, own: Layer | None) -> Layer:
    if look.image is not None:
        own = Layer(
            look.name,
            look.image,
            kind=look.kind,
            source=look.source,
            frame=look.frame,
            frames=look.frames,
            labels=look.labels,
        )
    assert own is not None
    return replace(
        own,
        colormap=look.colormap,
        window=look.window,
        opacity=look.opacity,
        visible=look.visible,
        interpolation=look.interpolation,
    )
