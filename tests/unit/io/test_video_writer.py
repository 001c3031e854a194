import os
import shutil
from collections import namedtuple

import cv2
import numpy as np
import pytest

from fau_tf.io import video_writer
from fau_tf.io.video_writer import CODECS, SPARE_BYTES, VideoError, VideoWriter

Usage = namedtuple("Usage", "total used free")


def color(rgb, width=64, height=48):
    return np.full((height, width, 3), rgb, np.uint8)


def write(path, frames, size=(64, 48), fps=10.0):
    with VideoWriter(path, size, fps) as writer:
        for frame in frames:
            writer.write(frame)


def read(path):
    video = cv2.VideoCapture(str(path))
    frames = []
    while (answer := video.read())[0]:
        frames.append(answer[1][..., ::-1])
    return frames, video.get(cv2.CAP_PROP_FPS)


@pytest.mark.parametrize("ending", [*CODECS, ".MP4"])
def test_what_was_written_can_be_read_back(tmp_path, ending):
    path = tmp_path / f"x{ending}"
    write(path, [color((200, 40, 40)), color((40, 40, 200)), color((40, 160, 40))])
    frames, fps = read(path)
    assert [frame.shape for frame in frames] == [(48, 64, 3)] * 3
    assert fps == 10
    middle = [frame[24, 32].tolist() for frame in frames]
    # Red, blue, green, in this order; codecs keep a plain color to within some levels.
    np.testing.assert_allclose(middle, [(200, 40, 40), (40, 40, 200), (40, 160, 40)], atol=12)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("ending", CODECS)
def test_odd_sides_are_made_even_and_no_pixel_is_lost(tmp_path, ending):
    path = tmp_path / f"x{ending}"
    write(path, [color(200, 65, 47)], size=(65, 47))
    ((frame,), _) = read(path)
    assert frame.shape == (48, 66, 3)
    assert frame[:46, :64].min() > 150


def test_a_frame_of_another_size_is_shrunk_and_padded(tmp_path):
    path = tmp_path / "x.avi"
    write(path, [color(200), color(200, 640, 240), color(200, 8, 8)])
    plain, wide, tiny = read(path)[0]
    assert plain.min() > 150
    # 640 x 240 shrunk to 64 x 24; the rest is black.
    assert wide[:22].min() > 150
    assert wide[28:].max() < 60
    assert tiny[:6, :6].min() > 150
    assert tiny[20:, 20:].max() < 60


def test_an_interrupted_video_is_kept(tmp_path):
    path = tmp_path / "x.mp4"
    with pytest.raises(KeyboardInterrupt):
        write(path, _two_then_interrupted())
    assert len(read(path)[0]) == 2


def _two_then_interrupted():
    yield from [color(100), color(200)]
    raise KeyboardInterrupt


@pytest.mark.parametrize("ending", CODECS)
def test_writing_stops_while_there_is_room_for_the_end_of_the_file(tmp_path, monkeypatch, ending):
    path = tmp_path / f"x{ending}"
    writer = VideoWriter(path, (64, 48), 10)
    writer.write(color(100))
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(0, 0, SPARE_BYTES - 1))
    with pytest.raises(OSError, match=r"needs 8.4 MB of disk space, 8.4 MB are free"):
        writer.write(color(100))
    writer.close()
    writer.close()
    assert len(read(path)[0]) == 1


def test_a_video_without_frames_leaves_no_file(tmp_path):
    VideoWriter(tmp_path / "x.mp4", (64, 48), 10).close()
    assert list(tmp_path.iterdir()) == []


def test_a_video_that_cannot_be_read_back_is_an_error_and_the_old_one_stays(tmp_path):
    path = tmp_path / "x.mp4"
    path.write_text("old")
    writer = VideoWriter(path, (64, 48), 10)
    writer.write(color(100))
    release = writer._writer.release
    partial = writer._partial

    class Cut:
        def release(self):
            release()
            partial.write_bytes(partial.read_bytes()[:40])

    writer._writer = Cut()
    with pytest.raises(VideoError, match="only 0 of 1 frames can be read back"):
        writer.close()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_ctrl_c_between_a_frame_and_its_count_is_no_error(tmp_path):
    writer = VideoWriter(tmp_path / "x.mp4", (64, 48), 10)
    for _ in range(3):
        writer.write(color(100))
    writer.frames = 2
    writer.close()
    assert len(read(tmp_path / "x.mp4")[0]) == 3


def test_a_missing_codec_is_a_clear_error(tmp_path, monkeypatch):
    monkeypatch.setattr(video_writer, "CODECS", {".mp4": "????"})
    with pytest.raises(VideoError, match="cannot open the codec"):
        VideoWriter(tmp_path / "x.mp4", (64, 48), 10)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["x.gif", "x", "x.mp4.txt"])
def test_an_unknown_ending_is_refused(tmp_path, name):
    with pytest.raises(VideoError, match=r"a name that ends in .mp4 or .avi"):
        VideoWriter(tmp_path / name, (64, 48), 10)


@pytest.mark.parametrize("size", [(0, 48), (64, -1)])
def test_a_size_without_pixels_is_refused(tmp_path, size):
    with pytest.raises(ValueError, match="1 px or more"):
        VideoWriter(tmp_path / "x.mp4", size, 10)


def test_frames_must_be_rgb_bytes(tmp_path):
    with (
        VideoWriter(tmp_path / "x.mp4", (64, 48), 10) as writer,
        pytest.raises(ValueError, match="RGB uint8"),
    ):
        writer.write(np.zeros((48, 64), np.uint8))


@pytest.mark.parametrize("fps", [0.0, -1.0, float("nan"), float("inf"), 90000.0])
def test_an_invalid_frame_rate_becomes_25(tmp_path, fps):
    path = tmp_path / "x.avi"
    write(path, [color(100)] * 2, fps=fps)
    assert read(path)[1] == 25


@pytest.mark.parametrize("folder", ['it\'s %03d "here"', "写真", b"caf\xe9", "-rf", "http:"])
def test_a_folder_may_have_any_name(tmp_path, folder):
    inside = tmp_path / os.fsdecode(folder)
    inside.mkdir()
    write(inside / "x.avi", [color(100)] * 2)
    assert [path.name for path in inside.iterdir()] == ["x.avi"]
