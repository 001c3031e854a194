"""The ICT rig: on a small head of our own, and on the real file where FAU_ICT names it."""

import numpy as np
import pytest

from fau_tf import facs
from fau_tf.synthetic import sample
from fau_tf.synthetic.rigs.canonical import canonical_rig
from fau_tf.synthetic.rigs.ict import action_units, openings
from fau_tf.synthetic.rigs.ict.rig import ict_rig
from fau_tf.synthetic.textures import uv_atlas
from tests.helpers import ict_miniature

JAW = list(range(4, 13))
INNER_LIPS = [(61, 67), (62, 66), (63, 65)]
ROUNDING = 1e-5
"""cm, of float32 fields a few cm wide, summed over some components."""


@pytest.fixture(scope="module", params=["miniature", pytest.param("real", marks=pytest.mark.data)])
def rig(request, tmp_path_factory):
    return ict_miniature.rig_of(request.param, tmp_path_factory.mktemp("ict"))


def test_every_array_belongs_to_the_same_vertices(rig):
    count = len(rig.neutral)
    assert set(rig.action_units) == set(facs.AUS)
    for field in (*rig.action_units.values(), rig.neutral, rig.blink, *rig.identity):
        assert field.shape == (count, 3)
        assert np.isfinite(field).all()
        assert np.abs(field).max() > 0.03
    assert len(rig.uv) == len(rig.head_weight) == len(rig.scalp) == len(rig.curtain) == count
    assert len(rig.shade) == count
    assert set(np.unique(rig.faces)) == set(range(count))  # none is unused
    for share in (rig.head_weight, rig.scalp, rig.shade):
        assert share.min() >= 0
        assert share.max() == pytest.approx(1)


def test_it_stands_where_the_canonical_rig_stands(rig):
    canonical = canonical_rig()
    inner = slice(17, 68)
    gap = rig.neutral[rig.landmarks[inner]] - canonical.neutral[canonical.landmarks[inner]]
    assert np.sqrt((gap**2).sum(1)).mean() < 0.6  # two heads of different people
    np.testing.assert_allclose(gap.mean(0), 0, atol=0.06)  # shutting the lips moves a few of them


def test_its_skin_has_the_texels_of_the_same_places_of_the_canonical_head(rig):
    canonical = canonical_rig()
    inner = slice(17, 68)
    gap = rig.uv[rig.landmarks[inner]] - canonical.uv[canonical.landmarks[inner]]
    # the map is smooth, and the lids' corners are found apart from the landmarks there
    assert np.abs(gap).max() < 4
    assert np.abs(gap).mean() < 1


def test_all_texels_lie_in_the_atlas(rig):
    assert rig.uv.min() >= 0
    assert rig.uv.max() <= uv_atlas.SIZE - 1


def test_no_triangle_lies_in_two_patches_of_the_atlas(rig):
    patches = np.zeros((uv_atlas.SIZE, uv_atlas.SIZE), int)
    patches[: uv_atlas.HEAD_ROWS] = 1
    for number, name in enumerate(uv_atlas.PATCHES, start=2):
        patches[uv_atlas.patch(name)] = number
    column, row = rig.uv.round().astype(int).T
    corners = patches[row, column][rig.faces]
    assert (corners > 0).all()
    assert (corners == corners[:, :1]).all()


@pytest.mark.parametrize("au", facs.AUS)
def test_it_is_as_strong_as_the_canonical_rig(rig, au):
    canonical = canonical_rig()
    own, other = (
        np.linalg.norm(r.action_units[au][r.landmarks[17:]], axis=1).max() for r in (rig, canonical)
    )
    assert 0.5 < own / other < 2.0


def test_parting_the_lips_leaves_nose_and_cheeks_alone(rig):
    moved = np.linalg.norm(rig.action_units[25], axis=1)
    above = rig.neutral[:, 1] > rig.neutral[rig.landmarks[33], 1]
    assert moved[above].max() < 0.02
    assert moved.max() > 0.5


def test_eyeballs_fill_the_lids_and_stay_behind_them(rig):
    for ring, offset, side in zip(rig.eyes, rig.eye_offset, (-1, 1), strict=True):
        margin = rig.neutral[ring]
        assert (side * margin[:, 0] > 0).all()
        center = margin.mean(0) + offset
        for blink in (0.0, 0.5, 1.0):
            away = np.linalg.norm(margin + blink * rig.blink[ring] - center, axis=1)
            assert away.min() > rig.eye_radius - 0.15  # further in, the ball would hide the lid
            assert away.max() < rig.eye_radius + 0.75  # at the corners, where it lies deep
    lids = np.array([(37, 41), (38, 40), (43, 47), (44, 46)]).T
    at_rest, shut = (
        (rig.neutral + blink * rig.blink)[rig.landmarks[lids], 1] for blink in (0.0, 1.0)
    )
    assert (at_rest[0] - at_rest[1]).min() > 0.4
    assert (np.abs(shut[0] - shut[1]) < 0.2 * (at_rest[0] - at_rest[1])).all()


def test_the_same_file_gives_the_same_picture(rig):
    scene = sample.sample_scene(rig, person_seed=3, face_seed=3)
    first, again = (sample.render(scene, size=64) for _ in range(2))
    assert np.array_equal(first, again)
    assert first.std() > 20


def test_every_shape_of_the_table_says_why():
    assert set(action_units.SHAPES) == set(facs.AUS)
    for rows in action_units.SHAPES.values():
        for name, weight, why in rows:
            assert weight > 0
            assert len(why.split()) > 3, name


def test_landmarks_that_no_skin_joins_are_refused():
    points = np.random.default_rng(0).normal(size=(68, 3))
    with pytest.raises(ValueError, match="one piece of skin"):
        openings.Opening.found(openings.MOUTH, points, np.array([[0, 1, 2]]), np.arange(68))


@pytest.mark.parametrize(
    ("change", "received"),
    [
        ({"identity": None}, "no identity"),
        ({"landmark68": np.arange(67)}, r"landmark68 \(67,\)"),
        ({"faces": np.zeros((4, 3), np.float32)}, r"faces \(4, 3\) float32"),
        ({"neutral": np.full((20000, 3), np.nan)}, r"neutral .*finite"),
        ({"landmark68": np.full(68, 60000)}, "landmark68 beyond the 14264 vertices"),
        ({"material_names": np.array(["M_Face"])}, "no M_BackHead"),
        (
            {"expression_names": np.array(["jawOpen"] * 32)},
            "browInnerUp_L.* among its expression_names",
        ),
        ({"expression": np.zeros((30, 14264, 3), np.float16)}, "44 names of expressions"),
        ({"identity": np.array([{}], object)}, "ValueError: .*pickle"),
    ],
)
def test_a_file_that_lacks_something_is_refused(tmp_path, change, received):
    path = ict_miniature.write_file(tmp_path / "ict.npz", **change)
    with pytest.raises(ValueError, match=received) as error:
        ict_rig(path)
    assert str(path) in str(error.value)
    assert "convert-ict" in str(error.value)


def test_what_is_no_file_of_arrays_is_refused(tmp_path):
    text = tmp_path / "ict.npz"
    text.write_text("not a file of arrays")
    for path in (text, tmp_path / "missing.npz", tmp_path):
        with pytest.raises(ValueError, match="convert-ict"):
            ict_rig(path)
