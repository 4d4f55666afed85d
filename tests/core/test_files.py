"""Nothing is lost when writing fails."""

import errno
import json
import os
from pathlib import Path

import pytest

from brainviewer.core.files import (
    reason_for,
    write_atomically,
    write_json_atomically,
    write_text_atomically,
)


@pytest.fixture
def existing(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("old")
    return path


def assert_untouched(path):
    assert path.read_text() == "old"
    assert list(path.parent.iterdir()) == [path]


def refuse(*_args, **_kwargs):
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_new_file_appears_and_an_existing_one_is_replaced(existing):
    write_text_atomically(existing, "new ±\n")
    assert existing.read_bytes() == "new ±\n".encode()
    write_text_atomically(existing.with_name("other.csv"), "1")
    assert sorted(path.name for path in existing.parent.iterdir()) == ["other.csv", "table.csv"]


@pytest.mark.parametrize(
    "error", [OSError(errno.ENOSPC, "full"), ValueError(), KeyboardInterrupt()]
)
def test_an_existing_file_survives_a_write_that_fails_half_way(existing, error):
    def write_half(file):
        file.write(b"ne")
        raise error

    with pytest.raises(type(error)):
        write_atomically(existing, write_half)
    assert_untouched(existing)


@pytest.mark.parametrize(("owner", "step"), [(os, "fsync"), (Path, "replace")])
def test_an_existing_file_survives_a_disk_that_refuses(existing, monkeypatch, owner, step):
    monkeypatch.setattr(owner, step, refuse)
    with pytest.raises(OSError, match="No space"):
        write_text_atomically(existing, "new")
    assert_untouched(existing)


def test_a_link_stays_a_link(existing):
    link = existing.with_name("link.csv")
    link.symlink_to(existing)
    write_text_atomically(link, "new")
    assert link.is_symlink()
    assert existing.read_text() == "new"


def test_the_permissions_of_an_existing_file_are_kept(existing):
    existing.chmod(0o640)
    write_text_atomically(existing, "new")
    assert existing.stat().st_mode & 0o777 == 0o640


def test_a_new_file_has_the_usual_permissions(existing):
    ordinary = existing.with_name("ordinary")
    ordinary.touch()
    write_text_atomically(existing.with_name("new"), "new")
    assert existing.with_name("new").stat().st_mode == ordinary.stat().st_mode


def test_json_is_indented_and_reads_back(tmp_path):
    value = {"name": "Grüße", "ages": [20, 80.5], "sex": None}
    write_json_atomically(tmp_path / "a.json", value)
    text = (tmp_path / "a.json").read_text()
    assert "Grüße" in text
    assert text.endswith("}\n")
    assert json.loads(text) == value


def test_json_refuses_what_other_programs_cannot_read(tmp_path):
    with pytest.raises(ValueError, match="JSON"):
        write_json_atomically(tmp_path / "a.json", {"score": float("nan")})
    assert not list(tmp_path.iterdir())


def test_a_missing_folder_is_told_in_words(tmp_path):
    with pytest.raises(OSError) as caught:  # noqa: PT011  the words are what is tested
        write_text_atomically(tmp_path / "no" / "a.csv", "")
    assert reason_for(caught.value) == "the file or its folder does not exist"


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.ENOSPC, "x"), "no space is left on the disk"),
        (OSError(errno.EIO, "Input/output error"), "Input/output error"),
        (OSError("odd"), "odd"),
        (OSError(), "OSError"),
    ],
)
def test_reasons(error, words):
    assert reason_for(error) == words
