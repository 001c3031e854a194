"""Images one after another, as `ffmpeg -f image2pipe` writes them."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from fau_tf.io import image_stream
from fau_tf.io.image_stream import split_images
from fau_tf.io.images import UnreadableError


def encoded(seed, kind, **options):
    noise = np.random.default_rng(seed).integers(0, 256, (24, 32, 3), np.uint8)
    content = BytesIO()
    Image.fromarray(noise).save(content, kind, **options)
    return content.getvalue()


ALL = [
    encoded(0, "JPEG"),
    encoded(1, "PNG"),
    encoded(2, "JPEG", progressive=True),
    encoded(3, "JPEG", quality=100, optimize=True),
    encoded(4, "PNG", compress_level=0),
    # A thumbnail in the EXIF data is a whole JPEG file inside another one.
    encoded(5, "JPEG", exif=b"Exif\0\0" + encoded(6, "JPEG")),
]


class Dripping(BytesIO):
    """Returns three bytes at a time, as a pipe may."""

    def read1(self, size=-1):
        return super().read1(min(size, 3))


@pytest.mark.parametrize("kind", [BytesIO, Dripping])
def test_each_image_keeps_its_bytes(kind):
    assert list(split_images(kind(b"".join(ALL)))) == ALL


def test_an_empty_stream_has_no_images():
    assert list(split_images(BytesIO())) == []


def test_restart_markers_do_not_end_an_image():
    whole = ALL[0]
    scan = whole.rindex(b"\xff\xda")
    marked = whole[: scan + 30] + b"\xff\xd0\xff\x00" + whole[scan + 30 :]
    assert list(split_images(BytesIO(marked + ALL[1]))) == [marked, ALL[1]]


@pytest.mark.parametrize("i", range(len(ALL)))
@pytest.mark.parametrize("keep", [1, 3, 20, -1])
def test_an_incomplete_image_is_an_error_after_the_ones_before(i, keep):
    found = split_images(BytesIO(ALL[0] + ALL[i][:keep]))
    assert next(found) == ALL[0]
    with pytest.raises(UnreadableError, match="ends within image 2, after"):
        next(found)


@pytest.mark.parametrize("content", [b"hello", b"GIF89a", b"\x89Pxxxxxxxx", bytes(100)])
def test_other_bytes_are_an_error_with_the_command_to_use(content):
    with pytest.raises(
        UnreadableError, match=r"image 1 begins with .*neither JPEG nor PNG.*ffmpeg"
    ):
        list(split_images(BytesIO(content)))


def test_an_endless_image_is_refused(monkeypatch):
    monkeypatch.setattr(image_stream, "MAX_BYTES", 10_000)
    endless = ALL[0][:-2] + bytes(200_000)
    with pytest.raises(UnreadableError, match="exceeds the limit of 0 MiB"):
        list(split_images(BytesIO(endless)))
    huge = b"\x89PNG\r\n\x1a\n\x7f\xff\xff\xffIDAT" + bytes(200_000)
    with pytest.raises(UnreadableError, match="exceeds the limit of 0 MiB"):
        list(split_images(BytesIO(huge)))


def test_damaged_streams_raise_no_other_error():
    rng = np.random.default_rng(0)
    ends = {"whole": 0, "refused": 0}
    for _ in range(300):
        content = bytearray(b"".join(ALL[:3]))
        for at in rng.integers(0, len(content), 5):
            content[at] = rng.integers(0, 256)
        try:
            ends["whole"] += len(list(split_images(BytesIO(content)))) > 0
        except UnreadableError:
            ends["refused"] += 1
    assert min(ends.values()) > 20
