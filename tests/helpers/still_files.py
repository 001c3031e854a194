"""Files of the sample photo in formats and codings that Pillow writes only in part."""

import struct
import zlib

import cv2
import numpy as np
import pillow_heif
from PIL import Image, ImageOps

from tests.helpers import icc_profiles
from tests.helpers.face_videos import PHOTO

SAMPLE = Image.open(PHOTO).convert("RGB")
"""The photo, 256 x 256 px, by which every file is judged."""

PIXELS = np.asarray(SAMPLE)

FAST = {"preset": "ultrafast"}
"""Settings of x265: larger files of the same quality in a sixth of the time."""

STORED_AS = {
    1: lambda picture: picture,
    2: ImageOps.mirror,
    3: lambda picture: picture.rotate(180),
    4: ImageOps.flip,
    5: lambda picture: picture.transpose(Image.Transpose.TRANSPOSE),
    6: lambda picture: picture.rotate(90, expand=True),
    7: lambda picture: picture.transpose(Image.Transpose.TRANSVERSE),
    8: lambda picture: picture.rotate(-90, expand=True),
}
"""EXIF orientation -> what a camera held that way stores of an upright picture."""


def orientation(value):
    exif = Image.Exif()
    exif[0x0112] = value
    return exif.tobytes()


def write_heic(path, picture=SAMPLE, **options):
    """Write a HEIC file; an `exif` orientation becomes a rotation that the format itself has."""
    pillow_heif.register_heif_opener()
    picture.save(path, "HEIF", **({"quality": 95, "chroma": 444, "enc_params": FAST} | options))
    return path


def write_hdr_heic(path, samples, transfer):
    """Write (H, W, 3) uint16 samples of BT.2020 as HEIC of 10 bits."""
    height, width = samples.shape[:2]
    pillow_heif.encode(
        "RGB;16",
        (width, height),
        np.ascontiguousarray(samples).tobytes(),
        path,
        quality=95,
        chroma=444,
        enc_params=FAST,
        color_primaries=9,
        transfer_characteristics=transfer,
        matrix_coefficients=9,
        full_range_flag=1,
    )
    return path


def write_hdr_avif(path, samples, transfer):
    """Write (H, W, 3) uint8 samples of BT.2020 as AVIF: Pillow's file with another color code."""
    Image.fromarray(samples).save(path, quality=95, subsampling="4:4:4", speed=10)
    content = path.read_bytes()
    at = content.index(b"colrnclx") + 8
    path.write_bytes(content[:at] + struct.pack(">HH", 9, transfer) + content[at + 4 :])
    return path


def write_deep_rgb(path, samples):
    """Write (H, W, 3) uint16 or float32 samples, which Pillow can't."""
    assert cv2.imwrite(str(path), samples[..., ::-1])
    return path


def with_chunk(content, kind, body):
    """Return a PNG file with one more chunk behind its header."""
    chunk = struct.pack(">I", len(body)) + kind + body
    chunk += struct.pack(">I", zlib.crc32(kind + body))
    return content[:33] + chunk + content[33:]


def bt2020_of(rgb):
    """Return sRGB (H, W, 3) uint8 as linear BT.2020, 1 for white (ITU-R BT.2087, 709 to 2020)."""
    x = rgb / 255
    linear = np.where(x <= 0.04045, x / 12.92, ((x + 0.055) / 1.055) ** 2.4)
    matrix = [[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.0880, 0.8956]]
    return linear @ np.transpose(matrix)


def pq_of(linear):
    """SMPTE ST 2084, 1 at 203 cd/m2 (ITU-R BT.2408)."""
    y = np.clip(linear, 0, None) * 203 / 10_000
    m1, m2, c1, c2, c3 = 2610 / 16384, 2523 / 32, 3424 / 4096, 2413 / 128, 2392 / 128
    return ((c1 + c2 * y**m1) / (1 + c3 * y**m1)) ** m2


def hlg_of(linear):
    """ITU-R BT.2100 HLG for a display of 1000 cd/m2, 1 at 203 cd/m2."""
    display = np.clip(linear, 0, None) * 0.203
    luminance = display @ (0.2627, 0.6780, 0.0593)
    scene = display * np.maximum(luminance, 1e-9)[..., None] ** (1 / 1.2 - 1)
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    upper = a * np.log(np.maximum(12 * scene - b, 1e-9)) + c
    return np.where(scene <= 1 / 12, np.sqrt(3 * scene), upper)


def adobe_rgb_of(rgb):
    """Return sRGB pixels as Adobe RGB, by both definitions."""
    x = rgb / 255
    linear = np.where(x <= 0.04045, x / 12.92, ((x + 0.055) / 1.055) ** 2.4)
    xyz = linear @ np.array(icc_profiles.SRGB)
    wide = np.clip(xyz @ np.linalg.inv(icc_profiles.ADOBE_RGB), 0, 1)
    return np.round(wide ** (256 / round(2.2 * 256)) * 255).astype(np.uint8)
