"""Cameras, played by a stand-in."""

import pytest

from fau_tf.io.images import UnreadableError
from fau_tf.io.video.cameras import camera_frames
from fau_tf.utils import optional_imports
from tests.helpers.face_videos import frame


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
