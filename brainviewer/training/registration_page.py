"""The quality-control page of a registration: everybody's picture and overlaps, worst first."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING
from urllib.parse import quote

import numpy as np
import torch

from brainviewer.cohort.qc import PAGE_HEAD, failed_table
from brainviewer.cohort.qc_picture import draw_outlined, write_png
from brainviewer.core.files import write_text_atomically
from brainviewer.core.tissues import TISSUES
from brainviewer.generators.diffeo import soft_dice
from brainviewer.generators.flow import exponentiate, jacobian_determinant, pull, resample

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from brainviewer.core.volume import Affine, FloatArray
    from brainviewer.generators.diffeo import Diffeo

PAGE_FILE = "registration.html"
PICTURE_FOLDER = "registration"
GREY_OF = (0.75, 0.5, 0.15)  # of WM, GM and CSF where somebody has no image


@dataclass(frozen=True, slots=True, eq=False)
class Registered:
    """What the page says of one person.

    Attributes
    ----------
    before, after : (3,) float64 ndarray
        Soft Dice of WM, GM and CSF with the template, as it is and carried.
    regions_before, regions_after : float
        Mean Dice of the regions; NaN without labels.
    smallest : float
        Jacobian determinant of the warp.
    """

    name: str
    before: NDArray[np.float64]
    after: NDArray[np.float64]
    regions_before: float
    regions_after: float
    smallest: float


@torch.inference_mode()
def inspect_registration(
    model: Diffeo,
    name: str,
    maps: FloatArray,
    velocity: FloatArray,
    labels: NDArray[np.uint8] | None,
) -> tuple[Registered, FloatArray]:
    """Hold the carried template against a person.

    Parameters
    ----------
    maps : (3, I, J, K) float32 ndarray
    velocity : (3, I/2, J/2, K/2) float32 ndarray, voxels
    labels : (I, J, K) uint8 ndarray or None
        1 + the index of a region.

    Returns
    -------
    Registered
    (3, I, J, K) float32 ndarray
        The carried template.
    """
    flow, own = exponentiate(torch.from_numpy(velocity)[None]), torch.from_numpy(maps)
    template = model.mean.shares[:, :3]
    carried = pull(template, resample(flow, maps.shape[1:]))[0]
    before = after = float("nan")
    if labels is not None and model.regions.labels.numel():
        still = model.regions.labels.numpy()
        moved = model.regions.carried(flow)[0].numpy()
        before, after = (mean_region_dice(found, labels) for found in (still, moved))
    found = Registered(
        name,
        soft_dice(template[0], own).double().numpy(),
        soft_dice(carried, own).double().numpy(),
        before,
        after,
        float(jacobian_determinant(flow).min()),
    )
    return found, carried.numpy()


def mean_region_dice(first: NDArray[np.integer], second: NDArray[np.integer]) -> float:
    """Return 2 |A and B| / (|A| + |B|), averaged over the regions of two label images."""
    count = 1 + int(max(first.max(), second.max()))
    both = np.bincount(first[first == second].ravel(), minlength=count)[1:]
    sizes = np.add(*(np.bincount(it.ravel(), minlength=count)[1:] for it in (first, second)))
    present = sizes > 0
    return float((2.0 * both[present] / sizes[present]).mean()) if present.any() else float("nan")


def write_registration_page(
    out: Path,
    model: Diffeo,
    affine: Affine,
    people: Sequence[tuple[str, NDArray[np.uint8], FloatArray]],
    *,
    labels_of: Callable[[str], NDArray[np.uint8] | None],
    image_of: Callable[[str], NDArray[np.uint8] | None],
    failed: Mapping[str, str],
) -> Path:
    """Write the page and its pictures into the folder of a run.

    Parameters
    ----------
    people : sequence of name, maps (3, I, J, K) uint8 and velocity
    failed : mapping of name to sentence
        Who was left out.

    Returns
    -------
    Path
        Of the page, which needs neither scripts nor a server.
    """
    (out / PICTURE_FOLDER).mkdir(exist_ok=True)
    seen = []
    for name, stored, velocity in people:
        maps = (stored / np.float32(255.0)).astype(np.float32)
        found, carried = inspect_registration(model, name, maps, velocity, labels_of(name))
        image = image_of(name)
        if image is None:
            image = np.einsum("t,tijk->ijk", np.array(GREY_OF), stored).astype(np.uint8)
        outlines = np.rint(255.0 * carried).astype(np.uint8)
        write_png(out / PICTURE_FOLDER / f"{name}.png", draw_outlined([image, *outlines], affine))
        seen.append(found)
    page = out / PAGE_FILE
    write_text_atomically(page, _page(seen, failed))
    return page


def _page(seen: Sequence[Registered], failed: Mapping[str, str]) -> str:
    ordered = sorted(seen, key=lambda person: float(person.after.mean()))
    return "".join(
        [
            PAGE_HEAD.format(title="Registration of the training people"),
            "<h1>Registration of the training people</h1>\n",
            f"<p>{len(seen)} people, {len(failed)} left out.</p>\n",
            failed_table(failed),
            "<p>The person with the outlines of the carried template: WM, GM and CSF. The lines "
            "should follow the edges that you see. Those first whose tissues overlap least.</p>\n",
            _summary(seen),
            *(_section(person) for person in ordered),
            "</html>\n",
        ]
    )


def _summary(seen: Sequence[Registered]) -> str:
    if not seen:
        return ""
    rows = [
        (f"{tissue}, soft Dice", [p.before[n] for p in seen], [p.after[n] for p in seen])
        for n, tissue in enumerate(TISSUES)
    ]
    labelled = [p for p in seen if np.isfinite(p.regions_after)]
    if labelled:
        before, after = zip(*((p.regions_before, p.regions_after) for p in labelled), strict=True)
        rows.append((f"regions, mean Dice, of {len(labelled)} people", list(before), list(after)))
    cells = "".join(
        f"<tr><th>{name}</th><td>{np.mean(before):.3f}</td><td>{np.mean(after):.3f}</td>"
        f"<td>{np.min(after):.3f}</td></tr>\n"
        for name, before, after in rows
    )
    head = "<tr><th></th><th>before</th><th>after</th><th>least</th></tr>\n"
    least = min(person.smallest for person in seen)
    return f"<table>\n{head}{cells}</table>\n<p>Smallest Jacobian {least:.3f}.</p>\n"


def _section(person: Registered) -> str:
    name = escape(person.name)
    tissues = ", ".join(
        f"{t} {b:.2f} → {a:.2f}"
        for t, b, a in zip(TISSUES, person.before, person.after, strict=True)
    )
    regions = ""
    if np.isfinite(person.regions_after):
        regions = f"; regions {person.regions_before:.2f} → {person.regions_after:.2f}"
    return (
        f'<section id="{name}">\n<h3>{name}</h3>\n'
        f'<img src="{PICTURE_FOLDER}/{quote(person.name)}.png" alt="{name}" loading="lazy">\n'
        f"<p>{tissues}{regions}; smallest Jacobian {person.smallest:.2f}</p>\n</section>\n"
    )
