import csv
import sys

import pandas
import pytest

import fau_tf
from fau_tf.inference.estimator import Estimate
from fau_tf.inference.postprocessing import Postprocessing
from fau_tf.outputs.tables.row_writer import RowWriter
from fau_tf.outputs.tables.rows import CsvRows
from fau_tf.utils.optional_imports import MissingLibraryError
from tests.helpers.faces import AUS, FRAME, TURNED, info, small_face

SIDES = {"AU06": (0.2, 0.3), "AU12": (3.0, 1.0)}
ASKED = Postprocessing(sides=True, pspi=True, eye_closure=1.0)
FRAMES = [
    Estimate((small_face(1.23456, sides=SIDES), small_face(2.0, face_id=7, sides=SIDES))),
    Estimate((), "no face, found"),
    Estimate((small_face(float("nan"), quality=TURNED, sides=SIDES),)),
]


@pytest.fixture
def file(tmp_path):
    with RowWriter(tmp_path / "NaN.csv", CsvRows(info(AUS, "NA"), ASKED)) as writer:
        for estimate in FRAMES:
            writer.write(FRAME, estimate)
    return tmp_path / "NaN.csv"


def cells(path):
    with path.open(newline="", encoding="utf-8") as lines:
        return list(csv.DictReader(lines))


def test_a_file_is_read_column_by_column_as_it_is(file):
    frame, rows = fau_tf.to_dataframe(file), cells(file)
    assert list(frame.columns) == list(rows[0])
    assert len(frame) == 4
    for name, column in frame.items():
        for value, row in zip(column, rows, strict=True):
            if pandas.isna(value):
                assert row[name] == "NaN"
            else:
                assert type(value)(row[name]) == value
    assert frame["AU12_r"].dtype == float
    assert frame["success"].tolist() == [1, 1, 0, 0]
    assert frame["AU12_c"].isna().tolist() == [False, False, True, True]
    # Text stays text.
    assert frame["model"].tolist() == ["NA"] * 4
    assert frame["reason"].tolist()[:3] == ["", "", "no face, found"]


def test_estimates_are_frames_with_the_rows_of_the_file(file):
    model = info(AUS, "NA")
    found = fau_tf.to_dataframe(FRAMES, model, times=(0.08,) * 3, source="a.mp4", processing=ASKED)
    wanted = fau_tf.to_dataframe(str(file))
    assert found["frame"].tolist() == [1, 1, 2, 3]
    wanted["frame"] = found["frame"]
    pandas.testing.assert_frame_equal(found, wanted)
    assert fau_tf.to_dataframe(FRAMES, model)["timestamp"].isna().all()


def test_faces_are_those_of_one_picture():
    frame = fau_tf.to_dataframe(FRAMES[0].faces, info(AUS))
    assert frame[["frame", "face_id", "AU12_r"]].values.tolist() == [[1, 0, 1.235], [1, 7, 2.0]]
    assert "AU12_L_r" not in frame


def test_one_estimate_is_one_frame_also_without_a_face():
    faces = fau_tf.to_dataframe(FRAMES[0].faces, info(AUS))
    pandas.testing.assert_frame_equal(fau_tf.to_dataframe(FRAMES[0], info(AUS)), faces)
    one = fau_tf.to_dataframe(FRAMES[0].faces[0], info(AUS))
    pandas.testing.assert_frame_equal(one, faces[:1])
    frame = fau_tf.to_dataframe(Estimate((), "no face found", ("tone-mapped",)), info(AUS))
    assert frame[["success", "reason", "flags"]].values.tolist() == [
        [0, "no face found", "tone-mapped"]
    ]


def test_no_results_are_a_frame_without_rows():
    frame = fau_tf.to_dataframe([], info(AUS))
    assert len(frame) == 0
    assert {"frame", "AU12_r", "reason"} <= set(frame.columns)


def test_what_is_no_result_is_refused(tmp_path):
    with pytest.raises(TypeError, match=r"needs `info`.*AUEstimator\.info"):
        fau_tf.to_dataframe(FRAMES)
    with pytest.raises(TypeError, match=r"to_dataframe takes.*got \['int'\]"):
        fau_tf.to_dataframe(5, info(AUS))
    with pytest.raises(TypeError, match=r"got \['FaceResult', 'dict'\]"):
        fau_tf.to_dataframe([small_face(), {}], info(AUS))
    with pytest.raises(ValueError, match="one entry for each frame: got 1 for 3"):
        fau_tf.to_dataframe(FRAMES, info(AUS), times=[0.0])
    for text in ("", "onset,offset\n1,2\n"):
        (tmp_path / "x.csv").write_text(text)
        with pytest.raises(ValueError, match=r"x\.csv: no table of faces by fau-demo"):
            fau_tf.to_dataframe(tmp_path / "x.csv")
    with pytest.raises(FileNotFoundError):
        fau_tf.to_dataframe(tmp_path / "none.csv")


def test_without_pandas_the_error_names_the_command(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(MissingLibraryError, match=r"`pip install '\.\[pandas\]'` in its checkout"):
        fau_tf.to_dataframe(FRAMES, info(AUS))
