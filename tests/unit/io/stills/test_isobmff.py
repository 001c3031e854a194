"""Brands and color codes, of files that pillow-heif and Pillow write and of damaged ones."""

from io import BytesIO

import pillow_heif
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from fau_tf.io.color_codes import ColorCode
from fau_tf.io.stills import isobmff

PICTURE = Image.radial_gradient("L").resize((64, 48)).convert("RGB")


def heic(**options):
    file = BytesIO()
    pillow_heif.encode("RGB", PICTURE.size, PICTURE.tobytes(), file, quality=50, **options)
    return file.getvalue()


def avif():
    file = BytesIO()
    PICTURE.save(file, "AVIF", speed=10)
    return file.getvalue()


HEIC, AVIF = heic(color_primaries=9, transfer_characteristics=18), avif()


def test_the_brands_of_real_files():
    assert isobmff.brands(HEIC)[0] == b"heic"
    assert b"mif1" in isobmff.brands(HEIC)
    assert isobmff.is_still(HEIC)
    assert not isobmff.is_avif(HEIC)
    assert isobmff.is_still(AVIF)
    assert isobmff.is_avif(AVIF)


def head(major, *more):
    size = 16 + 4 * len(more)
    return size.to_bytes(4, "big") + b"ftyp" + major + bytes(4) + b"".join(more) + bytes(20)


@pytest.mark.parametrize(
    ("content", "still", "avif"),
    [
        (head(b"mif1", b"mif1", b"heic"), True, False),
        (head(b"mif1", b"mif1", b"avif"), True, True),
        (head(b"msf1", b"hevc"), False, False),
        (head(b"avis", b"avif", b"msf1"), False, True),
        (head(b"isom", b"mp42"), False, False),
        (head(b"qt  "), False, False),
        (b"", False, False),
        (b"\0\0\0\x18ftyp", False, False),
    ],
)
def test_the_major_brand_decides(content, still, avif):
    assert isobmff.is_still(content) == still
    assert isobmff.is_avif(content) == avif


def test_color_codes_of_real_files():
    assert isobmff.color_code(HEIC) == ColorCode(9, 18)
    assert isobmff.color_code(AVIF) == ColorCode(1, 13)
    assert isobmff.color_code(AVIF[:20]) is None
    assert isobmff.color_code(b"") is None


@settings(max_examples=60)
@given(st.data())
def test_damaged_boxes_give_a_code_or_none(data):
    content = bytearray(data.draw(st.sampled_from((HEIC, AVIF)))[:600])
    for _ in range(data.draw(st.integers(1, 8))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(content)))
    found = isobmff.color_code(bytes(content[:cut]))
    assert found is None or 0 <= found.transfer < 65536
