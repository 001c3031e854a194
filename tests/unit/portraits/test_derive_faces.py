"""Statistics of neutral faces: found again in made people, and only from training portraits."""

import numpy as np
import pytest
from PIL import Image

from fau_tf.portraits import derive_faces
from fau_tf.portraits.fields import face_shape
from fau_tf.synthetic.rigs import canonical_identity
from fau_tf.synthetic.rigs import canonical_topology as topology

IRIS_HEIGHT = 0.2


def seen(face, rng):
    """Return the (478, 3) points of a face (468, 3), photographed, tilted and enlarged."""
    irises = np.zeros((10, 3))
    for iris, ring in derive_faces.IRISES:
        irises[iris - 468] = face[list(ring)].mean(0) + np.array([0, IRIS_HEIGHT, 0])
    points = np.vstack([face, irises])
    points[:, :2] /= 1 - points[:, 2:] / derive_faces.DISTANCE
    angle = rng.uniform(-0.3, 0.3)
    turn = np.array(
        [[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]]
    )
    return rng.uniform(5, 20) * points @ turn + rng.normal(0, 100, 3)


def test_the_shapes_of_made_people_are_found_again():
    rng = np.random.default_rng(0)
    shape = face_shape()
    basis = canonical_identity.basis(shape.points, shape.points)[3:9]  # symmetric proportions
    people = shape.points + np.einsum("ni,ivc->nvc", rng.normal(0, 1, (60, len(basis))), basis)
    crooked = rng.normal(0, 0.05, (60, 468, 3))
    crooked -= crooked[:, shape.mirror] * [-1, 1, 1]
    faces = np.stack([seen(face, rng) for face in people + 0.5 * crooked])
    mean, modes, height = derive_faces.statistics(faces, shape)
    assert height == pytest.approx(IRIS_HEIGHT, abs=0.01)  # people differ in size, faces do not
    flat = modes.reshape(len(modes), -1)
    size = np.linalg.norm(flat, axis=1)
    assert (np.diff(size) <= 1e-9).all()
    # Crooked noise ends with the reflection; scale and place, which are taken out, leave 3 %.
    assert size[len(basis)] < 0.05 * size[0]
    np.testing.assert_allclose(modes[:6], modes[:6][:, shape.mirror] * [-1, 1, 1], atol=1e-9)
    # The means of two samples of 60 people, and proportions that scale the face.
    assert np.abs(mean - people.mean(0)).max() < 0.1
    kept = flat[: len(basis)] / size[: len(basis), None]
    for face in people[:5]:
        difference = (derive_faces._placed(face, mean) - mean).ravel()
        rest = difference - kept.T @ (kept @ difference)
        assert np.linalg.norm(difference) > 1
        assert np.linalg.norm(rest) < 0.1 * np.linalg.norm(difference)


def folder(tmp_path, people):
    place = tmp_path / "faces"
    place.mkdir()
    for i in range(people):
        for name in ("neutral", "smiling"):
            Image.new("RGB", (8, 8)).save(place / f"{i:03d}_{name}.png")
    (place / "portraits.toml").write_text(
        'license = "CC0"\nattribution = "made"\n'
        "[split]\ntest_every = 3\nvalidation_every = 3\n"
        '[[rule]]\nfiles = "*neutral.png"\nexpression = "neutral"\nsubject = "^(\\\\d+)_"\n'
        '[[rule]]\nsubject = "^(\\\\d+)_"\n'
    )
    return place


def test_only_neutral_photos_of_training_subjects_are_opened(tmp_path):
    opened, rng = [], np.random.default_rng(0)

    def points(path):
        opened.append(path.name)
        return seen(face_shape().points + rng.normal(0, 0.01, (468, 3)), rng)

    out = tmp_path / "faces.npz"
    count = derive_faces.write(out, [folder(tmp_path, 60)], points)
    # Of 60 people 20 are for testing, and every third of the others for validation.
    assert count == len(opened) == 26
    assert all(name.endswith("_neutral.png") for name in opened)
    assert not {name for name in opened if int(name[:3]) % 3 == 0}
    with np.load(out, allow_pickle=False) as content:
        assert content["identity"].shape == (derive_faces.COMPONENTS, topology.FACE_VERTICES, 3)


def test_too_few_faces_are_refused_and_nothing_is_written(tmp_path):
    out = tmp_path / "faces.npz"
    with pytest.raises(ValueError, match="Received: 0 faces in 13 neutral"):
        derive_faces.write(out, [folder(tmp_path, 30)], lambda _: None)
    assert not out.exists()
