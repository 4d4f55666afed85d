from dataclasses import replace

import numpy as np
import pytest
import pyvista as pv

from brainviewer.core.volume import Brain, Volume
from brainviewer.gui.brain_surfaces import Surface, coarser, grey_image, surface_mesh, tissues_of
from brainviewer.gui.looks_3d import CUBE_PIXELS, cube_viewport
from brainviewer.gui.opengl import OpenGLUnavailable
from brainviewer.gui.scene_3d import VIEWS, Scene3D, render_brain_3d
from brainviewer.gui.volume_presets import Mode
from brainviewer.session.region_map import RegionMap
from brainviewer.session.shown_regions import ShownRegion

SHAPE = (40, 48, 44)
SPACING_MM = 4.0
RADII_MM = (60.0, 76.0, 64.0)
SIZE = (240, 200)
GREY_IS_SEEN = [it for it in Mode if it not in (Mode.WHITE_MATTER, Mode.CSF)]


def soft(inside: np.ndarray) -> np.ndarray:
    """1 inside and 0 outside, with a border of about a voxel."""
    return np.clip(0.5 + inside * 16, 0, 1)


def ball(scale: float = 1.0) -> Brain:
    """An ellipsoid about 0 mm, with white matter, and a ventricle in its middle."""
    affine = np.diag([SPACING_MM] * 3 + [1.0])
    affine[:3, 3] = -SPACING_MM * (np.array(SHAPE) - 1) / 2
    x, y, z = (np.indices(SHAPE).T * SPACING_MM + affine[:3, 3]).T
    distance = np.sqrt(sum((a / r) ** 2 for a, r in zip((x, y, z), RADII_MM, strict=True)))
    fluid = soft(0.2 - np.sqrt((x / 60) ** 2 + (y / 130) ** 2 + (z / 80) ** 2))
    white = soft(0.75 * scale - distance) * (1 - fluid)
    grey = soft(scale - distance) * (1 - fluid) - white
    maps = np.stack([white, grey, fluid]).clip(0, 1)
    return Brain(("WM", "GM", "CSF"), maps.astype(np.float32), affine)


def as_t1w(brain: Brain) -> Brain:
    return Brain(("T1w",), grey_image(brain)[None], brain.affine)


def ball_with_a_horn(x: int, y: int, z: int) -> Brain:
    """A ball with a lump of grey matter at a point in world mm."""
    brain = ball(0.6)
    lump = np.linalg.inv(brain.affine) @ (x, y, z, 1)
    i, j, k = np.round(lump[:3]).astype(int)
    brain.data[1, i - 3 : i + 3, j - 3 : j + 3, k - 3 : k + 3] = 1
    return brain


@pytest.fixture
def scene():
    plotter = pv.Plotter(off_screen=True, window_size=list(SIZE))
    yield Scene3D(plotter)
    plotter.close()


def picture(scene: Scene3D) -> np.ndarray:
    scene.plotter.render()
    return scene.plotter.screenshot(return_img=True).astype(int)


def drawn(image: np.ndarray) -> np.ndarray:
    """Where a picture is not background, without its corner of directions."""
    mask = np.abs(image - image[0, 0]).sum(axis=-1) > 30
    mask[-CUBE_PIXELS[0] :, : CUBE_PIXELS[0]] = False
    return mask


def difference(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.abs(one - other).mean())


def world_bounds(brain: Brain, surface: Surface, *, coarse: bool = False) -> np.ndarray:
    fine = tissues_of(brain)
    on = coarser(fine) if coarse else fine
    points = np.asarray(surface_mesh(surface, on, coarser(fine)).points)
    world = points @ on.affine[:3, :3].T + on.affine[:3, 3]
    return np.column_stack([world.min(axis=0), world.max(axis=0)])


@pytest.mark.parametrize("size", [(640, 200), (240, 200), (1400, 1000)])
def test_the_directions_are_as_large_as_their_letters_need(size):
    plotter = pv.Plotter(off_screen=True, window_size=list(size))
    scene = Scene3D(plotter)
    scene.show_brain(ball())
    corner = picture(scene)[-CUBE_PIXELS[1] :, : CUBE_PIXELS[1]]
    rows = np.nonzero((corner.min(axis=-1) > 180).any(axis=1))[0]
    plotter.close()
    assert 20 < np.ptp(rows) < CUBE_PIXELS[1]  # the letters


def test_the_directions_keep_their_size_when_the_picture_grows(scene):
    small = cube_viewport(640, 200)
    assert (small[2] * 640, small[3] * 200) == pytest.approx((CUBE_PIXELS[0], CUBE_PIXELS[0]))
    large = cube_viewport(1600, 1200)
    assert (large[2] * 1600, large[3] * 1200) == pytest.approx((CUBE_PIXELS[1], CUBE_PIXELS[1]))
    scene.fit_directions(1, 1)  # a pane that has no size yet
    scene.fit_directions(1600, 1200)
    assert scene._directions.GetViewport() == pytest.approx(large)


