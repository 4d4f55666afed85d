import csv
from dataclasses import replace

import numpy as np
import pytest

from brainviewer.core.nifti import read_volume
from brainviewer.core.recipe import read_recipe
from brainviewer.gui.export_job import Material, Order, Part, export_steps
from brainviewer.session.bids import Destination
from brainviewer.session.directions import Direction
from brainviewer.session.export import ExportError
from brainviewer.session.model import course_of
from brainviewer.session.own_point import OWN_SCAN
from brainviewer.session.state import Session
from tests.fakes import FakeLoader, WarpingGenerator, fake_scan, write_fake_checkpoint


@pytest.fixture
def session(tmp_path):
    root = tmp_path / "checkpoints"
    write_fake_checkpoint(root)
    session = Session(load=FakeLoader(kind=WarpingGenerator), root=root, quiet_s=0.0)
    session.open_checkpoint("fake")
    session.wait_for(lambda: session.trajectory is not None and session.shown is not None)
    yield session
    session.close()


@pytest.fixture
def material(session):
    recipe = session.recipe()
    encoded = []
    session.scan_changed.connect(encoded.append)
    session.encode_scan(fake_scan(), dict(session.conditions))
    session.wait_for(lambda: bool(encoded))
    session.new_person(1)
    return Material(
        decoder=session.decoder,
        recipe=recipe,
        course=course_of(recipe, session.checkpoint),
        curves=session.curves.all(),
        measure=session.curves.steps_of,
        draw=lambda curves: b"plot" if all(it.trajectory.complete for it in curves) else b"",
        screenshot=b"window",
        direction=Direction("age"),
        encoded=encoded[0],
    )


def run(order: Order, material: Material) -> tuple[list[float], list]:
    fractions, steps = [], export_steps(order, material)
    while True:
        try:
            fractions.append(next(steps))
        except StopIteration as end:
            return fractions, end.value


def test_everything_is_written_and_read_back(material, tmp_path) -> None:
    there = Destination(tmp_path / "out", "seed1")
    everything = frozenset(Part) - {Part.REGIONS}  # which this generator does not know
    fractions, paths = run(Order(everything, there), material)
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    names = {path.name for path in paths}
    assert "sub-seed1_label-GM_desc-factual_probseg.nii.gz" in names
    assert read_volume(there.anat / "sub-seed1_label-GM_desc-factual_probseg.nii.gz").data.any()
    assert read_recipe(there.anat / "sub-seed1_label-GM_desc-factual_probseg.json").seed == 1
    assert (there.anat / "sub-seed1_desc-trajectories_volumes.png").read_bytes() == b"plot"
    assert (there.anat / "sub-seed1_desc-window_screenshot.png").read_bytes() == b"window"


def test_the_course_from_an_own_scan_is_in_the_table(session, material, tmp_path) -> None:
    person = material.encoded.person
    session.adopt_person(person)
    own = replace(material, recipe=session.recipe(), curves=session.curves.all())
    there = Destination(tmp_path / "out", "x")
    run(Order(frozenset({Part.TABLE}), there), own)
    with (there.anat / "sub-x_desc-trajectories_volumes.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["pin"] == OWN_SCAN]
    assert len(rows) == len(material.curves[0].trajectory.ages)
    ages, volumes = zip(*((float(it["age_years"]), float(it["GM_ml"])) for it in rows), strict=True)
    measured = material.encoded.scan.volumes_ml["GM"]
    assert np.interp(person.factual["age"], ages, volumes) == pytest.approx(measured, rel=1e-3)


def test_the_table_is_whole_even_when_the_window_has_only_begun(material, tmp_path) -> None:
    there = Destination(tmp_path / "out", "x")
    run(Order(frozenset({Part.TABLE}), there), material)
    with (there.anat / "sub-x_desc-trajectories_volumes.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["scenario"] for row in rows[:: len(material.curves[0].trajectory.ages)]] == [
        "ideal",
        "regressed",
    ]
    assert all(row["WM_ml"] and row["WM_p95_ml"] for row in rows)


def test_a_file_that_exists_stops_the_export_before_it_begins(material, tmp_path) -> None:
    there = Destination(tmp_path / "out", "x")
    order = Order(frozenset({Part.SCREENSHOT, Part.BRAIN}), there)
    there.anat.mkdir(parents=True)
    (there.anat / "sub-x_desc-window_screenshot.png").write_bytes(b"mine")
    with pytest.raises(ExportError, match="exists already"):
        run(order, material)
    assert [path.name for path in there.anat.iterdir()] == ["sub-x_desc-window_screenshot.png"]


def test_a_folder_that_cannot_be_made_is_one_sentence(material, tmp_path) -> None:
    (tmp_path / "file").write_text("")
    order = Order(frozenset({Part.SCREENSHOT}), Destination(tmp_path / "file", "x"))
    with pytest.raises(ExportError, match="cannot make the folder"):
        run(order, material)
