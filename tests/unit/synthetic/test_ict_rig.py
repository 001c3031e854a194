"""The ICT rig from a miniature, and from the file in FAU_ICT."""

import numpy as np
import pytest

from fau_tf import facs
from fau_tf.synthetic import sample
from fau_tf.synthetic.rigs.canonical import canonical_rig
from fau_tf.synthetic.rigs.ict import action_units, openings
from fau_tf.synthetic.rigs.ict.rig import ict_rig
from fau_tf.synthetic.textures import uv_atlas
from tests.helpers import ict_miniature

INNER = slice(17, 68)
"""All landmarks but the jaw."""


@pytest.fixture(scope="module", params=["miniature", pytest.param("real", marks=pytest.mark.data)])
def rig(request, tmp_path_factory):
    return ict_miniature.rig_of(request.param, tmp_path_factory.mktemp("ict"))


@pytest.fixture(scope="module")
def canonical():
    return canonical_rig()


def test_every_vertex_is_used(rig):
    assert set(np.unique(rig.faces)) == set(range(len(rig.neutral)))


def test_its_landmarks_lie_near_those_of_the_canonical_rig(rig, canonical):
    gap = rig.neutral[rig.landmarks[INNER]] - canonical.neutral[canonical.landmarks[INNER]]
    assert np.sqrt((gap**2).sum(1)).mean() < 0.6  # two heads of different people
    np.testing.assert_allclose(gap.mean(0), 0, atol=0.06)  # closing the lips moves a few of them


def test_its_landmarks_have_the_texels_of_the_canonical_rig(rig, canonical):
    gap = rig.uv[rig.landmarks[INNER]] - canonical.uv[canonical.landmarks[INNER]]
    # the map is smooth, and eye corners are not taken from the landmarks
    assert np.abs(gap).max() < 4
    assert np.abs(gap).mean() < 1


def test_every_triangle_lies_in_one_patch_of_the_atlas(rig):
    assert rig.uv.min() >= 0
    assert rig.uv.max() <= uv_atlas.SIZE - 1
    patches = np.zeros((uv_atlas.SIZE, uv_atlas.SIZE), int)
    patches[: uv_atlas.HEAD_ROWS] = 1
    for number, name in enumerate(uv_atlas.PATCHES, start=2):
        patches[uv_atlas.patch(name)] = number
    column, row = rig.uv.round().astype(int).T
    corners = patches[row, column][rig.faces]
    assert (corners > 0).all()
    assert (corners == corners[:, :1]).all()


@pytest.mark.parametrize("au", facs.AUS)
def test_its_action_units_are_about_as_strong_as_the_canonical_ones(rig, canonical, au):
    own, other = (
        np.linalg.norm(r.action_units[au][r.landmarks[17:]], axis=1).max() for r in (rig, canonical)
    )
    assert 0.5 < own / other < 2.0


def test_parting_the_lips_does_not_move_nose_and_cheeks(rig):
    moved = np.linalg.norm(rig.action_units[25], axis=1)
    above = rig.neutral[:, 1] > rig.neutral[rig.landmarks[33], 1]
    assert moved[above].max() < 0.02
    assert moved.max() > 0.5


def test_eyeballs_lie_just_behind_the_eyelids(rig):
    for ring, offset, side in zip(rig.eyes, rig.eye_offset, (-1, 1), strict=True):
        margin = rig.neutral[ring]
        assert (side * margin[:, 0] > 0).all()
        center = margin.mean(0) + offset
        for shut in (0.0, 0.5, 1.0):
            away = np.linalg.norm(margin + shut * rig.action_units[45][ring] - center, axis=1)
            assert away.min() > rig.eye_radius - 0.15  # nearer, the eyeball would hide the eyelid
            assert away.max() < rig.eye_radius + 0.75  # at the corners, where it lies deep
    lids = np.array([(37, 41), (38, 40), (43, 47), (44, 46)]).T
    at_rest, shut = (
        (rig.neutral + part * rig.action_units[45])[rig.landmarks[lids], 1] for part in (0.0, 1.0)
    )
    assert (at_rest[0] - at_rest[1]).min() > 0.4
    assert (np.abs(shut[0] - shut[1]) < 0.2 * (at_rest[0] - at_rest[1])).all()


def test_the_same_file_gives_the_same_picture(rig):
    scene = sample.sample_scene(rig, person_seed=3, face_seed=3)
    first, again = (sample.render(scene, size=64) for _ in range(2))
    assert np.array_equal(first, again)
    assert first.std() > 20


def test_every_shape_of_the_table_has_a_reason():
    assert set(action_units.SHAPES) == set(facs.AUS)
    for rows in action_units.SHAPES.values():
        for name, weight, why in rows:
            assert weight > 0
            assert len(why.split()) > 3, name


def test_landmarks_that_no_skin_connects_are_refused():
    points = np.random.default_rng(0).normal(size=(68, 3))
    with pytest.raises(ValueError, match="one connected skin"):
        openings.Opening.found(openings.MOUTH, points, np.array([[0, 1, 2]]), np.arange(68))


@pytest.mark.parametrize(
    ("change", "received"),
    [
        ({"identity": None}, "it has no identity"),
        ({"landmark68": np.arange(67)}, r"landmark68 is \(67,\)"),
        ({"faces": np.zeros((4, 3), np.float32)}, r"faces is \(4, 3\) float32"),
        ({"neutral": np.full((20000, 3), np.nan)}, r"neutral .*finite"),
        ({"landmark68": np.full(68, 60000)}, "landmark68 refers beyond the 14264 vertices"),
        ({"material_names": np.array(["M_Face"])}, "material_names lacks M_BackHead"),
        (
            {"expression_names": np.array(["jawOpen"] * 32)},
            "lacks .*browInnerUp_L",
        ),
        ({"expression": np.zeros((30, 14264, 3), np.float16)}, "44 names for 30 expressions"),
        ({"identity": np.array([{}], object)}, "ValueError: .*pickle"),
    ],
)
def test_a_file_that_lacks_something_is_refused(tmp_path, change, received):
    path = ict_miniature.write_file(tmp_path / "ict.npz", **change)
    with pytest.raises(ValueError, match=received) as error:
        ict_rig(path)
    assert str(path) in str(error.value)
    assert "convert-ict" in str(error.value)


def test_other_files_and_folders_are_refused(tmp_path):
    text = tmp_path / "ict.npz"
    text.write_text("not arrays")
    for path in (text, tmp_path / "missing.npz", tmp_path):
        with pytest.raises(ValueError, match="convert-ict"):
            ict_rig(path)
