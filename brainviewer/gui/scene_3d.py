"""The 3D picture of a brain: its surfaces, or a see-through volume."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
import pyvista as pv
from vtkmodules.vtkCommonDataModel import vtkPlane
from vtkmodules.vtkRenderingCore import vtkCellPicker

from brainviewer.gui.brain_surfaces import (
    Surface,
    Tissues,
    coarser,
    surface_mesh,
    tissues_of,
)
from brainviewer.gui.looks_3d import cube_viewport, dress, painted, surface_actor
from brainviewer.gui.opengl import OpenGLUnavailable
from brainviewer.gui.region_surfaces import RegionSurfaces
from brainviewer.gui.volume_presets import (
    PRESETS,
    Mode,
    Preset,
    Source,
    drawn_image,
    dress_volume,
    volume_actor,
)
from brainviewer.session.scene import Look3D

if TYPE_CHECKING:
    from brainviewer.core.volume import Affine, Brain
    from brainviewer.session.look import Paint
    from brainviewer.session.shown_regions import Shares
    from brainviewer.session.viewpoints import Viewpoint

Point = tuple[float, float, float]
Quality = Literal["draft", "full"]
Side = Literal["L", "R", "A", "P", "S", "I"]


# Where the camera stands, in RAS+, and what points up in its picture.
VIEWS: dict[Side, tuple[tuple[int, int, int], tuple[int, int, int]]] = {
    "L": ((-1, 0, 0), (0, 0, 1)),
    "R": ((1, 0, 0), (0, 0, 1)),
    "A": ((0, 1, 0), (0, 0, 1)),
    "P": ((0, -1, 0), (0, 0, 1)),
    "S": ((0, 0, 1), (0, 1, 0)),
    "I": ((0, 0, -1), (0, 1, 0)),
}
# By its letter in a look; none for the whole brain.
SIDE_OF: dict[str, Side | None] = {"": None, **{side: side for side in VIEWS}}
PICK_TOLERANCE = 0.001  # of the diagonal of the picture
HOME = ((-0.83, 0.65, 0.38), (0, 0, 1))
VIEW_ANGLE_DEGREES = 24.0
UPDATE_RATES_HZ: dict[Quality, float] = {"draft": 30.0, "full": 0.001}
"""How often the volume should be drawn: its rays grow sparser until it is."""

SEE_THROUGH = 0.4
"""The opacity of white matter while the ventricles inside it are shown."""


class Scene3D:
    """What a plotter shows of a brain; it draws nothing until the plotter renders.

    Parameters
    ----------
    plotter : pyvista.Plotter or pyvistaqt.QtInteractor
    """

    def __init__(self, plotter: pv.Plotter) -> None:
        self.plotter = plotter
        self._mode = Mode.SURFACES
        self._brain: Brain | None = None
        self._quality: Quality = "full"
        self._tissues: tuple[Tissues, Tissues] | None = None
        self._shown = {Surface.CORTEX: True, Surface.WHITE_MATTER: False, Surface.VENTRICLES: True}
        self._paint: Paint | None = None
        self._stale: set[Surface] = set()
        self._meshes = {surface: pv.PolyData() for surface in Surface}
        self._actors = {it: surface_actor(it, mesh) for it, mesh in self._meshes.items()}
        self._image = pv.ImageData()
        self._uploaded: tuple[Brain, Source] | None = None
        self._preset: Preset | None = None
        self._volume = volume_actor()
        self._regions = RegionSurfaces(plotter)
        self._clip: Side | None = None
        self._clip_at = (0.0, 0.0, 0.0)
        for prop in (*self._actors.values(), self._volume):
            plotter.renderer.AddViewProp(prop)
        self._directions = dress(plotter)
        self.fit_directions(*plotter.window_size)
        self._show_what_is_wanted()
        self.reset()

    @property
    def mode(self) -> Mode:
        """The way the brain is drawn."""
        return self._mode

    def show_brain(self, brain: Brain, *, quality: Quality = "full") -> None:
        """Take a brain in; `draft` cuts its surfaces at half the resolution."""
        first = self._brain is None
        if brain is not self._brain:
            fine = tissues_of(brain)
            self._tissues = (fine, coarser(fine))
            self._stale = set(Surface)
        elif quality != self._quality:
            self._stale |= set(Surface)
        self._brain, self._quality = brain, quality
        self.plotter.render_window.SetDesiredUpdateRate(UPDATE_RATES_HZ[quality])
        self._show_what_is_wanted()
        if first:
            self.reset()

    def fit_directions(self, width: float, height: float) -> None:
        """Draw the cube of directions as large as suits a picture, logical pixels."""
        self._directions.SetViewport(*cube_viewport(width, height))

    def show_mode(self, mode: Mode) -> None:
        """Draw surfaces, or a see-through volume."""
        self._mode = mode
        self._show_what_is_wanted()

    def show_surface(self, surface: Surface, shown: bool) -> None:
        """Show or hide a surface."""
        self._shown[surface] = shown
        self._show_what_is_wanted()

    def show_paint(self, paint: Paint | None) -> None:
        """Paint the surfaces with a map; None leaves them plain."""
        if paint != self._paint:
            self._paint = paint
            self._stale |= set(Surface)
            self._show_what_is_wanted()

    def show_regions(self, regions: Shares) -> None:
        """Draw these regions and no others; they stay whole where the brain is cut."""
        self._regions.show(regions)
        self.plotter.renderer.ResetCameraClippingRange()

    def set_cortex_opacity(self, opacity: float) -> None:
        """Let the cortex be seen through: 0 is invisible, 1 hides what lies inside."""
        self._actors[Surface.CORTEX].prop.opacity = opacity
        self._show_what_is_wanted()

    def clip(self, side: Side | None, at: tuple[float, float, float]) -> None:
        """Cut a side of the brain away.

        Parameters
        ----------
        side : ``"L"``, ``"R"``, ``"A"``, ``"P"``, ``"S"``, ``"I"`` or None
            None shows the brain whole.
        at : (x, y, z), world mm
            A point of the cut.
        """
        self._clip, self._clip_at = side, at
        for prop in (*self._actors.values(), self._volume):
            mapper = prop.GetMapper()
            mapper.RemoveAllClippingPlanes()
            if side is not None:
                mapper.AddClippingPlane(_plane_before(at, VIEWS[side][0]))
        self._show_what_is_wanted()

    def pick(self, x: float, y: float) -> tuple[float, float, float] | None:
        """Find the point of the brain under a place in the picture.

        Parameters
        ----------
        x, y : float, pixels of the screen
            From the lower left.

        Returns
        -------
        (x, y, z), world mm, or None where there is no brain
        """
        picker = vtkCellPicker()
        picker.PickFromListOn()
        picker.SetTolerance(PICK_TOLERANCE)
        for prop in (*self._actors.values(), *self._regions.actors, self._volume):
            if prop.GetVisibility():
                picker.AddPickList(prop)
        if not picker.Pick(x, y, 0.0, self.plotter.renderer):
            return None
        return _point(picker.GetPickPosition())

    def show_viewpoint(self, viewpoint: Viewpoint) -> None:
        """Look at the brain from a saved view."""
        self._stand(viewpoint.position, viewpoint.focal_point, viewpoint.up)

    def look_from(self, side: Side) -> None:
        """Look at the brain from the person's left, right, front, back, from above or below."""
        self._look(*VIEWS[side])

    def reset(self) -> None:
        """Go back to the first view: from the left, the front and above."""
        self._look(*HOME)

    def turn(self, right_degrees: float, up_degrees: float) -> None:
        """Walk around the brain."""
        camera = self.plotter.camera
        camera.Azimuth(right_degrees)
        camera.Elevation(up_degrees)
        camera.OrthogonalizeViewUp()
        self.plotter.renderer.ResetCameraClippingRange()

    def zoom(self, factor: float) -> None:
        """Step closer (above 1) or back."""
        self.plotter.camera.Dolly(factor)
        self.plotter.renderer.ResetCameraClippingRange()

    def slide(self, right: float, up: float) -> None:
        """Move the picture, by shares of its height."""
        camera = self.plotter.camera
        forward = np.subtract(camera.focal_point, camera.position)
        height = 2 * np.linalg.norm(forward) * np.tan(np.radians(camera.view_angle) / 2)
        across = np.cross(forward, camera.up)
        moved = height * (right * across / np.linalg.norm(across) + up * np.array(camera.up))
        camera.position = tuple(camera.position - moved)
        camera.focal_point = tuple(camera.focal_point - moved)
        self.plotter.renderer.ResetCameraClippingRange()

    def look(self) -> Look3D:
        """Describe how the brain is drawn, and from where."""
        camera = self.plotter.camera
        return Look3D(
            self._mode.value,
            tuple(it.name.lower() for it, shown in self._shown.items() if shown),
            self._actors[Surface.CORTEX].prop.opacity,
            _point(camera.position),
            _point(camera.focal_point),
            _point(camera.up),
            self._clip or "",
            self._clip_at,
        )

    def show_look(self, look: Look3D) -> None:
        """Draw the brain that way, and from there."""
        self._mode = Mode(look.mode)
        self._shown = {it: it.name.lower() in look.surfaces for it in Surface}
        self.set_cortex_opacity(look.cortex_opacity)
        self.clip(SIDE_OF[look.clip], look.clip_at)
        self._stand(look.position, look.focal_point, look.up)

    def bounds(self, surface: Surface) -> tuple[float, ...]:
        """Tell where a surface lies: x, x, y, y, z, z in world mm."""
        return tuple(self._actors[surface].GetBounds())

    def _stand(self, position: Point, focal_point: Point, up: Point) -> None:
        camera = self.plotter.camera
        camera.position, camera.focal_point, camera.up = position, focal_point, up
        self.plotter.renderer.ResetCameraClippingRange()

    def _look(self, direction: tuple[float, ...], up: tuple[float, ...]) -> None:
        camera = self.plotter.camera
        bounds = self._world_bounds()
        centre = np.array(bounds).reshape(3, 2).mean(axis=1)
        camera.focal_point = centre
        camera.position = centre + np.array(direction)
        camera.up = up
        camera.view_angle = VIEW_ANGLE_DEGREES
        self.plotter.renderer.ResetCamera(bounds)
        camera.Dolly(1.25)  # the sphere around a brain is larger than the brain
        self.plotter.renderer.ResetCameraClippingRange()

    def _world_bounds(self) -> tuple[float, ...]:
        """Where the brain lies, whichever way it is drawn."""
        if self._tissues is None:
            return (-80.0, 80.0, -110.0, 80.0, -70.0, 90.0)
        coarse = self._tissues[1]
        voxels = np.argwhere(coarse.solid > 0.5)  # (N, 3)
        if not len(voxels):
            voxels = np.indices((2, 2, 2)).reshape(3, -1).T * (np.array(coarse.solid.shape) - 1)
        world = voxels @ coarse.affine[:3, :3].T + coarse.affine[:3, 3]
        return tuple(np.column_stack([world.min(axis=0), world.max(axis=0)]).ravel())

    def _show_what_is_wanted(self) -> None:
        """Show the actors of the mode, and bring those up to date that can be seen."""
        inside = self._shown[Surface.VENTRICLES]
        self._actors[Surface.WHITE_MATTER].prop.opacity = SEE_THROUGH if inside else 1
        for surface in Surface:
            visible = self._is_wanted(surface)
            self._actors[surface].SetVisibility(visible)
            if visible and surface in self._stale:
                self._update_surface(surface)
        volume = self._mode is not Mode.SURFACES and self._brain is not None
        self._volume.SetVisibility(volume)
        if volume and self._brain is not None:
            self._update_volume(self._brain, PRESETS[self._mode])

    def _is_wanted(self, surface: Surface) -> bool:
        if self._mode is not Mode.SURFACES or self._brain is None or not self._shown[surface]:
            return False
        return surface is Surface.CORTEX or not self._is_behind_cortex()

    def _is_behind_cortex(self) -> bool:
        """Nothing inside can be seen through an opaque, whole cortex, so it need not be made."""
        return (
            self._clip is None
            and self._shown[Surface.CORTEX]
            and self._actors[Surface.CORTEX].prop.opacity >= 1
        )

    def _update_surface(self, surface: Surface) -> None:
        if self._tissues is None:
            return
        fine, coarse = self._tissues
        tissues = coarse if self._quality == "draft" else fine
        mesh = surface_mesh(surface, tissues, coarse)
        if self._paint is not None:
            mesh.point_data["paint"] = painted(surface, mesh, tissues.affine, self._paint)
            mesh.set_active_scalars("paint")
        self._meshes[surface].copy_from(mesh, deep=False)
        self._actors[surface].user_matrix = tissues.affine
        self._stale.discard(surface)

    def _update_volume(self, brain: Brain, preset: Preset) -> None:
        """Upload an image once; another look at it, or a drag of the camera, costs no upload."""
        if preset is not self._preset:
            dress_volume(self._volume, preset)
            self._preset = preset
        if self._uploaded is not None and self._uploaded == (brain, preset.source):
            return
        values = drawn_image(brain, preset.source)
        grid = pv.ImageData(dimensions=brain.data.shape[1:])
        grid.point_data["image"] = values
        self._image.copy_from(grid, deep=False)
        spacing_mm, matrix = _split(brain.affine)
        self._image.spacing = spacing_mm
        self._volume.GetMapper().SetInputData(self._image)
        self._volume.SetUserMatrix(pv.vtkmatrix_from_array(matrix))
        self._uploaded = brain, preset.source


