"""Settings: remembered, bounded, and never in the way."""

from __future__ import annotations

import json
import logging

import pytest

from brainviewer.core.space import Convention
from brainviewer.session.settings import (
    Preferences,
    Settings,
    read_settings,
    settings_path,
    write_settings,
)


def test_settings_come_back_as_they_were(tmp_path) -> None:
    liked = Preferences(
        Convention.NEUROLOGICAL, interpolation="cubic", crosshair=False, zoom=2.5, legend=False
    )
    settings = Settings(("/data/a.nii",), "cvae-ixi", bytes(range(256)), liked)
    write_settings(settings, tmp_path / "new" / "settings.json")
    assert read_settings(tmp_path / "new" / "settings.json") == settings


def test_a_file_from_before_there_were_preferences_keeps_the_rest(tmp_path) -> None:
    path = tmp_path / "settings.json"
    write_settings(Settings(("/data/a.nii",), "cvae-ixi"), path)
    entry = json.loads(path.read_text())
    del entry["preferences"]
    path.write_text(json.dumps(entry))
    assert read_settings(path) == Settings(("/data/a.nii",), "cvae-ixi")


@pytest.mark.parametrize(
    "change",
    [
        {"convention": "upside down"},
        {"interpolation": "quintic"},
        {"zoom": 1e9},
        {"zoom": "large"},
        {"legend": 1},
    ],
)
def test_preferences_that_cannot_be_are_ignored(tmp_path, caplog, change) -> None:
    path = tmp_path / "settings.json"
    write_settings(Settings(), path)
    entry = json.loads(path.read_text())
    entry["preferences"] |= change
    path.write_text(json.dumps(entry))
    assert read_settings(path) == Settings()
    assert "are ignored" in caplog.text


def test_the_first_start_has_none_and_says_nothing(tmp_path, caplog) -> None:
    assert read_settings(tmp_path / "settings.json") == Settings()
    assert caplog.text == ""


def test_the_newest_file_is_first_and_ten_are_kept(tmp_path) -> None:
    settings = Settings()
    for number in range(12):
        settings = settings.with_recent_file(tmp_path / f"{number}.nii")
    settings = settings.with_recent_file(tmp_path / "5.nii")
    names = [name.rsplit("/")[-1] for name in settings.recent_files]
    assert names == [f"{n}.nii" for n in (5, 11, 10, 9, 8, 7, 6, 4, 3, 2)]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        "{}",
        '{"recent_files": "abc", "last_checkpoint": "", "layout": ""}',
        '{"recent_files": [1], "last_checkpoint": "", "layout": ""}',
        '{"recent_files": [], "last_checkpoint": "", "layout": "%%"}',
        '{"recent_files": [], "last_checkpoint": null, "layout": ""}',
        '{"recent_files": [], "last_checkpoint": "", "layout": 5}',
    ],
)
def test_a_broken_file_is_ignored_with_a_warning(tmp_path, caplog, text) -> None:
    (tmp_path / "settings.json").write_text(text)
    assert read_settings(tmp_path / "settings.json") == Settings()
    assert "cannot be used and are ignored" in caplog.text


def test_a_disk_that_refuses_is_a_warning(tmp_path, caplog) -> None:
    (tmp_path / "file").write_text("")
    with caplog.at_level(logging.WARNING):
        write_settings(Settings(), tmp_path / "file" / "settings.json")
    assert "its folder is a file" in caplog.text or "exists" in caplog.text.lower()


def test_they_lie_in_the_users_configuration() -> None:
    assert settings_path().parts[-2:] == ("brainviewer", "settings.json")
