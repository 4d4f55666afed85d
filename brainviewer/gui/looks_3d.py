"""How the 3D picture looks: colours, lights, opacities and the cube of directions."""

from __future__ import annotations

import numpy as np
import pyvista as pv
from vtkmodules.vtkCommonDataModel import vtkPiecewiseFunction
from vtkmodules.vtkRenderingAnnotation import vtkAnnotatedCubeActor
from vtkmodules.vtkRenderingCore import (
    vtkColorTransferFunction,
    vtkVolume,
    vtkVolumeProperty,
)
from vtkmodules.vtkRenderingVolumeOpenGL2 import vtkOpenGLGPUVolumeRayCastMapper

from brainviewer.gui.brain_surfaces import Surface
from brainviewer.gui.theme import load_theme

COLOURS = {
    Surface.CORTEX: "#e2d3c8",
    Surface.WHITE_MATTER: "#f6efdf",
    Surface.VENTRICLES: "#5b9be6",
}
SULCUS_SHADE = (0.34, 0.29, 0.27)
"""What is left of red, green and blue in the depth of a sulcus: shade is warm."""

# Position beside the camera, which stands at (0, 0, 1) and looks at 0; colour; intensity. A kit of
# five lights is hardly nicer, and takes software OpenGL twice as long.
LIGHTS = (((-0.6, 1.0, 0.9), "#fff6ec", 0.95), ((0.5, -0.3, 1.0), "#eaf0ff", 0.42))

# Grey value, and opacity per mm: CSF vanishes, grey matter is a veil, white matter is dense.
OPACITY_PER_MM = ((0, 0.0), (70, 0.0), (115, 0.05), (165, 0.22), (235, 0.5), (255, 0.5))
GREY_COLOURS = ((60, "#4a2f2a"), (120, "#b08478"), (165, "#dcc4b6"), (235, "#fdf6e8"))


def dress(plotter: pv.Plotter) -> None:
    """Give a plotter its background, its lights and its cube of directions."""
    plotter.set_background(load_theme("dark").colors["field"])
    plotter.remove_all_lights()
    for position, color, intensity in LIGHTS:
        light = pv.Light(position=position, color=color, light_type="camera light")
        light.intensity = intensity
        plotter.add_light(light)
    plotter.add_orientation_widget(_direction_cube(), viewport=(0.0, 0.0, 0.16, 0.16))


def surface_actor(surface: Surface, mesh: pv.PolyData) -> pv.Actor:
    """Make the actor of a surface; where its mesh has a ``depth``, it darkens with it."""
    actor = pv.Actor(mapper=pv.DataSetMapper(mesh))
    prop = actor.prop
    prop.color = COLOURS[surface]
    prop.interpolation = "Phong"
    prop.ambient, prop.diffuse, prop.specular, prop.specular_power = 0.12, 0.9, 0.08, 20
    if surface is not Surface.VENTRICLES:
        actor.mapper.lookup_table = _shades(COLOURS[surface])
        actor.mapper.scalar_range = (0, 1)
        actor.mapper.SetScalarModeToUsePointData()
    return actor


def volume_actor() -> vtkVolume:
    """Make the actor of the grey image, as yet without one."""
    colours, opacity = vtkColorTransferFunction(), vtkPiecewiseFunction()
    for value, colour in GREY_COLOURS:
        colours.AddRGBPoint(value, *pv.Color(colour).float_rgb)
    for value, per_mm in OPACITY_PER_MM:
        opacity.AddPoint(value, per_mm)
    prop = vtkVolumeProperty()
    prop.SetColor(colours)
    prop.SetScalarOpacity(opacity)
    prop.SetScalarOpacityUnitDistance(1.0)
    prop.SetInterpolationTypeToLinear()
    prop.ShadeOn()
    prop.SetAmbient(0.2)
    prop.SetDiffuse(0.75)
    prop.SetSpecular(0.1)
    volume = vtkVolume()
    volume.SetMapper(vtkOpenGLGPUVolumeRayCastMapper())
    volume.SetProperty(prop)
    return volume


def _direction_cube() -> vtkAnnotatedCubeActor:
    """Make a cube whose sides say which side of the person they are."""
    cube = vtkAnnotatedCubeActor()
    cube.SetXPlusFaceText("R")
    cube.SetXMinusFaceText("L")
    cube.SetYPlusFaceText("A")
    cube.SetYMinusFaceText("P")
    cube.SetZPlusFaceText("S")
    cube.SetZMinusFaceText("I")
    cube.SetZFaceTextRotation(-90)
    cube.SetFaceTextScale(0.6)
    colors = load_theme("dark").colors
    cube.GetCubeProperty().SetColor(pv.Color(colors["raised"]).float_rgb)
    cube.GetTextEdgesProperty().SetOpacity(0)
    for side in ("XPlus", "XMinus", "YPlus", "YMinus", "ZPlus", "ZMinus"):
        letter = getattr(cube, f"Get{side}FaceProperty")()
        letter.SetColor(pv.Color(colors["text"]).float_rgb)
        letter.SetInterpolationToFlat()
        letter.LightingOff()
    return cube


def _shades(colour: str) -> pv.LookupTable:
    """From the colour of a gyrus to the shade in a sulcus."""
    bright = np.array(pv.Color(colour).float_rgb)
    share = np.linspace(0, 1, 256)[:, None]
    dark = bright * SULCUS_SHADE
    rgb = bright * (1 - share) + dark * share
    table = pv.LookupTable()
    table.values = np.column_stack([rgb, np.ones(256)]) * 255
    return table
