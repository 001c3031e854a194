import json
import math
import tracemalloc

import numpy as np
import pytest
from PIL import Image

from fau_tf.conformal import fit_intervals
from fau_tf.inference.estimator import Estimate
from fau_tf.inference.model_info import FailedCriterion
from fau_tf.outputs import time_series_plot
from fau_tf.outputs.drawing import save_picture
from fau_tf.outputs.time_series import BINS, MOST_FACES, TimeSeries
from tests.helpers.faces import TURNED, info, small_face

LABELS = ("AU06", "AU12")
WHOLE = info((6, 12))


def values(level):
    return dict.fromkeys(LABELS, level)


def series(frames):
    """Return the series of (time, level, changes of the face); a level of None is no face."""
    collected = TimeSeries(LABELS)
    for time, level, changes in frames:
        faces = () if level is None else (small_face(level, **changes),)
        collected.add(time, Estimate(faces, "" if faces else "no face found"))
    return collected


def steady(level=4.0, count=100, **changes):
    return series((n / 10, level, changes) for n in range(count))


def drawn(collected, model=WHOLE, **options):
    return time_series_plot.plot(collected, model, **options)


def test_means_and_ranges_are_those_of_the_values_in_each_bin():
    """Against a plain loop over 5,000 values at uneven times."""
    rng = np.random.default_rng(0)
    times = np.sort(rng.uniform(0, 70, 5000))
    levels = rng.uniform(0, 5, 5000)
    collected = series((time, level, {}) for time, level in zip(times, levels, strict=True))
    # 10.24 s doubled until 70 s fit.
    assert collected.step == 0.08
    track, bins = collected.tracks[0], np.floor(times / 0.08).astype(int)
    for place in range(BINS):
        here = levels[bins == place]
        assert track.count[0, place] == len(here)
        if len(here):
            assert track.mean(0)[1, place] == pytest.approx(here.mean())
            assert (track.low[1, place], track.high[1, place]) == (here.min(), here.max())
        else:
            assert math.isnan(track.mean(0)[1, place])


def test_memory_does_not_grow_with_the_video():
    collected = series((n / 25, 1.0, {"face_id": n % 3}) for n in range(500))
    face = small_face()
    tracemalloc.start()
    for n in range(500, 8_000):
        collected.add(n / 25, Estimate((face,)))
    grown = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    # Three faces' arrays made anew when the time line grew: 4 x 2 x 1024 x 8 bytes and some each.
    assert grown < 1_000_000
    assert len(collected.tracks) == 3


def test_of_too_many_faces_the_shortest_are_dropped():
    many = [(n / 25, 1.0, {"face_id": 0}) for n in range(50)]
    many += [(2 + n / 25, 1.0, {"face_id": n}) for n in range(1, 3 * MOST_FACES)]
    collected = series(many)
    assert len(collected.tracks) == MOST_FACES
    assert 0 in collected.tracks
    assert collected.dropped == 2 * MOST_FACES
    assert collected.longest(2)[0] == 0


def test_frames_without_a_face_that_was_read_are_a_gap():
    collected = series(
        [(0, 1.0, {}), (1, None, {}), (2, math.nan, {"quality": TURNED}), (3, 1, {})]
    )
    assert collected.unread.sum() == 2
    assert collected.tracks[0].count[0].sum() == 2
    assert not collected.empty


@pytest.mark.parametrize("time", [math.nan, math.inf, -1.0])
def test_times_that_make_no_sense_are_left_out(time):
    assert series([(time, 1.0, {})]).empty


def area(picture, row):
    top = time_series_plot._HEAD + row * time_series_plot._ROW
    return picture[
        top : top + time_series_plot._ROW,
        time_series_plot._LEFT : time_series_plot.WIDTH - time_series_plot._RIGHT,
    ].astype(int)


def inked(part, color):
    return np.abs(part - color).sum(axis=-1) < 40


BLUE = tuple(bytes.fromhex(time_series_plot.FACES[0][1:]))


def rows_at(level):
    return time_series_plot._ROW - 8 - level / 5 * (time_series_plot._ROW - 16)


def changed(one, other):
    return np.abs(area(one, 0) - area(other, 0)).sum(axis=-1)


def test_the_line_is_at_the_height_of_its_level():
    for level in (0.0, 2.5, 5.0):
        rows = np.flatnonzero(inked(area(drawn(steady(level)), 1), BLUE).mean(axis=1) > 0.9)
        # Two px wide at most, drawn at twice the size.
        assert abs(rows.mean() - rows_at(level)) <= 1.5, level


