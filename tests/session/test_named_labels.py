"""Label images with a table: their own colours, and names at the crosshair."""

from __future__ import annotations

import numpy as np

from brainviewer.core.label_table import LabelTable
from brainviewer.core.space import Convention, Plane
from brainviewer.core.volume import Volume
from brainviewer.session.display import Display
from brainviewer.session.layers import LABELS, Layer
from brainviewer.session.look import layers_as, look_of_layer
from brainviewer.session.slicing import colors_of, render_slice

TABLE = LabelTable({0: "Unknown", 17: "Left-Hippocampus"}, {0: (9, 9, 9), 17: (220, 216, 20)})


def labels() -> Volume:
    data = np.zeros((8, 8, 8), np.int16)
    data[1:6, 1:6, 1:6] = 17
    data[6:, 6:, 6:] = 5
    return Volume(data, np.eye(4), "aseg")


def test_a_label_has_the_colour_of_its_table_and_others_their_usual_one() -> None:
    values = np.array([[0, 17, 5]], np.float32)
    plain = Layer("aseg", labels(), LABELS, kind="label", opacity=0.5)
    named = Layer("aseg", labels(), LABELS, kind="label", opacity=0.5, labels=TABLE)
    colors = colors_of(values, named)[0]
    assert colors[0].tolist() == [0, 0, 0, 0]
    assert colors[1].tolist() == [110, 108, 10, 127.5]
    np.testing.assert_array_equal(colors[2], colors_of(values, plain)[0, 2])


def test_the_name_is_read_at_the_crosshair() -> None:
    display = Display()
    display.add_image(labels(), "/a/aseg.nii", labels=TABLE)
    assert display.layers[0].kind == "label"
    display.set_crosshair((2.0, 2.0, 2.0))
    assert display.values_at_crosshair()[0].label == "Left-Hippocampus"
    display.set_crosshair((7.0, 7.0, 7.0))
    assert display.values_at_crosshair()[0].label == ""


def test_the_table_stays_when_a_look_is_gone_back_to() -> None:
    display = Display()
    display.add_image(labels(), "/a/aseg.nii", labels=TABLE)
    (again,) = layers_as([look_of_layer(display.layers[0])], ())
    assert again.labels is TABLE
    picture = render_slice([again], Plane.AXIAL, (2.0, 2.0, 2.0), Convention.NEUROLOGICAL)
    assert picture.rgba.shape == (8, 8, 4)
