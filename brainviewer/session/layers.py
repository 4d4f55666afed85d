"""Layers: volumes with how they are to be shown."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, TypedDict

import numpy as np

from brainviewer.core.regions import looks_like_labels
from brainviewer.core.thinning import thinned
from brainviewer.core.tissues import T1, TISSUES, has_tissues
from brainviewer.core.volume import Brain, Volume
from brainviewer.session.colormaps import CHANGE, COLORMAPS, LABELS, TWO_TAILED

if TYPE_CHECKING:
    from collections.abc import Sequence, Set

    from numpy.typing import NDArray

    from brainviewer.core.label_table import LabelTable
    from brainviewer.session.look import LayerLook

Interpolation = Literal["nearest", "linear", "cubic"]
Kind = Literal["intensity", "probability", "label", "change"]

TISSUE_CONTRAST = "Tissue contrast"
# Brightness of each tissue in a T1-weighted image of unit contrast.
CONTRAST_WEIGHTS = {"WM": 0.92, "GM": 0.62, "CSF": 0.18}
OVERLAY_OPACITY = 0.5
CHANGE_OPACITY = 0.75
WHITE_MATTER = 0.75  # in the T1 image of a prepared scan
WINDOW_PERCENTILES = (1.0, 99.5)
# Below, float32 cannot hold one over it.
NARROWEST = 1e-30
# FSL's first choice for z.
STATISTIC_THRESHOLD = 2.3
# As FSL, SPM and BIDS derivatives name them.
_STATISTIC = re.compile(r"(?:^|[^a-z])[zt]-?(?:stat|map)|statmap|spmt_", re.IGNORECASE)
# The width of the window of an image of one value, where 1 would be lost in rounding.
LEAST_CONTRAST = 1e-3


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """One volume and how it is shown.

    Attributes
    ----------
    name : str
    volume : Volume
    colormap : one of `COLORMAPS`
    window : (low, high), in the volume's own unit
        The values that get the first and the last colour.
    opacity : float in [0, 1]
    visible : bool
    interpolation : ``"nearest"``, ``"linear"`` or ``"cubic"``
    kind : ``"intensity"``, ``"probability"``, ``"label"`` or ``"change"`` (percent)
    generated : bool
        It shows a map of a generated brain, which the next brain replaces; never a user's image.
    source : str
        The path of a user's image; empty where there is none.
    frame, frames : int
        Which frame of the file's the volume is, counted from 0, and how many there are.
    labels : LabelTable or None
        What the numbers of a label image mean, where that is known.

    Raises
    ------
    ValueError
        The window is empty, the opacity outside [0, 1], or the colormap unknown.
    """

    name: str
    volume: Volume
    colormap: str = "gray"
    window: tuple[float, float] = (0.0, 1.0)
    opacity: float = 1.0
    visible: bool = True
    interpolation: Interpolation = "linear"
    kind: Kind = "intensity"
    generated: bool = False
    source: str = ""
    frame: int = 0
    frames: int = 1
    labels: LabelTable | None = None

    def __post_init__(self) -> None:
        check_layer(self.colormap, self.window, self.opacity)

    @property
    def title(self) -> str:
        """The name, with the frame where there are several."""
        return f"{self.name} [{self.frame}]" if self.frames > 1 else self.name


class LayerChanges(TypedDict, total=False):
    """The attributes of a layer that a user changes."""

    colormap: str
    window: tuple[float, float]
    opacity: float
    visible: bool
    interpolation: Interpolation


def check_layer(colormap: str, window: tuple[float, float], opacity: float) -> None:
    """Raise ValueError when a layer cannot be shown like this."""
    low, high = window
    if not (math.isfinite(low) and NARROWEST <= high - low < math.inf):
        raise ValueError(f"a window goes from a lower to a higher value, got {low:g}, {high:g}")
    if not 0.0 <= opacity <= 1.0:
        raise ValueError(f"opacity must lie in 0-1, got {opacity:g}")
    if colormap not in COLORMAPS:
        raise ValueError(f"a colormap is one of {', '.join(COLORMAPS)}, got {colormap!r}")


def layers_of(brain: Brain) -> tuple[Layer, ...]:
    """Give the layers a generated brain is shown as, bottom first.

    Tissue maps become a grey picture like a T1-weighted image, which is the image itself where
    there is one, under a map of each tissue that is not visible at first; an image becomes a grey
    picture.
    """
    if has_tissues(brain.channels):
        grey = t1_picture(brain) if T1 in brain.channels else tissue_contrast(brain)
        return grey, *(_tissue_layer(brain, tissue) for tissue in TISSUES)
    return tuple(_image_layer(brain.volume(channel)) for channel in brain.channels)


def tissue_contrast(brain: Brain) -> Layer:
    """Mix tissue maps to a picture with the contrast of a T1-weighted image."""
    picture = np.zeros(brain.data.shape[1:], np.float32)
    for tissue, weight in CONTRAST_WEIGHTS.items():
        picture += weight * brain.data[brain.channels.index(tissue)]
    volume = Volume(picture, brain.affine, TISSUE_CONTRAST)
    return Layer(TISSUE_CONTRAST, volume, generated=True)


def t1_picture(brain: Brain) -> Layer:
    """Show the T1 image of a brain in the place and the brightness of the tissue contrast."""
    bright = CONTRAST_WEIGHTS["WM"] / WHITE_MATTER
    picture = brain.volume(T1).data.astype(np.float32) * np.float32(bright)
    return Layer(T1, Volume(picture, brain.affine, T1), generated=True)


def change_layer(percent: Volume, span: float) -> Layer:
    """Show a map of change in percent, with the full colours at -span and span."""
    window = (-span, span)
    return Layer(
        percent.name, percent, CHANGE, window, CHANGE_OPACITY, kind="change", generated=True
    )


def layer_of_image(volume: Volume) -> Layer:
    """Guess how an image from a file is best shown.

    Whole numbers in patches are labels; a file that BIDS calls ``probseg`` is a probability; one
    that is called a z or t statistic is seen beyond 2.3 on either side; everything else is an
    intensity, windowed by `auto_window`.
    """
    name = volume.name or "image"
    if looks_like_labels(volume.data):
        layer = Layer(name, volume, LABELS, kind="label", interpolation="nearest")
        return replace(layer, opacity=OVERLAY_OPACITY)
    if "probseg" in name:
        tissue = next((it for it in TISSUES if f"label-{it}" in name), "viridis")
        return Layer(name, volume, tissue, opacity=OVERLAY_OPACITY, kind="probability")
    if _STATISTIC.search(name):
        return Layer(name, volume, TWO_TAILED, _tails(volume.data))
    return Layer(name, volume, window=auto_window(volume.data))


def with_new_data(old: Sequence[Layer], new: Sequence[Layer]) -> tuple[Layer, ...]:
    """Show a new brain the way the generated layers of the same name are shown.

    Parameters
    ----------
    old : sequence of Layer
        What is shown now. Of generated layers, colormap, window, opacity, visibility and
        interpolation are kept.
    new : sequence of Layer
        Their names, order and volumes are kept.
    """
    shown = {layer.name: layer for layer in old if layer.generated}
    return tuple(
        replace(shown[layer.name], volume=layer.volume, kind=layer.kind)
        if layer.name in shown
        else layer
        for layer in new
    )


def told_apart(layers: Sequence[Layer]) -> tuple[Layer, ...]:
    """Give each of the user's images a name of its own: a number follows one that is taken.

    A generated layer keeps its name, and so does an image whose name no other has.
    """
    owners: dict[str, Layer] = {}
    for layer in sorted(layers, key=_is_image):
        owners.setdefault(layer.name, layer)
    taken, named = set(owners), []
    for layer in layers:
        is_owner = owners[layer.name] is layer
        named.append(layer if is_owner else replace(layer, name=_free_name(layer.name, taken)))
        taken.add(named[-1].name)
    return tuple(named)


def is_successor(new: Layer, old: Layer) -> bool:
    """Tell whether a layer shows the same image as another, or the same map of another brain.

    Any frame of a file is the same image.
    """
    if new.generated and old.generated:
        return new.name == old.name
    return new.volume is old.volume or is_same_series(new, old)


def is_same_series(new: Layer | LayerLook, old: Layer | LayerLook) -> bool:
    """Tell whether two layers, or how they look, show frames of one image."""
    return new.frames > 1 and (new.name, new.source, new.frames) == (
        old.name,
        old.source,
        old.frames,
    )


def fitting_window(layer: Layer) -> tuple[float, float]:
    """Find the window that fits the values of a layer and its colours."""
    data = layer.volume.data
    return _tails(data) if layer.colormap == TWO_TAILED else auto_window(data)


def auto_window(data: NDArray[Any]) -> tuple[float, float]:
    """Find the window from the 1st to the 99.5th percentile of what is not zero.

    Of a large image a part is looked at.
    """
    data = thinned(data)
    values = data[np.isfinite(data) & (data != 0)]
    if not values.size:
        return 0.0, 1.0
    low, high = (float(edge) for edge in np.percentile(values, WINDOW_PERCENTILES))
    if high - low >= NARROWEST:
        return low, high
    low = min(0.0, low)
    return low, max(high, low + max(1.0, LEAST_CONTRAST * abs(low)))


def _tails(data: NDArray[Any]) -> tuple[float, float]:
    """Return the sizes of a statistic between which its colours lie."""
    sizes = np.abs(thinned(data))
    largest = float(sizes[np.isfinite(sizes)].max(initial=0.0))
    return STATISTIC_THRESHOLD, max(largest, 2 * STATISTIC_THRESHOLD)


def _is_image(layer: Layer) -> bool:
    return not layer.generated


def _free_name(name: str, taken: Set[str]) -> str:
    numbered = (f"{name} ({number})" for number in range(2, len(taken) + 3))
    return next(it for it in numbered if it not in taken)


def _image_layer(volume: Volume) -> Layer:
    return Layer(volume.name, volume, window=auto_window(volume.data), generated=True)


def _tissue_layer(brain: Brain, tissue: str) -> Layer:
    return Layer(
        tissue,
        brain.volume(tissue),
        tissue,
        opacity=OVERLAY_OPACITY,
        visible=False,
        kind="probability",
        generated=True,
    )
