from __future__ import annotations

import shutil

import pytest

from brainviewer.evaluation.people import EvaluationError
from brainviewer.evaluation.same_people import check_same_people
from brainviewer.generators.checkpoint import open_checkpoint
from tests.evaluation.conftest import PEOPLE, change_config, person_id


def second(checkpoint, name: str = "other", **changes):
    folder = checkpoint.folder.parent.parent / name / ("fake" if name == "twin" else name)
    shutil.copytree(checkpoint.folder, folder)
    change_config(folder, **changes)
    return open_checkpoint(folder)


def folds(**changes: int) -> dict[str, int]:
    return {person_id(index): index % 10 for index in range(PEOPLE)} | changes


def test_the_same_test_people_may_be_compared_whoever_was_trained_on(checkpoint) -> None:
    more = folds(**{"sub-simulated": 5})
    check_same_people([checkpoint, second(checkpoint, folds=more, validation_folds=[])])


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"test_folds": [1]}, "other has seen 4 of the test people, among them sub-000"),
        ({"validation_folds": [0], "test_folds": [1]}, "other has seen 4 of the test people"),
        ({"test_folds": [0, 1, 2]}, "fake has seen 4 of the test people, among them sub-002"),
        ({"folds": folds(**{"sub-new": 0})}, "different test people, such as sub-new"),
        ({"shape": [16, 20, 8]}, r"makes \(16, 20, 16\) voxels and other \(16, 20, 8\)"),
        ({"affine": [[10, 0, 0, 0], [0, 10, 0, 0], [0, 0, 10, 0], [0, 0, 0, 1]]}, "same grid"),
    ],
)
def test_what_cannot_be_compared_is_refused(checkpoint, changes, complaint) -> None:
    with pytest.raises(EvaluationError, match=complaint):
        check_same_people([checkpoint, second(checkpoint, **changes)])


def test_two_of_the_same_name_are_refused(checkpoint) -> None:
    with pytest.raises(EvaluationError, match="two of the checkpoints are called fake"):
        check_same_people([checkpoint, second(checkpoint, "twin")])
