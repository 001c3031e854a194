import json
import math
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from fau_tf.inference import provenance
from fau_tf.outputs import time_series_plot
from fau_tf.outputs.csv_jsonl import Reading
from fau_tf.outputs.time_series import BINS, MOST_FACES, TimeSeries
from tests.helpers.faces import info

LABELS = ("AU06", "AU12")
WHOLE = info((6, 12))


def reading(time, level=1.0, face=0, success=True, calibrated=None):
    values = dict.fromkeys(LABELS, level)
    other = None if calibrated is None else dict.fromkeys(LABELS, calibrated)
    return Reading(1, face, time, "x", success, 1.0, intensity=values, calibrated=other)


def series(readings):
    collected = TimeSeries(LABELS)
    for one in readings:
        collected.add(one)
    return collected


def test_means_and_ranges_are_those_of_the_readings_of_each_part():
    """Against a plain loop over 5,000 readings at uneven times."""
    rng = np.random.default_rng(0)
    times = np.sort(rng.uniform(0, 70, 5000))
    levels = rng.uniform(0, 5, 5000)
    collected = series(map(reading, times, levels))
    # 10.24 s doubled until 70 s fit.
    assert collected.step == 0.08
    track, part = collected.tracks[0], np.floor(times / 0.08).astype(int)
    for place in range(BINS):
        here = levels[part == place]
        assert track.count[0, place] == len(here)
        if len(here):
            assert track.mean(0)[1, place] == pytest.approx(here.mean())
            assert (track.low[1, place], track.high[1, place]) == (here.min(), here.max())
        else:
            assert math.isnan(track.mean(0)[1, place])


def test_memory_does_not_grow_with_the_video():
    collected = series(reading(n / 25, face=n % 3) for n in range(500))
    tracemalloc.start()
    for n in range(500, 8_000):
        collected.add(reading(n / 25, face=n % 3))
    grown = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    # Three faces' arrays made anew when the time line grew: 2 x 2 x 1024 x 8 bytes and some each.
    assert grown < 1_000_000
    assert len(collected.tracks) == 3


def test_of_too_many_faces_the_shortest_go():
    many = [reading(n / 25, face=0) for n in range(50)]
    many += [reading(2 + n / 25, face=n) for n in range(1, 3 * MOST_FACES)]
    collected = series(many)
    assert len(collected.tracks) == MOST_FACES
    assert 0 in collected.tracks
    assert collected.dropped == 2 * MOST_FACES
    assert collected.longest(2)[0] == 0


def test_what_was_not_read_is_a_gap():
    collected = series([reading(0), reading(1, success=False), reading(2, math.nan), reading(3)])
    assert collected.unread.sum() == 2
    assert collected.tracks[0].count[0].sum() == 2


@pytest.mark.parametrize("time", [math.nan, math.inf, -1.0])
def test_times_that_make_no_sense_are_left_out(time):
    assert series([reading(time)]).tracks == {}


def test_a_time_far_away_is_reached():
    collected = series([reading(0.0), reading(1e12)])
    assert collected.tracks[0].count[0].sum() == 2
    assert time_series_plot.drawn(collected).shape[1] == time_series_plot.WIDTH


def area(picture, row):
    top = time_series_plot._HEAD + row * time_series_plot._ROW
    return picture[
        top : top + time_series_plot._ROW,
        time_series_plot._LEFT : time_series_plot.WIDTH - time_series_plot._RIGHT,
    ].astype(int)


def inked(part, color):
    return np.abs(part - color).sum(axis=-1) < 40


BLUE = tuple(bytes.fromhex(time_series_plot.FACES[0][1:]))


def test_the_line_is_at_the_height_of_its_level():
    for level in (0.0, 2.5, 5.0):
        picture = time_series_plot.drawn(series(reading(n / 10, level) for n in range(100)))
        rows = np.flatnonzero(inked(area(picture, 1), BLUE).mean(axis=1) > 0.9)
        expected = time_series_plot._ROW - 8 - level / 5 * (time_series_plot._ROW - 16)
        # Two px wide at most, drawn at twice the size.
        assert abs(rows.mean() - expected) <= 1.5, level


def test_the_line_is_broken_and_the_time_gray_where_nothing_was_read():
    readings = [reading(n / 10, 4.0, success=not 40 <= n < 60) for n in range(100)]
    part = area(time_series_plot.drawn(series(readings)), 0)
    line = inked(part, BLUE).any(axis=0)
    wide = len(line) / 9.9
    assert line[: int(3.8 * wide)].mean() > 0.95
    assert not line[int(4.1 * wide) : int(5.8 * wide)].any()
    assert line[int(6.2 * wide) :].mean() > 0.95
    gray = tuple(bytes.fromhex(time_series_plot.TRACK[1:]))
    assert inked(part[6], gray)[int(4.1 * wide) : int(5.8 * wide)].all()
    assert not inked(part[6], gray)[: int(3.8 * wide)].any()


