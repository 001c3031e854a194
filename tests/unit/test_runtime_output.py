import csv

import pytest

from fau_tf.runtime.output import Reading, write_csv
from fau_tf.whole_file import replacing

LABELS = ("AU06", "AU12")


def rows(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_the_columns_are_those_of_openface_and_the_reason(tmp_path):
    write_csv(tmp_path / "x.csv", [], LABELS)
    assert (tmp_path / "x.csv").read_text() == (
        "frame,face_id,timestamp,confidence,success,AU06_r,AU12_r,AU06_c,AU12_c,reason\n"
    )


def test_a_face_is_a_row_of_intensities_and_presence(tmp_path):
    write_csv(tmp_path / "x.csv", [Reading(3, 1, 0.08, {"AU06": 0.42, "AU12": 3.14159})], LABELS)
    line = (tmp_path / "x.csv").read_text().splitlines()[1]
    assert line == "3,1,0.080,1.00,1,0.420,3.142,0,1,"


def test_a_frame_without_a_face_is_nan_with_its_reason(tmp_path):
    write_csv(tmp_path / "x.csv", [Reading(1, 0, 0.0, None, "no face, found")], LABELS)
    (row,) = rows(tmp_path / "x.csv")
    assert row["success"] == "0"
    assert row["reason"] == "no face, found"
    assert {row[f"{label}{end}"] for label in LABELS for end in ("_r", "_c")} == {"NaN"}


@pytest.mark.parametrize("intensity", [0.0, 0.9994, 0.9996, 1.0, 1.0004, 5.0])
def test_presence_never_contradicts_the_written_intensity(tmp_path, intensity):
    write_csv(tmp_path / "x.csv", [Reading(1, 0, 0.0, {"AU06": intensity})], ("AU06",))
    (row,) = rows(tmp_path / "x.csv")
    assert row["AU06_c"] == str(int(float(row["AU06_r"]) >= 1.0))


def test_presence_starts_where_it_is_set(tmp_path):
    write_csv(tmp_path / "x.csv", [Reading(1, 0, 0.0, {"AU06": 1.5})], ("AU06",), present_from=2)
    assert rows(tmp_path / "x.csv")[0]["AU06_c"] == "0"


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("old")
    with pytest.raises(ZeroDivisionError), replacing(path) as unfinished:
        _write_half(unfinished)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def _write_half(path):
    path.write_text("half")
    raise ZeroDivisionError


def test_a_success_replaces_the_old_file(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("old")
    with replacing(path) as unfinished:
        unfinished.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]
