import csv
from dataclasses import replace

import numpy as np
import pytest

from fau_tf.inference.estimator import Estimate
from fau_tf.inference.events import EventRule
from fau_tf.inference.model_info import FailedCriterion
from fau_tf.inference.postprocessing import Postprocessing
from fau_tf.inference.smoothing import OneEuro
from fau_tf.io.images import Frame, UnreadFrame
from fau_tf.outputs.tables.events import COLUMNS, EventTracks, write_csv, write_elan
from tests.helpers.faces import AUS, TURNED, info, small_face

RULE = EventRule(2.0, 1.0, 0.1)
LABELS = ("AU06", "AU12")
NAN = float("nan")


def frame(number):
    return Frame(np.zeros((1, 1, 3), np.uint8), number, number / 10, "=a.mp4")


def face(level, face_id=0, **changes):
    return (
        small_face(0.0, face_id=face_id, **changes)
        if level is None
        else small_face(intensity={"AU06": 0.0, "AU12": level}, face_id=face_id, **changes)
    )


def tracks(*frames):
    """Return the tracks of frames, each a list of faces, or None if it could not be read."""
    found = EventTracks(LABELS)
    for number, faces in enumerate(frames):
        if faces is None:
            found.add(UnreadFrame("damaged", number, number / 10, "=a.mp4"), Estimate())
        else:
            found.add(frame(number), Estimate(tuple(faces)))
    return found


def rows(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def table(tmp_path, found, **changes):
    steps = Postprocessing(OneEuro(0.5, 0.5))
    write_csv(tmp_path / "x.csv", found, RULE, info(AUS, **changes), steps)
    return rows(tmp_path / "x.csv")


def test_an_event_is_a_row_with_all_that_made_it(tmp_path):
    found = tracks(*([face(x)] for x in (0, 1, 3, 2, 0, 0, 2.5, 2, 0)))
    failed = {"AU12": (FailedCriterion("cross_rig_icc", 0.1, 0.4),)}
    first, second = table(tmp_path, found, low_reliability=failed)
    assert tuple(first) == COLUMNS
    assert first == {
        "source": "./=a.mp4", "face_id": "0", "au": "AU12", "event": "1", "count": "2",
        "onset": "0.100", "apex": "0.200", "offset": "0.300", "duration": "0.200",
        "peak": "3.000", "onset_cut": "", "offset_cut": "", "low_reliability": "1",
        "rule": "2,1,0.1", "processing": "smooth=one-euro:0.5Hz,0.5",
        "model": "tiny", "model_sha256": "ab" * 32, "contract_version": "2",
    }  # fmt: skip
    assert (second["event"], second["onset"], second["peak"]) == ("2", "0.600", "2.500")


def test_a_source_without_events_has_a_table_without_rows(tmp_path):
    found = tracks([face(0)], [], [face(0, 1)])
    assert table(tmp_path, found) == []
    write_elan(tmp_path / "x.txt", found, RULE)
    assert (tmp_path / "x.txt").read_text() == ""
    assert table(tmp_path, EventTracks(LABELS)) == []


@pytest.mark.parametrize("gap", [None, [face(5, quality=TURNED)]])
def test_frames_that_were_not_read_cut_an_event(tmp_path, gap):
    found = table(tmp_path, tracks([face(0)], [face(3)], [face(3)], gap, [face(3)], [face(3)]))
    assert [(row["onset_cut"], row["offset_cut"]) for row in found] == [("", "gap"), ("gap", "end")]
    assert [(row["onset"], row["offset"]) for row in found] == [
        ("0.100", "0.200"),
        ("0.400", "0.500"),
    ]


def test_a_damaged_frame_is_no_gap_of_faces_that_had_left():
    found = tracks([face(3)], [face(3)], [], None)
    (one,) = found.events(RULE)
    assert one.event.offset_cut == "end"


def test_events_are_of_what_is_shown_or_above_neutral():
    levels = {"AU06": 0.0, "AU12": 3.0}
    smooth = replace(face(0), smoothed=levels)
    net = replace(face(5), above_neutral=dict.fromkeys(LABELS, 0.0))
    assert len(list(tracks([smooth], [smooth]).events(RULE))) == 1
    assert list(tracks([net], [net]).events(RULE)) == []


def test_elan_gets_a_tier_for_each_au_and_milliseconds(tmp_path):
    found = tracks(*([face(x)] for x in (0, 1, 3.456, 2, 0)))
    write_elan(tmp_path / "x.txt", found, RULE)
    assert (tmp_path / "x.txt").read_text() == "AU12\t100\t300\t3.46\n"


def test_elan_gets_tiers_for_each_face_so_that_none_overlap(tmp_path):
    found = tracks(*([face(3), face(4, face_id=7)] for _ in range(3)))
    write_elan(tmp_path / "x.txt", found, RULE)
    assert (tmp_path / "x.txt").read_text().splitlines() == [
        "AU12_face0\t0\t200\t3.00",
        "AU12_face7\t0\t200\t4.00",
    ]


def test_times_that_fall_end_no_event_before_it_begins():
    found = EventTracks(LABELS)
    for number, time in enumerate((0.5, 0.7, 0.2, 0.9)):
        found.add(replace(frame(number), timestamp=time), Estimate((face(3),)))
    (one,) = found.events(RULE)
    assert (one.event.onset, one.event.offset) == (0.5, 0.9)
