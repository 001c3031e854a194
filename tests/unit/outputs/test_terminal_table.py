import io
import sys

import pytest

from fau_tf import facs
from fau_tf.outputs.terminal_table import face_table, has_blocks
from tests.helpers.faces import FLAGGED, LABELS, TURNED, face

LEVELS = dict.fromkeys(LABELS, 0.0) | {"AU01": 0.99, "AU12": 1.0, "AU25": 5.0, "AU26": 3.3}


def line(table, label):
    (found,) = [line for line in table.splitlines() if line.split()[:1] == [label]]
    return found


def test_there_is_a_line_for_each_au_with_its_name_and_value():
    table = face_table(face(intensity=LEVELS, face_id=2))
    lines = table.splitlines()
    assert len(lines) == 1 + len(facs.AUS)
    assert lines[0].startswith("  Face 2, ")
    assert lines[0].endswith("quality 1.00")
    assert line(table, "AU25") == (
        "    AU25  Lips Part              5.00  ####################  present"
    )
    assert line(table, "AU02") == "    AU02  Outer Brow Raiser      0.00"
    assert all(au.name in table for au in facs.AUS.values())
    assert max(map(len, lines)) <= 80


def test_presence_starts_where_it_is_set():
    table = face_table(face(intensity=LEVELS))
    assert "present" not in line(table, "AU01")
    assert "present" in line(table, "AU12")
    assert "present" not in line(face_table(face(intensity=LEVELS), 2.0), "AU12")


def test_intensities_above_neutral_stand_beside_the_raw_ones():
    net = LEVELS | {"AU25": -0.25, "AU26": float("nan")}
    table = face_table(face(intensity=LEVELS, above_neutral=net))
    assert table.splitlines()[1].split() == ["raw", "above", "neutral"]
    assert "Lips Part              5.00  -0.25  ####" in line(table, "AU25")
    assert "3.30      -  " in line(table, "AU26")
    assert max(map(len, table.splitlines())) <= 80


def test_intervals_stand_after_the_raw_values_and_low_reliability_below():
    sure = dict.fromkeys(LABELS, (0.04, 1.25)) | {"AU25": (3.0, 5.0)}
    table = face_table(face(intensity=LEVELS, interval=sure, low_reliability=("AU06", "AU12")))
    assert "Lips Part              5.00  3.00-5.00  ####" in line(table, "AU25")
    assert "0.04-1.25" in line(table, "AU02")
    assert table.splitlines()[-1] == "    low reliability: AU06, AU12"
    assert max(map(len, table.splitlines())) <= 80
    # Both would not fit: the neutral baseline was asked for.
    table = face_table(face(intensity=LEVELS, interval=sure, above_neutral=LEVELS))
    assert "3.00-5.00" not in table


def test_a_face_that_was_not_read_says_why_and_has_no_figures():
    table = face_table(face(level=float("nan"), quality=TURNED))
    assert "not read: turned more than 45 degrees" in table
    assert "nan" not in table.lower()
    assert "AU01" not in table


def test_flags_are_notes():
    lines = face_table(face(quality=FLAGGED)).splitlines()
    assert lines[1:3] == ["    note: small face", "    note: turned"]


@pytest.mark.parametrize(
    ("level", "bar"),
    [
        (0.0, ""),
        (0.03125, "▏"),
        (1.0, "████"),
        (1.28125, "█████▏"),
        (5.0, "█" * 20),
        (9.0, "█" * 20),
    ],
)
def test_block_bars_are_exact_to_an_eighth(level, bar):
    table = face_table(face(intensity=LEVELS | {"AU12": level}), 99.0, blocks=True)
    assert line(table, "AU12").removeprefix("    AU12  Lip Corner Puller").split()[1:] == (
        [bar] if bar else []
    )


def test_blocks_are_for_streams_that_have_them():
    assert has_blocks(io.TextIOWrapper(io.BytesIO(), encoding="utf-8"))
    assert not has_blocks(io.TextIOWrapper(io.BytesIO(), encoding="ascii"))
    assert not has_blocks(io.TextIOWrapper(io.BytesIO(), encoding="latin-1"))
    assert not has_blocks(io.StringIO())
    assert isinstance(has_blocks(sys.stdout), bool)
