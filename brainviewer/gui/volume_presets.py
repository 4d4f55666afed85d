"""The ways to draw a brain in 3D: surfaces, and see-through volumes made for T1 and tissue maps."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Literal

import numpy as np
import pyvista as pv
from vtkmodules.vtkCommonDataModel import vtkPiecewiseFunction
from vtkmodules.vtkRenderingCore import vtkColorTransferFunction, vtkVolume, vtkVolumeProperty
from vtkmodules.vtkRenderingVolumeOpenGL2 import vtkOpenGLGPUVolumeRayCastMapper

from brainviewer.gui.brain_surfaces import grey_image, tissues_of
from brainviewer.session.colormaps import TISSUE_COLORS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from brainviewer.core.volume import Brain, FloatArray

Ramp = tuple[tuple[int, float], ...]
Source = Literal["grey", "tissues", "WM", "GM", "CSF"]

# What is dark in a T1 image lies outside the head, and is no CSF.
HEAD = 0.06
# How dense each tissue is drawn beside the others.
DENSITIES = {"WM": 0.95, "GM": 0.5, "CSF": 0.16}


class Mode(StrEnum):
    """The ways to draw a brain."""

    SURFACES = "Surfaces"
    VOLUME = "Volume"
    GLASS = "Glass"
    TISSUES = "Tissues"
    WHITE_MATTER = "White matter"
    GREY_MATTER = "Grey matter"
    CSF = "CSF"


@dataclass(frozen=True, slots=True)
class Preset:
    """How a volume is drawn.

    Attributes
    ----------
    source : str
        What is drawn, as 0-255: the grey image, the map of a tissue, or all tissues in colour.
    colours : tuple of (value, ``#rrggbb``)
    opacity : tuple of (value, opacity per mm)
    edges : tuple of (step from voxel to voxel, factor of the opacity)
        Empty where edges are no denser than the rest.
    """

    source: Source
    colours: tuple[tuple[int, str], ...]
    opacity: Ramp
    edges: Ramp = ()


EXPLANATIONS = {
    Mode.SURFACES: "where half of a voxel is the tissue",
    Mode.VOLUME: "the whole image, see-through, as bright as in a T1-weighted scan",
    Mode.GLASS: "borders alone, as of glass: what lies inside is seen",
    Mode.TISSUES: "white matter, grey matter and CSF, each in its own colour",
    Mode.WHITE_MATTER: "white matter alone",
    Mode.GREY_MATTER: "grey matter alone",
    Mode.CSF: "fluid alone, around the brain and in the ventricles",
}
PRESETS = {
    # CSF vanishes, grey matter is a veil, white matter is dense.
    Mode.VOLUME: Preset(
        "grey",
        ((60, "#4a2f2a"), (120, "#b08478"), (165, "#dcc4b6"), (235, "#fdf6e8")),
        ((0, 0.0), (70, 0.0), (115, 0.05), (165, 0.22), (235, 0.5), (255, 0.5)),
    ),
    Mode.GLASS: Preset(
        "grey",
        ((60, "#6fa8dc"), (150, "#cfe2f3"), (235, "#ffffff")),
        ((0, 0.0), (40, 0.0), (70, 0.035), (130, 0.02), (255, 0.012)),
        edges=((0, 0.0), (10, 0.0), (40, 1.0), (255, 1.0)),
    ),
    Mode.TISSUES: Preset("tissues", (), ((0, 0.0), (30, 0.0), (90, 0.05), (160, 0.2), (255, 0.6))),
    Mode.WHITE_MATTER: Preset(
        "WM",
        ((100, "#c9b48f"), (180, "#f0e4cb"), (255, "#fffaf0")),
        ((0, 0.0), (95, 0.0), (150, 0.25), (255, 0.6)),
    ),
    Mode.GREY_MATTER: Preset(
        "GM",
        ((90, "#5a4038"), (170, "#b98f80"), (255, "#e9cdbf")),
        ((0, 0.0), (90, 0.0), (170, 0.12), (255, 0.4)),
    ),
    Mode.CSF: Preset(
        "CSF",
        ((90, "#17406d"), (170, "#4d8fdc"), (255, "#a9d2ff")),
        ((0, 0.0), (110, 0.0), (190, 0.03), (255, 0.18)),
    ),
}


def volume_actor() -> vtkVolume:
    """Make the actor of a volume, as yet without one."""
    volume = vtkVolume()
    volume.SetMapper(vtkOpenGLGPUVolumeRayCastMapper())
    return volume


def dress_volume(volume: vtkVolume, preset: Preset) -> None:
    """Draw a volume that way."""
    prop = vtkVolumeProperty()
    prop.SetScalarOpacity(_ramp(preset.opacity))
    prop.SetScalarOpacityUnitDistance(1.0)
    prop.SetInterpolationTypeToLinear()
    if preset.source == "tissues":
        prop.IndependentComponentsOff()
    else:
        colours = vtkColorTransferFunction()
        for value, colour in preset.colours:
            colours.AddRGBPoint(value, *pv.Color(colour).float_rgb)
        prop.SetColor(colours)
    if preset.edges:
        prop.SetGradientOpacity(_ramp(preset.edges))
    prop.ShadeOn()
    prop.SetAmbient(0.2)
    prop.SetDiffuse(0.75)
    prop.SetSpecular(0.1)
    volume.SetProperty(prop)


def drawn_image(brain: Brain, source: Source) -> NDArray[np.uint8]:
    """Return what a preset draws of a brain.

    Returns
    -------
    (N, C) uint8 ndarray
        The voxels in Fortran's order; C is 1, or 4 for colour and density.
    """
    if source == "grey":
        return _bytes(grey_image(brain))
    maps = _maps(brain)
    if source != "tissues":
        return _bytes(maps[source])
    solid = sum(maps.values(), np.zeros_like(maps["WM"]))
    known = np.maximum(solid, 1e-6)
    colour = [
        sum((maps[it] * TISSUE_COLORS[it][part] for it in maps), np.zeros_like(known)) / known / 255
        for part in range(3)
    ]
    density = sum((maps[it] * DENSITIES[it] for it in maps), np.zeros_like(known))
    return np.hstack([_bytes(it) for it in (*colour, density)])


def _maps(brain: Brain) -> dict[Literal["WM", "GM", "CSF"], FloatArray]:
    """Return the tissue maps, or unmix them from a T1-weighted image."""
    tissues = tissues_of(brain)
    fluid = tissues.fluid
    if "T1w" in brain.channels:
        fluid = np.where(grey_image(brain) > HEAD, fluid, np.float32(0))
    return {"WM": tissues.white, "GM": tissues.solid - tissues.white, "CSF": fluid}


def _bytes(image: FloatArray) -> NDArray[np.uint8]:
    found: NDArray[np.uint8] = np.round(image.clip(0, 1) * 255).astype(np.uint8)
    return found.reshape(-1, 1, order="F")


def _ramp(points: Ramp) -> vtkPiecewiseFunction:
    ramp = vtkPiecewiseFunction()
    for value, height in points:
        ramp.AddPoint(value, height)
    return ramp
