"""Videos of the sample photo: one face at rest, or two that cross."""

from pathlib import Path

import numpy as np
from PIL import Image

PHOTO = Path(__file__).parents[2] / "docs" / "sample" / "astronaut.png"
WIDTH, HEIGHT, FPS = 320, 200, 12.5
_FACE = 120  # px


def face(mirrored=False, dark=False):
    """Return the head of the photo, (120, 120, 3) uint8."""
    head = np.array(
        Image.open(PHOTO).convert("RGB").crop((50, 40, 210, 200)).resize((_FACE, _FACE))
    )
    head = head[:, ::-1] if mirrored else head
    return head // 2 if dark else head


def frame(*placed):
    """Return a (200, 320, 3) frame with heads at (x, picture), the later ones in front."""
    picture = np.full((HEIGHT, WIDTH, 3), 120, np.uint8)
    for x, head in placed:
        picture[40 : 40 + _FACE, x : x + _FACE] = head
    return picture


def crossing(count):
    """Return frames in which a bright face moves right in front of a dark one that moves left."""
    bright, dark = face(), face(mirrored=True, dark=True)
    way = np.linspace(0, WIDTH - _FACE, count).astype(int).tolist()
    return [frame((WIDTH - _FACE - x, dark), (x, bright)) for x in way]


def write_video(path, frames, codec=None):
    """Write frames as a video by OpenCV and return its path."""
    import cv2

    codec = codec or ("MJPG" if path.suffix == ".avi" else "mp4v")
    height, width = frames[0].shape[:2]
    # OpenCV does not accept every file name.
    plain = path.with_name(f"plain{path.suffix}")
    writer = cv2.VideoWriter(str(plain), cv2.VideoWriter_fourcc(*codec), FPS, (width, height))
    assert writer.isOpened()
    for picture in frames:
        writer.write(np.ascontiguousarray(picture[..., ::-1]))
    writer.release()
    return plain.rename(path)
