import csv
import io
import json
import math
import os

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fau_tf.conformal import fit_intervals
from fau_tf.outputs.csv_jsonl import CsvWriter, JsonlWriter, Reading
from fau_tf.utils.text import csv_line, decimal, harmless_path, number, readable
from tests.helpers.faces import AUS, FACE, NOTHING, info

NAN = float("nan")


def changed(**changes):
    return Reading(**(vars(FACE) | changes))


def rows(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def one_row(path, reading, **options):
    with CsvWriter(path, info(AUS), **options) as writer:
        writer.write(reading)
    (row,) = rows(path)
    return row


def one_object(path, reading, **options):
    with JsonlWriter(path, info(AUS), **options) as writer:
        writer.write(reading)
    (line,) = path.read_text("ascii").splitlines()
    # Strict: NaN is no JSON.
    return json.loads(line, parse_constant=lambda word: pytest.fail(word))


def test_the_columns_begin_as_openface_has_them(tmp_path):
    CsvWriter(tmp_path / "x.csv", info(AUS)).close()
    assert (tmp_path / "x.csv").read_text() == (
        "frame,face_id,timestamp,confidence,success,AU06_r,AU12_r,AU06_c,AU12_c,reason,flags,"
        "source,x0,y0,x1,y1,eye_distance_px,alignment,sharpness,peakedness,yaw,pitch,roll,"
        "processing,model,model_sha256,contract_version\n"
    )


def test_intervals_stand_after_presence_and_weak_aus_at_the_end(tmp_path):
    sure = fit_intervals(np.zeros((99, 2)), np.linspace(0, 1, 198).reshape(99, 2))
    model = info(AUS, intervals=sure, low_reliability={"AU12": "reads poorly"})
    read = changed(interval={"AU06": (0.25, 1.5), "AU12": (2.0, 4.0)})
    with CsvWriter(tmp_path / "x.csv", model) as csv_file:
        csv_file.write(read)
        csv_file.write(NOTHING)
    with JsonlWriter(tmp_path / "x.jsonl", model) as lines:
        lines.write(read)
        lines.write(NOTHING)
    row, nothing = rows(tmp_path / "x.csv")
    columns = [name for name in row if name.startswith("AU")]
    assert columns == [
        f"{label}{end}" for end in ("_r", "_c", "_low", "_high") for label in ("AU06", "AU12")
    ]
    assert (row["AU06_low"], row["AU06_high"], row["AU12_low"]) == ("0.250", "1.500", "2.000")
    assert (nothing["AU06_low"], nothing["AU12_high"]) == ("NaN", "NaN")
    assert row["weak_aus"] == "AU12"
    found, empty = map(json.loads, (tmp_path / "x.jsonl").read_text().splitlines())
    assert found["interval"] == {"AU06": [0.25, 1.5], "AU12": [2.0, 4.0]}
    assert empty["interval"] == {"AU06": [None, None], "AU12": [None, None]}
    assert found["weak_aus"] == ["AU12"]


def test_smoothed_and_calibrated_columns_stand_beside_the_raw_ones(tmp_path):
    both = changed(smoothed={"AU06": 1.5, "AU12": 0.25})
    row = one_row(tmp_path / "x.csv", both, smoothed=True, calibrated=True)
    levels = {name: cell for name, cell in row.items() if name.startswith("AU")}
    assert levels == {
        "AU06_r": "0.420", "AU12_r": "3.142", "AU06_c": "0", "AU12_c": "1",
        "AU06_smooth": "1.500", "AU12_smooth": "0.250", "AU06_cal": "-0.100", "AU12_cal": "2.500",
    }  # fmt: skip
    found = one_object(tmp_path / "x.jsonl", both, smoothed=True)
    assert found["smoothed"] == {"AU06": 1.5, "AU12": 0.25}
    assert found["present"] == {"AU06": False, "AU12": True}
    assert "calibrated" not in found
    nothing = one_row(tmp_path / "x.csv", NOTHING, smoothed=True)
    assert (nothing["AU06_smooth"], nothing["AU06_r"]) == ("NaN", "NaN")


def test_a_face_is_a_row_of_dots_and_seconds_without_stray_spaces(tmp_path):
    with CsvWriter(tmp_path / "x.csv", info(AUS), processing="smooth=median5") as writer:
        writer.write(FACE)
    assert (tmp_path / "x.csv").read_text().splitlines()[1] == (
        "3,1,0.080,0.900,1,0.420,3.142,0,1,,small face; turned,a.mp4,1.000,2.000,3.500,4.000,"
        f"91.500,0.040,0.610,0.830,-7.250,2.000,0.500,smooth=median5,tiny,{'ab' * 32},1"
    )


def test_raw_and_calibrated_values_are_columns_of_their_own(tmp_path):
    row = one_row(tmp_path / "x.csv", FACE, calibrated=True)
    assert (row["AU06_r"], row["AU06_cal"], row["AU12_cal"]) == ("0.420", "-0.100", "2.500")
    # Presence follows the raw one, beside which it stands in OpenFace.
    row = one_row(tmp_path / "x.csv", changed(calibrated={"AU06": 5.0, "AU12": 0.0}))
    assert (row["AU06_c"], row["AU12_c"]) == ("0", "1")


def test_a_frame_without_a_face_is_nan_with_its_reason(tmp_path):
    row = one_row(tmp_path / "x.csv", NOTHING, calibrated=True)
    assert (row["success"], row["reason"], row["confidence"]) == ("0", "no face, found", "0.000")
    figures = [f"{label}{end}" for label in ("AU06", "AU12") for end in ("_r", "_c", "_cal")]
    assert {row[name] for name in [*figures, "x0", "yaw", "sharpness"]} == {"NaN"}


def test_what_was_not_read_keeps_no_figures(tmp_path):
    """OpenFace leaves the figures of failed frames in its rows, and users average them."""
    failed = changed(success=False, reason="blurred")
    row = one_row(tmp_path / "x.csv", failed, calibrated=True)
    assert {row["AU12_r"], row["AU12_c"], row["AU12_cal"]} == {"NaN"}
    assert row["x0"] == "1.000"
    entry = one_object(tmp_path / "x.jsonl", failed, calibrated=True)
    assert {*entry["intensity"].values(), *entry["present"].values()} == {None}
    assert set(entry["calibrated"].values()) == {None}


@pytest.mark.parametrize("intensity", [0.0, 0.9994, 0.9996, 1.0, 1.0004, 1.9995, 5.0])
@pytest.mark.parametrize("present_from", [1.0, 2.0])
def test_presence_never_contradicts_the_written_intensity(tmp_path, intensity, present_from):
    reading = changed(intensity={"AU06": intensity, "AU12": intensity})
    row = one_row(tmp_path / "x.csv", reading, present_from=present_from)
    assert row["AU06_c"] == str(int(float(row["AU06_r"]) >= present_from))
    entry = one_object(tmp_path / "x.jsonl", reading, present_from=present_from)
    assert entry["present"]["AU06"] == (entry["intensity"]["AU06"] >= present_from)
    assert entry["present_from"] == present_from


def test_a_line_of_json_has_everything(tmp_path):
    entry = one_object(tmp_path / "x.jsonl", FACE, calibrated=True)
    assert entry["intensity"] == {"AU06": 0.42, "AU12": 3.142}
    assert entry["calibrated"] == {"AU06": -0.1, "AU12": 2.5}
    assert entry["present"] == {"AU06": False, "AU12": True}
    assert entry["flags"] == ["small face", "turned"]
    assert entry["box"] == [1, 2, 3.5, 4]
    # Written to a thousandth of a pixel, so half of one off.
    np.testing.assert_allclose(entry["landmarks"], FACE.landmarks, atol=5.1e-4)
    assert entry["quality"]["yaw"] == -7.25
    assert (entry["model"], entry["model_sha256"]) == ("tiny", "ab" * 32)
    assert entry["contract_version"] == 1


def test_a_line_of_json_without_a_face_has_nulls(tmp_path):
    entry = one_object(tmp_path / "x.jsonl", NOTHING)
    assert entry["success"] is False
    assert entry["reason"] == "no face, found"
    assert (entry["box"], entry["landmarks"], entry["quality"]) == (None, None, None)
    assert "calibrated" not in entry


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
    row = one_row(tmp_path / "x.csv", changed(source=name))
    assert row["source"] == written
    assert row["contract_version"] == "1"
    entry = one_object(tmp_path / "x.jsonl", changed(source=name))
    assert entry["source"] == written.removeprefix("./")


def test_text_that_a_spreadsheet_would_run_is_text(tmp_path):
    with CsvWriter(tmp_path / "x.csv", info(AUS, name="=HYPERLINK(1)")) as writer:
        writer.write(changed(reason="+1"))
    (row,) = rows(tmp_path / "x.csv")
    assert (row["model"], row["reason"]) == ("'=HYPERLINK(1)", "'+1")


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
    assert not harmless_path(text).startswith(("=", "+", "-", "@"))


def test_figures_have_three_decimals_and_no_minus_zero():
    assert [decimal(value) for value in (0, -0.0001, 2.0005, 1e5, NAN, math.inf)] == [
        *("0.000", "0.000", "2.001", "100000.000", "NaN", "NaN")
    ]
    assert [number(value) for value in (1, NAN, -math.inf)] == [1.0, None, None]
    assert math.copysign(1, number(-1e-9)) == 1
