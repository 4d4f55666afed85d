"""Surfaces of the regions that a user has chosen, in the 3D picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyvista as pv

from brainviewer.gui.brain_surfaces import isosurface

if TYPE_CHECKING:
    from brainviewer.core.volume import Volume
    from brainviewer.session.shown_regions import Shares

# Made smooth, as labels have steps: more would swell a thin gyrus.
RELAXATIONS = 12


class RegionSurfaces:
    """One surface a region, whole also where the brain is cut.

    Parameters
    ----------
    plotter : pyvista.Plotter or pyvistaqt.QtInteractor
    """

    def __init__(self, plotter: pv.Plotter) -> None:
        self._plotter = plotter
        self._actors: dict[str, tuple[Volume, pv.Actor]] = {}

    @property
    def actors(self) -> tuple[pv.Actor, ...]:
        """What is drawn."""
        return tuple(actor for _, actor in self._actors.values())

    def show(self, regions: Shares) -> None:
        """Draw these regions and no others; those that stay are not cut again."""
        renderer = self._plotter.renderer
        wanted = {region.name: (region.color, share) for region, share in regions}
        for name, (share, actor) in list(self._actors.items()):
            if name not in wanted or wanted[name][1] is not share:
                renderer.RemoveViewProp(actor)
                del self._actors[name]
        for name, (color, share) in wanted.items():
            if name not in self._actors:
                actor = _actor(share)
                renderer.AddViewProp(actor)
                self._actors[name] = share, actor
            self._actors[name][1].prop.color = color


def _actor(share: Volume) -> pv.Actor:
    mesh = isosurface(share.data.astype(np.float32, copy=False), 0.0)
    if mesh.n_points:
        mesh = mesh.smooth_taubin(n_iter=RELAXATIONS, pass_band=0.2)
        mesh = mesh.compute_normals(auto_orient_normals=False, split_vertices=False)
    actor = pv.Actor(mapper=pv.DataSetMapper(mesh))
    prop = actor.prop
    prop.interpolation = "Phong"
    prop.ambient, prop.diffuse, prop.specular, prop.specular_power = 0.18, 0.85, 0.12, 20
    actor.user_matrix = share.affine
    return actor
