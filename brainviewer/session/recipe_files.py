"""Recipes in files: their images are named from the recipe's own folder where they lie in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from brainviewer.core.recipe import read_recipe, write_recipe

if TYPE_CHECKING:
    from brainviewer.core.recipe import Recipe


def open_recipe(path: Path | str) -> Recipe:
    """Read a recipe, or a sidecar, and find its images.

    A name without a folder of its own is looked for from the recipe's folder. One with a folder
    that is not there any more is, where an image of that name lies beside the recipe: both may have
    been moved together.

    Returns
    -------
    Recipe
        The images of its view by absolute paths.

    Raises
    ------
    RecipeError
        When the file cannot be read or holds no recipe.
    """
    folder = Path(path).absolute().parent
    return _with_images(read_recipe(path), lambda name: _found(name, folder))


def save_recipe(path: Path | str, recipe: Recipe) -> None:
    """Write a recipe; see `as_in`.

    Raises
    ------
    RecipeError
        When the file cannot be written.
    """
    write_recipe(path, as_in(Path(path).absolute().parent, recipe))


def as_in(folder: Path, recipe: Recipe) -> Recipe:
    """Name the images of a recipe as a file in a folder should.

    Those in the folder, or below it, are named from there, so that the folder can be moved or
    passed on; others by their absolute paths.
    """
    return _with_images(recipe, lambda name: _named(name, folder.absolute()))


def _named(name: str, folder: Path) -> str:
    path = Path(name)
    return path.relative_to(folder).as_posix() if path.is_relative_to(folder) else name


def _found(name: str, folder: Path) -> str:
    path = Path(name) if Path(name).is_absolute() else folder / PurePosixPath(name)
    beside = folder / path.name
    return str(beside if not path.exists() and beside.exists() else path)


def _with_images(recipe: Recipe, change: Callable[[str], str]) -> Recipe:
    """Change the paths of the images; a view that is broken is left for others to refuse."""
    view = recipe.view
    layers = None if view is None else view.get("layers")
    if view is None or not isinstance(layers, list):
        return recipe
    return replace(recipe, view={**view, "layers": [_with_image(it, change) for it in layers]})


def _with_image(layer: object, change: Callable[[str], str]) -> Any:  # noqa: ANN401  plain values
    if not isinstance(layer, Mapping) or not isinstance(layer.get("image"), str):
        return layer
    return {**layer, "image": change(layer["image"])} if layer["image"] else layer
