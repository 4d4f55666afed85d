from __future__ import annotations

import numpy as np

from brainviewer.core.scenario import Scenario
from brainviewer.core.space import Plane
from brainviewer.evaluation.ageing import Courses
from brainviewer.evaluation.comparison_figures import plot_futures, plot_side_by_side
from brainviewer.evaluation.figures import TISSUE_RGB, MontageBrain
from brainviewer.evaluation.future import Future

SHAPE = (4, 6, 8)
AGES = np.linspace(45.0, 80.0, 5)


def test_brains_stand_beside_each_other_cut_through_the_centre() -> None:
    maps = np.zeros((3, *SHAPE), np.float32)
    maps[0, 2], maps[1, :, 3], maps[2, :, :, 4] = 1.0, 1.0, 1.0  # the three central planes
    brains = [MontageBrain("real", maps), MontageBrain("made", np.zeros_like(maps))]
    figure = plot_side_by_side(brains)
    assert [axes.get_title() for axes in figure.axes] == ["real", "made", "", "", "", ""]
    for row, plane in enumerate((Plane.SAGITTAL, Plane.CORONAL, Plane.AXIAL)):
        real, made = (np.asarray(a.images[0].get_array()) for a in figure.axes[2 * row :][:2])
        # The tissue that fills the plane is everywhere in it.
        assert (real >= TISSUE_RGB[list(Plane).index(plane)] - 1e-6).all()
        assert made.max() == 0


def test_a_future_has_points_a_line_and_a_band_for_both_scenarios() -> None:
    ideal = np.zeros((1, 5, 3))
    ideal[0, :, 0], ideal[0, :, 1] = 500 - AGES, 600.0
    courses = Courses(AGES, {Scenario.IDEAL: ideal, Scenario.REGRESSED: ideal - 50})
    future = Future("a test person, 45 years", courses)
    figure = plot_futures({"csegsynth": future, "cvae": future})
    assert len(figure.axes) == 4
    white, grey = figure.axes[:2]
    assert "csegsynth: white matter" in white.get_title()
    assert "a test person, 45 years" in grey.get_title()
    np.testing.assert_allclose(white.lines[0].get_ydata(), 500 - AGES)
    np.testing.assert_allclose(white.lines[1].get_ydata(), 450 - AGES)
    np.testing.assert_allclose(grey.collections[0].get_offsets()[:, 1], 600.0)
    labels = [text.get_text() for text in white.get_legend().get_texts()]
    assert labels == [f"{s}, regression and 95 % band" for s in ("ideal", "regressed")]
