"""What the sample photo's files of many kinds give, pixel by pixel where that is exact."""

import struct
import sys
import warnings
import zlib
from io import BytesIO

import cv2
import numpy as np
import pytest
from PIL import Image

from fau_tf.io.color_codes import HLG, PQ
from fau_tf.io.images import UnreadableError, decode_picture, read_picture
from fau_tf.io.stills.decode import ONE_OF_SEVERAL, explained
from fau_tf.io.stills.pixels import FLOATS_ASSUMED, PROFILE_UNUSABLE, TONE_MAPPED
from fau_tf.io.stills.sample_depth import DEPTH_ASSUMED
from fau_tf.utils.optional_imports import MissingLibraryError
from tests.helpers import icc_profiles
from tests.helpers.still_files import (
    PIXELS,
    SAMPLE,
    STORED_AS,
    adobe_rgb_of,
    bt2020_of,
    hlg_of,
    orientation,
    pq_of,
    with_chunk,
    write_deep_rgb,
    write_hdr_avif,
    write_hdr_heic,
    write_heic,
)

GRAY = np.asarray(SAMPLE.convert("L"))
GRAYS = np.repeat(GRAY[..., None], 3, axis=-1)


def saved(picture, kind, **options):
    file = BytesIO()
    picture.save(file, kind, **({"speed": 10} if kind == "AVIF" else {}), **options)
    return file.getvalue()


def difference(image):
    assert image.shape == PIXELS.shape
    assert PIXELS.std() > 30
    return np.abs(image.astype(int) - PIXELS).mean()


@pytest.mark.parametrize("value", range(1, 9))
@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF", "JPEG", "MPO", "AVIF", "HEIF"])
def test_the_orientation_is_applied_in_every_format(tmp_path, kind, value):
    upright = SAMPLE.crop((60, 40, 188, 136))  # not square
    stored = STORED_AS[value](upright)
    options = {"WEBP": {"lossless": True}, "JPEG": {"quality": 97}, "MPO": {"quality": 97}}
    options["AVIF"] = {"quality": 95}
    if kind == "HEIF":
        found = read_picture(write_heic(tmp_path / "x.heic", stored, exif=orientation(value)))
    else:
        content = saved(stored, kind, exif=orientation(value), **options.get(kind, {}))
        found = decode_picture(content, "x")
    assert found.image.shape == (96, 128, 3)
    # Lossy formats: 2.1 at most; a picture turned or mirrored wrongly: 40 or more.
    assert np.abs(found.image.astype(int) - np.asarray(upright)).mean() < 3
    assert found.flags == ()


@pytest.mark.parametrize("ending", ["png", "tif"])
@pytest.mark.parametrize("colors", [True, False])
def test_the_orientation_of_deep_pictures_is_applied(tmp_path, ending, colors):
    upright = np.asarray(SAMPLE.crop((60, 40, 188, 136)))
    samples = np.rot90(upright).astype(np.uint16) * 16  # as orientation 6 stores it
    path = tmp_path / f"x.{ending}"
    if not colors:
        upright = np.repeat(upright[..., :1], 3, axis=-1)
        Image.fromarray(samples[..., 0]).save(path, exif=orientation(6))
    elif ending == "png":
        write_deep_rgb(path, samples)
        path.write_bytes(with_chunk(path.read_bytes(), b"eXIf", orientation(6)[6:]))
    else:
        path.write_bytes(tiff_of_colors(samples, orientation=6))
    np.testing.assert_array_equal(read_picture(path).image, upright)


def tiff_of_colors(samples, orientation):
    """Return a TIFF of 16-bit colors, one strip, by the specification (TIFF 6.0)."""
    height, width = samples.shape[:2]
    data = samples.astype("<u2").tobytes()
    bits = 8 + len(data)  # where the three BitsPerSample are
    entries = [
        *((256, 3, 1, width), (257, 3, 1, height), (258, 3, 3, bits), (259, 3, 1, 1)),
        *((262, 3, 1, 2), (273, 4, 1, 8), (274, 3, 1, orientation), (277, 3, 1, 3)),
        *((278, 3, 1, height), (279, 4, 1, len(data))),
    ]
    table = struct.pack("<H", len(entries))
    table += b"".join(struct.pack("<HHII", *entry) for entry in entries) + bytes(4)
    head = b"II*\0" + struct.pack("<I", bits + 6)
    return head + data + struct.pack("<3H", 16, 16, 16) + table


@pytest.mark.parametrize("tile_size", [0, 64])
def test_heic_is_read_whole(tmp_path, tile_size):
    """Phones store a picture as tiles; OpenCV and FFmpeg read one of them as a video."""
    found = read_picture(write_heic(tmp_path / "x.heic", tile_size=tile_size))
    assert difference(found.image) < 1.5
    assert found.flags == ()