def test_a_face_that_is_away_has_a_broken_line():
    readings = [reading(n / 10, 4.0) for n in range(100) if not 40 <= n < 60]
    line = inked(area(time_series_plot.drawn(series(readings)), 0), BLUE).any(axis=0)
    assert not line[int(0.43 * len(line)) : int(0.57 * len(line))].any()
    assert line[: int(0.38 * len(line))].mean() > 0.95


def test_every_face_has_a_color_of_its_own():
    inks = time_series_plot._inks([0, 6, 12, 1])
    assert inks[0] == time_series_plot.FACES[0]
    assert len(set(inks.values())) == 4
    crowd = series(reading(n / 10, n % 5, face=n % 9) for n in range(90))
    assert time_series_plot.drawn(crowd).shape == time_series_plot.drawn(series([])).shape


def test_calibrated_values_are_a_line_of_their_own():
    both = [reading(n / 10, 4.0, calibrated=2.0) for n in range(100)]
    picture, plain = (
        time_series_plot.drawn(series(rows))
        for rows in (both, [reading(n / 10, 4.0) for n in range(100)])
    )
    changed = np.abs(area(picture, 0) - area(plain, 0)).sum(axis=-1).mean(axis=1) > 20
    expected = time_series_plot._ROW - 8 - 2 / 5 * (time_series_plot._ROW - 16)
    assert abs(np.flatnonzero(changed).mean() - expected) <= 1.5


def test_smoothed_values_take_the_place_of_the_raw_ones_and_the_key_says_so():
    raw = [reading(n / 10, 4.0) for n in range(100)]
    smooth = series(replace(one, smoothed=dict.fromkeys(LABELS, 2.0)) for one in raw)
    assert time_series_plot._key(smooth, 1.0).startswith("thick: smoothed, dashed")
    assert time_series_plot._key(series(raw), 1.0).startswith("dashed")
    # What is drawn is the line of 2, but for the key below.
    same = time_series_plot.drawn(
        series(replace(one, intensity=dict.fromkeys(LABELS, 2.0)) for one in raw)
    )
    np.testing.assert_array_equal(
        time_series_plot.drawn(smooth)[: -time_series_plot._FOOT], same[: -time_series_plot._FOOT]
    )
    assert (time_series_plot.drawn(series(raw)) != time_series_plot.drawn(smooth))[
        : -time_series_plot._FOOT
    ].any()


@pytest.mark.parametrize(
    ("end", "last"),
    [(0.5, "0.5 s"), (30.0, "30 s"), (180.0, "03:00"), (9000.0, "2:30:00"), (90_000.0, "25:00:00")],
)
def test_any_length_has_a_few_ticks_with_clear_names(end, last, monkeypatch):
    written = []
    monkeypatch.setattr(
        time_series_plot.Pen, "text", lambda _pen, _at, words, *_: written.append(words)
    )
    time_series_plot.drawn(series([reading(0.0), reading(end)]))
    ticks = [words for words in written if words.endswith(" s") or ":" in words[:3]]
    assert last in ticks
    assert 4 <= len(ticks) <= 11


def test_the_file_names_its_model_inside_and_below(tmp_path):
    path = tmp_path / "x.png"
    time_series_plot.time_series(
        path, series([reading(0.0), reading(1.0)]), WHOLE, title='a "b"\n.mp4'
    )
    with Image.open(path) as picture:
        assert json.loads(picture.getexif()[0x010E]) == {
            "model": "tiny",
            "model_sha256": "ab" * 32,
            "contract_version": 1,
        }
        assert picture.width == time_series_plot.WIDTH
        below = np.array(picture)[-24:, :400]
    assert below.max() > 120
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("ending", ["png", "jpg", "webp"])
def test_pictures_carry_their_model_and_replace_whole(tmp_path, ending):
    path = tmp_path / f"x.{ending}"
    path.write_text("old")
    provenance.save_picture(path, np.full((20, 30, 3), 90, np.uint8), WHOLE)
    with Image.open(path) as picture:
        assert json.loads(picture.getexif()[0x010E])["model_sha256"] == "ab" * 32
        assert picture.size == (30, 20)
    with pytest.raises(FileNotFoundError):
        provenance.save_picture(tmp_path / "no" / path.name, np.zeros((2, 2, 3), np.uint8), WHOLE)
    assert list(tmp_path.iterdir()) == [path]


def test_the_caption_names_model_hash_and_contract():
    assert provenance.caption(WHOLE) == f"tiny, SHA-256 {'ab' * 8}, contract 1"
