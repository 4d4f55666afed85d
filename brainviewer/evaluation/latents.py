"""Where people and made brains lie in a generator's latent space (BrainSynth, Figs. 1 and S1).

Real and made images go through the same encoder, so that only what they show can tell them apart.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from functools import partial
from itertools import count
from typing import TYPE_CHECKING

import numpy as np
from sklearn.manifold import TSNE

from brainviewer.cohort.reading import FULL
from brainviewer.core.volume import Brain
from brainviewer.evaluation.figures import GENERATOR_COLOUR, new_figure
from brainviewer.evaluation.image_quality import nearest
from brainviewer.evaluation.image_report import REAL, Nearness, Sample
from brainviewer.generators.base import Embeds

if TYPE_CHECKING:
    from collections.abc import Callable

    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from brainviewer.core.volume import FloatArray
    from brainviewer.evaluation.cache import ArrayCache, Arrays
    from brainviewer.generators.base import Generator

MOST_COMPONENTS = 50  # that t-SNE starts from, as van der Maaten and Hinton advise
LARGEST_PERPLEXITY = 30.0
SEED = 1
COLOURS, MARKERS = ("0.75", "0.2", GENERATOR_COLOUR), ("o", "o", "^")


@dataclass(frozen=True, slots=True, eq=False)
class Latents:
    """Where brains lie.

    Attributes
    ----------
    train, mirrored : (M, D) float32 ndarrays
        Of the training people, and of their mirror images.
    unseen, made : (N, D) float32 ndarrays
    """

    train: FloatArray
    mirrored: FloatArray
    unseen: FloatArray
    made: FloatArray


def find_latents(
    generator: Generator,
    train: NDArray[np.uint8],
    unseen: NDArray[np.uint8],
    made: NDArray[np.uint8],
    *,
    cache: ArrayCache,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> Latents | None:
    """Encode images (N, C, I, J, K); None for a generator that cannot do so at once.

    Parameters
    ----------
    train, unseen, made : uint8 ndarrays
        255 x intensity, of the training people, of others, and of made people.
    """
    if not isinstance(generator, Embeds):
        return None
    groups = (train, train[:, :, ::-1], unseen, made)
    done, total = count(1), sum(map(len, groups))

    def embed(images: NDArray[np.uint8]) -> FloatArray:
        found = []
        for one in images:
            known = zlib.crc32(np.ascontiguousarray(one).data)
            kept = cache.get(("latent", known), partial(_embed, generator, generator.embed, one))
            found.append(kept["latent"].astype(np.float32))
            on_progress(next(done), total)
        return np.stack(found)

    return Latents(*map(embed, groups))


def nearest_latents(name: str, latents: Latents) -> dict[str, Sample]:
    """Find for unseen people and for those a generator made the nearest training person."""
    trained = np.concatenate([latents.train, latents.mirrored])

    def near(sample: FloatArray) -> Sample:
        index, distance = nearest(sample, trained)
        return Sample({}, Nearness(index % len(latents.train), distance))

    return {REAL: near(latents.unseen), name: near(latents.made)}


def principal_components(places: FloatArray, number: int) -> tuple[FloatArray, FloatArray]:
    """Describe places (M, D) by the directions in which they differ most.

    Returns
    -------
    scores : (M, P) float32 ndarray
        P is at most M - 1.
    shares : (P,) float32 ndarray
        Of the variance.
    """
    left, sizes, _ = np.linalg.svd(places - places.mean(axis=0), full_matrices=False)
    shares = sizes**2 / max(float((sizes**2).sum()), np.finfo(np.float32).tiny)
    kept = min(number, len(places) - 1)
    return (left * sizes)[:, :kept], shares[:kept]


def plot_latents(name: str, latents: Latents) -> Figure:
    """Show people and made brains by principal components of them all, and by t-SNE (Fig. S1)."""
    groups = {
        "training people": latents.train,
        "unseen people": latents.unseen,
        f"made by {name}": latents.made,
    }
    # Components of the training people alone would show all others nearer to the middle.
    scores, shares = principal_components(np.concatenate([*groups.values()]), MOST_COMPONENTS)
    ends = np.cumsum([len(own) for own in groups.values()])[:-1]
    layouts = [np.split(points, ends) for points in (scores, _neighbour_map(scores))]
    figure = new_figure(10.0, 4.8)
    components, neighbours = (figure.add_subplot(1, 2, place) for place in (1, 2))
    for axes, layout in zip((components, neighbours), layouts, strict=True):
        for label, colour, marker, points in zip(groups, COLOURS, MARKERS, layout, strict=True):
            x, y = points[:, :2].T
            axes.scatter(x, y, s=18, color=colour, marker=marker, label=label)
    components.set_xlabel(f"first component ({shares[0]:.0%} of the variance)")
    components.set_ylabel(f"second component ({shares[1]:.0%})")
    components.set_title("Principal components")
    neighbours.set_title("t-SNE")
    neighbours.set_xticks([])  # only who is near whom means something
    neighbours.set_yticks([])
    components.legend(fontsize="small")
    return figure


def _embed(
    generator: Generator, embed: Callable[[Brain], FloatArray], image: NDArray[np.uint8]
) -> Arrays:
    data = image.astype(np.float32) / np.float32(FULL)
    brain = Brain(generator.channels, data, generator.affine)
    return {"latent": embed(brain).astype(np.float16)}


def _neighbour_map(scores: FloatArray) -> FloatArray:
    """Lay out points (N, P) in the plane so that neighbours stay neighbours: (N, 2)."""
    perplexity = min(LARGEST_PERPLEXITY, (len(scores) - 1) / 3)
    made: FloatArray = TSNE(perplexity=perplexity, random_state=SEED).fit_transform(scores)
    return made