def test_a_missing_library_is_no_damage(tmp_path, monkeypatch):
    path = write_heic(tmp_path / "x.heic", SAMPLE.resize((64, 64)))
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(MissingLibraryError, match="package pillow_heif is not installed"):
        read_picture(path)


def test_of_several_pictures_the_main_one_is_read_and_flagged(tmp_path):
    small = SAMPLE.resize((64, 64))
    others = {"save_all": True, "append_images": [small.rotate(9)]}
    write_heic(tmp_path / "two.heic", small, **others)
    assert read_picture(tmp_path / "two.heic").flags == (ONE_OF_SEVERAL,)
    for kind in ("GIF", "PNG", "WEBP", "TIFF", "AVIF"):
        found = decode_picture(saved(small, kind, **others), "x")
        assert np.abs(found.image.astype(int) - np.asarray(small)).mean() < 8, kind  # GIF: 6.1
        assert found.flags == (ONE_OF_SEVERAL,), kind
    jpeg = saved(SAMPLE, "JPEG")
    assert decode_picture(jpeg + jpeg, "x").flags == (ONE_OF_SEVERAL,)


def test_the_second_view_of_a_stereo_pair_is_no_preview():
    pair = saved(SAMPLE, "MPO", save_all=True, append_images=[SAMPLE])
    size = Image.open(BytesIO(pair)).mpinfo[0xB002][1]["Size"]
    kind = struct.pack("<LL", 0, size), struct.pack("<LL", 0x020002, size)  # multi-frame: disparity
    assert pair.count(kind[0]) == 1
    assert decode_picture(pair.replace(*kind), "x").flags == (ONE_OF_SEVERAL,)


def test_previews_and_bytes_behind_a_photo_are_no_further_pictures():
    thumbnail = SAMPLE.resize((64, 64))
    mpo = saved(SAMPLE, "MPO", save_all=True, append_images=[thumbnail])
    assert Image.open(BytesIO(mpo)).n_frames == 2
    for content in (mpo, saved(SAMPLE, "JPEG") + bytes(1000)):
        assert decode_picture(content, "x").flags == ()


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
@pytest.mark.parametrize(("factor", "flags"), [(257, ()), (16, (DEPTH_ASSUMED,))])
def test_gray_of_12_and_16_bits(kind, factor, flags):
    found = decode_picture(saved(Image.fromarray(GRAY.astype(np.uint16) * factor), kind), "x")
    np.testing.assert_array_equal(found.image, GRAYS)
    assert found.flags == flags


@pytest.mark.parametrize("ending", ["png", "tif"])
@pytest.mark.parametrize(("factor", "flags"), [(257, ()), (16, (DEPTH_ASSUMED,))])
def test_colors_of_12_and_16_bits(tmp_path, ending, factor, flags):
    path = write_deep_rgb(tmp_path / f"x.{ending}", PIXELS.astype(np.uint16) * factor)
    found = read_picture(path)
    np.testing.assert_array_equal(found.image, PIXELS)
    assert found.flags == flags


def test_alpha_beside_colors_of_12_bits(tmp_path):
    alpha = np.zeros((256, 256, 1), np.uint16)
    alpha[:, 30:] = 65535
    samples = np.concatenate((PIXELS[..., ::-1].astype(np.uint16) * 16, alpha), axis=-1)
    assert cv2.imwrite(str(tmp_path / "x.png"), samples)
    found = read_picture(tmp_path / "x.png")
    assert (found.image[:, :30] == 255).all()
    np.testing.assert_array_equal(found.image[:, 30:], PIXELS[:, 30:])


