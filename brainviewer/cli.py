"""The commands: `brainviewer view`, `list`, `generate`, `trajectory`, ... one function each.

Heavy libraries are imported inside the commands that need them, so that `--help` and usage errors
answer at once.
"""

from __future__ import annotations

import logging
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import App, CycloptsError, Parameter

from brainviewer import __version__
from brainviewer.core.files import reason_for
from brainviewer.core.sentences import one_line

if TYPE_CHECKING:
    from collections.abc import Sequence

SCENARIOS = Literal["ideal", "regressed"]
FAILED = 1
WRONG_USAGE = 2

Out = Annotated[Path, Parameter(name="--out", help="Folder for the results; made when absent.")]
Checkpoint = Annotated[
    str, Parameter(name="--checkpoint", help="Name under checkpoints/, or a folder.")
]
Device = Annotated[str, Parameter(name="--device", help="auto, cpu, cuda or cuda:N.")]
Settings = Annotated[
    list[str] | None,
    Parameter(
        name="--set",
        help="NAME=VALUE for any feature; repeat it. Levels by code or name.",
        negative="",
    ),
]
Extrapolate = Annotated[
    bool,
    Parameter(
        name="--extrapolate",
        negative="",
        help="Allow values outside the training range; the output is marked.",
    ),
]
Average = Annotated[
    bool,
    Parameter(
        name="--average",
        negative="",
        help="Nobody of a seed: the mean brain of age and sex, where the generator knows it.",
    ),
]
Overwrite = Annotated[
    bool, Parameter(name="--overwrite", negative="", help="Replace files that exist.")
]

