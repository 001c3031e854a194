"""Animations, TIFF pages and JPEGs in a row as frames with times."""

from io import BytesIO

import cv2
import numpy as np
import pytest
from PIL import Image

from fau_tf.io.image_sequences import ImageSequence
from fau_tf.io.images import Frame, UnreadableError, UnreadFrame
from fau_tf.io.sources import SourceKind, find_sources, open_frames
from tests.helpers.still_files import SAMPLE

SMALL = SAMPLE.resize((64, 64))
PICTURES = [SMALL, SMALL.rotate(90), SMALL.rotate(180)]
DURATIONS = [100, 250, 400]
LOSSLESS = {
    "WEBP": {"lossless": True},
    "AVIF": {"quality": 97, "subsampling": "4:4:4", "speed": 10},
}


def write(path, kind, pictures=PICTURES, **options):
    first, *others = (one.copy() for one in pictures)  # saving leaves options behind
    options = {"save_all": True, "append_images": others, **LOSSLESS.get(kind, {}), **options}
    first.save(path, kind, **options)
    return path


def read(path, every=1, fps=25.0):
    (source,) = find_sources([str(path)])
    assert source.kind is SourceKind.SEQUENCE
    with open_frames(source, every, fps) as stream:
        return list(stream.frames), stream


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "AVIF"])
def test_an_animation_has_its_own_times(tmp_path, kind):
    found, stream = read(write(tmp_path / "x", kind, duration=DURATIONS))
    assert [one.number for one in found] == [1, 2, 3]
    np.testing.assert_allclose([one.timestamp for one in found], [0, 0.1, 0.35], atol=0.002)
    assert stream.count == 3
    for one, picture in zip(found, PICTURES, strict=True):
        # GIF's palette 6.1, AVIF's loss 1.5; another of the pictures: 60.
        assert np.abs(one.image.astype(int) - np.asarray(picture)).mean() < 8
        assert one.flags == ()


def test_an_animation_without_durations_takes_a_tenth_of_a_second_each(tmp_path):
    found, stream = read(write(tmp_path / "x.gif", "GIF", duration=0))
    np.testing.assert_allclose([one.timestamp for one in found], [0, 0.1, 0.2])
    assert stream.fps == 10


def test_the_still_picture_of_a_png_animation_is_none_of_its_frames(tmp_path):
    path = write(tmp_path / "x.png", "PNG", duration=[250, 400], default_image=True)
    found, _ = read(path)
    assert len(found) == 2
    np.testing.assert_array_equal(found[0].image, PICTURES[1])


def test_the_pages_of_a_tiff_follow_each_other_at_the_given_rate(tmp_path):
    found, stream = read(write(tmp_path / "x.tif", "TIFF"), fps=5.0)
    np.testing.assert_allclose([one.timestamp for one in found], [0, 0.2, 0.4])
    assert (stream.count, stream.fps) == (3, 5.0)
    for one, picture in zip(found, PICTURES, strict=True):
        np.testing.assert_array_equal(one.image, picture)


def test_deep_pages_keep_their_bits(tmp_path):
    gray = np.asarray(SMALL.convert("L"))
    pages = [Image.fromarray(gray.astype(np.uint16) * factor) for factor in (257, 16)]
    found, _ = read(write(tmp_path / "x.tif", "TIFF", pages))
    for one in found:
        np.testing.assert_array_equal(one.image[..., 0], gray)
    assert [one.flags for one in found] == [(), ("bit depth assumed",)]


def test_pages_of_12_bit_colors_keep_their_bits(tmp_path):
    pages = [np.asarray(one).astype(np.uint16) * 16 for one in PICTURES]
    assert cv2.imwritemulti(str(tmp_path / "x.tif"), [one[..., ::-1] for one in pages])
    found, _ = read(tmp_path / "x.tif")
    for one, picture in zip(found, PICTURES, strict=True):
        np.testing.assert_array_equal(one.image, picture)
        assert one.flags == ("bit depth assumed",)


