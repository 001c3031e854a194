"""ICC profiles of version 2, built from their definition (ICC.1:2001-04)."""

import itertools
import struct

import numpy as np

ADOBE_RGB = ((0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457))
"""XYZ of red, green and blue of Adobe RGB (1998), adapted to D50."""

SRGB = ((0.43607, 0.22249, 0.01392), (0.38515, 0.71687, 0.09708), (0.14307, 0.06061, 0.71410))
D50 = (0.9642, 1.0, 0.8249)
_GRID = 13


def rgb_profile(colorants, gamma):
    """Return a profile of three primaries and a gamma, or a table of 0 to 1 in its place."""
    tags = {b"wtpt": _xyz(D50)}
    for name, value in zip((b"r", b"g", b"b"), colorants, strict=True):
        tags |= {name + b"XYZ": _xyz(value), name + b"TRC": _curve(gamma)}
    return _profile(b"mntr", b"RGB ", b"XYZ ", tags)


def gray_profile(gamma):
    return _profile(b"mntr", b"GRAY", b"XYZ ", {b"wtpt": _xyz(D50), b"kTRC": _curve(gamma)})


def swapped_cmyk_profile():
    """A press whose cyan and magenta inks are swapped: C takes green away, and M red."""
    steps = np.linspace(0, 1, _GRID)
    ink = np.array(list(itertools.product(steps, repeat=4)))
    rgb = (1 - ink[:, [1, 0, 2]]) * (1 - ink[:, 3:])
    lab = _lab(rgb)
    table = np.stack((lab[:, 0] * 652.8, (lab[:, 1] + 128) * 256, (lab[:, 2] + 128) * 256), -1)
    clut = np.clip(np.round(table), 0, 65535).astype(">u2").tobytes()
    identity = struct.pack(">9i", *(65536 if i % 4 == 0 else 0 for i in range(9)))
    ends = struct.pack(">2H", 0, 65535)
    lut = b"mft2\0\0\0\0" + bytes((4, 3, _GRID, 0)) + identity + struct.pack(">2H", 2, 2)
    return _profile(
        b"prtr", b"CMYK", b"Lab ", {b"wtpt": _xyz(D50), b"A2B0": lut + 4 * ends + clut + 3 * ends}
    )


def _lab(srgb):
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    ratio = linear @ np.array(SRGB) / D50
    f = np.where(ratio > 216 / 24389, np.cbrt(ratio), (24389 / 27 * ratio + 16) / 116)
    return np.stack(
        (116 * f[:, 1] - 16, 500 * (f[:, 0] - f[:, 1]), 200 * (f[:, 1] - f[:, 2])), axis=-1
    )


def _xyz(value):
    return b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(x * 65536) for x in value))


def _curve(gamma):
    if not isinstance(gamma, float):
        table = np.round(np.asarray(gamma) * 65535).astype(">u2").tobytes()
        return b"curv\0\0\0\0" + struct.pack(">I", len(gamma)) + table
    return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256))


def _profile(kind, space, connection, tags):
    content, table, at = b"", struct.pack(">I", len(tags)), 132 + 12 * len(tags)
    for name, body in tags.items():
        table += struct.pack(">4sII", name, at + len(content), len(body))
        content += body + bytes(-len(body) % 4)
    size = at + len(content)
    head = struct.pack(">I4sI4s4s4s", size, b"test", 0x02400000, kind, space, connection)
    head += struct.pack(">6H", 2026, 1, 1, 0, 0, 0) + b"acsp" + bytes(28) + _xyz(D50)[8:]
    return head.ljust(128, b"\0") + table + content
