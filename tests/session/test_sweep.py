"""Sweeps, and the movies and 4D images made of them."""

from __future__ import annotations

import json
import subprocess

import imageio_ffmpeg
import nibabel as nib
import numpy as np
import pytest
from PIL import Image

from brainviewer.core.features import FeatureError
from brainviewer.session.bids import Destination
from brainviewer.session.export import ExportError, series_export_steps, sweep_series
from brainviewer.session.movie import open_movie
from brainviewer.session.sweep import caption, conditions_along, sweep_of, swept_features


def pictures(count: int = 4, size: tuple[int, int] = (33, 41)) -> list[np.ndarray]:
    """Make frames that get brighter, of an odd size."""
    return [np.full((*size, 3), 20 + 50 * number, np.uint8) for number in range(count)]


def test_a_sweep_goes_from_end_to_end_in_equal_steps(session) -> None:
    sweep = sweep_of(session.state, count=4, first=30, last=60)
    assert sweep.values == (30.0, 40.0, 50.0, 60.0)
    assert [it["age"] for it in conditions_along(session.state, sweep)] == [30, 40, 50, 60]
    assert caption(session.checkpoint.schema, sweep, 1) == "Age 40.0 years"


def test_another_feature_is_swept_at_the_age_of_now(session) -> None:
    session.set_age(61.0)
    sweep = sweep_of(session.state, "height", count=3)
    known = session.checkpoint.schema["height"].fitted
    conditions = conditions_along(session.state, sweep)
    assert conditions[0]["height"] == pytest.approx(known.low)
    assert conditions[-1]["height"] == pytest.approx(known.high)
    assert {it["age"] for it in conditions} == {61.0}


def test_only_numbers_can_be_swept(session) -> None:
    assert swept_features(session.checkpoint.schema)[0] == "age"
    for name, count, words in (
        ("sex", 5, "needs one of age"),
        ("age", 1, "2-600 frames"),
        ("age", 601, "got 601"),
    ):
        with pytest.raises(FeatureError, match=words):
            sweep_of(session.state, name, count=count)
    with pytest.raises(FeatureError, match="must lie in"):
        sweep_of(session.state, first=5, count=5)


def test_the_times_of_a_4d_image_are_the_ages(session, tmp_path) -> None:
    sweep = sweep_of(session.state, count=3, first=40, last=70)
    steps = series_export_steps(
        session.decoder,
        session.recipe(),
        Destination(tmp_path, "seed1"),
        series=sweep_series(session.state, sweep),
    )
    assert list(steps)[-1] == 1.0
    (path,) = tmp_path.rglob("*label-GM*.nii.gz")
    image = nib.load(path)
    times = image.header["toffset"] + image.header.get_zooms()[3] * np.arange(image.shape[3])
    assert times == pytest.approx([40, 55, 70])
    sidecar = json.loads(path.with_suffix("").with_suffix(".json").read_text())
    assert sidecar["AgesYears"] == [40, 55, 70]
    assert sidecar["SweptFeature"] == "age"


def test_a_gif_has_its_frames_and_begins_again(tmp_path) -> None:
    movie = open_movie(tmp_path / "m.gif", 5)
    for picture in pictures():
        movie.add(picture)
    with Image.open(movie.finish()) as gif:
        assert gif.n_frames == 4
        assert gif.info["duration"] == 200
        assert gif.info["loop"] == 0
        gif.seek(2)
        assert gif.convert("RGB").getpixel((5, 5)) == (120, 120, 120)
    assert [it.name for it in tmp_path.iterdir()] == ["m.gif"]


def test_an_mp4_has_its_frames_in_an_even_size(tmp_path) -> None:
    movie = open_movie(tmp_path / "m.mp4", 10)
    for picture in pictures():
        movie.add(picture)
    path = movie.finish()
    program = imageio_ffmpeg.get_ffmpeg_exe()
    grey = ["-f", "rawvideo", "-pix_fmt", "gray", "-"]
    done = subprocess.run([program, "-i", path, *grey], capture_output=True, check=True)
    frames = np.frombuffer(done.stdout, np.uint8).reshape(4, 32, 40)
    assert frames.mean(axis=(1, 2)) == pytest.approx([20, 70, 120, 170], abs=4)
    assert [it.name for it in tmp_path.iterdir()] == ["m.mp4"]


def test_a_frame_of_another_size_is_cut_or_filled_up(tmp_path) -> None:
    movie = open_movie(tmp_path / "m.gif", 5)
    for picture in (*pictures(1), *pictures(1, (20, 50))):
        movie.add(picture)
    with Image.open(movie.finish()) as gif:
        gif.seek(1)
        assert gif.size == (41, 33)
        assert gif.convert("RGB").getpixel((5, 30)) == (0, 0, 0)


@pytest.mark.parametrize("kind", [".gif", ".mp4"])
def test_a_movie_that_is_given_up_leaves_nothing_and_the_old_one_stays(tmp_path, kind) -> None:
    path = tmp_path / f"m{kind}"
    path.write_bytes(b"old")
    movie = open_movie(path, 10, overwrite=True)
    movie.add(pictures()[0])
    movie.discard()
    assert path.read_bytes() == b"old"
    assert len(list(tmp_path.iterdir())) == 1


def test_what_cannot_be_a_movie_is_said(tmp_path) -> None:
    (tmp_path / "there.gif").write_bytes(b"")
    for name, rate, words in (
        ("there.gif", 10, "exists already"),
        ("m.avi", 10, "ends in .mp4 or .gif"),
        ("m.gif", 0, "1-60 frames a second"),
        ("none/m.gif", 10, "folder does not exist"),
    ):
        with pytest.raises(ExportError, match=words):
            open_movie(tmp_path / name, rate)
