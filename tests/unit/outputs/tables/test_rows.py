import csv
import io
import json
import math
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fau_tf.conformal import fit_intervals
from fau_tf.inference.estimator import Estimate
from fau_tf.inference.model_info import FailedCriterion
from fau_tf.inference.postprocessing import Postprocessing
from fau_tf.inference.smoothing import OneEuro
from fau_tf.io.images import UnreadFrame
from fau_tf.outputs.tables.cells import csv_line, decimal, harmless, number
from fau_tf.outputs.tables.row_writer import RowWriter
from fau_tf.outputs.tables.rows import CsvRows, JsonlRows
from fau_tf.utils.text import readable
from tests.helpers.faces import AUS, FLAGGED, FRAME, TURNED, info, small_face

NAN = float("nan")
FACE = small_face(
    face_id=1,
    intensity={"AU06": 0.42, "AU12": 3.14159},
    smoothed={"AU06": 1.5, "AU12": 0.25},
    above_neutral={"AU06": 0.0, "AU12": 2.5},
    quality=FLAGGED,
)
BOTH = Postprocessing(OneEuro(0.5, 0.25), "rest.png")


def rows(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def write(rows, path, *faces, frame=FRAME, reason="no face, found", model=None, **options):
    with RowWriter(path, rows(model or info(AUS), **options)) as file:
        file.write(frame, Estimate(faces, "" if faces else reason))


def csv_row(path, *faces, **options):
    write(CsvRows, path, *faces, **options)
    (row,) = rows(path)
    return row


def json_row(path, *faces, **options):
    write(JsonlRows, path, *faces, **options)
    (line,) = path.read_text("ascii").splitlines()
    # Strict: NaN is no JSON.
    return json.loads(line, parse_constant=lambda word: pytest.fail(word))


def test_a_face_is_a_row_in_openface_columns(tmp_path):
    write(CsvRows, tmp_path / "x.csv", FACE)
    assert (tmp_path / "x.csv").read_text().splitlines() == [
        "frame,face_id,timestamp,confidence,success,AU06_r,AU12_r,AU06_c,AU12_c,reason,flags,"
        "source,x0,y0,x1,y1,eye_distance_px,alignment,sharpness,peakedness,yaw,pitch,roll,"
        "presence_logit,noise,brightness,contrast,clipped,color,eyes_covered,mouth_covered,face,"
        "processing,model,model_sha256,contract_version",
        "3,1,0.080,0.462,1,0.420,3.142,0,1,,small face; turned,a.mp4,1.000,2.000,3.500,4.000,"
        "20.000,0.040,0.610,0.830,-30.000,2.000,0.500,"
        "20.500,0.040,170.000,35.500,0.010,0.300,0.050,0.060,0.990,"
        f"none,tiny,{'ab' * 32},2",
    ]


def test_a_line_of_json_has_everything(tmp_path):
    entry = json_row(tmp_path / "x.jsonl", FACE)
    assert entry["intensity"] == {"AU06": 0.42, "AU12": 3.142}
    assert entry["present"] == {"AU06": False, "AU12": True}
    assert entry["flags"] == ["small face", "turned"]
    assert entry["box"] == [1, 2, 3.5, 4]
    # Written to a thousandth of a pixel, so half of one off.
    np.testing.assert_allclose(entry["landmarks"], FACE.landmarks, atol=5.1e-4)
    assert entry["quality"]["yaw"] == -30
    assert (entry["model"], entry["model_sha256"]) == ("tiny", "ab" * 32)
    assert (entry["processing"], entry["contract_version"]) == ("none", 2)
    assert not {"smoothed", "above_neutral", "interval", "low_reliability"} & entry.keys()


def test_each_face_of_a_frame_is_a_row(tmp_path):
    write(CsvRows, tmp_path / "x.csv", small_face(1.0), small_face(2.0, face_id=7))
    found = [(row["frame"], row["face_id"], row["AU06_r"]) for row in rows(tmp_path / "x.csv")]
    assert found == [("3", "0", "1.000"), ("3", "7", "2.000")]


def test_smoothed_intensities_and_those_above_neutral_stand_beside_the_raw_ones(tmp_path):
    row = csv_row(tmp_path / "x.csv", FACE, processing=BOTH)
    assert {name: cell for name, cell in row.items() if name.startswith("AU")} == {
        "AU06_r": "0.420", "AU12_r": "3.142", "AU06_c": "0", "AU12_c": "1",
        "AU06_smooth": "1.500", "AU12_smooth": "0.250",
        "AU06_above_neutral": "0.000", "AU12_above_neutral": "2.500",
    }  # fmt: skip
    assert row["processing"] == "smooth=one-euro:0.5Hz,0.25 neutral=rest.png"
    entry = json_row(tmp_path / "x.jsonl", FACE, processing=Postprocessing(OneEuro()))
    assert entry["smoothed"] == {"AU06": 1.5, "AU12": 0.25}
    assert "above_neutral" not in entry


def test_sides_and_derived_figures_have_columns_on_request(tmp_path):
    asked = Postprocessing(sides=True, pspi=True, eye_closure=60.0)
    face = replace(FACE, sides={"AU06": (0.2, 0.3), "AU12": (3.0, 1.0)}, eye_closure=0.125)
    plain, row = (
        csv_row(tmp_path / "x.csv", face),
        csv_row(tmp_path / "x.csv", face, processing=asked),
    )
    assert {name: cell for name, cell in row.items() if name not in plain} == {
        "AU06_L_r": "0.200", "AU12_L_r": "3.000", "AU06_R_r": "0.300", "AU12_R_r": "1.000",
        "AU06_asymmetry": "NaN", "AU12_asymmetry": "0.500",
        # AU4 and others are missing.
        "PSPI": "NaN", "eye_closure": "0.125",
    }  # fmt: skip
    assert row["processing"] == "eye_closure=60s"
    entry = json_row(tmp_path / "x.jsonl", face, processing=asked)
    assert entry["sides"] == {"AU06": [0.2, 0.3], "AU12": [3.0, 1.0]}
    assert entry["asymmetry"] == {"AU06": None, "AU12": 0.5}
    assert (entry["pspi"], entry["eye_closure"]) == (None, 0.125)
    for failed in ([replace(face, quality=TURNED)], []):
        row = csv_row(tmp_path / "x.csv", *failed, processing=asked)
        assert {cell for name, cell in row.items() if name not in plain} == {"NaN"}
        entry = json_row(tmp_path / "x.jsonl", *failed, processing=asked)
        assert entry["sides"]["AU12"] == [None, None]
        assert entry["asymmetry"]["AU12"] is entry["eye_closure"] is None


def test_pspi_is_of_the_raw_intensities(tmp_path):
    levels = {f"AU{au:02d}": 1.0 for au in (4, 6, 7, 9, 10, 45)}
    face = small_face(intensity=levels, smoothed=dict.fromkeys(levels, 5.0))
    model = info((4, 6, 7, 9, 10, 45))
    row = csv_row(tmp_path / "x.csv", face, model=model, processing=Postprocessing(pspi=True))
    assert row["PSPI"] == "3.200"


def test_intervals_stand_after_presence_and_low_reliability_at_the_end(tmp_path):
    intervals = fit_intervals(np.zeros((99, 2)), np.linspace(0, 1, 198).reshape(99, 2))
    failed = (FailedCriterion("cross_rig_icc", 0.1, 0.4),)
    model = info(AUS, intervals=intervals, low_reliability={"AU12": failed})
    face = replace(FACE, interval={"AU06": (0.25, 1.5), "AU12": (2.0, 4.0)})
    row = csv_row(tmp_path / "x.csv", face, model=model)
    assert [name for name in row if name.startswith("AU")] == [
        f"{label}{end}" for end in ("_r", "_c", "_low", "_high") for label in ("AU06", "AU12")
    ]
    assert (row["AU06_low"], row["AU06_high"], row["AU12_low"]) == ("0.250", "1.500", "2.000")
    assert row["low_reliability"] == "AU12"
    nothing = csv_row(tmp_path / "x.csv", model=model)
    assert (nothing["AU06_low"], nothing["AU12_high"]) == ("NaN", "NaN")
    entry = json_row(tmp_path / "x.jsonl", face, model=model)
    assert entry["interval"] == {"AU06": [0.25, 1.5], "AU12": [2.0, 4.0]}
    assert entry["low_reliability"] == ["AU12"]
    empty = json_row(tmp_path / "x.jsonl", model=model)
    assert empty["interval"] == {"AU06": [None, None], "AU12": [None, None]}


def test_a_frame_without_a_face_is_nan_with_its_reason(tmp_path):
    row = csv_row(tmp_path / "x.csv", processing=BOTH)
    assert (row["success"], row["reason"], row["confidence"]) == ("0", "no face, found", "0.000")
    endings = ("_r", "_c", "_smooth", "_above_neutral")
    figures = [f"{label}{end}" for label in ("AU06", "AU12") for end in endings]
    assert {row[name] for name in [*figures, "x0", "yaw", "sharpness"]} == {"NaN"}
    entry = json_row(tmp_path / "x.jsonl")
    assert (entry["success"], entry["reason"]) == (False, "no face, found")
    assert (entry["box"], entry["landmarks"], entry["quality"]) == (None, None, None)


def test_a_face_that_was_not_read_has_no_figures_but_a_box(tmp_path):
    """OpenFace leaves the figures of failed frames in its rows, and users average them."""
    failed = replace(FACE, quality=TURNED)
    row = csv_row(tmp_path / "x.csv", failed, processing=BOTH)
    assert {row["AU12_r"], row["AU12_c"], row["AU12_smooth"], row["AU12_above_neutral"]} == {"NaN"}
    assert (row["x0"], row["success"], row["confidence"]) == ("1.000", "0", "0.000")
    assert row["reason"] == "turned more than 45 degrees"
    entry = json_row(tmp_path / "x.jsonl", failed, processing=BOTH)
    assert {*entry["intensity"].values(), *entry["present"].values()} == {None}
    assert set(entry["above_neutral"].values()) == {None}


@pytest.mark.parametrize("intensity", [0.0, 0.9994, 0.9996, 1.0, 1.0004, 1.9995, 5.0])
@pytest.mark.parametrize("present_from", [1.0, 2.0])
def test_presence_agrees_with_the_written_intensity(tmp_path, intensity, present_from):
    face = small_face(intensity)
    row = csv_row(tmp_path / "x.csv", face, present_from=present_from)
    assert row["AU06_c"] == str(int(float(row["AU06_r"]) >= present_from))
    entry = json_row(tmp_path / "x.jsonl", face, present_from=present_from)
    assert entry["present"]["AU06"] == (entry["intensity"]["AU06"] >= present_from)
    assert entry["present_from"] == present_from


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ('say "hi", twice.png', 'say "hi", twice.png'),
        ("two\nlines\r.png", "two\nlines\r.png"),
        (os.fsdecode(b"caf\xe9.png"), "caf\\xe9.png"),
        ("\ud800.png", "\\ud800.png"),
        ("=1+1.png", "./=1+1.png"),
        ("-rf.png", "./-rf.png"),
        ("@sum.png", "./@sum.png"),
        ("写真.png", "写真.png"),
    ],
)
def test_any_name_can_be_written_and_read_back(tmp_path, name, written):
    frame = replace(FRAME, name=name)
    row = csv_row(tmp_path / "x.csv", FACE, frame=frame)
    assert row["source"] == written
    assert row["contract_version"] == "2"
    entry = json_row(tmp_path / "x.jsonl", FACE, frame=frame)
    assert entry["source"] == written.removeprefix("./")


