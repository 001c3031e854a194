"""Video files: frames, numbers, times, and what is refused."""

import os
import threading
from pathlib import Path

import av
import numpy as np
import pytest

from fau_tf.io.images import UnreadableError
from fau_tf.io.video.containers import is_video
from fau_tf.io.videos import VideoFile
from tests.helpers.face_videos import FPS, HEIGHT, PHOTO, WIDTH, write_video
from tests.helpers.media_files import (
    RATE,
    add_sound,
    copy_packets,
    cut_short,
    pan,
    write,
    write_with_sound,
)

COUNT = 20


def grays(count):
    return [np.full((HEIGHT, WIDTH, 3), 10 + 10 * i, np.uint8) for i in range(count)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A video of frames that grow brighter, in three containers."""
    folder = tmp_path_factory.mktemp("videos")
    for name in ("x.mp4", "x.avi", "x.mkv"):
        write_video(folder / name, grays(COUNT))
    return folder


def all_frames(path, **options):
    with VideoFile(path) as video:
        return list(video.frames(**options))


@pytest.mark.parametrize("name", ["x.mp4", "x.avi", "x.mkv"])
def test_every_frame_comes_in_rgb_with_its_time(folder, name):
    with VideoFile(folder / name) as video:
        assert (video.fps, video.count) == (FPS, COUNT)
        found = list(video.frames())
    assert [one.number for one in found] == list(range(1, COUNT + 1))
    np.testing.assert_allclose([one.timestamp for one in found], np.arange(COUNT) / FPS, atol=1e-3)
    assert {one.name for one in found} == {str(folder / name)}
    levels = [one.image.mean() for one in found]
    # Both codecs lose a few gray levels.
    np.testing.assert_allclose(levels, [10 + 10 * i for i in range(COUNT)], atol=4)


def test_colors_are_not_swapped(tmp_path):
    red = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    red[..., 0] = 200
    (one,) = all_frames(write_video(tmp_path / "x.avi", [red]))
    mean = one.image.mean(axis=(0, 1))
    assert mean[0] > 180
    assert mean[1:].max() < 40


def test_every_nth_frame_keeps_its_number_and_time(folder):
    found = all_frames(folder / "x.mp4", every=8)
    assert [one.number for one in found] == [1, 9, 17]
    # An MP4 by OpenCV has times in steps of 1/12800 s.
    np.testing.assert_allclose([one.timestamp for one in found], np.array((0, 8, 16)) / FPS)


def test_an_mp4_without_its_index_is_refused(folder, tmp_path):
    cut_short(folder / "x.mp4", 0.5, tmp_path / "x.mp4")
    with pytest.raises(UnreadableError, match=r"x\.mp4: the MP4 or MOV file is damaged or not"):
        VideoFile(tmp_path / "x.mp4")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"hello",
        PHOTO.read_bytes(),
        b"#EXTM3U\n#EXTINF:10,\nx.mp4\n",
        b"ffconcat version 1.0\nfile x.mp4\n",
        b"\x47" + bytes(300),
        b"\0\0\1\xe0" + bytes(300),
    ],
)
def test_other_files_are_refused_before_ffmpeg_sees_them(folder, monkeypatch, content):
    (folder / "other.mp4").write_bytes(content)
    monkeypatch.setattr(av, "open", None)
    with pytest.raises(UnreadableError, match=r"other\.mp4: not a video file \(MP4 or MOV, Matro"):
        VideoFile(folder / "other.mp4")


def test_missing_files_folders_and_pipes_are_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for name, received in (
        ("none", "No such file"),
        (".", "not a regular"),
        ("pipe", "not a regular"),
    ):
        with pytest.raises(UnreadableError, match=received):
            VideoFile(tmp_path / name)
    with pytest.raises(UnreadableError, match="null byte"):
        VideoFile(tmp_path / "x\0.mp4")


def test_large_frames_are_refused_before_one_is_decoded(folder):
    with pytest.raises(UnreadableError, match=r"320 x 200 px exceed the limit of"):
        VideoFile(folder / "x.mp4", max_pixels=320 * 200 - 1)
    VideoFile(folder / "x.mp4", max_pixels=320 * 200).close()


@pytest.mark.parametrize("name", [b"caf\xe9.avi", b"a\nb.avi", b"%03d.avi", b"'\".avi", b"-x.avi"])
def test_a_video_may_have_any_name(folder, tmp_path, name, monkeypatch):
    path = tmp_path / os.fsdecode(name)
    path.write_bytes((folder / "x.avi").read_bytes())
    assert len(all_frames(path)) == COUNT
    monkeypatch.chdir(tmp_path)
    assert len(all_frames(type(path)(path.name))) == COUNT


def test_a_video_can_be_closed_twice_and_early(folder):
    before = len(list(Path("/proc/self/fd").iterdir()))
    video = VideoFile(folder / "x.mp4")
    next(video.frames())
    video.close()
    video.close()
    assert len(list(Path("/proc/self/fd").iterdir())) == before
    assert not [one for one in threading.enumerate() if one.name == "read-ahead"]


def test_a_video_can_be_read_again(folder):
    with VideoFile(folder / "x.mp4") as video:
        first = next(video.frames()).image
        again = list(video.frames())
    np.testing.assert_array_equal(first, again[0].image)
    assert len(again) == COUNT


def test_containers_are_recognized_by_their_signature():
    assert is_video(b"\0\0\0\x18ftypmp42")
    assert is_video(b"\x47" + bytes(187) + b"\x47")
    assert is_video(bytes(4) + b"\x47" + bytes(191) + b"\x47")  # M2TS
    assert is_video(b"\0\0\0\1\x67")
    assert not is_video(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic")
    assert not is_video(b"RIFF\0\0\0\0WEBP")
    assert not is_video(b"")


def test_a_copied_cut_is_read_whole_and_is_no_damage(tmp_path):
    """As by `ffmpeg -ss 0.5 -c copy`: the packets from a key frame on, with an edit list in MP4."""
    source = write(tmp_path / "x.mp4", pan(24), options={"g": "12", "bf": "2"})
    for name, frames in (("cut.mp4", 19), ("cut.mov", 19), ("cut.mkv", 24), ("cut.ts", 24)):
        path = copy_packets(source, tmp_path / name, start=0.5)
        found = all_frames(path)
        assert len(found) == frames
        assert found[0].timestamp == 0
        np.testing.assert_allclose(np.diff([one.timestamp for one in found]), 0.1, atol=2e-3)


def test_a_cut_between_key_frames_begins_at_the_next_one(tmp_path):
    """Cut-off references are no damage, also where a decoder would draw on gray (MPEG-4)."""
    frames, group = pan(24), {"g": "12", "bf": "2"}
    x265 = {"x265-params": "log-level=none:keyint=12:open-gop=1"}
    for codec, options in (("libx264", group), ("mpeg4", group), ("libx265", x265)):
        source = write(tmp_path / "x.mkv", frames, codec, options=options)
        path = copy_packets(source, tmp_path / "cut.mkv", skip=5)
        found = all_frames(path)
        assert 11 <= len(found) <= 14
        assert 0.3 <= found[0].timestamp <= 0.9


@pytest.mark.parametrize("ending", ["mp4", "mkv", "mov"])
def test_time_begins_where_the_first_stream_starts(tmp_path, ending):
    found = all_frames(write_with_sound(tmp_path / f"late.{ending}", 6, 2.0, late=1.0))
    expected = 1 + np.arange(6) / RATE
    np.testing.assert_allclose([one.timestamp for one in found], expected, atol=2e-3)


@pytest.mark.parametrize("ending", ["mp4", "mkv", "ts"])
def test_sound_that_lasts_longer_is_no_damage(tmp_path, ending):
    assert len(all_frames(write_with_sound(tmp_path / f"long.{ending}", 6, 3.0))) == 6


@pytest.mark.parametrize(("ending", "codec"), [("webm", "libvpx-vp9"), ("mp4", "libx264")])
def test_a_varying_frame_rate_keeps_its_times(tmp_path, ending, codec):
    times = [0, 100, 200, 700, 1200, 1233, 1266]
    path = write(tmp_path / f"x.{ending}", pan(7), codec, times=times)
    found = all_frames(path)
    np.testing.assert_allclose([one.timestamp for one in found], np.array(times) / 1000, atol=2e-3)


@pytest.mark.parametrize(("container", "codec"), [("h264", "libx264"), ("hevc", "libx265")])
def test_a_stream_without_a_container_is_read_at_its_own_rate(tmp_path, container, codec):
    path = write(tmp_path / f"pi.{container}", pan(6), codec, container=container)
    found = all_frames(path)
    np.testing.assert_allclose([one.timestamp for one in found], np.arange(6) / RATE, atol=1e-9)


def test_a_stream_without_a_rate_is_read_at_the_given_one(tmp_path):
    options = {"x265-params": "log-level=none:vui-timing-info=0"}
    path = write(tmp_path / "x.hevc", pan(3), "libx265", container="hevc", options=options)
    for given in ({}, {"fps": 50.0}):
        with VideoFile(path, **given) as video:
            fps = given.get("fps", 25.0)
            assert video.fps == fps
            found = [one.timestamp for one in video.frames()]
        np.testing.assert_allclose(found, np.arange(3) / fps, atol=1e-9)


def test_sound_alone_and_cover_pictures_are_no_video(tmp_path):
    with av.open(str(tmp_path / "sound.mp4"), "w") as file:
        file.mux(add_sound(file, 0.5))
    with pytest.raises(UnreadableError, match=r"no moving picture, only sound\. Choose"):
        VideoFile(tmp_path / "sound.mp4")
    cover = write(tmp_path / "cover.mkv", pan(1), "mjpeg")
    with av.open(str(cover)) as inside, av.open(str(tmp_path / "cover.mp4"), "w") as file:
        stream = file.add_stream_from_template(inside.streams.video[0])
        stream.disposition = av.stream.Disposition.attached_pic
        sound = add_sound(file, 0.5)
        (packet,) = [one for one in inside.demux(video=0) if one.size]
        packet.stream = stream
        file.mux([packet, *sound])
    with pytest.raises(UnreadableError, match="only sound and a cover picture"):
        VideoFile(tmp_path / "cover.mp4")


def test_an_unknown_codec_is_named(tmp_path):
    content = write(tmp_path / "x.mp4", pan(2)).read_bytes()
    (tmp_path / "x.mp4").write_bytes(content.replace(b"avc1\0\0\0\0", b"zzz9\0\0\0\0"))
    with pytest.raises(UnreadableError, match=r"the codec of the video, .*zzz9.*Convert it"):
        VideoFile(tmp_path / "x.mp4")


@pytest.mark.parametrize("codec", ["libsvtav1", "libvpx-vp9", "libx265", "ffv1", "mpeg4"])
def test_codecs_are_read(tmp_path, codec, capfd):
    path = write(tmp_path / "x.mkv", pan(4), codec)
    capfd.readouterr()  # the AV1 encoder speaks
    found = all_frames(path)
    assert len(found) == 4
    for one, original in zip(found, pan(4), strict=True):
        assert np.abs(one.image.astype(int) - original).mean() < 6