@pytest.mark.parametrize("coarse", [False, True])
def test_the_cortex_lies_where_the_maps_are_half_in_mm(coarse):
    expected = np.column_stack([-np.array(RADII_MM), RADII_MM])
    bounds = world_bounds(ball(), Surface.CORTEX, coarse=coarse)
    assert bounds == pytest.approx(expected, abs=SPACING_MM)


def test_a_t1w_image_gives_the_surfaces_of_its_tissues():
    for surface in Surface:
        expected = world_bounds(ball(), surface)
        assert world_bounds(as_t1w(ball()), surface) == pytest.approx(expected, abs=SPACING_MM)


def test_the_ventricles_are_the_fluid_in_the_middle_and_not_that_around_the_brain():
    brain = ball()
    brain.data[2] += 1 - brain.data.sum(axis=0)  # CSF all around, too
    bounds = world_bounds(brain, Surface.VENTRICLES)
    assert bounds == pytest.approx(np.array([(-12, 12), (-26, 26), (-16, 16)]), abs=SPACING_MM)


def test_a_brain_without_ventricles_has_an_empty_surface():
    brain = ball()
    brain.data[2] = 0
    fine = tissues_of(brain)
    assert surface_mesh(Surface.VENTRICLES, fine, coarser(fine)).n_points == 0


def test_a_surface_is_closed_where_the_brain_is_cut_by_the_border_of_its_grid():
    fine = tissues_of(ball(2.0))
    assert surface_mesh(Surface.CORTEX, fine, coarser(fine)).n_open_edges == 0


def test_halving_the_resolution_keeps_every_point_in_its_place():
    fine = tissues_of(ball())
    coarse = coarser(fine)
    indices = np.indices(fine.solid.shape).reshape(3, -1)
    middle = fine.affine[:3, :3] @ (indices @ fine.solid.ravel()) / fine.solid.sum()
    coarse_indices = np.indices(coarse.solid.shape).reshape(3, -1)
    coarse_middle = coarse.affine[:3, :3] @ (coarse_indices @ coarse.solid.ravel())
    coarse_middle = coarse_middle / coarse.solid.sum() + coarse.affine[:3, 3]
    assert coarse_middle == pytest.approx(middle + fine.affine[:3, 3], abs=1e-3)


@pytest.mark.opengl
def test_the_picture_has_the_bounds_of_the_brain_in_world_mm(scene):
    scene.show_brain(ball())
    expected = np.column_stack([-np.array(RADII_MM), RADII_MM]).ravel()
    assert scene.bounds(Surface.CORTEX) == pytest.approx(expected, abs=SPACING_MM)


@pytest.mark.opengl
def test_an_oblique_grid_is_turned_into_the_world(scene):
    turn = np.array([[0, -1, 0, 0], [1, 0, 0, 30], [0, 0, 1, 0], [0, 0, 0, 1]])
    scene.show_brain(replace(ball(), affine=turn @ ball().affine))
    x, y, z = RADII_MM
    expected = (-y, y, 30 - x, 30 + x, -z, z)
    assert scene.bounds(Surface.CORTEX) == pytest.approx(expected, abs=SPACING_MM)


@pytest.mark.opengl
@pytest.mark.parametrize(
    "mode", [it for it in Mode if it is not Mode.CSF]
)  # the ball's fluid stays as it is
@pytest.mark.parametrize("quality", ["draft", "full"])
def test_another_brain_makes_another_picture(scene, mode, quality):
    scene.show_mode(mode)
    scene.show_brain(ball(), quality=quality)
    before = drawn(picture(scene)).sum()
    scene.show_brain(ball(0.7), quality=quality)
    assert 0 < drawn(picture(scene)).sum() < 0.8 * before


@pytest.mark.opengl
def test_a_brain_on_another_grid_is_drawn_in_its_place(scene):
    scene.show_mode(Mode.VOLUME)
    scene.show_brain(ball())
    before = drawn(picture(scene))
    cropped = ball()
    affine = cropped.affine.copy()
    affine[:3, 3] += 2 * SPACING_MM
    cropped = Brain(cropped.channels, cropped.data[:, 2:-2, 2:-2, 2:-2], affine)
    scene.show_brain(cropped)
    assert (before != drawn(picture(scene))).mean() < 0.02


@pytest.mark.opengl
def test_updates_keep_the_actors_and_the_meshes(scene):
    scene.show_brain(ball())
    actors = list(scene.plotter.renderer.GetViewProps())
    scene.show_brain(ball(0.7), quality="draft")
    assert list(scene.plotter.renderer.GetViewProps()) == actors


# Where the horn is, and in the picture: right (+) or left (-), up (+) or down (-).
HORNS = [
    ("A", (-56, 0, 0), (1, 0)),
    ("A", (56, 0, 0), (-1, 0)),
    ("A", (0, 0, 60), (0, 1)),
    ("P", (-56, 0, 0), (-1, 0)),
    ("L", (0, 56, 0), (-1, 0)),
    ("R", (0, 56, 0), (1, 0)),
    ("L", (0, 0, 60), (0, 1)),
    ("S", (-56, 0, 0), (-1, 0)),
    ("S", (0, 56, 0), (0, 1)),
    ("I", (-56, 0, 0), (1, 0)),
    ("I", (0, 56, 0), (0, 1)),
]