def test_text_that_a_spreadsheet_would_run_is_text(tmp_path):
    frame = UnreadFrame("damaged", 2, 0.5, "x.png")
    row = csv_row(tmp_path / "x.csv", frame=frame, reason="+1", model=info(AUS, "=HYPERLINK(1)"))
    assert (row["model"], row["reason"]) == ("'=HYPERLINK(1)", "'+1")
    assert (row["frame"], row["timestamp"], row["source"]) == ("2", "0.500", "x.png")


def test_a_file_whose_header_can_not_be_written_is_an_error():
    with pytest.raises(OSError, match="No space"):
        RowWriter(Path("/dev/full"), CsvRows(info(AUS)))


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=2))
def test_a_line_of_csv_is_read_back_as_it_was(row):
    line = csv_line(row)
    assert line.endswith("\n")
    assert next(csv.reader(io.StringIO(line, newline=""), strict=True)) == row


@given(st.text(st.characters()))
def test_readable_text_can_be_encoded_and_plain_text_is_kept(text):
    readable(text).encode("utf-8")
    if text.isascii():
        assert readable(text) == text
    assert not harmless(text, "./").startswith(("=", "+", "-", "@"))


def test_figures_have_three_decimals_and_no_minus_zero():
    assert [decimal(value) for value in (0, -0.0001, 2.0005, 1e5, NAN, math.inf)] == [
        *("0.000", "0.000", "2.001", "100000.000", "NaN", "NaN")
    ]
    assert [number(value) for value in (1, NAN, -math.inf)] == [1.0, None, None]
    assert math.copysign(1, number(-1e-9)) == 1
