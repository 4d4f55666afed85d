import pytest

from brainviewer.cohort.bids import (
    BidsError,
    find_conditions,
    find_scans,
    read_label_names,
    read_participants,
)
from brainviewer.core.features import FeatureError, Kind


def touch(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"")
    return path


@pytest.fixture
def write(tmp_path):
    """Write a table and, if given, its description; read them."""

    def read(table, description=None):
        (tmp_path / "participants.tsv").write_text(table, encoding="utf-8")
        if description is not None:
            (tmp_path / "participants.json").write_text(description)
        return read_participants(tmp_path / "participants.tsv", tmp_path / "participants.json")

    return read


@pytest.mark.parametrize("inside", ["sub-X/anat", "sub-X/ses-1/anat"])
def test_the_person_of_a_scan_is_found_in_the_table_of_its_dataset(tmp_path, inside) -> None:
    table = "participant_id\tage\tsex\nsub-X\t44\tF\nsub-Y\t30\tM\n"
    (tmp_path / "participants.tsv").write_text(table, encoding="utf-8")
    folder = tmp_path / inside
    folder.mkdir(parents=True)
    assert find_conditions(folder / "sub-X_T1w.nii.gz") == {"age": 44.0, "sex": "F"}
    assert find_conditions(folder / "sub-Z_T1w.nii.gz") == {}
    assert find_conditions(folder / "scan.nii.gz") == {}


def test_the_first_image_of_each_person_is_taken(tmp_path):
    for path in (
        "sub-02/ses-b/anat/sub-02_ses-b_T1w.nii.gz",
        "sub-02/ses-a/anat/sub-02_ses-a_T1w.nii.gz",
        "sub-01/anat/sub-01_run-2_T1w.nii",
        "sub-01/anat/sub-01_run-1_T1w.nii.gz",
        "sub-01/anat/sub-01_T2w.nii.gz",
        "sub-03/func/sub-03_bold.nii.gz",
    ):
        touch(tmp_path / path)
    scans = find_scans(tmp_path)
    assert [(s.participant_id, s.image.name) for s in scans] == [
        ("sub-01", "sub-01_run-1_T1w.nii.gz"),
        ("sub-02", "sub-02_ses-a_T1w.nii.gz"),
    ]
    assert all(scan.labels is None for scan in scans)


def test_a_folder_without_images_is_refused(tmp_path):
    with pytest.raises(BidsError, match="top folder of a BIDS dataset"):
        find_scans(tmp_path)


def test_labels_are_those_that_the_first_table_names_in_the_same_session(tmp_path):
    labels = tmp_path / "derivatives" / "muse"
    touch(tmp_path / "sub-01/ses-a/anat/sub-01_ses-a_T1w.nii.gz")
    touch(tmp_path / "sub-02/anat/sub-02_T1w.nii.gz")
    touch(tmp_path / "derivatives/freesurfer/sub-01/ses-a/anat/sub-01_ses-a_desc-aseg_dseg.nii.gz")
    touch(labels / "sub-01/ses-b/anat/sub-01_ses-b_desc-muse_dseg.nii.gz")
    touch(labels / "sub-01/ses-a/anat/sub-01_ses-a_space-MNI_desc-muse_dseg.nii.gz")
    right = touch(labels / "sub-01/ses-a/anat/sub-01_ses-a_desc-muse_dseg.nii.gz")
    (labels / "desc-muse_dseg.tsv").write_text("index\tname\ttissue\n35\tBrainStem\tWM\n")
    assert [scan.labels for scan in find_scans(tmp_path)] == [right, None]
    assert read_label_names(tmp_path) == {35: ("BrainStem", "WM")}


def test_labels_without_a_table_are_left_alone(tmp_path):
    touch(tmp_path / "sub-01/anat/sub-01_T1w.nii.gz")
    touch(tmp_path / "derivatives/muse/sub-01/anat/sub-01_dseg.nii.gz")
    assert find_scans(tmp_path)[0].labels is None
    assert read_label_names(tmp_path) == {}


@pytest.mark.parametrize("table", ["number\tname\n1\tx\n", "index\tname\none\tx\n"])
def test_a_label_table_that_names_nothing_is_refused(tmp_path, table):
    (tmp_path / "derivatives/muse").mkdir(parents=True)
    (tmp_path / "derivatives/muse/dseg.tsv").write_text(table)
    with pytest.raises(BidsError, match="needs the columns index"):
        read_label_names(tmp_path)


def test_columns_become_features_as_the_description_says(write):
    table = write(
        "participant_id\tage\tsex\tschool\thand\tnote\n"
        "sub-01\t34.5\tF\t2\tright\tn/a\n"
        "sub-02\tn/a\tM\t1\tleft\tn/a\n",
        """{"age": {"Description": "Age at the scan", "Units": "years"},
            "sex": {"Levels": {"F": "female", "M": {"Description": "male"}, "n/a": "unknown"}},
            "school": {"Description": "School (ordinal)", "Levels": {"1": "none", "2": "some"}}}""",
    )
    age, sex, school, hand = table.features
    assert (age.name, age.kind, age.unit) == ("age", Kind.NUMERIC, "years")
    assert sex.kind is Kind.LEVELS
    assert [(level.code, level.label) for level in sex.levels] == [("F", "female"), ("M", "male")]
    assert (school.kind, school.codes) == (Kind.ORDERED, ("1", "2"))
    assert (hand.kind, hand.codes) == (Kind.LEVELS, ("left", "right"))
    assert table.people == {
        "sub-01": {"age": 34.5, "sex": "F", "school": "2", "hand": "right"},
        "sub-02": {"age": None, "sex": "M", "school": "1", "hand": "left"},
    }


