"""Preparing a scan in a process of its own: told, stopped, and survived."""

from __future__ import annotations

import os
import threading
import time
from typing import TYPE_CHECKING

import numpy as np
import pytest

from brainviewer.cohort.tools import PreprocessingError
from brainviewer.session.inbox import Inbox
from brainviewer.session.preparing import THREAD_NAME, Preparation
from tests.fakes import fake_scan

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from brainviewer.cohort.own_scan import OwnScan


def quick(path: Path, on_stage: Callable[[int], None]) -> OwnScan:
    on_stage(0)
    on_stage(3)
    return fake_scan(path.name)


def failing(path: Path, on_stage: Callable[[int], None]) -> OwnScan:
    raise PreprocessingError(f"{path.name} has no brain")


def dying(path: Path, on_stage: Callable[[int], None]) -> OwnScan:
    os._exit(9)


def endless(path: Path, on_stage: Callable[[int], None]) -> OwnScan:
    on_stage(1)
    time.sleep(600)
    raise AssertionError


class Told:
    def __init__(self) -> None:
        self.stages: list[int] = []
        self.scans: list[OwnScan] = []
        self.sentences: list[str] = []

    @property
    def has_ended(self) -> bool:
        return bool(self.scans or self.sentences)


@pytest.fixture
def inbox() -> Inbox:
    return Inbox()


def start(inbox: Inbox, work, path: Path) -> tuple[Preparation, Told]:
    preparation, told = Preparation(inbox.post, work), Told()
    preparation.start(
        path, on_stage=told.stages.append, done=told.scans.append, failed=told.sentences.append
    )
    return preparation, told


def test_stages_and_the_scan_are_told(inbox, tmp_path) -> None:
    preparation, told = start(inbox, quick, tmp_path / "scan.nii")
    assert preparation.is_running
    inbox.wait_for(lambda: told.has_ended, timeout_s=60.0)
    assert (told.stages, told.sentences) == ([0, 3], [])
    (scan,) = told.scans
    np.testing.assert_array_equal(scan.maps.data, fake_scan("scan.nii").maps.data)
    assert not preparation.is_running


def test_a_scan_that_cannot_be_prepared_is_one_sentence(inbox, tmp_path) -> None:
    preparation, told = start(inbox, failing, tmp_path / "scan.nii")
    inbox.wait_for(lambda: told.has_ended, timeout_s=60.0)
    assert told.sentences == ["scan.nii has no brain"]
    assert not preparation.is_running


def test_a_process_that_dies_is_survived_with_a_sentence(inbox, tmp_path) -> None:
    _, told = start(inbox, dying, tmp_path / "scan.nii")
    inbox.wait_for(lambda: told.has_ended, timeout_s=60.0)
    assert told.sentences[0].startswith("the preparation of scan.nii ended without an answer")


def test_stopping_ends_the_process_and_nothing_is_told(inbox, tmp_path) -> None:
    preparation, told = start(inbox, endless, tmp_path / "scan.nii")
    inbox.wait_for(lambda: told.stages == [1], timeout_s=60.0)
    process = preparation._process
    preparation.cancel()
    assert not process.is_alive()
    assert not preparation.is_running
    wait_for_listeners()
    inbox.process()
    assert not told.has_ended


def test_a_newer_scan_ends_the_one_before(inbox, tmp_path) -> None:
    preparation, told = start(inbox, endless, tmp_path / "first.nii")
    preparation._work = quick
    preparation.start(
        tmp_path / "second.nii",
        on_stage=told.stages.append,
        done=told.scans.append,
        failed=told.sentences.append,
    )
    inbox.wait_for(lambda: told.has_ended, timeout_s=60.0)
    assert [scan.name for scan in told.scans] == ["second.nii"]
    wait_for_listeners()


def wait_for_listeners() -> None:
    for thread in threading.enumerate():
        if thread.name == THREAD_NAME:
            thread.join(10.0)
