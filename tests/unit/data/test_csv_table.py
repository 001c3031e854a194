"""Tables of own labels as people and programs write them: read, or refused with cause and fix."""

import re
import shutil
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as settings_of
from hypothesis import strategies as st

from fau_tf import facs
from fau_tf.data.adapters.csv_table import csv_list
from fau_tf.data.adapters.label_files import read_labels
from fau_tf.data.adapters.registry import index_dataset
from fau_tf.inference.estimator import Estimate
from fau_tf.inference.postprocessing import Postprocessing
from fau_tf.outputs.tables.row_writer import RowWriter
from fau_tf.outputs.tables.rows import CsvRows
from tests.helpers import dataset_trees as trees
from tests.helpers.dataset_trees import settings
from tests.helpers.face_videos import PHOTO, frame, write_video
from tests.helpers.faces import AUS, FRAME, info, small_face

PLAIN = "image,subject,AU06,AU12\na.png,ann,1,3\nb.png,bob,,4.5\n"


@pytest.fixture
def index(tmp_path):
    """Return a function: text of a table beside a.png and b.png -> index of the data set."""
    for name in ("a.png", "b.png", "in/a.png", "in/b.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(PHOTO, tmp_path / name)

    def call(text, encoding="utf-8"):
        path = tmp_path / "table.csv"
        path.write_bytes(text.encode(encoding) if isinstance(text, str) else text)
        return index_dataset(settings("csv", path))

    return call


def rows(found):
    """Return subject -> (name of the file, frame, AU -> intensity) of its first frame."""
    coded = {}
    for clip in found.clips:
        name = clip.video.name if clip.video else clip.images[0].name
        values = dict(zip(facs.ALL, clip.intensity[0].tolist(), strict=True))
        kept = {au: value for au, value in values.items() if not np.isnan(value)}
        coded[clip.subject] = name, clip.frames[0], kept
    return coded


WANTED = {"ann": ("a.png", 1, {6: 1.0, 12: 3.0}), "bob": ("b.png", 1, {12: 4.5})}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_encodings_line_ends_and_delimiters(index, encoding, end, delimiter):
    found = index(PLAIN.replace(",", delimiter).replace("\n", end), encoding)
    assert rows(found) == WANTED
    assert found.dropped == found.warnings == []


@pytest.mark.parametrize(
    "text",
    [
        PLAIN.replace(",,", ",NA,"),
        PLAIN.replace(",,", ",NaN,"),
        PLAIN.replace(",,", ", n/a ,"),
        PLAIN.replace("AU06", "AU6").replace("AU12", "au12"),
        PLAIN.replace("AU06,AU12", " AU06_r, AU12_r"),
        PLAIN.replace("1,3", "1.0,3.000"),
        PLAIN.replace("image,subject", "Image,Subject"),
        PLAIN.replace("a.png", "in\\a.png").replace("b.png", ".\\in\\b.png"),
        PLAIN.replace("a.png", '"a.png"'),
        PLAIN.replace("\n", ',"seen by; A; B; C; D; E"\n', 1)
        .replace("3\n", "3,\n")
        .replace("4.5\n", "4.5,\n"),
        "sep=;\n" + PLAIN.replace(",", ";").replace("4.5", "4,5"),
        PLAIN.replace("\n", ",AU12_c\n", 1).replace("3\n", "3,1\n").replace("4.5\n", "4.5,1\n"),
        PLAIN + "\n\n",
    ],
)
def test_spellings_of_people_and_programs(index, text):
    found = index(text)
    assert rows(found) == WANTED
    assert found.dropped == found.warnings == []


def test_paths_of_the_current_folder(index, tmp_path, monkeypatch):
    (tmp_path / "elsewhere").mkdir()
    shutil.move(tmp_path / "b.png", tmp_path / "elsewhere/b.png")
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert rows(index(PLAIN)) == WANTED


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "Received: no line"),
        (PLAIN.replace("subject", "person"), r"needs the columns `image`.*Received: image, person"),
        (PLAIN.replace("AU06,AU12", "AU06_c,AU12_c"), "AU12_c hold presence, 0 or 1, and no inten"),
        (PLAIN.replace("AU06", "AU12_r"), r"AU12 is in the columns `au12_r`, `au12`\. Keep one"),
        (PLAIN.replace("image", "subject"), "needs the columns"),
        (PLAIN.replace("AU06,", "Subject,"), "column `subject` is there twice"),
        (PLAIN.replace(",", "|"), "separated by commas, semicolons or tabs"),
        ("image,subject;AU06\na.png,ann;1\n", "Received: 1 commas and 1 semicolons. Use one"),
        ("image\tsubject,AU06\n", "Received: 1 commas and 1 tabs"),
        (
            PLAIN.replace(",", ";").replace(";", ",", 3),
            "commas in the first line, semicolons in the others",
        ),
        (PLAIN.encode("utf-16-le"), "null bytes, as in UTF-16 without a byte order mark"),
    ],
)
def test_tables_that_can_not_be_read_say_why(index, text, message):
    with pytest.raises(ValueError, match=message):
        index(text)


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ("a.png,ann,6,1", "AU06: intensity must be 0 to 5. Received: 6"),
        ("a.png,ann,B,1", "AU06: intensity must be a number from 0 to 5, or empty, NA.*'B'"),
        ("a.png,ann,-1,1", "Received: -1"),
        ("a.png,ann,1", "a line must have 4 columns. Received: 3"),
        ("a.png,ann,1,2,3", "4 columns. Received: 5. Decimal commas need another delimiter"),
        (",ann,1,2", "an empty cell"),
        ("a.png,,1,2", "an empty cell"),
        ("a.png,ann,NA,", "at least one coded AU"),
    ],
)
def test_lines_that_can_not_be_used_are_dropped_with_their_place(index, cells, message):
    found = index(f"{PLAIN}{cells}\n")
    assert rows(found) == WANTED
    (dropped,) = found.dropped
    assert dropped.where == "table.csv, line 4"
    assert re.search(message, dropped.reason), dropped.reason