def render_brain_3d(
    brain: Brain,
    size: tuple[int, int],
    *,
    mode: Mode = Mode.SURFACES,
    side: Side | None = None,
    look: Look3D | None = None,
    paint: Paint | None = None,
    regions: Shares = (),
) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """Draw a brain without a window.

    Parameters
    ----------
    brain : Brain
    size : (width, height), pixels
    mode : Mode
    side : ``"L"``, ``"R"``, ``"A"``, ``"P"``, ``"S"`` or ``"I"``, optional
        Where the brain is seen from; from the left, the front and above without one.
    look : Look3D, optional
        How the brain is drawn and from where, instead of `mode` and `side`.
    paint : Paint, optional
        What the surfaces are painted with.
    regions : tuple of (ShownRegion, Volume)
        Regions to draw in colours of their own.

    Returns
    -------
    (height, width, 3) uint8 ndarray

    Raises
    ------
    OpenGLUnavailable
        The machine has no OpenGL.
    """
    plotter = pv.Plotter(off_screen=True, window_size=list(size))
    try:
        if not plotter.render_window.SupportsOpenGL():
            raise OpenGLUnavailable("A 3D picture needs OpenGL 3.2, and this machine has none.")
        scene = Scene3D(plotter)
        scene.show_paint(paint)
        scene.show_regions(regions)
        scene.show_brain(brain)
        scene.show_mode(mode)
        if side is not None:
            scene.look_from(side)
        if look is not None:
            scene.show_look(look)
        return np.asarray(plotter.screenshot(return_img=True), dtype=np.uint8)
    finally:
        plotter.close()


def _point(values: tuple[float, ...]) -> Point:
    x, y, z = (float(value) for value in values)
    return x, y, z


def _plane_before(at: Point, away: tuple[int, int, int]) -> vtkPlane:
    """Make a plane through a point that keeps what does not lie in a direction."""
    plane = vtkPlane()
    plane.SetOrigin(*at)
    plane.SetNormal(*(-it for it in away))
    return plane


def _split(affine: Affine) -> tuple[Affine, Affine]:
    """Split an affine into voxel sizes in mm, and what turns and moves the grid in space."""
    spacing_mm = np.linalg.norm(affine[:3, :3], axis=0)
    return spacing_mm, affine @ np.diag([*(1 / spacing_mm), 1.0])
