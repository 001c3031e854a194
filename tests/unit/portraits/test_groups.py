"""Groups of people: words, bands of numbers, what is not stated, and tables that are refused."""

import pytest

from fau_tf.portraits.collection import CollectionError, load_collection
from fau_tf.portraits.groups import NOT_STATED, GroupTable, read_groupings

LICENSE = 'license = "CC0 1.0"\nattribution = "Jane Doe"\n'
GROUPS = """[groups]
table = "people.csv"
subject = "id"
pattern = '^X(\\d+)$'
columns = { sex = "face_sex", age = "face_age" }
bands = { age = [25, 35] }
"""
TABLE = "id,face_sex,face_age\nX01,male,24\nX02,female,25\nX03,,34.9\nX04,male,35\nX05,NA,\n"
SUBJECTS = [f"mine/0{i}" for i in range(1, 7)]


@pytest.fixture
def table(tmp_path):
    (tmp_path / "people.csv").write_text(TABLE)
    (tmp_path / "portraits.toml").write_text(LICENSE + GROUPS)
    return load_collection(tmp_path).groups


def test_each_subject_has_the_group_of_its_line(table):
    found = read_groupings(table, SUBJECTS)
    assert list(found) == ["sex", "age"]
    assert found["sex"].order == ("female", "male", NOT_STATED)
    assert list(found["sex"].of) == SUBJECTS
    assert list(found["sex"].of.values()) == [
        "male", "female", NOT_STATED, "male", NOT_STATED, NOT_STATED
    ]  # fmt: skip


def test_a_band_holds_its_lower_end_and_bands_stay_in_order(table):
    age = read_groupings(table, SUBJECTS)["age"]
    assert age.order == ("under 25", "25 to 34", "35 or more", NOT_STATED)
    assert list(age.of.values()) == [
        "under 25", "25 to 34", "25 to 34", "35 or more", NOT_STATED, NOT_STATED
    ]  # fmt: skip


def test_only_groups_with_subjects_are_listed(table):
    found = read_groupings(table, SUBJECTS[:1])
    assert found["age"].order == ("under 25",)
    assert found["sex"].order == ("male",)


def test_a_byte_order_mark_and_underscores_are_no_part_of_words(table):
    table.file.write_text("\ufeff" + TABLE.replace("X01,male", "X01,prefer_to_say"), "utf-8")
    assert read_groupings(table, SUBJECTS)["sex"].of["mine/01"] == "prefer to say"


def test_a_collection_without_groups_has_no_table(tmp_path):
    (tmp_path / "portraits.toml").write_text(LICENSE)
    assert load_collection(tmp_path).groups is None


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, r"people\.csv: the table of groups must be a CSV file in UTF-8"),
        ("", "no column 'id', 'face_sex', 'face_age'. It has none"),
        ("id,sex,face_age\nX01,male,24\n", "no column 'face_sex'. It has 'id', 'sex'"),
        (TABLE + "X01,male,3\n", "a second line for 'X01'"),
        (TABLE + "01,male,3\n", "`groups.pattern` does not fit '01'"),
        (TABLE.replace("24", "young"), "age of '01' must be a number, .* Received: 'young'"),
        (TABLE.replace("24", "inf"), "age of '01' must be a number, .* Received: 'inf'"),
        ("id,face_sex,face_age\nX91,male,24\n", "none of 6 subjects is in the table. It has '91'"),
    ],
)
def test_a_wrong_table_is_refused_with_what_is_wrong(table, content, words):
    if content is None:
        table.file.unlink()
    else:
        table.file.write_text(content)
    with pytest.raises(ValueError, match=words):
        read_groupings(table, SUBJECTS)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (GROUPS, "groups = 3\n", "`groups` must be a table"),
        ('table = "people.csv"\n', "", "`groups.table` must be text. Received: ''"),
        ('"id"', "3", "`groups.subject` must be text. Received: 3"),
        (r"'^X(\d+)$'", "'X'", "`groups.pattern` must have a group"),
        (r"'^X(\d+)$'", "'('", "`groups.pattern` must be a regular expression"),
        ('"face_sex"', "1", "`groups.columns` must be names of columns"),
        ("[25, 35]", "25", "`groups.bands` must be numbers"),
        ("[25, 35]", "[35, 25]", "`groups.bands` must be increasing whole numbers"),
        ("{ age = [25", "{ agee = [25", "must be increasing whole numbers for one of sex, age"),
        ("subject", "subjects", "unknown settings groups.subjects"),
    ],
)
def test_wrong_settings_are_refused_with_an_example(tmp_path, old, new, words):
    assert old in GROUPS
    (tmp_path / "portraits.toml").write_text(LICENSE + GROUPS.replace(old, new))
    with pytest.raises(CollectionError, match=words) as error:
        load_collection(tmp_path)
    assert "docs/guide/portraits.md" in str(error.value)


def test_without_a_pattern_the_whole_cell_is_the_person(tmp_path):
    (tmp_path / "t.csv").write_text("who,sex\n01,male\n")
    table = GroupTable(tmp_path / "t.csv", "who", {"sex": "sex"})
    assert read_groupings(table, ["mine/01"])["sex"].of == {"mine/01": "male"}