def test_columns_of_unknown_aus_are_named(index):
    text = "image,subject,AU12_r,AU28_r,AU12 raw\na.png,ann,3,1,2\n"
    (warning,) = index(text).warnings
    assert "the columns AU28_r, AU12 raw are not read" in warning


@pytest.mark.parametrize("first", [0, 1])
def test_frames_from_0_are_those_from_1(index, tmp_path, first):
    write_video(tmp_path / "x.avi", [frame()] * 4)
    lines = [f"x.avi,{n + first}.0,ann,{n}" for n in range(3)]
    found = index("\n".join(["video,frame,subject,AU12", *lines]))
    (clip,) = found.clips
    assert clip.frames.tolist() == [1, 2, 3]
    assert clip.intensity[:, facs.ALL.index(12)].tolist() == [0, 1, 2]
    counted = ["frames are counted from 0" in warning for warning in found.warnings]
    assert counted == ([True] if first == 0 else [])


def test_images_and_videos_in_one_table(index):
    """The frame of an image says nothing, also if it is 0."""
    head = "image,video,frame,subject,AU12\na.png,,0,ann,1\n"
    found = index(f"{head},x.avi,2,bob,2\n")
    assert [clip.frames.tolist() for clip in found.clips] == [[1], [2]]
    assert found.warnings == []
    found = index(f"{head},x.avi,0,bob,2\n")
    assert [clip.frames.tolist() for clip in found.clips] == [[1], [1]]
    assert len(found.warnings) == 1


