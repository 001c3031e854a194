import os
import shutil
import subprocess
import sys
from collections import namedtuple

import av
import numpy as np
import pytest

from fau_tf.io.video_writer import SPARE_BYTES, VideoError, VideoWriter
from tests.helpers.media_files import write_with_sound

Usage = namedtuple("Usage", "total used free")


def color(rgb, width=64, height=48):
    return np.full((height, width, 3), rgb, np.uint8)


def write(path, frames, size=(64, 48), fps=10.0):
    with VideoWriter(path, size, fps) as writer:
        for frame in frames:
            writer.write(frame)


def read(path):
    with av.open(f"file:{path}") as video:
        frames = [one.to_ndarray(format="rgb24") for one in video.decode(video=0)]
        return frames, float(video.streams.video[0].average_rate)


@pytest.mark.parametrize("ending", [".mp4", ".MP4"])
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


def test_odd_sides_are_made_even_and_no_pixel_is_lost(tmp_path):
    path = tmp_path / "x.mp4"
    write(path, [color(200, 65, 47)], size=(65, 47))
    ((frame,), _) = read(path)
    assert frame.shape == (48, 66, 3)
    assert frame[:46, :64].min() > 150


def test_a_frame_of_another_size_is_shrunk_and_padded(tmp_path):
    path = tmp_path / "x.mp4"
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


def test_writing_stops_while_there_is_room_for_the_end_of_the_file(tmp_path, monkeypatch):
    path = tmp_path / "x.mp4"
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


def test_a_video_that_cannot_be_read_back_is_an_error_and_the_old_one_stays(tmp_path, monkeypatch):
    path = tmp_path / "x.mp4"
    path.write_text("old")
    writer = VideoWriter(path, (64, 48), 10)
    writer.write(color(100))
    partial = writer._partial
    complete = writer._complete

    def cut():
        complete()
        partial.write_bytes(partial.read_bytes()[:40])

    monkeypatch.setattr(writer, "_complete", cut)
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


def test_a_folder_that_cannot_be_written_to_is_a_clear_error(tmp_path):
    with pytest.raises(VideoError, match=r"x\.mp4: the video cannot be written: No such file"):
        VideoWriter(tmp_path / "none" / "x.mp4", (64, 48), 10)


@pytest.mark.parametrize("name", ["x.gif", "x", "x.avi", "x.mp4.txt"])
def test_an_unknown_ending_is_refused(tmp_path, name):
    with pytest.raises(VideoError, match=r"a name that ends in .mp4"):
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
    path = tmp_path / "x.mp4"
    write(path, [color(100)] * 2, fps=fps)
    assert read(path)[1] == 25


@pytest.mark.parametrize("folder", ['it\'s %03d "here"', "写真", b"caf\xe9", "-rf", "http:"])
def test_a_folder_may_have_any_name(tmp_path, folder):
    inside = tmp_path / os.fsdecode(folder)
    inside.mkdir()
    write(inside / "x.mp4", [color(100)] * 2)
    assert [path.name for path in inside.iterdir()] == ["x.mp4"]


def streams_of(path):
    with av.open(str(path)) as file:
        return {one.type: one.codec_context.name for one in file.streams}


def test_browsers_can_play_the_video(tmp_path):
    """H.264 with 4:2:0 colors, marked as BT.709, and the index in front of the pictures."""
    path = tmp_path / "x.mp4"
    write(path, [color((200, 40, 40))] * 3)
    content = path.read_bytes()
    assert content[4:8] == b"ftyp"
    assert 0 < content.index(b"moov") < content.index(b"mdat")
    with av.open(str(path)) as file:
        context = file.streams.video[0].codec_context
        assert (context.name, context.pix_fmt) == ("h264", "yuv420p")
        assert (context.colorspace, context.color_primaries, context.color_trc) == (1, 1, 1)
        assert context.color_range == 1


def test_frames_keep_their_times(tmp_path):
    times = [1.0, 1.1, 1.5, 1.5, 4.0]  # two of the same time stay in order
    with VideoWriter(tmp_path / "x.mp4", (64, 48), 10) as writer:
        for i, seconds in enumerate(times):
            writer.write(color(40 * i), seconds)
    with av.open(str(tmp_path / "x.mp4")) as file:
        found = [(one.time, one.to_ndarray(format="gray").mean()) for one in file.decode(video=0)]
    np.testing.assert_allclose([time for time, _ in found], times, atol=1e-4)
    assert sorted(level for _, level in found) == [level for _, level in found]


def write_beside_sound(path, source, count, rate=10):
    with VideoWriter(path, (64, 48), rate, sound=source) as writer:
        for i in range(count):
            writer.write(color(100), i / rate)


@pytest.mark.parametrize(("ending", "codec"), [("mp4", "aac"), ("mkv", "libopus"), ("ts", "mp2")])
def test_sound_is_kept_up_to_the_last_frame(tmp_path, ending, codec):
    source = write_with_sound(tmp_path / f"s.{ending}", 8, 3.0, codec=codec)
    write_beside_sound(tmp_path / "x.mp4", source, 20)
    assert streams_of(tmp_path / "x.mp4") == {"video": "h264", "audio": "aac"}
    with av.open(str(tmp_path / "x.mp4")) as file:
        parts = [(one.time, one.to_ndarray()) for one in file.decode(audio=0)]
    wave = np.concatenate([samples[0] for _, samples in parts])
    # 2 s of a tone of 440 Hz, of 0.2; a packet of the encoder has 21 ms.
    assert abs(len(wave) / 48000 - 2) < 0.1
    assert abs(parts[0][0]) < 0.03
    middle = wave[24000:72000]
    assert abs(np.sqrt(np.mean(middle**2)) - 0.2 / np.sqrt(2)) < 0.02
    assert np.argmax(np.abs(np.fft.rfft(middle))) == 440


def test_a_source_without_sound_gives_a_silent_video(tmp_path):
    write(tmp_path / "silent.mp4", [color(100)] * 2)
    write_beside_sound(tmp_path / "x.mp4", tmp_path / "silent.mp4", 3)
    assert streams_of(tmp_path / "x.mp4") == {"video": "h264"}


def test_damaged_sound_ends_without_an_error(tmp_path):
    source = write_with_sound(tmp_path / "s.mkv", 8, 2.0)
    content = source.read_bytes()
    source.write_bytes(content[: len(content) * 6 // 10])
    write_beside_sound(tmp_path / "x.mp4", source, 20)
    assert len(read(tmp_path / "x.mp4")[0]) == 20


def test_a_killed_process_leaves_no_file_of_the_final_name(tmp_path):
    program = (
        "import os, sys, numpy as np, pathlib\n"
        "from fau_tf.io.video_writer import VideoWriter\n"
        "writer = VideoWriter(pathlib.Path(sys.argv[1]), (64, 48), 10)\n"
        "for _ in range(80): writer.write(np.zeros((48, 64, 3), np.uint8))\n"
        "os._exit(9)\n"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "x.mp4")]
    assert subprocess.run(command, check=False).returncode == 9
    assert [one.name[:9] for one in tmp_path.iterdir()] == [".partial-"]