@pytest.mark.parametrize(
    ("bits", "kind", "samples", "transparent", "shown"),
    [
        # Gray is kind 0, colors are kind 2 of PNG.
        (16, 0, [0, 513, 514, 0xFF00], [513], [0, 255, 2, 255]),
        (16, 0, [0, 513, 0x8000], [0], [255, 2, 128]),
        (8, 0, [0, 13, 200], [13], [0, 255, 200]),
        (4, 0, [0, 13, 15, 2], [13], [0, 255, 255, 34]),
        (2, 0, [0, 1, 2, 3], [1], [0, 255, 170, 255]),
        (1, 0, [0, 1, 0], [0], [255, 255, 255]),
        (8, 2, [1, 2, 3, 4, 5, 6], [4, 5, 6], [1, 2, 3, 255, 255, 255]),
        # Only the lower bytes tell the first two apart.
        (16, 2, [1029, 1285, 1542, 1028, 1285, 1542, 0xFF00, 0, 0], [1028, 1285, 1542],
         [4, 5, 6, 255, 255, 255, 255, 0, 0]),
    ],
)  # fmt: skip
def test_one_transparent_level_or_color_shows_white(bits, kind, samples, transparent, shown):
    channels = 3 if kind else 1
    stored = "".join(f"{sample:0{bits}b}" for sample in samples)
    stored += "0" * (-len(stored) % 8)
    row = b"\0" + int(stored, 2).to_bytes(len(stored) // 8, "big")
    chunks = {
        b"IHDR": struct.pack(">IIBBBBB", len(samples) // channels, 1, bits, kind, 0, 0, 0),
        b"tRNS": struct.pack(f">{channels}H", *transparent),
        b"IDAT": zlib.compress(row),
        b"IEND": b"",
    }
    content = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in chunks.items()
    )
    image = decode_picture(content, "x").image
    wanted = np.array(shown).reshape(1, -1, channels)
    np.testing.assert_array_equal(image, np.broadcast_to(wanted, image.shape))


def test_declared_bits_are_no_assumption():
    samples = GRAY.astype(np.uint16) * 16 + 5  # uses the lower bits
    png = with_chunk(saved(Image.fromarray(samples), "PNG"), b"sBIT", bytes([12]))
    tiff = saved(Image.fromarray(samples), "TIFF", tiffinfo={281: 4095})
    for content in (png, tiff):
        found = decode_picture(content, "x")
        np.testing.assert_array_equal(found.image, GRAYS)
        assert found.flags == ()


def test_a_pgm_states_its_maximum():
    samples = (GRAY.astype(np.uint16) * 16).astype(">u2").tobytes()
    found = decode_picture(b"P5 256 256 4080\n" + samples, "x")
    np.testing.assert_array_equal(found.image, GRAYS)
    assert found.flags == ()


def test_floats_and_8_bit_values_in_32_bits():
    floats = saved(Image.fromarray((GRAY / 255).astype(np.float32)), "TIFF")
    wide = saved(Image.fromarray(GRAY.astype(np.int32)), "TIFF")
    for content, flags in ((floats, (FLOATS_ASSUMED,)), (wide, (DEPTH_ASSUMED,))):
        found = decode_picture(content, "x")
        np.testing.assert_array_equal(found.image, GRAYS)
        assert found.flags == flags


def test_floating_point_colors(tmp_path):
    path = write_deep_rgb(tmp_path / "x.tif", (PIXELS / 255).astype(np.float32))
    found = read_picture(path)
    np.testing.assert_array_equal(found.image, PIXELS)
    assert found.flags == (FLOATS_ASSUMED,)
    with pytest.raises(UnreadableError, match="256 x 256 px exceeds"):
        read_picture(path, max_pixels=60_000)
    path.write_bytes(path.read_bytes()[:100_000])
    with pytest.raises(UnreadableError, match=r"x\.tif: .*damaged"):
        read_picture(path)
    write_deep_rgb(path, PIXELS.astype(np.float32) * 100)
    with pytest.raises(UnreadableError, match="neither 0 to 1 nor 0 to 255"):
        read_picture(path)


def test_gray_and_alpha_of_12_bits():
    rows = np.stack((GRAY.astype(np.uint16) * 16, np.full_like(GRAY, 65535, np.uint16)), axis=-1)
    raw = b"".join(b"\0" + row.astype(">u2").tobytes() for row in rows)
    chunks = ((b"IHDR", struct.pack(">IIBBBBB", 256, 256, 16, 4, 0, 0, 0)),)
    chunks += ((b"IDAT", zlib.compress(raw)), (b"IEND", b""))
    content = b"\x89PNG\r\n\x1a\n" + b"".join(with_chunk(bytes(33), *one)[33:] for one in chunks)
    found = decode_picture(content, "x")
    np.testing.assert_array_equal(found.image, GRAYS)
    assert found.flags == (DEPTH_ASSUMED,)


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP", "AVIF", "JPEG", "HEIF"])
def test_an_embedded_profile_is_converted_to_srgb(tmp_path, kind):
    stored = Image.fromarray(adobe_rgb_of(PIXELS))
    assert difference(np.asarray(stored)) > 3  # what ignoring the profile would give
    options = {"icc_profile": icc_profiles.rgb_profile(icc_profiles.ADOBE_RGB, 2.2)}
    if kind == "HEIF":
        found = read_picture(write_heic(tmp_path / "x.heic", stored, **options))
    else:
        more = {"WEBP": {"lossless": True}, "JPEG": {"quality": 97, "subsampling": 0}}
        more |= {"AVIF": {"quality": 97, "subsampling": "4:4:4"}}
        found = decode_picture(saved(stored, kind, **options, **more.get(kind, {})), "x")
    lossless = kind in ("PNG", "TIFF", "WEBP")
    assert difference(found.image) < (0.6 if lossless else 1.7)  # roundings; JPEG's loss 1.4
    assert found.flags == ()


def test_a_gray_profile_is_applied():
    content = saved(SAMPLE.convert("L"), "PNG", icc_profile=icc_profiles.gray_profile(1.8))
    value = (GRAYS / 255) ** (round(1.8 * 256) / 256)
    srgb = np.where(value <= 0.0031308, 12.92 * value, 1.055 * value ** (1 / 2.4) - 0.055)
    np.testing.assert_allclose(decode_picture(content, "x").image, srgb * 255, atol=1.5)


def test_the_gamma_of_a_png_is_applied_unless_it_is_srgb():
    plain = saved(SAMPLE, "PNG")
    linear = with_chunk(plain, b"gAMA", struct.pack(">I", 100_000))
    value = PIXELS / 255
    srgb = np.where(value <= 0.0031308, 12.92 * value, 1.055 * value ** (1 / 2.4) - 0.055)
    np.testing.assert_allclose(decode_picture(linear, "x").image, srgb * 255, atol=0.6)
    for content in (
        with_chunk(plain, b"gAMA", struct.pack(">I", 45_455)),
        with_chunk(linear, b"sRGB", b"\0"),
        with_chunk(plain, b"gAMA", bytes(4)),
    ):
        np.testing.assert_array_equal(decode_picture(content, "x").image, PIXELS)


@pytest.mark.parametrize("kind", ["TIFF", "JPEG"])
def test_cmyk_is_converted_by_its_profile(kind):
    """The profile swaps cyan and magenta, so that ignoring it shows."""
    red, green, blue = (255 - PIXELS[..., i] for i in range(3))
    inks = np.stack((green, red, blue, np.zeros_like(red)), axis=-1)
    cmyk = Image.frombytes("CMYK", SAMPLE.size, inks.tobytes())
    options = {"quality": 97} if kind == "JPEG" else {}
    profile = icc_profiles.swapped_cmyk_profile()
    found = decode_picture(saved(cmyk, kind, icc_profile=profile, **options), "x")
    assert difference(found.image) < 3  # the table has 13 steps an ink: 1.9
    assert difference(decode_picture(saved(cmyk, kind, **options), "x").image) > 10


def test_a_profile_that_can_not_be_used_is_flagged():
    for profile in (b"junk", icc_profiles.swapped_cmyk_profile()):
        found = decode_picture(saved(SAMPLE, "PNG", icc_profile=profile), "x")
        np.testing.assert_array_equal(found.image, PIXELS)
        assert found.flags == (PROFILE_UNUSABLE,)


def test_lab_is_converted():
    found = decode_picture(saved(SAMPLE.convert("LAB"), "TIFF"), "x")
    assert difference(found.image) < 2  # L*, a* and b* in 8 bits: 1.1
    assert found.flags == ()


BELOW_KNEE = PIXELS.max(axis=-1) < 238


@pytest.mark.parametrize(("transfer", "coded"), [(PQ, pq_of), (HLG, hlg_of)])
@pytest.mark.parametrize("kind", ["heic", "avif", "png"])
def test_hdr_is_tone_mapped_and_flagged(tmp_path, kind, transfer, coded):
    samples = np.clip(coded(bt2020_of(PIXELS)), 0, 1)
    path = tmp_path / f"x.{kind}"
    if kind == "heic":
        write_hdr_heic(path, np.round(samples * 65535).astype(np.uint16), transfer)
    elif kind == "avif":
        write_hdr_avif(path, np.round(samples * 255).astype(np.uint8), transfer)
    else:
        write_deep_rgb(path, np.round(samples * 65535).astype(np.uint16))
        path.write_bytes(with_chunk(path.read_bytes(), b"cICP", bytes((9, transfer, 0, 1))))
    found = read_picture(path)
    assert found.flags == (TONE_MAPPED,)
    off = np.abs(found.image.astype(int) - PIXELS)[BELOW_KNEE].mean()
    # PNG has 16 bits, HEIC 10, Pillow's AVIF 8, of which PQ spends few on a face.
    assert off < {"png": 0.3, "heic": 2, "avif": 4}[kind]
    assert difference(np.round(samples * 255).astype(np.uint8)) > 20  # without tone mapping


def test_the_warning_filters_come_back_after_pictures_that_threads_read_at_the_same_time():
    before = list(warnings.filters)
    first, second = explained(BytesIO(), "a.png"), explained(BytesIO(), "b.png")
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    with warnings.catch_warnings(record=True) as caught:
        warnings.warn("of the second picture", stacklevel=1)
    second.__exit__(None, None, None)
    assert not caught
    assert warnings.filters == before