@pytest.mark.parametrize("text", ["-1", "1.5", "", "x"])
def test_other_frames_are_dropped(index, text):
    found = index(f"video,frame,subject,AU12\nx.avi,{text},ann,1\nx.avi,2,ann,1\n")
    (dropped,) = found.dropped
    assert f"`frame` must be a whole number from 1. Received: {text!r}" in dropped.reason


PIECES = st.sampled_from(
    (
        *',;\t"\n\r\\ x0159.',
        *("image", "video", "frame", "subject", "AU12", "AU06_r", "source", "NA", "face_id"),
        *("success", "a.png", "sep=;", "\ufeff", "-1", "nan", "1e999", "\udce9", "AU12_c"),
    )
)


@settings_of(max_examples=100)
@given(st.lists(PIECES, max_size=40).map("".join), st.booleans())
def test_any_text_is_read_or_refused(tmp_path_factory, text, whole):
    path = tmp_path_factory.mktemp("table") / "x.csv"
    path.write_bytes((PLAIN * whole + text).encode("utf-8", "surrogateescape"))
    try:
        found = csv_list(settings("csv", path))
    except ValueError as error:
        refused = str(error)
    else:
        refused = ""
    if refused:
        assert str(path) in refused
        return
    levels = np.concatenate([np.zeros((0, len(facs.ALL))), *(c.intensity for c in found.clips)])
    assert not ((levels < 0) | (levels > 5)).any()


def test_what_fau_demo_writes_is_read_back(tmp_path, index):
    write_video(tmp_path / "x.avi", [frame()] * 4)

    more = Postprocessing(sides=True, pspi=True, eye_closure=1.0)
    sides = {"AU06": (5.0, 0.0), "AU12": (5.0, 0.0)}

    def shown(number, name):
        return replace(FRAME, number=number, name=str(tmp_path / name))

    with RowWriter(tmp_path / "table.csv", CsvRows(info(AUS), more)) as table:
        for number in (1, 2, 3):
            table.write(shown(number, "x.avi"), Estimate((small_face(number, sides=sides),)))
        table.write(shown(1, "a.png"), Estimate((small_face(2.5, sides=sides),)))
        table.write(
            shown(2, "b.png"), Estimate((small_face(1, sides=sides), small_face(2, sides=sides)))
        )
        table.write(shown(3, "in/a.png"), Estimate((), "no face found"))
    found = index((tmp_path / "table.csv").read_bytes())
    clips = {clip.subject: clip for clip in found.clips}
    assert clips.keys() == {"x", "a"}
    assert clips["x"].frames.tolist() == [1, 2, 3]
    assert clips["x"].intensity[:, facs.ALL.index(12)].tolist() == [1, 2, 3]
    assert clips["a"].images == (tmp_path / "a.png",)
    reasons = [one.reason for one in found.dropped]
    assert reasons.count("several faces are in this picture, and the labels are of one") == 2
    assert "fau-demo did not read it: no face found" in reasons
    assert "holds predictions of" in found.warnings[0]
    assert "no column `subject`" in found.warnings[1]


def test_a_json_list_with_a_byte_order_mark_and_backslashes(tmp_path):
    trees.json_list(tmp_path, subjects=("F001",))
    path = tmp_path / "list.json"
    text = path.read_text().replace("F001/T8/", "F001\\\\T8\\\\")
    for encoding in ("utf-8-sig", "utf-16"):
        path.write_text(text, encoding=encoding)
        (clip,) = index_dataset(settings("json_list", path)).clips
        assert all(image.is_file() for image in clip.images)
        assert clip.subject == "F001"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_label_files_with_3_0_and_byte_order_marks(tmp_path, encoding):
    path = tmp_path / "AU12.txt"
    path.write_text("1,3.0\r\n2;0\r\n3\t5.00\r\n4,2.5\r\n", encoding=encoding)
    labels = read_labels(path)
    assert labels.intensity == {1: 3, 2: 0, 3: 5}
    assert "line 4: intensity must be 0 to 5. Received: '2.5'" in labels.faults[4]