def column(name, *values):
    rows = "".join(f"sub-{n:02d}\t{value}\n" for n, value in enumerate(values, start=1))
    return f"participant_id\t{name}\n{rows}"


def test_a_text_column_with_many_values_is_no_feature(write):
    table = write(column("code", *(f"id{n}" for n in range(30))))
    assert table.features == ()
    assert table.notices == (
        "column code is no feature: it has 30 different texts, and a feature has 20 at most",
    )


def test_an_empty_column_is_no_feature(write):
    table = write(column("height", "n/a", ""))
    assert table.features == ()
    assert table.notices == ("column height is no feature: it is empty",)


@pytest.mark.parametrize("wrong", ["tall", "180cm", "inf", "1_80"])
def test_text_among_numbers_is_refused_with_person_and_value(write, wrong):
    with pytest.raises(FeatureError) as refused:
        write(column("height", "170", "n/a", wrong, "165.5"))
    assert str(refused.value) == (
        f"height of sub-03 is '{wrong}' in a column of numbers; correct it in participants.tsv or "
        f"write n/a if it is not known, or list the Levels of height in participants.json"
    )


def test_a_decimal_comma_is_refused_with_the_point_it_should_be(write):
    sentence = "weight of sub-01 is '70,5'; write it with a point in participants.tsv, as 70.5"
    with pytest.raises(FeatureError, match=sentence):
        write(column("weight", "70,5", "80,25"))


@pytest.mark.parametrize("wrong", ["45y", "89+"])
def test_an_age_is_a_number_even_if_nobodys_is(write, wrong):
    with pytest.raises(FeatureError, match=r"age of sub-01 is .* write n/a if it is not known$"):
        write(column("age", wrong, wrong))


def test_codes_of_which_few_are_numbers_are_levels(write):
    (site,) = write(column("site", "1", "north", "2", "south")).features
    assert (site.kind, site.codes) == (Kind.LEVELS, ("1", "2", "north", "south"))


def test_text_among_numbers_may_be_listed_as_a_level(write):
    levels = '{"grade": {"Levels": {"1": "low", "2": "high", "other": "abroad"}}}'
    (grade,) = write(column("grade", "1", "2", "2", "other"), levels).features
    assert grade.codes == ("1", "2", "other")


def test_what_is_one_value_for_everybody_is_told_and_still_known(write):
    table = write(column("site", "HH", "HH", "n/a"))
    assert table.notices == ("site is HH for everybody; a generator can learn nothing from it",)
    assert table.people["sub-02"] == {"site": "HH"}


def test_of_one_person_nothing_is_told(write):
    table = write("participant_id\tage\tsex\nsub-01\t3\tF\n")
    assert table.people == {"sub-01": {"age": 3.0, "sex": "F"}}
    assert table.notices == ()


def test_a_byte_order_mark_is_no_part_of_the_header(write):
    assert write("\ufeffparticipant_id\tage\nsub-01\t3\n").people == {"sub-01": {"age": 3.0}}


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        ("name\tage\nsub-01\t3\n", "needs a header with the column participant_id"),
        ("participant_id\tage\n", "a row for each person"),
        ("participant_id\tage\nsub-01\t3\nsub-01\t4\n", "names sub-01 twice"),
        ("participant_id\tage\nsub-01\n", "line 2 of participants.tsv has another number"),
        ("participant_id\tage\nsub-01\t3\t4\n", "line 2 of participants.tsv has another number"),
    ],
)
def test_a_malformed_table_is_refused(write, table, sentence):
    with pytest.raises(BidsError, match=sentence):
        write(table)


def test_a_value_that_is_no_level_is_refused(write):
    with pytest.raises(FeatureError, match="sex of sub-01 is 'X'; its levels are F, M"):
        write("participant_id\tsex\nsub-01\tX\n", '{"sex": {"Levels": {"F": "", "M": ""}}}')


def test_a_description_that_is_not_json_is_refused(write):
    with pytest.raises(BidsError, match=r"participants.json is not readable JSON"):
        write("participant_id\tage\nsub-01\t3\n", "{")


def test_the_real_table_has_the_features_of_its_description(shared_data):
    folder = shared_data / "ixi"
    table = read_participants(folder / "participants.tsv", folder / "participants.json")
    kinds = {feature.name: feature.kind for feature in table.features}
    assert kinds["age"] is kinds["height"] is Kind.NUMERIC
    assert kinds["qualification"] is Kind.ORDERED
    assert kinds["occupation"] is Kind.LEVELS
    scans = find_scans(folder)
    assert len(scans) == 150
    assert all(scan.labels for scan in scans)
