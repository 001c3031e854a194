"""Seek points: reading from one gives the frames of a read from the start."""

from dataclasses import replace

import numpy as np
import pytest

from fau_tf.io import videos
from fau_tf.io.frames import Frame
from fau_tf.io.video.seeking import seek_to
from fau_tf.io.videos import VideoFile
from tests.helpers.media_files import interlaced, pan, weave, with_damage, write

COUNT = 30
FRAMES = [one[::2, ::2] for one in pan(COUNT, 1)]
WOVEN = weave([one[::2, ::2] for one in pan(2 * COUNT, 1)])
KINDS = {
    "mp4": ("libx264", {"g": "12", "bf": "2"}, False),
    "ts": ("libx264", {"g": "12", "bf": "2"}, False),
    "mkv": ("libx265", {"x265-params": "log-level=none:keyint=12"}, False),
    "mpg": ("mpeg2video", {"g": "12", "bf": "2"}, False),
    "webm": ("libvpx-vp9", {"g": "12"}, False),
    "avi": ("mpeg4", {"g": "12"}, False),
    "mov": ("libx264", {"g": "12", "bf": "2"}, True),
}


@pytest.fixture(scope="module", params=KINDS)
def path(request, tmp_path_factory):
    codec, options, woven = KINDS[request.param]
    name = tmp_path_factory.mktemp("seek") / f"x.{request.param}"
    about = {"setup": interlaced} if woven else {}
    return write(name, WOVEN if woven else FRAMES, codec, options=options, rate=25, **about)


def read(path, after=None):
    with VideoFile(path) as video:
        return list(video.frames(after=after))


def same(found, expected):
    assert [one.number for one in found] == [one.number for one in expected]
    assert [one.timestamp for one in found] == [one.timestamp for one in expected]
    for one, other in zip(found, expected, strict=True):
        assert type(one) is type(other)
        if isinstance(one, Frame):
            np.testing.assert_array_equal(one.image, other.image)


def index_of(path, range_frames=7, lead_frames=2):
    with VideoFile(path) as video:
        return video.seek_index(range_frames, lead_frames)


def test_reading_from_a_point_gives_the_same_frames(path):
    index = index_of(path)
    assert index.ordered
    assert (index.frames, index.fault) == (COUNT, "")
    assert [one.number for one in index.points] == [5, 12, 19, 26]
    whole = read(path)
    for point in index.points:
        same(read(path, after=point), whole[point.number :])


def test_a_point_that_is_not_found_is_read_to_from_the_start(tmp_path, monkeypatch):
    path = write(tmp_path / "x.mp4", FRAMES, options={"g": "12"})
    point = index_of(path).points[2]
    whole = read(path)
    monkeypatch.setattr(videos, "seek_to", lambda *_: None)
    same(read(path, after=point), whole[point.number :])


def test_a_frame_with_other_pixels_is_not_the_point(tmp_path):
    """As where a decoder began with frames whose references are missing."""
    path = write(tmp_path / "x.mp4", FRAMES, options={"g": "12"})
    point = index_of(path).points[2]
    other = replace(point, crc32=point.crc32 ^ 1)
    with VideoFile(path) as video:
        assert seek_to(video._container, video._stream, point) is not None
        assert seek_to(video._container, video._stream, other) is None
    same(read(path, after=other), read(path)[point.number :])


def test_a_video_without_times_has_no_order(tmp_path):
    path = write(tmp_path / "x.h264", FRAMES[:12], container="h264")
    index = index_of(path)
    assert index.frames == 12
    assert not index.ordered


def test_no_point_is_on_a_damaged_frame_and_their_numbers_count(tmp_path):
    path = write(tmp_path / "x.mp4", FRAMES, options={"g": "12"})
    bad = with_damage(path, 14, tmp_path / "bad.mp4")
    index = index_of(bad)
    assert index.frames == COUNT
    assert [one.number for one in index.points] == [5, 12, 26]
    whole = read(bad)
    for point in index.points:
        same(read(bad, after=point), whole[point.number :])
