"""The published gradient penalty beside the hinge loss with spectral norms, on the same few steps.

    python benchmarks/compare_adversaries.py COHORT_DIR [STEPS]

Trains a small alpha-GAN on the cohort twice from the same start, and
prints a Markdown table: time of a step as a ratio, reconstruction of unseen people, and how well
the critic tells real brains from made ones at the end.
"""

from __future__ import annotations

import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from statistics import mean, median
from typing import TYPE_CHECKING

from lightning_fabric import Fabric

from brainviewer.cohort.store import CohortStore
from brainviewer.training.alphagan import AlphaGANTask
from brainviewer.training.dataset import BatchSource, load_training_data
from brainviewer.training.loop import Progress, train
from brainviewer.training.recipe import TrainingRecipe, read_training_recipe

if TYPE_CHECKING:
    from brainviewer.training.dataset import TrainingData

RECIPE = Path(__file__).parents[1] / "resources" / "recipes" / "alphagan-ixi.toml"
STEPS = 60
LAST = 10  # steps that the critic's opinion is averaged over
SMALL = {"channels": [32, 24, 16], "latent": 32, "smooth": True}


def main(cohort: str, steps: int = STEPS) -> None:
    """Train both and print the table."""
    recipe = replace(read_training_recipe(RECIPE), steps=steps, start="", batch_size=2, model=SMALL)
    data = load_training_data(CohortStore(Path(cohort)), recipe)
    results = {kind: run(kind, data, recipe) for kind in ("hinge", "wgan-gp")}
    base = median(p.seconds_per_step for p in results["hinge"])
    print("| adversary | time of a step | reconstruction of unseen people | real - made |")
    print("|---|---|---|---|")
    for kind, seen in results.items():
        ratio = median(p.seconds_per_step for p in seen) / base
        rebuilt = seen[-1].losses["val_reconstruction"]
        apart = mean(p.losses["critic_real"] - p.losses["critic_made"] for p in seen[-LAST:])
        print(f"| {kind} | {ratio:.1f} x | {rebuilt:.4f} | {apart:.3f} |")


def run(kind: str, data: TrainingData, recipe: TrainingRecipe) -> list[Progress]:
    """Train with one adversary and return what was seen at each step."""
    own = replace(recipe, losses={**recipe.losses, "adversary": kind})
    seen: list[Progress] = []
    with tempfile.TemporaryDirectory() as folder:
        train(
            AlphaGANTask(data, own, "cpu"),
            BatchSource(data, own),
            own,
            fabric=Fabric(accelerator="cpu"),
            out=Path(folder),
            on_progress=seen.append,
        )
    return seen


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit("usage: compare_adversaries.py COHORT_DIR [STEPS]")
    main(sys.argv[1], *map(int, sys.argv[2:]))