def test_an_hdr_animation_is_tone_mapped(tmp_path):
    path = write(tmp_path / "x.avif", "AVIF")
    at = path.read_bytes().index(b"colrnclx") + 8
    content = bytearray(path.read_bytes())
    content[at : at + 4] = bytes((0, 9, 0, 16))
    path.write_bytes(content)
    found, _ = read(path)
    assert [one.flags for one in found] == [("tone-mapped",)] * 3


def jpegs(*pictures):
    content = BytesIO()
    for picture in pictures:
        one = BytesIO()
        picture.copy().save(one, "JPEG", quality=95)
        content.write(one.getvalue())
    return content.getvalue()


def test_jpegs_in_a_row_are_read_one_by_one(tmp_path):
    (tmp_path / "x.mjpeg").write_bytes(jpegs(*PICTURES))
    found, _ = read(tmp_path / "x.mjpeg", fps=10.0)
    np.testing.assert_allclose([one.timestamp for one in found], [0, 0.1, 0.2])
    for one, picture in zip(found, PICTURES, strict=True):
        assert np.abs(one.image.astype(int) - np.asarray(picture)).mean() < 4


def test_a_damaged_jpeg_among_others_is_unread_and_the_next_is_read(tmp_path):
    content = jpegs(*PICTURES)
    at = content.index(b"\xff\xc0", len(content) // 3)  # the header of the second or third
    (tmp_path / "x.mjpeg").write_bytes(content[: at + 5] + b"\0\0" + content[at + 7 :])
    found, _ = read(tmp_path / "x.mjpeg")
    assert sum(isinstance(one, UnreadFrame) for one in found) == 1
    assert sum(isinstance(one, Frame) for one in found) == 2
    (unread,) = (one for one in found if isinstance(one, UnreadFrame))
    assert f"x.mjpeg, picture {unread.number}: a damaged JPEG" in unread.reason


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "AVIF", "TIFF"])
def test_every_second_picture(tmp_path, kind):
    found, stream = read(write(tmp_path / "x", kind, duration=DURATIONS), every=2)
    assert [one.number for one in found] == [1, 3]
    third = 2 / 25 if kind == "TIFF" else 0.35
    np.testing.assert_allclose([one.timestamp for one in found], [0, third], atol=0.002)
    assert stream.count == 2
    # Each picture of an animation is drawn over the one before.
    assert np.abs(found[1].image.astype(int) - np.asarray(PICTURES[2])).mean() < 8


@pytest.mark.parametrize("kind", ["GIF", "PNG", "TIFF"])
def test_a_damaged_file_is_read_up_to_its_damage(tmp_path, kind):
    noise = np.random.default_rng(0).integers(0, 256, (3, 64, 64, 3), np.uint8)
    path = write(tmp_path / "x", kind, [Image.fromarray(one) for one in noise], duration=100)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * 0.8)])
    found = []
    with ImageSequence(path) as sequence, pytest.raises(UnreadableError, match=r"x.*damaged"):
        found += sequence.frames()
    assert len(found) < 3


def test_a_page_beyond_the_cap_is_refused(tmp_path):
    path = write(tmp_path / "x.tif", "TIFF", [SMALL, SMALL.resize((100, 100))])
    with ImageSequence(path, max_pixels=5000) as sequence:
        frames = sequence.frames()
        assert next(frames).image.shape == (64, 64, 3)
        with pytest.raises(UnreadableError, match="100 x 100 px exceeds"):
            next(frames)


def test_reading_can_not_begin_behind_the_start(tmp_path):
    with ImageSequence(write(tmp_path / "x.gif", "GIF")) as sequence:
        index = sequence.seek_index(10, 2)
        assert (index.frames, index.points, index.ordered) == (3, (), False)
        with pytest.raises(ValueError, match="from its start"):
            sequence.frames(after=object())
