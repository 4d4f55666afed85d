"""Tables of labels, as FreeSurfer and ITK-SNAP write them."""

from __future__ import annotations

import pytest

from brainviewer.core.label_table import LabelTableError, read_label_table, table_beside
from brainviewer.session.label_tables import freesurfer_lut, itksnap_labels, label_colors

NAMES = ("left hippocampus", "third ventricle")


@pytest.mark.parametrize(
    ("ending", "write"), [(".lut.txt", freesurfer_lut), (".itksnap.txt", itksnap_labels)]
)
def test_what_is_exported_is_found_beside_the_image_and_read(tmp_path, ending, write) -> None:
    (tmp_path / f"seg_dseg{ending}").write_text(write(NAMES), encoding="utf-8")
    table = table_beside(tmp_path / "seg_dseg.nii.gz")
    assert [table.names[it].replace("_", " ") for it in (1, 2)] == list(NAMES)
    assert [table.colors[it] for it in (1, 2)] == label_colors(NAMES)


def test_the_tables_of_freesurfer_have_comments_and_columns(tmp_path) -> None:
    path = tmp_path / "LUT.txt"
    path.write_text(
        "#No. Label Name:   R  G  B  A\n\n0   Unknown  0 0 0 0\n"
        "17  Left-Hippocampus                        220 216 20  0\n",
        encoding="utf-8",
    )
    table = read_label_table(path)
    assert (table.names[17], table.colors[17]) == ("Left-Hippocampus", (220, 216, 20))


def test_an_image_alone_has_no_table(tmp_path) -> None:
    assert table_beside(tmp_path / "seg.nii.gz") is None


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("17 Hippocampus", "line 1 is no label"),
        ("17 Hippocampus 300 0 0 0", "beyond 255"),
        ("# nothing\n", "it has no labels"),
    ],
)
def test_a_damaged_table_is_a_sentence(tmp_path, text, sentence) -> None:
    (tmp_path / "seg.lut").write_text(text, encoding="utf-8")
    with pytest.raises(LabelTableError, match=sentence):
        table_beside(tmp_path / "seg.nii")
