from __future__ import annotations

import numpy as np
import pytest

from brainviewer.evaluation.figures import (
    MontageBrain,
    plot_montage,
    plot_predictions,
    plot_training_log,
    read_log,
    save_figure,
)
from tests.fakes import AFFINE, SHAPE


def test_the_montage_shows_left_on_the_left() -> None:
    maps = np.zeros((3, *SHAPE), np.float32)
    maps[0, : SHAPE[0] // 2] = 1.0  # white matter in the left half
    figure = plot_montage([[MontageBrain("half", maps)]], AFFINE)
    _, coronal, axial = figure.axes
    for axes in (coronal, axial):
        picture = np.asarray(axes.images[0].get_array())
        assert picture[:, :8].min() > 0.8
        assert picture[:, 8:].max() == 0.0
        assert [text.get_text() for text in axes.texts] == ["L", "R"]


def test_predictions_lie_about_the_identity_line() -> None:
    true = np.array([[500.0, 600.0, 200.0], [550.0, 650.0, 300.0]])
    figure = plot_predictions(true, {"generator": true + 5}, errors_ml={"generator": np.full(3, 5)})
    line, points = figure.axes[0].lines[0], figure.axes[0].collections[0]
    np.testing.assert_array_equal(line.get_xdata(), line.get_ydata())
    np.testing.assert_array_equal(points.get_offsets(), [[500, 505], [550, 555]])
    labels = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert "generator: MAE 5.0 mL" in labels


def test_a_training_log_is_plotted_a_panel_a_number(tmp_path) -> None:
    path = tmp_path / "log.csv"
    path.write_text("".join(f"{n},total,{9 - n}\n{n},kl,{n}\n" for n in range(9)))
    series = read_log(path)
    np.testing.assert_array_equal(series["total"], [[n, 9 - n] for n in range(9)])
    figure = plot_training_log(path)
    assert [axes.get_title() for axes in figure.axes] == ["total", "kl"]
    save_figure(figure, tmp_path / "log.png")
    assert (tmp_path / "log.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [("step,name,value\n", "not a training log"), ("1,2\n", "not a training"), ("", "no line yet")],
)
def test_what_is_no_training_log_is_refused(tmp_path, text, complaint) -> None:
    (tmp_path / "log.csv").write_text(text)
    with pytest.raises(ValueError, match=complaint):
        read_log(tmp_path / "log.csv")
