"""Damaged files are read or refused: no crash, no hang, no traceback, and bounded memory.

The number of a mutant seeds its mutations, so a failure can be repeated. The readers run in a
subprocess, because native code may crash it.
"""

import json
import subprocess
import sys
import zlib
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
import pillow_heif
import pytest
from PIL import Image

from tests.helpers.icc_profiles import ADOBE_RGB, rgb_profile
from tests.helpers.media_files import write
from tests.helpers.read_hostile_files import outcome

ROOT = Path(__file__).parents[3]
SAMPLE, MANY, BATCH = 60, 2000, 250
SLOWEST = 5.0
"""CPU seconds for one file; the slowest of 20,000 took 1.4."""

# Name -> mode of the image, options of Pillow's writer.
PICTURES = {
    "rgb.png": ("RGB", {}),
    "palette.png": ("P", {"transparency": 3}),
    "gray16.png": ("I;16", {}),
    "alpha.png": ("RGBA", {}),
    "baseline.jpg": ("RGB", {"quality": 80}),
    "progressive.jpg": ("RGB", {"progressive": True, "exif": b"Exif\0\0II*\0\x08\0\0\0\0\0"}),
    "cmyk.jpg": ("CMYK", {}),
    "lossy.webp": ("RGB", {"quality": 60}),
    "lossless.webp": ("RGBA", {"lossless": True}),
    "animated.webp": ("RGB", {"save_all": True}),
    "animated.gif": ("P", {"save_all": True}),
    "plain.tif": ("RGB", {}),
    "big.tif": ("RGB", {"big_tiff": True, "save_all": True}),
    "lzw.tif": ("RGB", {"compression": "tiff_lzw"}),
    "deflate.tif": ("L", {"compression": "tiff_deflate", "save_all": True}),
    "jpeg.tif": ("RGB", {"compression": "jpeg"}),
    "plain.bmp": ("RGB", {}),
    "palette.bmp": ("P", {}),
    "plain.ppm": ("RGB", {}),
    "photo.heic": ("RGB", {"quality": 60}),
    "alpha.heic": ("RGBA", {"quality": 60, "tile_size": 32}),
    "plain.avif": ("RGB", {}),
    "animated.avif": ("RGB", {"save_all": True}),
    "animated.png": ("RGB", {"save_all": True, "icc_profile": rgb_profile(ADOBE_RGB, 2.2)}),
    "gray12.tif": ("I;16", {}),
    "float.tif": ("F", {}),
    "profile.jpg": ("RGB", {"icc_profile": rgb_profile(ADOBE_RGB, 1.8)}),
    "lab.tif": ("LAB", {}),
}
VIDEOS = {
    "short.avi": "mjpeg",
    "short.mp4": "libx264",
    "short.mkv": "libx265",
    "short.webm": "libvpx-vp9",
    "short.ts": "mpeg2video",
    "short.h264": "libx264",
}


def picture(mode, shift=0):
    rng = np.random.default_rng(5)
    rows, columns = np.indices((40, 56))
    ramp = np.stack((rows * 5, columns * 4, (rows + columns + shift) * 2), axis=-1)
    rgb = np.clip(ramp + rng.integers(0, 20, ramp.shape), 0, 255).astype(np.uint8)
    if mode == "I;16":
        return Image.fromarray(rgb[..., 0].astype(np.uint16) * 16)
    if mode == "F":
        return Image.fromarray((rgb[..., 0] / 255).astype(np.float32))
    return Image.fromarray(rgb).convert(mode)


def _encoded(ending, samples):
    done, content = cv2.imencode(ending, samples)
    assert done
    return content.tobytes()


@pytest.fixture(scope="module")
def seeds(tmp_path_factory):
    """Name -> bytes of an intact file."""
    pillow_heif.register_heif_opener()
    made = {
        "rows.mjpeg": b"",
        "deep.png": _encoded(".png", np.array(picture("RGB")).astype(np.uint16) * 16),
        "floats.tif": _encoded(".tif", (np.array(picture("RGB")) / 255).astype(np.float32)),
        "deep.tif": _encoded(".tif", np.array(picture("RGB")).astype(np.uint16) * 16),
    }
    for name, (mode, options) in PICTURES.items():
        extra = {"append_images": [picture(mode, 40)]} if "save_all" in options else {}
        file = BytesIO()
        ending = name.rpartition(".")[2]
        kind = {"jpg": "JPEG", "tif": "TIFF", "heic": "HEIF"}.get(ending, ending.upper())
        picture(mode).save(file, kind, **options, **extra)
        made[name] = file.getvalue()
    made["rows.mjpeg"] = made["baseline.jpg"] + made["progressive.jpg"]
    for name, codec in VIDEOS.items():
        frames = [np.array(picture("RGB", shift)) for shift in range(0, 60, 10)]
        made[name] = write(tmp_path_factory.mktemp("seed") / name, frames, codec, rate=25)
        made[name] = made[name].read_bytes()
    return made


def flipped(rng, content, _other):
    for at in rng.integers(0, len(content), rng.integers(1, 17)):
        content[at] ^= 1 << int(rng.integers(8))
    return content


