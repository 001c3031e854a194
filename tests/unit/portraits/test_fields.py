"""AU fields of other models on the face mesh: as packaged, and as they are derived."""

import gzip
import struct

import numpy as np
import pytest

from fau_tf import facs
from fau_tf.portraits import derive_fields
from fau_tf.portraits.fields import CANONICAL, au_fields, canonical_fields, face_shape
from fau_tf.synthetic.rigs.canonical import canonical_rig


def likeness(one, other):
    return (one * other).sum() / np.sqrt((one**2).sum() * (other**2).sum())


@pytest.mark.parametrize("model", ["anny", "ict", "gnm"])
def test_packaged_fields_move_the_face_as_their_au_does(model):
    fields, shape = au_fields().models, face_shape()
    assert len(fields[model]) >= 13
    for au, field in fields[model].items():
        assert likeness(field, fields[CANONICAL][au]) > 0.55, au
        assert np.abs(field - field[shape.mirror] * (-1, 1, 1)).max() < 0.01, (
            au
        )  # anny's shapes, stored
        assert 0.3 < np.linalg.norm(field, axis=1).max() < 3.0, au


def test_every_au_has_fields_of_two_models_and_their_mean_is_that_movement():
    models = au_fields().models
    for au in facs.ALL:
        own = [fields[au] for fields in models.values() if au in fields]
        assert len(own) >= 2, au
        # AU7 has the least: the lids of anny move less than the canonical ones.
        assert likeness(np.mean(own, axis=0), models[CANONICAL][au]) > 0.75, au


def test_a_rig_carried_over_to_its_own_mesh_keeps_its_fields():
    shape = face_shape()
    rig = canonical_rig()
    found = derive_fields.ict_fields(rig, shape)
    for au in facs.AUS:
        # Means over four neighbors of the subdivided mesh: smoother, most at the eyelids.
        own = rig.action_units[au][: len(shape.points)]
        assert likeness(found[au], own) > (0.9 if au in (5, 45) else 0.95), au


def write_basis(folder, components):
    """Write GNM's files with components (C, 468, 3) in cm, each vertex its own."""
    scale = np.abs(components).max((1,)) / 127 / 100 + 1e-12  # (C, 3), m
    steps = np.rint(components / 100 / scale[:, None]).astype(np.int8)
    count, vertices, axes = components.shape
    head = struct.pack("<4sIII", b"GNE1", count, vertices, axes)
    content = head + scale.astype("<f4").tobytes() + steps.tobytes()
    (folder / derive_fields.GNM_BASIS).write_bytes(gzip.compress(content))
    rows = "\n".join(f"{i} 1.0 0 0.0 0 0.0" for i in range(vertices))
    (folder / derive_fields.GNM_VERTICES).write_text("# vertex weight ...\n" + rows + "\n")


def test_a_field_within_the_basis_is_found_and_others_are_left_out(tmp_path):
    shape = face_shape()
    fields = canonical_fields(shape)
    write_basis(tmp_path, np.stack([fields[12], fields[26], fields[4]]))
    found = derive_fields.gnm_fields(tmp_path, shape)
    assert {4, 12, 26} <= set(found)
    assert 5 not in found
    for au in (4, 12, 26):
        # The jaw's field covers the smile's in part, and coefficients are kept small; int8 steps.
        assert np.abs(found[au] - fields[au]).max() < 0.12


def test_a_damaged_basis_is_refused(tmp_path):
    write_basis(tmp_path, np.zeros((2, 468, 3)) + 0.01)
    path = tmp_path / derive_fields.GNM_BASIS
    path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes())[:-1]))
    with pytest.raises(ValueError, match="must be a GNE1 basis"):
        derive_fields.gnm_basis(tmp_path)
    write_basis(tmp_path, np.zeros((2, 468, 3)) + 0.01)
    (tmp_path / derive_fields.GNM_VERTICES).write_text("0 1 0 0 0 0\n")
    with pytest.raises(ValueError, match="must have 468 rows"):
        derive_fields.gnm_basis(tmp_path)


def test_written_fields_are_read_back(tmp_path):
    write_basis(tmp_path, np.stack(list(canonical_fields(face_shape()).values())))
    found = derive_fields.write(tmp_path / "f.npz", ict=None, gnm=tmp_path)
    with np.load(tmp_path / "f.npz", allow_pickle=False) as arrays:
        assert sorted(arrays.files) == sorted(f"gnm_{au}" for au in found["gnm"])
        assert arrays["gnm_12"].shape == (468, 3)
