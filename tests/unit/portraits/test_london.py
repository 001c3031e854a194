"""The London Set is recognized by its folders, and split as its reports state."""

import re
import shutil
from pathlib import Path

import pytest

from fau_tf.portraits import london
from fau_tf.portraits.collection import CollectionError, load_collection, photos
from fau_tf.portraits.groups import read_groupings
from fau_tf.portraits.london import open_collection

CONFIG = Path(__file__).parents[3] / "configs" / "portraits" / "london.toml"


def copy_of_london(folder, subjects=london.SUBJECTS, names=("neutral", "smiling")):
    """Make a folder laid out like the London Set, of empty files with gaps in the numbers."""
    for name, number in zip(names, ("03", "08"), strict=True):
        (folder / name).mkdir()
        for subject in range(subjects):
            (folder / name / f"{3 * subject + 1:03d}_{number}.jpg").touch()
    return folder


def places(folder):
    """Return part -> places of its subjects in the file order."""
    rows = photos(open_collection(folder))
    order = list(dict.fromkeys(row.subject for row in rows))
    part = {row.subject: row.part for row in rows}
    return {
        name: [i for i, subject in enumerate(order) if part[subject] == name]
        for name in ("train", "validation", "test")
    }


@pytest.mark.parametrize("names", [("neutral", "smiling"), ("neutral_front", "smiling_front")])
def test_the_parts_are_34_23_and_45_subjects_by_their_places(tmp_path, names):
    found = places(copy_of_london(tmp_path, names=names))
    assert {part: len(rows) for part, rows in found.items()} == {
        "train": 45, "validation": 23, "test": 34
    }  # fmt: skip
    assert found["test"] == list(range(0, 102, 3))
    # Of 1, 2, 4, 5, 7, 8, 10, 11, ... the first, the fourth, the seventh, ...
    assert found["validation"][:4] == [1, 5, 10, 14]
    assert found["train"][:4] == [2, 4, 7, 8]


def test_both_photos_of_a_subject_are_in_its_part(tmp_path):
    collection = open_collection(copy_of_london(tmp_path))
    assert (collection.name, collection.license) == ("london", "CC BY 4.0")
    rows = photos(collection)
    for subject in {row.subject for row in rows}:
        own = [row for row in rows if row.subject == subject]
        assert [row.expression for row in own] == ["neutral", "smiling"]
        assert len({row.part for row in own}) == 1


@pytest.mark.parametrize("names", [("neutral", "smiling"), ("neutral_front", "smiling_front")])
def test_the_file_of_the_configs_says_the_same_as_none(tmp_path, names):
    folder = copy_of_london(tmp_path, names=names)
    without = photos(open_collection(folder))
    shutil.copyfile(CONFIG, folder / "portraits.toml")
    assert photos(load_collection(folder)) == without
    # Another photo of the first person, who is for testing.
    (folder / "profile").mkdir()
    (folder / "profile" / "001_12.jpg").touch()
    rows = photos(load_collection(folder))
    assert [(row.part, row.expression) for row in rows if row.path.parent.name == "profile"] == [
        ("test", "unknown")
    ]


def test_the_groups_that_the_file_of_the_configs_offers_are_the_sets_own(tmp_path):
    folder = copy_of_london(tmp_path)
    (folder / london.INFO).touch()
    expected = open_collection(folder).groups
    head, offered = CONFIG.read_text(encoding="utf-8").split("# [groups]\n")
    text = f"{head}[groups]\n{re.sub('^# ', '', offered, flags=re.MULTILINE)}"
    (folder / "portraits.toml").write_text(text, encoding="utf-8")
    assert load_collection(folder).groups == expected


@pytest.mark.parametrize("subjects", [101, 103])
def test_a_copy_with_other_subjects_is_refused(tmp_path, subjects):
    with pytest.raises(CollectionError, match=f"{2 * subjects} photos of {subjects} subjects"):
        open_collection(copy_of_london(tmp_path, subjects))


def test_a_copy_with_a_photo_missing_or_more_is_refused(tmp_path):
    folder = copy_of_london(tmp_path)
    first = folder / "smiling" / "001_08.jpg"
    first.rename(folder / "smiling" / "004_09.jpg")
    with pytest.raises(CollectionError, match="one neutral and one smiling photo of each"):
        open_collection(folder)
    (folder / "smiling" / "004_09.jpg").rename(first)
    (folder / "profile.jpg").touch()
    with pytest.raises(CollectionError, match="and no other photo"):
        open_collection(folder)


def test_a_description_wins_over_the_folders(tmp_path):
    copy_of_london(tmp_path, subjects=3)
    text = 'license = "CC0"\nattribution = "Jane Doe"\n'
    (tmp_path / "portraits.toml").write_text(text)
    assert open_collection(tmp_path).attribution == "Jane Doe"
    assert open_collection(tmp_path / "portraits.toml").test_every == 0


def test_any_other_folder_needs_a_description(tmp_path):
    (tmp_path / "neutral").mkdir()
    with pytest.raises(CollectionError, match="missing"):
        open_collection(tmp_path)


def test_the_table_of_sitters_groups_them_when_it_is_there(tmp_path):
    copy_of_london(tmp_path)
    assert open_collection(tmp_path).groups is None
    lines = ["face_id,face_age,face_sex,face_eth", "X001,24,female,white", "X004,,male,east_asian"]
    (tmp_path / london.INFO).write_text("\n".join(lines) + "\n")
    table = open_collection(tmp_path).groups
    found = read_groupings(table, ["london/001", "london/004"])
    assert {name: list(one.of.values()) for name, one in found.items()} == {
        "sex": ["female", "male"],
        "age": ["under 25", "not stated"],
        "ethnicity": ["white", "east asian"],
    }