@pytest.mark.opengl
@pytest.mark.parametrize("mode", GREY_IS_SEEN)
@pytest.mark.parametrize(("side", "horn", "direction"), HORNS)
def test_a_view_puts_each_side_of_the_person_where_it_is_seen(scene, mode, side, horn, direction):
    scene.show_mode(mode)
    scene.show_brain(ball(0.6))
    scene.look_from(side)
    without = drawn(picture(scene))
    scene.show_brain(ball_with_a_horn(*horn))
    rows, columns = np.nonzero(drawn(picture(scene)) & ~without)
    right, up = np.median(columns) - SIZE[0] / 2, SIZE[1] / 2 - np.median(rows)
    assert right * direction[0] + up * direction[1] > 20


@pytest.mark.opengl
def test_reset_undoes_turning_and_zooming(scene):
    scene.show_brain(ball())
    before = picture(scene)
    scene.turn(40, 20)
    scene.zoom(1.5)
    assert difference(before, picture(scene)) > 5
    scene.reset()
    assert difference(before, picture(scene)) < 1


@pytest.mark.opengl
@pytest.mark.parametrize("side", ["A", "S"])
def test_sliding_moves_the_picture_by_shares_of_its_height(scene, side):
    scene.show_brain(ball())
    scene.look_from(side)
    scene.zoom(0.5)
    before = np.argwhere(drawn(picture(scene))).mean(axis=0)
    scene.slide(0.1, 0.2)
    rows, columns = np.argwhere(drawn(picture(scene))).mean(axis=0) - before
    assert columns == pytest.approx(0.1 * SIZE[1], abs=2)
    assert rows == pytest.approx(-0.2 * SIZE[1], abs=2)


@pytest.mark.opengl
def test_hiding_everything_leaves_the_background(scene):
    scene.show_brain(ball())
    for surface in Surface:
        scene.show_surface(surface, False)
    assert not drawn(picture(scene)).any()


@pytest.mark.opengl
@pytest.mark.parametrize("surface", [Surface.WHITE_MATTER, Surface.VENTRICLES])
def test_what_lies_inside_is_seen_through_the_cortex(scene, surface):
    scene.show_brain(ball())
    for it in (Surface.WHITE_MATTER, Surface.VENTRICLES):
        scene.show_surface(it, False)
    scene.show_surface(surface, True)
    opaque = picture(scene)
    scene.set_cortex_opacity(0.3)
    through = picture(scene)
    scene.show_surface(surface, False)
    assert difference(opaque, through) > 1
    assert difference(through, picture(scene)) > 0.3


@pytest.mark.opengl
def test_what_an_opaque_cortex_hides_is_not_cut(scene):
    scene.show_brain(ball())
    assert scene.bounds(Surface.VENTRICLES)[1] < scene.bounds(Surface.VENTRICLES)[0]


@pytest.mark.opengl
def test_regions_are_drawn_in_their_colours_where_they_lie(scene):
    labels = np.zeros((20, 20, 20), np.int16)
    labels[4:8, 6:14, 6:14] = 1
    affine = np.diag([5.0, 5.0, 5.0, 1.0])
    affine[:3, 3] = -50
    found = RegionMap(("left block",), Volume(labels, affine, "regions"))
    region = ShownRegion("left block", "#00ff00")
    scene.show_brain(ball(0.2))
    scene.look_from("A")
    before = picture(scene)
    scene.show_regions(((region, found.share("left block")),))
    after = picture(scene)
    green = (after[..., 1] > 90) & (after[..., 0] < 60) & (after[..., 2] < 60)
    assert green.sum() > 200
    assert np.nonzero(green)[1].mean() > SIZE[0] / 2  # from the front, left is on the right
    image = render_brain_3d(
        ball(0.2), SIZE, side="A", regions=((region, found.share("left block")),)
    )
    assert ((image[..., 1] > 90) & (image[..., 0] < 60)).sum() > 200
    scene.show_regions(())
    assert difference(before, picture(scene)) < 1


@pytest.mark.opengl
@pytest.mark.parametrize("side", [None, *VIEWS])
def test_a_picture_is_rendered_without_a_window(side):
    image = render_brain_3d(ball(), SIZE, side=side)
    assert image.shape == (SIZE[1], SIZE[0], 3)
    assert image.dtype == np.uint8
    assert drawn(image.astype(int)).mean() > 0.2


def test_a_machine_without_opengl_is_told_in_one_sentence(monkeypatch):
    class NoOpenGL:
        def __init__(self, **kwargs: object) -> None:
            self.render_window = self
            self.closed = False

        def SupportsOpenGL(self) -> int:  # noqa: N802
            return 0

        def close(self) -> None:
            self.closed = True

    monkeypatch.setattr(pv, "Plotter", NoOpenGL)
    with pytest.raises(OpenGLUnavailable, match=r"^A 3D picture needs OpenGL .* none\.$"):
        render_brain_3d(ball(), SIZE)
