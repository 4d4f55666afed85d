"""Volumes in 3D: what each preset draws of tissue maps and of T1 images."""

from __future__ import annotations

import numpy as np
import pytest
import pyvista as pv

from brainviewer.core.volume import Brain
from brainviewer.gui.brain_surfaces import grey_image
from brainviewer.gui.looks_3d import cube_viewport
from brainviewer.gui.scene_3d import Scene3D
from brainviewer.gui.volume_presets import EXPLANATIONS, PRESETS, Mode, drawn_image
from brainviewer.session.scene import MODES_3D

SHAPE = (32, 36, 30)
SIZE = (200, 180)


def nested() -> Brain:
    """White matter in grey matter in a shell of fluid: balls of 12, 20 and 26 mm radius."""
    affine = np.diag([2.0, 2.0, 2.0, 1.0])
    affine[:3, 3] = -(np.array(SHAPE) - 1.0)
    places = np.indices(SHAPE) * 2.0 + affine[:3, 3, None, None, None]
    away = np.sqrt((places**2).sum(axis=0))
    maps = [away < 12, (away >= 12) & (away < 20), (away >= 20) & (away < 26)]
    return Brain(("WM", "GM", "CSF"), np.stack(maps).astype(np.float32), affine)


def radius(image: np.ndarray) -> float:
    """Half of the width of what is seen, as a share of the picture's."""
    seen = np.abs(image - image[0, 0]).max(axis=2) > 12
    cube_width, cube_height = cube_viewport(*SIZE)[2:]
    seen[-int(cube_height * SIZE[1]) - 1 :, : int(cube_width * SIZE[0]) + 1] = False
    columns = np.nonzero(seen.any(axis=0))[0]
    return float(columns.max() - columns.min()) / SIZE[0] / 2


@pytest.fixture
def scene():
    plotter = pv.Plotter(off_screen=True, window_size=list(SIZE))
    scene = Scene3D(plotter)
    scene.show_brain(nested())
    scene.look_from("A")
    yield scene
    plotter.close()


def picture(scene: Scene3D) -> np.ndarray:
    scene.plotter.render()
    return scene.plotter.screenshot(return_img=True).astype(int)


def test_every_mode_is_explained_and_can_be_in_a_recipe() -> None:
    assert [mode.value for mode in Mode] == list(MODES_3D)
    assert set(EXPLANATIONS) == set(Mode)
    assert set(PRESETS) == set(Mode) - {Mode.SURFACES}


@pytest.mark.opengl
def test_presets_of_tissues_draw_their_tissue(scene) -> None:
    radii = {}
    for mode in (Mode.WHITE_MATTER, Mode.GREY_MATTER, Mode.CSF):
        scene.show_mode(mode)
        radii[mode] = radius(picture(scene))
    white, grey, fluid = radii.values()
    assert grey / white == pytest.approx(20 / 12, rel=0.15)
    assert fluid / grey == pytest.approx(26 / 20, rel=0.15)


@pytest.mark.opengl
def test_every_preset_makes_another_picture(scene) -> None:
    pictures = []
    for mode in Mode:
        scene.show_mode(mode)
        pictures.append(picture(scene))
    for number, one in enumerate(pictures):
        for other in pictures[number + 1 :]:
            assert np.abs(one - other).mean() > 0.5


@pytest.mark.opengl
def test_through_glass_a_border_inside_is_seen(scene) -> None:
    scene.show_mode(Mode.GLASS)
    before = picture(scene)
    even = nested()
    even.data[1] += even.data[0]
    even.data[0] = 0
    scene.show_brain(even)
    assert np.abs(before - picture(scene)).mean() > 1


def test_maps_are_unmixed_from_a_t1_image_and_the_air_is_no_fluid() -> None:
    brain = nested()
    image = Brain(("T1w",), grey_image(brain)[None], brain.affine)
    for source in ("WM", "GM", "CSF"):
        of_maps, of_image = (drawn_image(it, source) / 255 for it in (brain, image))
        assert of_maps.shape == (np.prod(SHAPE), 1)
        np.testing.assert_allclose(of_image, of_maps, atol=0.02)


def test_tissues_are_in_their_colours_and_the_air_is_clear() -> None:
    brain = nested()
    drawn = drawn_image(brain, "tissues").reshape((*SHAPE, 4), order="F")
    assert drawn[16, 18, 15, :3].tolist() == [230, 159, 0]
    assert drawn[0, 0, 0, 3] == 0
    assert drawn[16, 18, 15, 3] > drawn[16, 26, 15, 3] > drawn[16, 29, 15, 3] > 0
