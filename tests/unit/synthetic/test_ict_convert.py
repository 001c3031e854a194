"""Conversion of ICT-FaceKit, on a miniature of the download."""

import json
import os
import shutil

import numpy as np
import pytest

from fau_tf.synthetic.rigs.ict.convert import convert
from fau_tf.synthetic.rigs.ict.rig import ict_rig
from tests.helpers import ict_miniature


@pytest.fixture(scope="module")
def download(tmp_path_factory):
    return ict_miniature.write_download(tmp_path_factory.mktemp("ict"))


@pytest.fixture(scope="module")
def converted(download, tmp_path_factory):
    out = tmp_path_factory.mktemp("out") / "ict.npz"
    convert(download, out)
    return out


@pytest.fixture
def copy(download, tmp_path):
    # hard links: remove a file before changing it
    shutil.copytree(download, tmp_path / "copy", copy_function=os.link)
    return tmp_path / "copy"


def test_the_file_has_the_content_of_the_download(converted):
    expected = ict_miniature.content()
    with np.load(converted, allow_pickle=False) as file:
        assert set(file.files) == set(expected)
        for name in ("neutral", "faces", "material", "material_names", "landmark68"):
            np.testing.assert_array_equal(file[name], expected[name])
            assert file[name].dtype == expected[name].dtype
        assert file["identity"].dtype == file["expression"].dtype == np.float16
        # nine digits of coordinates below 40 cm, then steps of float16 below 4 cm
        np.testing.assert_allclose(file["identity"], expected["identity"], atol=2e-3)
        where = {name: i for i, name in enumerate(expected["expression_names"].tolist())}
        order = [where[name] for name in file["expression_names"].tolist()]
        assert sorted(order) == list(range(len(where)))
        np.testing.assert_allclose(file["expression"], expected["expression"][order], atol=2e-3)


def test_the_rig_loads_the_converted_file(converted):
    assert ict_rig(converted).name == "ict"


def test_cheek_squint_substitutes_a_missing_cheek_raiser(copy, converted, tmp_path):
    for side in "LR":
        (copy / "FaceXModel" / f"cheekRaiser_{side}.obj").unlink()
    convert(copy, tmp_path / "other.npz")
    with np.load(tmp_path / "other.npz") as other, np.load(converted) as file:
        names = other["expression_names"].tolist()
        raiser, squint = (names.index(f"cheek{kind}_L") for kind in ("Raiser", "Squint"))
        assert np.abs(other["expression"][squint]).max() > 0.1
        np.testing.assert_array_equal(other["expression"][raiser], other["expression"][squint])
        assert names == file["expression_names"].tolist()


def test_the_same_download_gives_the_same_bytes(download, converted, tmp_path):
    convert(download / "FaceXModel", tmp_path / "again.npz")
    assert (tmp_path / "again.npz").read_bytes() == converted.read_bytes()


@pytest.mark.parametrize(
    "name", ["generic_neutral_mesh.obj", "vertex_indices.json", "jawOpen.obj", "cheekSquint_R.obj"]
)
def test_a_missing_file_is_named(copy, tmp_path, name):
    (copy / "FaceXModel" / name).unlink()
    with pytest.raises(FileNotFoundError, match=f"{name} does not exist"):
        convert(copy, tmp_path / "out.npz")
    assert not list(tmp_path.glob("*.npz"))


def test_a_download_without_identities_is_refused(copy, tmp_path):
    for path in (copy / "FaceXModel").glob("identity*"):
        path.unlink()
    with pytest.raises(FileNotFoundError, match="identity000"):
        convert(copy, tmp_path / "out.npz")


def _cut(text):
    return text[: text.rindex("v ") - 1]


@pytest.mark.parametrize(
    ("name", "change", "received"),
    [
        ("jawOpen.obj", _cut, "14263 vertices, the mean face 14264"),
        ("jawOpen.obj", lambda text: text + "v 1 nan 2\n", "not three finite numbers"),
        ("jawOpen.obj", lambda text: text + "v 1 2\n", "not three numbers"),
        ("jawOpen.obj", lambda text: text + "v 1 2 x\n", "not three numbers"),
        ("jawOpen.obj", lambda _: "", "no vertices"),
        ("generic_neutral_mesh.obj", lambda text: text + "f 1 2 99999\n", "do not fit"),
        ("generic_neutral_mesh.obj", lambda text: text + "f a b c\n", "the line `f a b c`"),
        ("generic_neutral_mesh.obj", lambda text: text.replace("M_Teeth", "M_T"), "no material"),
        ("vertex_indices.json", lambda text: text[:-2], "is not JSON"),
        ("vertex_indices.json", lambda _: "[]", "no list of names `expressions`"),
        ("vertex_indices.json", lambda text: text.replace("idx_", "x_"), "is not 68 vertices"),
        ("vertex_indices.json", lambda text: _without_a_landmark(text), "is not 68 vertices"),
    ],
)
def test_a_malformed_file_is_named(copy, tmp_path, name, change, received):
    path = copy / "FaceXModel" / name
    text = path.read_text()
    path.unlink()
    path.write_text(change(text))
    with pytest.raises(ValueError, match=received) as error:
        convert(copy, tmp_path / "out.npz")
    assert str(path) in str(error.value)
    assert not list(tmp_path.glob("*.npz"))


def _without_a_landmark(text):
    content = json.loads(text)
    content["idx_to_landmark_verts"].pop()
    return json.dumps(content)


def test_another_file_ending_is_refused(download, tmp_path):
    with pytest.raises(ValueError, match=r"must end in \.npz"):
        convert(download, tmp_path / "ict")


def test_a_failed_conversion_leaves_the_old_file(copy, tmp_path):
    out = tmp_path / "out.npz"
    out.write_bytes(b"old")
    path = copy / "FaceXModel" / "identity001.obj"
    path.unlink()
    path.write_text("v 0 0 0\n")
    with pytest.raises(ValueError, match="1 vertices"):
        convert(copy, out)
    assert out.read_bytes() == b"old"
