"""Kinds of files by their content, whatever their names."""

from io import BytesIO

import pytest

from fau_tf.io.file_kinds import FileKind, file_kind
from tests.helpers.face_videos import frame, write_video
from tests.helpers.still_files import SAMPLE, write_heic

SMALL = SAMPLE.resize((32, 32))
TURNED = SMALL.rotate(20)


def saved(kind, *others, **options):
    file = BytesIO()
    more = {"save_all": True, "append_images": [one.copy() for one in others]} if others else {}
    options |= {"speed": 10} if kind == "AVIF" else {}
    SMALL.copy().save(file, kind, **more, **options)  # saving leaves options behind
    return file.getvalue()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "PPM", "AVIF"])
def test_one_picture_is_a_photo(tmp_path, kind):
    (tmp_path / "x.mp4").write_bytes(saved(kind))
    assert file_kind(tmp_path / "x.mp4") is FileKind.PHOTO


def test_heic_is_a_photo_though_its_container_is_that_of_videos(tmp_path):
    path = write_heic(tmp_path / "x.heic", SMALL).rename(tmp_path / "x.mp4")
    assert file_kind(path) is FileKind.PHOTO


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "GIF", "TIFF", "AVIF"])
def test_several_pictures_are_a_sequence(tmp_path, kind):
    (tmp_path / "x.jpg").write_bytes(saved(kind, TURNED))
    assert file_kind(tmp_path / "x.jpg") is FileKind.SEQUENCE


def test_an_animation_behind_a_large_profile_is_a_sequence(tmp_path):
    """The chunk that says so lies far behind the first bytes."""
    (tmp_path / "x.png").write_bytes(saved("PNG", TURNED, icc_profile=bytes(range(256)) * 40))
    assert file_kind(tmp_path / "x.png") is FileKind.SEQUENCE


def test_copies_in_a_tiff_and_previews_in_a_jpeg_are_no_sequence(tmp_path):
    tiff = BytesIO()
    smaller = TURNED.copy()
    smaller.encoderinfo = {"tiffinfo": {254: 1}}
    SMALL.copy().save(tiff, "TIFF", save_all=True, append_images=[smaller])
    (tmp_path / "x.tif").write_bytes(tiff.getvalue())
    (tmp_path / "x.jpg").write_bytes(saved("MPO", TURNED))
    assert file_kind(tmp_path / "x.tif") is FileKind.PHOTO
    assert file_kind(tmp_path / "x.jpg") is FileKind.PHOTO


def test_jpegs_in_a_row_are_a_sequence_by_their_ending(tmp_path):
    for name, kind in (("x.mjpeg", FileKind.SEQUENCE), ("x.MJPG", FileKind.SEQUENCE)):
        (tmp_path / name).write_bytes(saved("JPEG") * 2)
        assert file_kind(tmp_path / name) is kind
    (tmp_path / "x.jpg").write_bytes(saved("JPEG") * 2)
    assert file_kind(tmp_path / "x.jpg") is FileKind.PHOTO


@pytest.mark.parametrize("brand", [b"isom", b"qt  ", b"msf1", b"hevc", b"3gp5"])
def test_other_brands_are_videos(tmp_path, brand):
    (tmp_path / "x.jpg").write_bytes(b"\0\0\0\x14ftyp" + brand + bytes(300))
    assert file_kind(tmp_path / "x.jpg") is FileKind.VIDEO


def test_a_video_is_a_video(tmp_path):
    path = write_video(tmp_path / "x.avi", [frame()] * 2).rename(tmp_path / "x.png")
    assert file_kind(path) is FileKind.VIDEO


@pytest.mark.parametrize(
    ("name", "kind"),
    [("x.heic", FileKind.PHOTO), ("x.mkv", FileKind.VIDEO), ("x.txt", None), ("x", None)],
)
def test_the_ending_decides_where_the_content_says_nothing(tmp_path, name, kind):
    (tmp_path / name).write_bytes(b"hello")
    assert file_kind(tmp_path / name) is kind


def test_damaged_headers_are_photos_so_that_reading_them_gives_the_error(tmp_path):
    for content in (saved("GIF")[:20], saved("TIFF", TURNED)[:40], b"\x89PNG\r\n\x1a\n"):
        (tmp_path / "x").write_bytes(content)
        assert file_kind(tmp_path / "x") is FileKind.PHOTO