app = App(
    name="brainviewer",
    version=__version__,
    help="Turn a generative model of the human brain by hand: age it, edit it, measure it.",
    suppress_keyboard_interrupt=False,
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line and return its exit code: 0, 1 (it failed) or 2 (wrong usage)."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    logging.basicConfig(level=logging.WARNING, format="%(name)s: %(message)s")
    try:
        code = app(words, exit_on_error=False, print_error=True, result_action="return_value")
    except CycloptsError:
        return WRONG_USAGE
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return FAILED
    except (ValueError, RuntimeError, OSError, MemoryError) as error:
        logging.getLogger(__name__).debug("the command failed", exc_info=True)
        print(f"brainviewer: {_in_words(error)}", file=sys.stderr)
        return FAILED
    return code if isinstance(code, int) else 0


def _in_words(error: Exception) -> str:
    if isinstance(error, MemoryError):
        return "the memory of this computer is used up; close other programs and try again"
    if isinstance(error, OSError) and error.errno is not None:
        return one_line(f"{error.filename or 'the system refused'}: {reason_for(error)}")
    return one_line(str(error))


@app.default
@app.command
def view(
    *files: Path,
    checkpoint: Checkpoint | None = None,
    recipe: Path | None = None,
    device: Device = "auto",
) -> int:
    """Open the window.

    Parameters
    ----------
    files
        Images to show beside the brain: NIfTI or MGH.
    recipe
        A saved recipe, or the sidecar of an export, to start from.
    """
    from brainviewer.gui.app import run

    return run(list(files), checkpoint=checkpoint, recipe=recipe, device=device)


@app.command(name="list")
def list_checkpoints() -> None:
    """List the checkpoints and what they take."""
    from brainviewer.generators.checkpoint import find_checkpoints

    usable, problems = find_checkpoints()
    for found in usable:
        features = ", ".join(found.schema.names) or "no features"
        print(f"{found.name}: {found.title}; {features}")
    for sentence in problems.values():
        print(f"not usable: {sentence}")
    if not usable:
        print("no checkpoint is installed; train one with brainviewer train")


@app.command
def generate(
    *,
    out: Out,
    checkpoint: Checkpoint | None = None,
    recipe: Path | None = None,
    age: float | None = None,
    sex: str | None = None,
    set_: Settings = None,
    seed: int = 1,
    count: int = 1,
    spacing: float | None = None,
    regions: Annotated[bool, Parameter(name="--regions", negative="")] = False,
    average: Average = False,
    extrapolate: Extrapolate = False,
    overwrite: Overwrite = False,
    device: Device = "auto",
) -> None:
    """Make brains and write them as NIfTI, each with a sidecar that makes the same array again.

    Parameters
    ----------
    recipe
        A saved recipe or sidecar; then the other options about the person are not used.
    age
        In years.
    sex
        Code or name of a level: F, M, female, male.
    seed
        The first person's; further ones count up.
    count
        How many people.
    spacing
        Of the voxels, mm; diffeomorphic generators of 2 mm make brains of 1 mm too.
    regions
        Write a label image of the regions as well, with their names, volumes and colours.
    """
    from brainviewer.commands import Wishes, generate_brains, reproduce_brain

    if recipe is not None:
        _say(
            reproduce_brain(
                recipe,
                out,
                checkpoint=checkpoint,
                device=device,
                overwrite=overwrite,
                spacing_mm=spacing,
                regions=regions,
            )
        )
        return
    wishes = Wishes(checkpoint, age, sex, set_ or [], seed, extrapolate, average)
    _say(
        generate_brains(
            wishes,
            out,
            count=count,
            device=device,
            overwrite=overwrite,
            spacing_mm=spacing,
            regions=regions,
        )
    )


@app.command
def encode(
    scan: Path,
    *,
    out: Annotated[Path, Parameter(name="--out", help="The recipe (JSON) to write.")],
    checkpoint: Checkpoint | None = None,
    age: float | None = None,
    sex: str | None = None,
    set_: Settings = None,
    carried: Annotated[
        Path | None,
        Parameter(name="--carried", help="Folder for the scan itself under other conditions."),
    ] = None,
    to: float | None = None,
    set_to: Annotated[
        list[str] | None,
        Parameter(name="--set-to", help="NAME=VALUE to carry the scan to.", negative=""),
    ] = None,
    refine: float = 0.0,
    extrapolate: Extrapolate = False,
    overwrite: Overwrite = False,
    device: Device = "auto",
) -> None:
    """Turn a T1-weighted scan into a person, whose age and features can then be changed.

    Parameters
    ----------
    scan
        One adult's head, with or without skull.
    age
        In years; left out, it is looked for in the dataset's participants.tsv, as the rest is.
    sex
        Code or name of a level: F, M, female, male.
    to
        The age, in years, that the scan is carried to; diffeomorphic generators only.
    refine
        Seconds, at most, to look further for the person who comes nearest to the scan.
    """
    from brainviewer.commands import CarryWish, Wishes, encode_own_scan

    if carried is None and (to is not None or set_to):
        raise ValueError("say with --carried where the scan that is carried shall go")
    wishes = Wishes(checkpoint, age, sex, set_ or [], 0, extrapolate)
    carry = None if carried is None else CarryWish(carried, to, set_to or [])
    _say(
        encode_own_scan(
            scan,
            wishes,
            out,
            device=device,
            overwrite=overwrite,
            carry=carry,
            refine_s=refine,
        )
    )


@app.command(name="regions")
def regions_(
    scan: Path,
    *,
    out: Out,
    overwrite: Overwrite = False,
    device: Device = "auto",
) -> None:
    """Find the regions of a T1-weighted scan: label image on its own voxels, names, volumes.

    Parameters
    ----------
    scan
        One adult's head, with or without skull.
    """
    from brainviewer.commands import find_scan_regions

    _say(find_scan_regions(scan, out, device=device, overwrite=overwrite))


@app.command
def trajectory(
    *,
    out: Out,
    checkpoint: Checkpoint | None = None,
    from_: Annotated[float | None, Parameter(name="--from")] = None,
    to: float | None = None,
    step: float = 5.0,
    scenario: SCENARIOS = "ideal",
    region: Annotated[
        list[str] | None,
        Parameter(name="--region", negative="", help="Name of a region; may be repeated."),
    ] = None,
    age: float | None = None,
    sex: str | None = None,
    set_: Settings = None,
    seed: int = 1,
    average: Average = False,
    extrapolate: Extrapolate = False,
    overwrite: Overwrite = False,
    device: Device = "auto",
) -> None:
    """Follow one person over age: CSV, PNG and 4D NIfTI.

    Parameters
    ----------
    from_, to, step
        Ages in years; the training range when not given.
    scenario
        ideal: other features stay; regressed: they move with age as in the training people.
    region
        Such as "left hippocampus": its volume is in the table and the picture too.
    age
        The person's own age, at which the features are as given.
    """
    from brainviewer.commands import Ages, Wishes, write_trajectory

    wishes = Wishes(checkpoint, age, sex, set_ or [], seed, extrapolate, average)
    ages = Ages(from_, to, step, scenario)
    _say(
        write_trajectory(
            wishes, ages, out, device=device, overwrite=overwrite, regions=region or ()
        )
    )


@app.command
def saliency(
    *,
    out: Annotated[Path, Parameter(name="--out", help="The CSV file to write.")],
    checkpoint: Checkpoint | None = None,
    age: float | None = None,
    sex: str | None = None,
    set_: Settings = None,
    seed: int = 1,
    count: int = 16,
    labels: Path | None = None,
    extrapolate: Extrapolate = False,
    overwrite: Overwrite = False,
    device: Device = "auto",
) -> None:
    """Write how much each feature weighs on each tissue volume, averaged over people.

    Parameters
    ----------
    count
        How many people, with seeds counting up.
    labels
        A label image in MNI152 space: the tissue inside each label is differentiated too.
    """
    from brainviewer.commands import Wishes, write_saliency

    wishes = Wishes(checkpoint, age, sex, set_ or [], seed, extrapolate)
    _say(
        write_saliency(wishes, out, count=count, labels=labels, device=device, overwrite=overwrite)
    )


@app.command
def change(
    *,
    out: Out,
    along: Annotated[str, Parameter(name="--along")] = "age",
    checkpoint: Checkpoint | None = None,
    recipe: Path | None = None,
    age: float | None = None,
    sex: str | None = None,
    set_: Settings = None,
    seed: int = 1,
    extrapolate: Extrapolate = False,
    overwrite: Overwrite = False,
    device: Device = "auto",
) -> None:
    """Map where a brain shrinks and grows with a feature, in percent, as NIfTI.

    Diffeomorphic generators only.

    Parameters
    ----------
    along
        age (per decade), another number (per standard deviation), or a level, as in sex=M.
    recipe
        A saved recipe or sidecar; then the other options about the person are not used.
    """
    from brainviewer.commands import Wishes, write_local_change

    wishes = Wishes(checkpoint, age, sex, set_ or [], seed, extrapolate)
    _say(
        write_local_change(
            wishes, out, along=along, recipe_path=recipe, device=device, overwrite=overwrite
        )
    )


@app.command(name="import")
def import_(
    bids_dir: Path,
    cohort_dir: Path,
    *,
    workers: int | None = None,
    tools: Literal["deepbet", "fsl"] = "deepbet",
) -> int:
    """Bring the scans of a BIDS folder into a cohort; run it again to continue.

    Parameters
    ----------
    workers
        Processes; one a core when not given.
    tools
        deepbet and the project's own segmentation, or FSL's BET and FAST where installed.
    """
    from brainviewer.commands import import_people

    return import_people(bids_dir, cohort_dir, workers=workers, tools=tools, command=_command())


@app.command
def simulate(
    cohort_dir: Path,
    *,
    people: int,
    seed: int = 1,
    spacing: float = 2.0,
    workers: int | None = None,
) -> None:
    """Make a cohort of simulated people; run it again to continue.

    Parameters
    ----------
    people
        How many.
    spacing
        Of the voxels in mm: 1, 2 or 4.
    """
    from brainviewer.commands import simulate_people

    simulate_people(
        cohort_dir,
        people=people,
        seed=seed,
        spacing_mm=spacing,
        workers=workers,
        command=_command(),
    )


@app.command
def train(
    recipe: Path,
    *,
    cohort: Annotated[Path, Parameter(name="--cohort")],
    out: Out,
    more: Annotated[list[Path] | None, Parameter(name="--more", negative="")] = None,
    resume: Annotated[bool, Parameter(name="--resume", negative="")] = False,
    device: Device = "auto",
    processes: int = 1,
) -> None:
    """Train a generator from a recipe; the checkpoint is written to the output folder.

    Parameters
    ----------
    recipe
        A TOML file; see resources/recipes.
    cohort
        A folder written by import or simulate.
    more
        Another such folder, whose people are trained on for their brains alone; may be repeated.
    resume
        Continue from the last state in the output folder.
    processes
        Share each batch between as many processes or GPUs; a diffeo registers as many people at
        once.
    """
    from brainviewer.commands import train_generator

    train_generator(
        recipe,
        cohort,
        out,
        more=more or (),
        resume=resume,
        device=device,
        processes=processes,
        command=_command(),
    )


@app.command
def evaluate(
    *,
    checkpoint: Annotated[
        list[str],
        Parameter(
            name="--checkpoint",
            negative="",
            help="Name under checkpoints/, or a folder; repeat it to compare several.",
        ),
    ],
    cohort: Annotated[Path, Parameter(name="--cohort")],
    out: Out,
    draws: int = 8,
    network_3d: Annotated[
        Path | None,
        Parameter(help="TorchScript file, such as MedicalNet's, for 3D-FID; else one is fitted."),
    ] = None,
    network_2d: Annotated[
        Path | None,
        Parameter(help="TorchScript file, such as RadImageNet's, for 2D-FID; else one is fitted."),
    ] = None,
    labels: Path | None = None,
    images: Annotated[bool, Parameter(name="--images", negative="")] = False,
    brain_age: Annotated[bool, Parameter(name="--brain-age", negative="")] = False,
    synthetic: Annotated[
        list[int] | None,
        Parameter(
            name="--synthetic",
            negative="",
            help="Synthetic people to add for --brain-age; repeat it. Else 0, 50, 200 and 1000.",
        ),
    ] = None,
    device: Device = "auto",
) -> None:
    """Score checkpoints on people they never saw: tables, figures and scores.json.

    Several checkpoints need the same test people. Each is scored by itself in a folder of its name;
    the tables and figures of all are beside these folders.

    Parameters
    ----------
    cohort
        The people that the checkpoints were trained on.
    draws
        Seeds whose volumes are averaged for each person, with those of the opposite identities.
    labels
        A label image in MNI152 space: Table IV has the tissue inside each label too.
    images
        Judge the T1-weighted images of generators that make tissue maps as well, not these.
    brain_age
        Judge how well ages are told by networks that learn from T1-weighted images, and nothing
        else: real people's with more and more synthetic ones added. Takes long.
    """
    from brainviewer.commands import evaluate_brain_age, evaluate_generators

    if synthetic and not brain_age:
        raise ValueError("--synthetic says whom --brain-age adds; give --brain-age too")
    if brain_age and images:
        raise ValueError("--images and --brain-age are two runs; give one of them")
    if brain_age:
        evaluate_brain_age(checkpoint, cohort, out, synthetic=synthetic, device=device)
        return
    evaluate_generators(
        checkpoint,
        cohort,
        out,
        draws=draws,
        device=device,
        networks=(network_3d, network_2d),
        labels=labels,
        images=images,
    )


@app.command
def render(
    *,
    recipe: Path,
    out: Annotated[Path, Parameter(name="--out", help="The PNG file to write.")],
    width: int = 1600,
    height: int = 1000,
    beside: str = "",
    device: Device = "auto",
) -> None:
    """Draw the window's picture of a recipe; no screen is needed.

    Parameters
    ----------
    beside
        Compare with "factual", the person as given, or with another checkpoint.
    width, height
        Of the picture, in pixels.
    """
    from brainviewer.gui.render import render_recipe

    _say([render_recipe(recipe, out, size=(width, height), beside=beside, device=device)])


@app.command
def movie(
    *,
    recipe: Path,
    out: Annotated[
        Path, Parameter(name="--out", help="An MP4 or GIF file, or a folder for 4D NIfTI.")
    ],
    feature: str = "age",
    from_: Annotated[float | None, Parameter(name="--from")] = None,
    to: float | None = None,
    frames: int = 60,
    rate: int = 12,
    pane: Literal["view", "coronal", "sagittal", "axial", "3d"] = "view",
    width: int = 1600,
    height: int = 1000,
    overwrite: Overwrite = False,
    device: Device = "auto",
) -> None:
    """Film the person of a recipe while age or another number changes; no screen is needed.

    Parameters
    ----------
    recipe
        A saved recipe, or the sidecar of an export.
    feature
        What changes; the rest stays, or moves with age in the regressed scenario.
    from_, to
        Its first and last value; the training range when not given.
    rate
        Frames a second.
    pane
        The whole view, or one pane of it.
    width, height
        Of the window whose panes are filmed, in pixels.
    """
    from brainviewer.commands import Filming, film_person

    filming = Filming(feature, (from_, to), frames, rate, pane, (width, height))
    _say(film_person(recipe, filming, out, device=device, overwrite=overwrite))


@app.command
def report(
    *,
    recipe: Path,
    out: Annotated[Path, Parameter(name="--out", help="The HTML file to write.")],
    overwrite: Overwrite = False,
    device: Device = "auto",
) -> None:
    """Write a page about the person of a recipe: pictures, volumes, trajectory, card, limits.

    Parameters
    ----------
    recipe
        A saved recipe, or the sidecar of an export.
    """
    from brainviewer.gui.render import report_recipe

    if out.exists() and not overwrite:
        raise ValueError(f"{out} exists already; choose another name, or add --overwrite")
    _say([report_recipe(recipe, out, device=device)])


def _command() -> str:
    """Return the command line as typed, with file names instead of whole paths."""
    words = [Path(word).name if "/" in word else word for word in sys.argv[1:]]
    return shlex.join(["brainviewer", *words])


def _say(paths: Sequence[Path]) -> None:
    for path in paths:
        print(path)
