"""GNM's expression basis: read as it was written, and refused if it is damaged."""

import gzip
import struct

import numpy as np
import pytest

from fau_tf.portraits.derive_fields import GNM_BASIS, GNM_VERTICES, gnm_basis
from fau_tf.synthetic.rigs import canonical_topology as topology

COMPONENTS, VERTICES = 2, 5


@pytest.fixture
def basis():
    """Return the (2, 3) scale in m and the (2, 5, 3) steps of a small basis."""
    rng = np.random.default_rng(0)
    scale = rng.uniform(1e-4, 1e-3, (COMPONENTS, 3)).astype("<f4")
    return scale, rng.integers(-127, 128, (COMPONENTS, VERTICES, 3)).astype(np.int8)


@pytest.fixture
def folder(tmp_path, basis):
    """Return a folder as GNM has it; each mesh vertex is a quarter and three quarters of two."""
    scale, steps = basis
    head = struct.pack("<4sIII", b"GNE1", COMPONENTS, VERTICES, 3)
    content = head + scale.tobytes() + steps.tobytes()
    (tmp_path / GNM_BASIS).write_bytes(gzip.compress(content, mtime=0))
    corners = [f"{i % VERTICES} 0.25 {(i + 1) % VERTICES} 0.75 0 0.0" for i in range(468)]
    (tmp_path / GNM_VERTICES).write_text("\n".join(["# vertex weight", *corners]))
    return tmp_path


def test_the_basis_is_the_weighted_mean_of_vertices_in_cm(folder, basis):
    scale, steps = basis
    found = gnm_basis(folder)
    assert found.shape == (COMPONENTS, topology.FACE_VERTICES, 3)
    for i in (0, 4, 467):
        moved = 0.25 * steps[:, i % VERTICES] + 0.75 * steps[:, (i + 1) % VERTICES]
        np.testing.assert_allclose(found[:, i], 100 * scale * moved, rtol=1e-6)  # float32
    assert np.abs(found).max() > 1


def flipped(packed):
    return packed[:20] + bytes(byte ^ 0xFF for byte in packed[20:28]) + packed[28:]


DAMAGE = {
    "cut in the middle": lambda packed: packed[: len(packed) // 2],
    "cut in the head": lambda packed: packed[:5],
    "empty": lambda _: b"",
    "bits flipped": flipped,
    "not packed": gzip.decompress,
    "packed, without content": lambda _: gzip.compress(b""),
    "packed, shorter than its head": lambda _: gzip.compress(b"GNE1"),
    "another format": lambda packed: gzip.compress(b"X" + gzip.decompress(packed)[1:]),
    "a vertex short": lambda packed: gzip.compress(gzip.decompress(packed)[:-3]),
    "no components": lambda _: gzip.compress(struct.pack("<4sIII", b"GNE1", 0, VERTICES, 3)),
}


@pytest.mark.parametrize("harm", DAMAGE)
def test_a_damaged_basis_is_named(folder, harm):
    file = folder / GNM_BASIS
    file.write_bytes(DAMAGE[harm](file.read_bytes()))
    with pytest.raises(ValueError, match="must be a GNE1 basis") as error:
        gnm_basis(folder)
    assert str(error.value).startswith(f"{file} ")


@pytest.mark.parametrize(
    ("old", "new"),
    [("0 0.25", "0 0.x"), ("4 0.25", "9 0.25"), ("3 0.75", "-3 0.75"), ("#", "\xff")],
)
def test_a_damaged_table_of_vertices_is_named(folder, old, new):
    file = folder / GNM_VERTICES
    file.write_bytes(file.read_text().replace(old, new, 1).encode("latin-1"))
    with pytest.raises(ValueError, match="must have 468 rows") as error:
        gnm_basis(folder)
    assert str(error.value).startswith(f"{file} ")


def test_a_missing_file_is_reported_as_missing(folder):
    (folder / GNM_BASIS).unlink()
    with pytest.raises(FileNotFoundError):
        gnm_basis(folder)