def cut_short(rng, content, _other):
    return content[: rng.integers(0, len(content))]


def emptied(rng, content, _other):
    at, size = int(rng.integers(len(content))), int(rng.integers(1, 200))
    content[at : at + size] = bytes(len(content[at : at + size]))
    return content


def extreme_number(rng, content, _other):
    """Write an extreme number, mostly near the start, where sizes and offsets are."""
    size = int(rng.choice((1, 2, 4)))
    reach = min(len(content) - size, 64 if rng.random() < 0.7 else len(content))
    at = int(rng.integers(0, reach))
    number = (0, 1, (1 << (8 * size)) - 1, 1 << (8 * size - 1), 30_000 % (1 << (8 * size)))
    order = "big" if rng.random() < 0.5 else "little"
    content[at : at + size] = int(number[rng.integers(5)]).to_bytes(size, order)
    return content


def spliced(rng, content, other):
    return content[: rng.integers(1, len(content))] + other[rng.integers(0, len(other)) :]


MUTATIONS = (flipped, cut_short, emptied, extreme_number, spliced)


def mended(content):
    """Return a PNG file with valid chunk checksums, so that the decoder reads on."""
    at = 8
    while at + 12 <= len(content):
        size = int.from_bytes(content[at : at + 4], "big")
        end = at + 8 + size
        if end + 4 > len(content):
            break
        content[end : end + 4] = zlib.crc32(content[at + 4 : end]).to_bytes(4, "big")
        at = end + 4
    return content


def mutant(seeds, number):
    """Return a name and bytes; the ending is sometimes that of another format."""
    rng = np.random.default_rng((20, number))
    names = sorted(seeds)
    name, other, ending = (names[i] for i in rng.integers(0, len(names), 3))
    name = names[number % len(names)]  # each format equally often
    content = bytearray(seeds[name])
    for _ in range(int(rng.integers(1, 4))):
        if len(content) > 8:
            content = MUTATIONS[rng.integers(len(MUTATIONS))](rng, content, seeds[other])
    if name.endswith(".png") and rng.random() < 0.8:
        content = mended(content)
    shown = ending if rng.random() < 0.15 else name
    return f"{number:05d}-{shown}", bytes(content)


def read(folder, files):
    """Write files, read them in a subprocess and return the outcome of each."""
    for name, content in files.items():
        (folder / name).write_bytes(content)
    command = [sys.executable, "-m", "tests.helpers.read_hostile_files", *files]
    try:
        done = subprocess.run(
            [*command[:3], *(str(folder / name) for name in files)],
            capture_output=True,
            check=False,
            cwd=ROOT,
            timeout=60 + 2 * len(files),
            text=True,
        )
    except subprocess.TimeoutExpired as hung:
        pytest.fail(f"hangs at {(hung.stdout or b'').splitlines()[-1:]}")
    lines = done.stdout.splitlines()
    assert done.returncode == 0, f"dies at {lines[-1:]}: {done.stderr[-2000:]}"
    assert "Traceback" not in done.stderr
    return [json.loads(line) for line in lines if line.startswith("{")], done.stderr


def test_intact_files_are_read(seeds, tmp_path):
    outcomes, stderr = read(tmp_path, seeds)
    assert [one["file"] for one in outcomes] == ["read"] * len(seeds)
    assert stderr == ""


def check(seeds, folder, numbers):
    files = dict(mutant(seeds, number) for number in numbers)
    assert np.mean([content not in seeds.values() for content in files.values()]) > 0.95
    tiffs = {name: files[name] for name in files if files[name][:2] in (b"II", b"MM")}
    others = {name: files[name] for name in files if name not in tiffs}
    some, stderr = read(folder, others)
    # Messages of native code about damaged files are hidden from users.
    assert stderr == ""
    # libtiff cannot be silenced.
    more, _ = read(folder, tiffs)
    outcomes = some + more
    assert len(outcomes) == len(files)
    assert max(one["seconds"] for one in outcomes) < SLOWEST
    found = [one["file"] for one in outcomes]
    assert set(found) <= {"read", "refused"}
    # Otherwise the mutations would test nothing.
    assert 0.4 < np.mean([one == "refused" for one in found]) < 0.9


def test_a_sample_of_damaged_files_is_read_or_refused(seeds, tmp_path):
    check(seeds, tmp_path, range(SAMPLE))


@pytest.mark.integration
@pytest.mark.parametrize("first", range(0, MANY, BATCH))
def test_many_damaged_files_are_read_or_refused(seeds, tmp_path, first):
    check(seeds, tmp_path, range(first, first + BATCH))


@pytest.mark.parametrize(
    "content",
    [b"", b"\0", b"\xff" * 9, b"\x89PNG\r\n\x1a\n", b"RIFF\0\0\0\0WEBP", b"RIFF\0\0\0\0AVI "],
)
@pytest.mark.parametrize("ending", ["png", "jpg", "webp", "avi", "mp4"])
def test_headers_without_an_image_are_refused(tmp_path, content, ending):
    """In this process, because native code never sees them."""
    path = tmp_path / f"x.{ending}"
    path.write_bytes(content)
    assert outcome(str(path), b"") == "refused"