def test_the_line_is_broken_and_the_time_gray_if_nothing_was_read():
    frames = [(n / 10, None if 40 <= n < 60 else 4.0, {}) for n in range(100)]
    part = area(drawn(series(frames)), 0)
    line = inked(part, BLUE).any(axis=0)
    wide = len(line) / 9.9
    assert line[: int(3.8 * wide)].mean() > 0.95
    assert not line[int(4.1 * wide) : int(5.8 * wide)].any()
    assert line[int(6.2 * wide) :].mean() > 0.95
    gray = tuple(bytes.fromhex(time_series_plot.TRACK[1:]))
    assert inked(part[6], gray)[int(4.1 * wide) : int(5.8 * wide)].all()
    assert not inked(part[6], gray)[: int(3.8 * wide)].any()
    # Frames that are missing break the line, too.
    away = area(drawn(series(frame for frame in frames if frame[1] is not None)), 0)
    assert not inked(away, BLUE).any(axis=0)[int(4.3 * wide) : int(5.7 * wide)].any()


def test_every_face_has_a_color_of_its_own():
    inks = time_series_plot._inks([0, 6, 12, 1])
    assert inks[0] == time_series_plot.FACES[0]
    assert len(set(inks.values())) == 4
    crowd = series((n / 10, n % 5, {"face_id": n % 9}) for n in range(90))
    assert drawn(crowd).shape == drawn(series([])).shape


def test_intensities_above_neutral_are_a_line_of_their_own():
    rows = changed(drawn(steady()), drawn(steady(above_neutral=values(2.0)))).mean(axis=1) > 20
    assert abs(np.flatnonzero(rows).mean() - rows_at(2)) <= 1.5


def test_smoothed_intensities_replace_the_raw_ones_and_their_intervals_and_the_key_says_so():
    smooth, raw = steady(smoothed=values(2.0), interval=INTERVAL), steady()
    assert time_series_plot._key(smooth, WHOLE, 1.0).startswith("thick: smoothed, dashed")
    assert time_series_plot._key(raw, WHOLE, 1.0).startswith("dashed")
    assert not changed(drawn(smooth), drawn(steady(2.0))).any()
    assert changed(drawn(smooth), drawn(raw)).any()


INTERVAL = dict.fromkeys(LABELS, (1.0, 4.5))


def test_prediction_intervals_are_a_band_and_in_the_key():
    model = info((6, 12), intervals=fit_intervals(np.zeros((99, 2)), np.zeros((99, 2))))
    collected = steady(interval=INTERVAL)
    band = np.flatnonzero(changed(drawn(steady(), model), drawn(collected, model)).mean(axis=1) > 5)
    np.testing.assert_allclose((band.min(), band.max()), (rows_at(4.5), rows_at(1)), atol=2)
    assert "pale band: 90 % prediction interval" in time_series_plot._key(collected, model, 1.0)


def test_an_au_of_low_reliability_is_hatched_and_in_the_key():
    failed = (FailedCriterion("cross_rig_icc", 0.1, 0.4),)
    model = info((6, 12), low_reliability={"AU06": failed})
    plain, marked = drawn(steady()), drawn(steady(), model)
    assert changed(plain, marked).any(axis=0).mean() > 0.9
    np.testing.assert_array_equal(area(plain, 1), area(marked, 1))
    assert "hatched *: low reliability" in time_series_plot._key(steady(), model, 1.0)


@pytest.mark.parametrize(
    ("end", "last"),
    [(0.5, "0.5 s"), (30.0, "30 s"), (180.0, "03:00"), (9000.0, "2:30:00"), (90_000.0, "25:00:00")],
)
def test_any_length_has_a_few_ticks_with_clear_names(end, last, monkeypatch):
    written = []
    monkeypatch.setattr(
        time_series_plot.Pen, "text", lambda _pen, _at, words, *_: written.append(words)
    )
    drawn(series([(0.0, 1.0, {}), (end, 1.0, {})]))
    ticks = [words for words in written if words.endswith(" s") or ":" in words[:3]]
    assert last in ticks
    assert 4 <= len(ticks) <= 11


def test_the_model_is_named_below_the_plot():
    one, other = (drawn(steady(), info((6, 12), name)) for name in ("tiny", "another"))
    assert (one[-24:] != other[-24:]).any()
    np.testing.assert_array_equal(one[:-24], other[:-24])
    assert WHOLE.caption == f"tiny, SHA-256 {'ab' * 8}, contract 2"


@pytest.mark.parametrize("ending", ["png", "jpg", "webp"])
def test_pictures_carry_their_model_and_replace_whole(tmp_path, ending):
    path = tmp_path / f"x.{ending}"
    path.write_text("old")
    save_picture(path, np.full((20, 30, 3), 90, np.uint8), WHOLE)
    with Image.open(path) as picture:
        assert json.loads(picture.getexif()[0x010E]) == {
            "model": "tiny",
            "model_sha256": "ab" * 32,
            "contract_version": 2,
        }
        assert picture.size == (30, 20)
    with pytest.raises(FileNotFoundError):
        save_picture(tmp_path / "no" / path.name, np.zeros((2, 2, 3), np.uint8), WHOLE)
    assert list(tmp_path.iterdir()) == [path]
