"""Video files and cameras."""

import os
from pathlib import Path

import numpy as np
import pytest

from fau_tf.io import videos
from fau_tf.io.images import UnreadableError
from fau_tf.io.videos import VideoFile, camera_frames, is_video
from fau_tf.utils import optional_imports
from tests.helpers.face_videos import FPS, HEIGHT, PHOTO, WIDTH, frame, write_video

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
    np.testing.assert_allclose([one.timestamp for one in found], np.array((0, 8, 16)) / FPS)


@pytest.mark.parametrize("name", ["x.avi", "x.mkv"])
def test_a_truncated_video_gives_its_frames_and_then_an_error(folder, tmp_path, name):
    content = (folder / name).read_bytes()
    (tmp_path / name).write_bytes(content[: len(content) * 7 // 10])
    with VideoFile(tmp_path / name) as video:
        found = video.frames()
        kept, error = until_it_fails(found)
    assert 5 < kept < COUNT
    assert f"{name}: the video is damaged: {kept} of 20 frames can be read" in error


def until_it_fails(found):
    kept = 0
    try:
        for _ in found:
            kept += 1
    except UnreadableError as error:
        return kept, str(error)
    return kept, ""


def test_an_mp4_without_its_index_is_refused(folder, tmp_path):
    content = (folder / "x.mp4").read_bytes()
    (tmp_path / "x.mp4").write_bytes(content[: len(content) // 2])
    with pytest.raises(UnreadableError, match="OpenCV cannot decode this video"):
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
    ],
)
def test_other_files_are_refused_without_opening_them_in_opencv(folder, monkeypatch, content):
    (folder / "other.mp4").write_bytes(content)
    monkeypatch.setattr(videos, "_open_capture", None)
    with pytest.raises(UnreadableError, match=r"other\.mp4: not a video file \(mp4, matro"):
        VideoFile(folder / "other.mp4")


@pytest.mark.parametrize(
    "content", ["#EXTM3U\n#EXTINF:1,\nx.mp4\n", "ffconcat version 1.0\nfile x.mp4\n"]
)
def test_ffmpeg_does_not_follow_playlists(folder, content):
    """Second defense: FFmpeg refuses the format even if the first bytes look like a video."""
    path = folder / "list"
    path.write_text(content)
    descriptor = os.open(path, os.O_RDONLY)
    try:
        capture = videos._open_capture(optional_imports.cv2(), descriptor, path)
        assert not capture.isOpened()
    finally:
        os.close(descriptor)
    assert "OPENCV_FFMPEG_CAPTURE_OPTIONS" not in os.environ


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


def test_containers_are_recognized_by_their_signature():
    assert is_video(b"\0\0\0\x18ftypmp42")
    assert is_video(b"\x47" + bytes(187) + b"\x47")
    assert not is_video(b"RIFF\0\0\0\0WEBP")
    assert not is_video(b"")


class Camera:
    """Stands in for a camera with so many frames."""

    def __init__(self, count):
        self.left = count
        self.released = False

    def grab(self):
        self.left -= 1
        return self.left >= 0

    def retrieve(self):
        return True, frame()

    def release(self):
        self.released = True


def test_a_camera_gives_frames_until_it_stops(monkeypatch):
    made = Camera(5)
    monkeypatch.setattr(
        optional_imports.cv2(), "VideoCapture", lambda index: made if index == 3 else None
    )
    found = camera_frames(3, every=2)
    kept = [next(found) for _ in range(3)]
    assert [one.number for one in kept] == [1, 3, 5]
    assert kept[0].timestamp == pytest.approx(0, abs=0.05)  # a pause of the machine
    assert kept[0].timestamp <= kept[1].timestamp <= kept[2].timestamp
    with pytest.raises(UnreadableError, match=r"camera 3: no more frames after 5"):
        next(found)
    assert made.released


def test_a_missing_camera_is_reported():
    with pytest.raises(UnreadableError, match="camera 63: cannot be opened"):
        next(camera_frames(63))
