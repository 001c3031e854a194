import os
import struct
import zlib
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from fau_tf.io import images
from fau_tf.io.images import Frame, Picture, UnreadableError, decode_image, read_image


@pytest.fixture
def rgb():
    rows, columns = np.indices((20, 30))
    return np.stack((rows * 10, columns * 8, rows + columns), axis=-1).astype(np.uint8)


def saved(path, array, mode=None, **options):
    picture = Image.fromarray(array)
    (picture.convert(mode) if mode else picture).save(path, **options)
    return path


@pytest.mark.parametrize("kind", ["png", "bmp", "ppm", "tiff", "webp"])
def test_lossless_formats_give_the_pixels(tmp_path, rgb, kind):
    options = {"lossless": True} if kind == "webp" else {}
    np.testing.assert_array_equal(read_image(saved(tmp_path / f"x.{kind}", rgb, **options)), rgb)


def test_a_jpeg_is_read_whatever_its_name(tmp_path, rgb):
    path = saved(tmp_path / "x.jpg", rgb, quality=95).rename(tmp_path / "x.data")
    found = read_image(path)
    assert found.dtype == np.uint8
    assert np.abs(found.astype(int) - rgb).mean() < 4  # JPEG's loss


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_exif_orientation_is_applied(tmp_path, rgb, orientation):
    undo = {
        1: rgb,
        2: rgb[:, ::-1],
        3: rgb[::-1, ::-1],
        4: rgb[::-1],
        5: rgb.transpose(1, 0, 2),
        6: rgb.transpose(1, 0, 2)[::-1],
        7: rgb[::-1, ::-1].transpose(1, 0, 2),
        8: rgb.transpose(1, 0, 2)[:, ::-1],
    }[orientation]
    # Each stored picture is what a camera held that way writes of `rgb`.
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = saved(tmp_path / "x.png", np.ascontiguousarray(undo), exif=exif.tobytes())
    np.testing.assert_array_equal(read_image(path), rgb)


def test_grays_palettes_and_bilevel_become_rgb(tmp_path, rgb):
    gray = rgb[..., 0]
    found = read_image(saved(tmp_path / "gray.png", gray))
    np.testing.assert_array_equal(found, np.repeat(gray[..., None], 3, axis=-1))
    for mode in ("P", "1", "LA", "CMYK"):
        kind = "tiff" if mode == "CMYK" else "png"
        found = read_image(saved(tmp_path / f"{mode}.{kind}", rgb, mode))
        assert found.shape == rgb.shape
        assert found.dtype == np.uint8
        assert found.std() > 10


def test_a_16_bit_gray_keeps_its_upper_byte(tmp_path):
    deep = np.linspace(0, 65535, 600).reshape(20, 30).astype(np.uint16)
    found = read_image(saved(tmp_path / "deep.png", deep))
    np.testing.assert_array_equal(found[..., 1], deep // 256)


def test_transparency_shows_white(tmp_path, rgb):
    alpha = np.zeros((20, 30, 1), np.uint8)
    alpha[:, 15:] = 255
    found = read_image(saved(tmp_path / "x.png", np.concatenate((rgb, alpha), axis=-1)))
    assert (found[:, :15] == 255).all()
    np.testing.assert_array_equal(found[:, 15:], rgb[:, 15:])


def test_bytes_are_read_as_files_are(tmp_path, rgb):
    path = saved(tmp_path / "x.png", rgb)
    np.testing.assert_array_equal(decode_image(path.read_bytes(), "x"), rgb)
    with pytest.raises(UnreadableError, match="stdin: 5 bytes that are not an image"):
        decode_image(b"hello", "stdin")


def test_a_large_image_is_refused_before_it_is_decoded(tmp_path):
    path = tmp_path / "bomb.png"
    # A header of 30,000 x 30,000 px without data.
    path.write_bytes(_png_header(30_000, 30_000))
    with pytest.raises(UnreadableError, match="exceeds the limit of 64 million pixels"):
        read_image(path)
    path.write_bytes(_png_header(9_000, 9_000))
    with pytest.raises(UnreadableError, match=r"bomb\.png: 9000 x 9000 px exceeds .*Shrink"):
        read_image(path)


def _png_header(width, height):
    def chunk(kind, body):
        check = zlib.crc32(kind + body)
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", check)

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b""))


