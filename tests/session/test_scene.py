"""The view of a recipe: written, read, refused with a sentence; and the weights behind it."""

from __future__ import annotations

import copy
import json
from dataclasses import replace

import pytest

from brainviewer.core.recipe import RecipeError
from brainviewer.core.space import Convention, Plane
from brainviewer.session.blending import Blending, Together
from brainviewer.session.look import LayerLook
from brainviewer.session.scene import Look3D, SavedPin, Scene, scene_from_json
from brainviewer.session.shown_regions import ShownRegion
from brainviewer.session.view import View

MAP = LayerLook("GM", "GM", (0.0, 0.8), 0.35, True, "nearest", "probability")
IMAGE = LayerLook(
    "scan", "gray", (5.0, 99.0), 1.0, True, "linear", "intensity", source="/a/scan.nii", frame=3
)


@pytest.fixture
def scene(session) -> Scene:
    return Scene(
        crosshair=(1.5, -20.0, 8.0),
        crosshair_visible=False,
        convention=Convention.NEUROLOGICAL,
        large="axial",
        layers=(MAP, IMAGE),
        views={plane: View(2.0, (3.0, -4.0)) for plane in Plane},
        brain_3d=Look3D("Volume", ("cortex",), 0.5, (0.0, 1.0, 2.0), (0.0, 0.0, 0.0), (0, 0, 1)),
        beside="pin:0",
        structure="Grey matter",
        pins=(SavedPin("before", False, session.recipe()),),
        regions=(ShownRegion("left insula", "#f0e442"),),
        legend=False,
        blending=Blending(Together.DIFFERENCE, 0.25, "GM", {"GM": 0.1}),
        in_front="regions",
        window_pixels=(1300, 700),
    )


def test_a_view_comes_back_as_it_was(scene) -> None:
    entry = json.loads(json.dumps(scene.to_json()))
    again = scene_from_json(entry)
    assert again.to_json() == entry
    assert again.layers == scene.layers
    assert again.brain_3d == scene.brain_3d
    assert again.views == scene.views
    assert again.regions == scene.regions
    assert not again.legend
    assert again.blending == scene.blending
    assert again.in_front == "regions"
    assert again.window_pixels == (1300, 700)


def _changed(entry, path: str, value: object):
    entry = copy.deepcopy(entry)
    *parents, last = [int(it) if it.isdigit() else it for it in path.split("/")]
    place = entry
    for key in parents:
        place = place[key]
    if value is None:
        del place[last]
    else:
        place[last] = value
    return entry


@pytest.mark.parametrize(
    ("path", "value", "sentence"),
    [
        ("convention", "upside down", "'upside down' is not a valid Convention"),
        ("convention", None, "has no 'convention'"),
        ("large", "cellar", "one of sagittal, coronal, axial, 3d was expected, got 'cellar'"),
        ("crosshair_mm", [1, 2], "3 numbers were expected, got 2"),
        ("crosshair_mm", [1, 2, float("nan")], "a number was expected, got nan"),
        ("crosshair_visible", 1, "true or false was expected"),
        ("regions", [{"name": "left insula", "color": "red"}], "#rrggbb was expected, got 'red'"),
        ("compare/together", "Upside down", "'Upside down' is not a valid Together"),
        ("compare/divider", 1.5, "a divider in 0-1 and positive spans were expected"),
        ("compare/spans", {"GM": 0.0}, "a divider in 0-1 and positive spans were expected"),
        ("compare/spans", ["GM"], "an object was expected"),
        ("compare", 3, "an object was expected"),
        ("window_pixels", [1e9, 5], "a whole number was expected"),
        ("window_pixels", [100000, 500], "a width and a height of 200-8192 pixels were expected"),
        ("in_front", "cellar", "one of volumes, features, regions was expected"),
        ("planes/axial/zoom", 1e9, "zoom must lie in 0.5-40"),
        ("layers/0/window", [1, 0], "a window goes from a lower to a higher value"),
        ("layers/0/colormap", "mud", "a colormap is one of"),
        ("layers/0/opacity", 2, "opacity must lie in 0-1"),
        ("layers/1/frame", 0.5, "a whole number was expected"),
        ("layers", {}, "a list was expected"),
        ("layers/0", 3, "malformed"),
        ("brain_3d/mode", "Wires", "one of Surfaces, Volume, .* was expected, got 'Wires'"),
        ("beside", "me", "factual, pin:NUMBER or checkpoint:NAME was expected, got 'me'"),
        ("structure", 7, "a text was expected"),
        ("pins/0/recipe/factual", None, "has no 'factual'"),
        ("pins/0/recipe/age", "old", "age of a recipe must be a number"),
    ],
)
def test_a_broken_view_is_refused_with_what_is_wrong(scene, path, value, sentence) -> None:
    with pytest.raises(RecipeError, match=sentence):
        scene_from_json(_changed(scene.to_json(), path, value))


def test_a_layer_of_a_recipe_from_before_frames_has_the_first(scene) -> None:
    entry = _changed(scene.to_json(), "layers/1/frame", None)
    assert [it.frame for it in scene_from_json(entry).layers] == [0, 0]


@pytest.mark.parametrize("beside", ["", "factual", "pin:3", "pin:3:own", "checkpoint:a b"])
def test_what_is_beside_comes_back(scene, beside) -> None:
    again = scene_from_json(replace(scene, beside=beside).to_json())
    assert again.beside == beside


def test_pins_come_back_with_their_curves(session) -> None:
    session.curves.pin("before")
    saved = [SavedPin("before", True, session.recipe())]
    session.curves.pin("to be replaced")
    session.replace_pins(saved)
    session.wait_idle()
    (pin,) = session.curves.pins
    assert (pin.name, pin.trajectory.complete) == ("before", True)


def test_pins_of_another_checkpoint_are_left_out_and_named(session, diary) -> None:
    session.replace_pins([SavedPin("far", True, replace(session.recipe(), checkpoint="other"))])
    assert session.curves.pins == ()
    assert diary.of("notice") == ["pin 'far' is left out: it belongs to 'other'"]


def test_other_weights_are_told_in_one_sentence(session, diary) -> None:
    recipe = session.recipe()
    assert len(recipe.weights) == 64
    session.apply_recipe(recipe)
    assert diary.of("notice") == []
    session.apply_recipe(replace(recipe, weights="0" * 64))
    assert diary.of("notice") == [
        "the recipe was made with other weights of checkpoint 'fake' than those here; "
        "its brain may differ"
    ]
