"""How the 3D picture looks: colours, lights, opacities and the cube of directions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyvista as pv
from scipy import ndimage
from vtkmodules.vtkRenderingAnnotation import vtkAnnotatedCubeActor

from brainviewer.gui.brain_surfaces import Surface
from brainviewer.gui.theme import load_theme
from brainviewer.session.colormaps import CHANGE, STEPS, premultiplied_table

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from vtkmodules.vtkInteractionWidgets import vtkOrientationMarkerWidget

    from brainviewer.core.volume import Affine
    from brainviewer.session.look import Paint

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


# What the cube of directions takes with its surroundings: the least and the most, and between.
CUBE_PIXELS = (72, 120)
CUBE_SHARE = 0.16


def dress(plotter: pv.Plotter) -> vtkOrientationMarkerWidget:
    """Give a plotter its background, its lights and its cube of directions; return that."""
    plotter.set_background(load_theme("dark").colors["field"])
    plotter.remove_all_lights()
    for position, color, intensity in LIGHTS:
        light = pv.Light(position=position, color=color, light_type="camera light")
        light.intensity = intensity
        plotter.add_light(light)
    directions: vtkOrientationMarkerWidget = plotter.add_orientation_widget(_direction_cube())
    return directions


def cube_viewport(width: float, height: float) -> tuple[float, float, float, float]:
    """Return the share of a picture, logical pixels, that the cube takes with its surroundings.

    Its letters can be read in a flat picture too, and it covers no brain in a large one.
    """
    low, high = CUBE_PIXELS
    side = min(max(CUBE_SHARE * min(width, height), low), high)
    return 0.0, 0.0, min(side / max(width, 1), 1.0), min(side / max(height, 1), 1.0)


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


def painted(surface: Surface, mesh: pv.PolyData, affine: Affine, paint: Paint) -> NDArray[np.uint8]:
    """Colour the points of a surface with a map: (N, 3) uint8.

    The map's colours lie on the surface's own, and darken in the sulci as these do.

    Parameters
    ----------
    mesh : pyvista.PolyData
        Points in voxels, as `brain_surfaces.surface_mesh` makes it.
    affine : (4, 4) float64 ndarray
        From these voxels to world mm.
    """
    to_map = np.linalg.solve(paint.volume.affine, affine)
    at = np.asarray(mesh.points) @ to_map[:3, :3].T + to_map[:3, 3]  # (N, 3)
    values = ndimage.map_coordinates(paint.volume.data, at.T, order=1, mode="nearest")
    low, high = paint.window
    steps = np.clip((values - low) / (high - low), 0, 1) * (STEPS - 1)
    colours = premultiplied_table(CHANGE, 1.0)[np.rint(steps).astype(np.intp)]
    own = 255 * np.array(pv.Color(COLOURS[surface]).float_rgb)
    mixed = colours[:, :3] + (1 - colours[:, 3:] / 255) * own
    if "depth" in mesh.point_data:
        depth = np.asarray(mesh.point_data["depth"])[:, None]
        mixed *= 1 - depth * (1 - np.array(SULCUS_SHADE))
    found: NDArray[np.uint8] = np.rint(mixed).astype(np.uint8)
    return found


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
