"""Text in the encodings of editors and spreadsheets, and the files that it names."""

import os
from pathlib import Path

import pytest

from fau_tf.io.named_files import find_file, read_text

NAMES = "a.png\nübung/b.png\n"


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"]
)
def test_a_byte_order_mark_decides_the_encoding(tmp_path, encoding):
    mark = "\ufeff" if encoding.endswith(("-le", "-be")) else ""
    (tmp_path / "x").write_bytes((mark + NAMES).encode(encoding))
    assert read_text(tmp_path / "x") == NAMES


def test_bytes_that_are_not_utf_8_survive(tmp_path):
    (tmp_path / "x").write_bytes(b"caf\xe9.png\n")
    assert os.fsencode(read_text(tmp_path / "x")) == b"caf\xe9.png\n"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (NAMES.encode("utf-16-le"), "null bytes, as in UTF-16 without a byte order mark. Save"),
        (b"\xff\xfea\0b", "UTF-16 is damaged: truncated data"),
    ],
)
def test_other_encodings_are_refused_by_name(tmp_path, content, message):
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(ValueError, match=message):
        read_text(tmp_path / "x")


@pytest.fixture
def folders(tmp_path):
    for name in ("here/in/a.png", "there/in/b.png", "here/in/both.png", "there/in/both.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    return tmp_path / "here", tmp_path / "there"


@pytest.mark.parametrize(
    "spelled", ["in/{}.png", " in/{}.png\t", '"in/{}.png"', "in\\{}.png", ' ".\\in\\{}.png"']
)
def test_a_name_is_found_in_either_folder_as_people_write_it(folders, spelled):
    assert find_file(spelled.format("a"), folders).resolve() == folders[0] / "in/a.png"
    assert find_file(spelled.format("b"), folders).resolve() == folders[1] / "in/b.png"


def test_a_name_as_written_goes_before_other_spellings(tmp_path):
    odd = tmp_path / "in\\a.png"
    odd.write_text("x")
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a.png").write_text("x")
    assert find_file("in\\a.png", [tmp_path]) == odd


def test_an_absolute_name_is_that_file(folders, tmp_path):
    path = tmp_path / "here/in/both.png"
    assert find_file(str(path), folders) == path


def test_a_name_in_both_folders_is_refused_unless_it_is_one_file(folders, tmp_path):
    with pytest.raises(ValueError, match=r"may be .*here/in/both.png and .*there.*absolute path"):
        find_file("in/both.png", folders)
    (tmp_path / "here/in/b.png").symlink_to(tmp_path / "there/in/b.png")
    assert find_file("in/b.png", folders) == tmp_path / "here/in/b.png"
    assert find_file("in/a.png", (folders[0], folders[0] / "in" / "..")).exists()


@pytest.mark.parametrize("name", ["none.png", "n" * 300, "x\0y", "none\\x.png"])
def test_a_missing_name_stays_in_the_first_folder(folders, name):
    assert find_file(name, folders) == folders[0] / name


def test_the_current_folder_adds_nothing_to_a_name(folders, monkeypatch):
    monkeypatch.chdir(folders[0])
    assert find_file("in/a.png", (Path(), folders[1])) == Path("in/a.png")