def test_the_pixel_cap_can_be_set(tmp_path, rgb):
    path = saved(tmp_path / "x.png", rgb)
    assert read_image(path, max_pixels=600).shape == rgb.shape
    with pytest.raises(UnreadableError, match="30 x 20 px"):
        read_image(path, max_pixels=599)


@pytest.mark.parametrize("kind", ["png", "jpg", "webp", "tiff", "gif", "bmp"])
@pytest.mark.parametrize("keep", [0.1, 0.5, 0.9])
def test_a_truncated_image_is_refused_with_its_path(tmp_path, kind, keep):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    path = saved(tmp_path / f"cut.{kind}", noise)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * keep)])
    with pytest.raises(UnreadableError, match=rf"cut\.{kind}: .*(damaged|not an image)"):
        read_image(path)


@pytest.mark.parametrize("content", [b"", b"hello", b"%!PS-Adobe-3.0 EPSF-3.0\n", bytes(1000)])
def test_other_files_are_refused(tmp_path, content):
    path = tmp_path / "x.jpg"
    path.write_bytes(content)
    with pytest.raises(
        UnreadableError, match=r"x\.jpg: \d+ bytes that are not an image \(JPEG.*Convert"
    ):
        read_image(path)


def test_a_missing_file_a_folder_and_a_pipe_are_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for name, received in (
        ("none", "No such file"),
        (".", "not a regular"),
        ("pipe", "not a regular"),
    ):
        with pytest.raises(UnreadableError, match=f"{received}.*Check the path"):
            read_image(tmp_path / name)


@pytest.mark.parametrize(
    ("name", "received"),
    [("n" * 300 + ".png", "File name too long"), ("x\0.png", "null byte"), ("x/y", "Not a direct")],
)
def test_an_impossible_file_name_is_refused(tmp_path, name, received):
    (tmp_path / "x").write_text("a file, no folder")
    with pytest.raises(UnreadableError, match=f"cannot be opened: .*{received}.*Check the path"):
        read_image(tmp_path / name)


def test_an_image_without_read_permission_is_refused(tmp_path, monkeypatch):
    def refuse(path, _flags):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(images.os, "open", refuse)  # the superuser may enter any folder
    with pytest.raises(UnreadableError, match="cannot be opened: Permission denied"):
        read_image(tmp_path / "x.png")


def test_values_of_unknown_scale_are_refused(tmp_path):
    floats = saved(tmp_path / "f.tiff", np.full((4, 4), 20.0, np.float32))
    deep = saved(tmp_path / "i.tiff", np.full((4, 4), 70_000, np.int32))
    with pytest.raises(UnreadableError, match="neither 0 to 1 nor 0 to 255"):
        read_image(floats)
    with pytest.raises(UnreadableError, match=r"70000 exceed 16 bits\. Convert"):
        read_image(deep)
    with pytest.raises(UnreadableError, match=r"The Pillow image: floating.*Scale"):
        images.as_image(Image.fromarray(np.full((4, 4), 20.0, np.float32)))


@pytest.mark.parametrize("kind", ["png", "jpg"])
def test_a_damaged_pillow_image_is_refused_as_its_file_is(tmp_path, kind):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    content = saved(tmp_path / f"x.{kind}", noise).read_bytes()
    with pytest.raises(UnreadableError, match=r"^The Pillow image: .*damaged.*\. Save it again"):
        images.as_picture(Image.open(BytesIO(content[: len(content) // 2])))


def test_pictures_are_equal_to_themselves_only(rgb):
    for one, other in ((Picture(rgb), Picture(rgb)), (Frame(rgb), Frame(rgb))):
        assert one == one
        assert one != other
        assert {one: 1, other: 2}[one] == 1


def test_every_reader_exists():
    Image.init()
    assert set(images.FORMATS) - {"HEIF"} <= set(Image.OPEN)  # HEIF is not Pillow's


def test_the_header_is_checked_without_the_pixels(tmp_path, rgb):
    images.check_image(saved(tmp_path / "x.png", rgb))
    for content in (b"", b"hello", (tmp_path / "x.png").read_bytes()[:40]):
        (tmp_path / "y.png").write_bytes(content)
        with pytest.raises(UnreadableError, match=r"y\.png: "):
            images.check_image(tmp_path / "y.png")
