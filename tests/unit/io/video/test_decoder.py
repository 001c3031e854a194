"""Damage inside videos: flagged frames, their places, and what depends on them."""

import av
import numpy as np
import pytest

from fau_tf.io.frames import Frame, UnreadableError, UnreadFrame
from fau_tf.io.videos import VideoFile
from tests.helpers.media_files import cut_short, pan, with_damage, write

COUNT, GROUP = 30, 10
FRAMES = [one[::2, ::2] for one in pan(COUNT, 1)]


def read(path):
    """Return the frames of a video, and the error that ends it."""
    found = []
    with VideoFile(path) as video:
        try:
            for one in video.frames():
                found.append(one)
        except UnreadableError as error:
            return found, str(error)
    return found, ""


def numbers(frames, kind=UnreadFrame):
    return [one.number for one in frames if isinstance(one, kind)]


@pytest.mark.parametrize(
    ("ending", "codec", "packet", "options"),
    [
        ("mp4", "libx264", 13, {}),
        ("mkv", "libx264", 13, {"x264-params": "open-gop=1:log-level=none"}),
        ("avi", "mpeg4", 13, {"b": "2000000"}),
        ("mkv", "mpeg2video", 13, {"b": "4000000", "bf": "2"}),
        ("mkv", "libx265", 15, {"x265-params": f"log-level=none:keyint={GROUP}:open-gop=0"}),
    ],
    ids=str,
)
def test_damage_lasts_until_the_next_key_frame(tmp_path, ending, codec, packet, options):
    options = {"g": str(GROUP)} | options
    path = write(tmp_path / f"x.{ending}", FRAMES, codec, options=options, rate=25)
    intact, _ = read(path)
    found, error = read(with_damage(path, packet, tmp_path / f"bad.{ending}"))
    assert error == ""
    assert [one.number for one in found] == list(range(1, COUNT + 1))
    damaged = numbers(found)
    # Packets in a group of pictures are reordered by at most three places.
    assert packet - 3 <= damaged[0] <= packet + 3
    assert 2 * GROUP - 1 <= damaged[-1] <= 2 * GROUP + 2
    for before, after in zip(intact, found, strict=True):
        assert after.timestamp == before.timestamp
        if isinstance(after, Frame):
            np.testing.assert_array_equal(after.image, before.image)


@pytest.mark.parametrize("codec", ["mjpeg", "prores_ks"])
def test_a_frame_that_stands_alone_is_damaged_alone(tmp_path, codec):
    pixels = "yuv422p10le" if codec == "prores_ks" else None
    path = write(tmp_path / "x.mov", FRAMES[:8], codec, pixels=pixels)
    found, error = read(with_damage(path, 4, tmp_path / "bad.mov"))
    assert (numbers(found), error) == ([5], "")
    assert found[4].reason.endswith(f"damaged here ({codec[:6]}). Copy or convert the video again.")
    assert found[4].timestamp == pytest.approx(0.4)


@pytest.mark.parametrize("codec", ["libx264", "libx265", "mpeg2video"])
@pytest.mark.parametrize("after", [1, 6, 12, 18])
def test_packets_that_a_transport_stream_lost_leave_no_wrong_picture(tmp_path, codec, after):
    """Two TS packets inside a key frame are missing; H.265 draws the group without a word."""
    options = {
        "libx264": {"g": str(GROUP)},
        "libx265": {"x265-params": f"keyint={GROUP}:log-level=none"},
        "mpeg2video": {"g": str(GROUP), "b": "4000000"},
    }[codec]
    path = write(tmp_path / "x.ts", FRAMES, codec, options=options, rate=25)
    with av.open(str(path)) as file:
        packets = [one for one in file.demux(video=0) if one.size]
        places = [one.pos for one in packets if one.is_keyframe]
    content, at = path.read_bytes(), places[1] // 188 * 188 + after * 188
    (tmp_path / "bad.ts").write_bytes(content[:at] + content[at + 2 * 188 :])
    intact = {one.timestamp: one.image.astype(int) for one in read(path)[0]}
    found, _ = read(tmp_path / "bad.ts")
    for one in found:
        if isinstance(one, Frame):
            assert np.abs(one.image - intact[one.timestamp]).mean() < 1
    # The damaged group, and where H.265 and MPEG-2 look ahead the end of the one before.
    assert GROUP - 1 <= len(numbers(found)) <= GROUP + 6
    assert isinstance(found[-1], Frame)


def test_frames_before_the_damage_in_coding_order_are_kept(tmp_path):
    """A B-frame that is shown behind a damaged frame, but was coded before it, is intact."""
    path = write(tmp_path / "x.mp4", FRAMES, options={"bf": "3"})
    found, _ = read(with_damage(path, 14, tmp_path / "bad.mp4"))
    intact, _ = read(path)
    damaged = numbers(found)
    assert damaged[-1] == COUNT  # no key frame comes
    behind = [one for one in numbers(found, Frame) if one > damaged[0]]
    for number in behind:
        np.testing.assert_array_equal(found[number - 1].image, intact[number - 1].image)


@pytest.mark.parametrize(
    ("name", "codec", "muxing"),
    [
        ("x.mp4", "libx264", {"movflags": "faststart"}),
        ("x.avi", "mjpeg", {}),
        ("x.avi", "mpeg4", {}),
        ("x.mpg", "mpeg2video", {}),
    ],
)
def test_a_file_that_is_cut_short_ends_with_a_damaged_frame(tmp_path, name, codec, muxing):
    about = {"b": "3000000"} if codec.startswith("mpeg") else {}
    path = write(tmp_path / name, FRAMES, codec, options=about, muxing=muxing, rate=25)
    found, error = read(cut_short(path, 0.83, tmp_path / f"cut-{name}"))
    assert error == ""
    assert 5 < len(found) < COUNT
    assert numbers(found)[-1] == len(found)
    intact, _ = read(path)
    for before, after in zip(intact, found, strict=False):
        if isinstance(after, Frame):
            np.testing.assert_array_equal(after.image, before.image)


@pytest.mark.parametrize("codec", ["libx264", "libvpx-vp9"])
def test_a_matroska_file_that_is_cut_short_is_an_error_at_its_end(tmp_path, codec):
    path = write(tmp_path / "x.mkv", FRAMES, codec)
    found, error = read(cut_short(path, 0.9, tmp_path / "cut.mkv"))
    assert 5 < len(found) < COUNT
    assert numbers(found) == []
    size = (tmp_path / "cut.mkv").stat().st_size
    assert f"it ends behind frame {len(found)}, after {size} of {path.stat().st_size} byt" in error


def test_a_video_without_a_frame_is_an_error_that_names_the_codec(tmp_path):
    (tmp_path / "x.y4m").write_bytes(b"YUV4MPEG2 W64 H48 F10:1 Ip A1:1 C420jpeg\n")
    found, error = read(tmp_path / "x.y4m")
    assert found == []
    assert "it has no frame that can be decoded (rawvideo). Copy or convert it again." in error
