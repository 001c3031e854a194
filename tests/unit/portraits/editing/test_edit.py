"""Edits of a rendered portrait: what must move, what must not, and the same bytes each time."""

import cv2
import numpy as np
import pytest

from fau_tf import facs
from fau_tf.portraits.editing import eyes, lids_lips, mouth
from fau_tf.portraits.editing.edit import EditablePortrait, edit
from fau_tf.portraits.editing.glasses import wears_glasses
from fau_tf.portraits.editing.mouth import MouthLook
from fau_tf.portraits.editing.movement import Edit, Manner
from fau_tf.portraits.fields import CANONICAL, au_fields, face_shape
from fau_tf.synthetic.rigs import canonical_topology as topology
from tests.helpers.portraits import NEUTRAL, portrait

PLAIN = Manner({CANONICAL: 1.0})
EYES = (topology.RIGHT_EYE, topology.LEFT_EYE)
CREASED = Manner({CANONICAL: 1.0}, depths=dict.fromkeys(facs.AUS, 1.0))


def eye_window(mesh, ring):
    """Return rows and columns of an eye with its lashes."""
    low, high = mesh[list(ring)].min(0), mesh[list(ring)].max(0)
    columns, rows = (slice(int(a) - 2, int(b) + 3) for a, b in zip(low, high, strict=True))
    return rows, columns


@pytest.fixture(scope="module")
def face():
    return portrait()


def test_no_change_leaves_every_pixel_and_vertex(face):
    image, mesh = edit(face, Edit(), CREASED)
    assert (image == face.image).all()
    assert (mesh == face.mesh).all()


@pytest.mark.parametrize("au", facs.ALL)
def test_every_au_changes_the_picture_and_moves_its_mesh(face, au):
    image, mesh = edit(face, Edit({au: 5.0}), CREASED)
    assert np.abs(mesh - face.mesh).max() > 1.0
    assert np.abs(image.astype(float) - face.image).max() > 20


def test_the_border_of_the_picture_stays(face):
    image, _ = edit(face, Edit({1: 5.0, 12: 5.0}), CREASED)
    assert (image[:, :4] == face.image[:, :4]).all()
    assert (image[:, -4:] == face.image[:, -4:]).all()


def test_the_mesh_moves_by_the_field_turned_and_scaled_into_the_picture():
    turned = portrait(pose=(15.0, 5.0, 0.0))
    _, mesh = edit(turned, Edit({12: 2.5}), PLAIN)
    field = au_fields().models[CANONICAL][12]
    for vertex in (61, 291, 205):
        x, y, _ = 0.5 * turned.pose.rotation @ field[vertex]
        expected = turned.mesh[vertex] + turned.pose.scale * np.array([x, -y])
        assert np.abs(mesh[vertex] - expected).max() < 1e-9


def test_models_are_mixed_by_their_shares(face):
    models = au_fields().models
    assert {"ict", "gnm"} < set(models)
    shares = {"ict": 0.25, "gnm": 0.75}
    _, mesh = edit(face, Edit({12: 5.0}), Manner(shares))
    field = 0.25 * models["ict"][12] + 0.75 * models["gnm"][12]
    assert np.abs(mesh[61] - face.mesh[61] - face.pose.on_picture(field[61])).max() < 1e-9


def test_a_closed_eye_shows_no_eyeball(face):
    _, mesh = edit(face, Edit({45: 5.0}), PLAIN)
    for upper, lower, _ in lids_lips.lid_rings():
        assert np.abs(mesh[upper] - mesh[lower]).max() < 1e-6


@pytest.mark.parametrize("lean", [-1.0, 1.0])
def test_a_one_sided_blink_leaves_the_other_eye_as_it_was(face, lean):
    image, _ = edit(face, Edit({45: 2.5}, asymmetry={45: lean}), PLAIN)
    changed = (image != face.image).any(2)
    shares = [changed[eye_window(face.mesh, ring)].mean() for ring in EYES]
    shut, open_ = shares if lean > 0 else shares[::-1]
    assert shut > 0.3
    assert open_ == 0


def test_of_two_eyes_that_close_unequally_the_skin_of_each_lid_is_lifted_by_its_own_part(face):
    whole, uneven = (lids_lips.lash_lift(face.mesh, np.array(s)) for s in ((1, 1), (0.6, -0.2)))
    (right, *_), (left, *_) = lids_lips.lid_rings()
    assert np.abs(whole[[*right, *left]]).max() > 0.2
    assert np.abs(uneven[right] - 0.6 * whole[right]).max() < 1e-12
    assert not uneven[left].any()


def test_a_half_closed_eye_is_half_open(face):
    _, mesh = edit(face, Edit({45: 2.5}), PLAIN)
    for upper, lower, _ in lids_lips.lid_rings():
        gap = face.mesh[lower, 1] - face.mesh[upper, 1]
        assert np.abs(mesh[lower, 1] - mesh[upper, 1] - 0.5 * gap).max() < 1e-9


def test_an_eye_closes_and_opens_as_far_as_its_labels_differ(face):
    # From the opening at AU45 = 0: 0.6 of it is left at 2, 0.2 at 4.
    _, mesh = edit(face, Edit({45: 2.0}), PLAIN)
    partly = EditablePortrait(face.image, mesh, {**face.start, 45: 2.0})
    for change, left in ((3.0, 0.0), (2.0, 0.2), (-1.0, 0.8)):
        _, moved = edit(partly, Edit({45: change}), PLAIN)
        for upper, lower, _ in lids_lips.lid_rings():
            gap = face.mesh[lower, 1] - face.mesh[upper, 1]
            assert np.abs(moved[lower, 1] - moved[upper, 1] - left * gap).max() < 1e-9


def test_an_edit_too_small_to_move_the_skin_leaves_the_portrait_as_it_is(face):
    _, shut = edit(face, Edit({45: 4.9}), PLAIN)  # lids so close that they hardly move
    portrait = EditablePortrait(face.image.copy(), shut, {})
    before = portrait.image.copy()
    image, _ = edit(portrait, Edit({45: 1.0}), PLAIN)
    np.testing.assert_array_equal(portrait.image, before)
    assert (image != before).any()  # lashes


def test_margins_never_cross(face):
    for change in ({17: 5.0, 15: 5.0}, {6: 5.0, 4: 5.0}, {14: 5.0, 17: 5.0}):
        _, mesh = edit(face, Edit(change | {45: 4.5}), PLAIN)
        for upper, lower, _ in lids_lips.lid_rings():
            assert (mesh[lower, 1] - mesh[upper, 1] > -1e-9).all()
        upper, lower = list(topology.UPPER_INNER_LIP), list(topology.LOWER_INNER_LIP)
        before = np.minimum(face.mesh[lower, 1] - face.mesh[upper, 1], 0)
        assert (mesh[lower, 1] - mesh[upper, 1] >= before - 1e-9).all()


def test_the_eyeball_stays_where_the_lids_move_away(face):
    image, _ = edit(face, Edit({5: 4.0}), PLAIN)
    x, y = np.round(face.mesh[list(topology.RIGHT_EYE)].mean(0)).astype(int)
    assert (image[y, x] == face.image[y, x]).all()


def test_a_jaw_that_drops_opens_onto_the_inside_of_the_mouth(face):
    dark = Manner({CANONICAL: 1.0}, mouth=MouthLook(teeth=False))
    teeth = Manner({CANONICAL: 1.0}, mouth=MouthLook(teeth=True, edge=0.6))
    pictures = [edit(face, Edit({25: 4.0, 26: 4.0}), manner) for manner in (dark, teeth)]
    (first, mesh), (second, _) = pictures
    x, y = np.round(mesh[[13, 14]].mean(0)).astype(int)
    assert first[y, x].mean() < 0.5 * face.image[y, x].mean()
    ring = mesh[list(topology.INNER_LIPS)]
    rows = slice(int(ring[:, 1].min()), int(ring[:, 1].max()) + 1)
    assert (second[rows, x].astype(int) - first[rows, x]).max() > 40


def test_a_smile_is_taken_back_to_the_same_mesh(face):
    smile, mesh = edit(face, Edit({12: 4.0}), PLAIN)
    smiling = EditablePortrait(smile, mesh, NEUTRAL | {12: 4.0})
    _, back = edit(smiling, Edit({12: -4.0}), PLAIN)
    # Its pose is fitted to a mesh that smiles: the cheeks turn it a little.
    assert np.abs(back - face.mesh).max() < 0.25


def test_a_mirrored_portrait_gives_the_mirrored_edit(face):
    mirror = face_shape().mirror
    flipped = face.mesh * (-1, 1) + (len(face.image) - 1, 0)
    mesh = np.vstack([flipped[:468][mirror], flipped[473:], flipped[468:473]])
    other = EditablePortrait(face.image[:, ::-1].copy(), mesh, NEUTRAL)
    change = {1: 4.0, 12: 3.0, 25: 3.0}
    one, _ = edit(face, Edit(change, asymmetry={12: 0.5}), CREASED)
    two, _ = edit(other, Edit(change, asymmetry={12: -0.5}), CREASED)
    # OpenCV resamples at 1/32 px, rounded one way: 0.2 gray levels in the mean here.
    assert np.abs(one.astype(float) - two[:, ::-1]).mean() < 0.5


def test_a_gray_portrait_stays_gray(face):
    gray = np.repeat(face.image.mean(-1, keepdims=True).astype(np.uint8), 3, -1)
    image, _ = edit(
        EditablePortrait(gray, face.mesh, NEUTRAL), Edit({5: 5.0, 25: 5.0, 26: 3.0}), CREASED
    )
    assert (image[..., 0] == image[..., 1]).all()
    assert (image[..., 1] == image[..., 2]).all()


def test_the_same_edit_has_the_same_bytes():
    pictures = [edit(portrait(), Edit({4: 3.0, 10: 2.0}), CREASED)[0] for _ in range(2)]
    assert pictures[0].tobytes() == pictures[1].tobytes()


def test_asymmetry_moves_one_side_further(face):
    _, mesh = edit(face, Edit({12: 2.0}, asymmetry={12: 0.9}), PLAIN)
    moved = np.linalg.norm(mesh - face.mesh, axis=1)
    assert moved[61] > 5 * moved[291]  # 61 is on the left of the image


@pytest.mark.parametrize(("change", "words"), [({12: 6.0}, "leaves 0 to 5"), ({3: 1.0}, "Unknown")])
def test_impossible_edits_are_refused(face, change, words):
    with pytest.raises(ValueError, match=words):
        edit(face, Edit(change), PLAIN)
    with pytest.raises(ValueError, match="leaves 0 to 5"):
        edit(face, Edit({12: -1.0}), PLAIN)
    asleep = EditablePortrait(face.image, face.mesh, {45: 5.0})
    with pytest.raises(ValueError, match="opens eyes that are shut"):
        edit(asleep, Edit({45: -1.0}), PLAIN)


def test_a_frame_across_the_bridge_of_the_nose_is_glasses(face):
    assert not face.glasses
    framed = face.image.copy()
    row = int(face.mesh[168, 1]) + 2
    framed[row : row + 2, 20:-20] = 20
    assert EditablePortrait(framed, face.mesh, NEUTRAL).glasses
    shaded = face.image.copy()
    shaded[row:, 20:-20] //= 2  # an edge is no bar
    assert not EditablePortrait(shaded, face.mesh, NEUTRAL).glasses


def enlarged(image, mesh, times):
    """Return a portrait with `times` as many rows and columns, a whole number."""
    large = cv2.resize(image, None, fx=times, fy=times, interpolation=cv2.INTER_CUBIC)
    return large, (mesh + 0.5) * times - 0.5


def reduced(image, times):
    return cv2.resize(image, None, fx=1 / times, fy=1 / times, interpolation=cv2.INTER_AREA)


@pytest.mark.parametrize("times", [2, 3])
def test_a_frame_is_found_at_any_size_and_grain_is_none(face, times):
    framed = face.image.copy()
    row = int(face.mesh[168, 1]) + 2
    framed[row : row + 2, 20:-20] = 20
    assert wears_glasses(*enlarged(framed, face.mesh, times))
    grain = np.random.default_rng(0).normal(0, 60, (160 * times, 160 * times, 1))
    large, mesh = enlarged(face.image, face.mesh, times)
    grainy = np.clip(large + grain, 0, 255).astype(np.uint8)
    assert not wears_glasses(grainy, mesh)


@pytest.mark.parametrize(("change", "most"), [({5: 4.0}, 3.5), ({25: 0.8}, 1.1), ({45: 5.0}, 3.0)])
def test_an_edit_looks_the_same_at_twice_the_size(face, change, most):
    image, _ = edit(face, Edit(change), CREASED)
    large = EditablePortrait(*enlarged(face.image, face.mesh, 2), NEUTRAL)
    other, _ = edit(large, Edit(change), CREASED)
    by = image.astype(float) - face.image
    by_large = reduced(other, 2).astype(float) - reduced(large.image, 2)
    touched = np.abs(by).max(2) > 3
    assert touched.sum() > 100
    # Resampling differs: 2.4, 0.8 and 2.8 gray levels in the mean; with the limits of 160 px in
    # the large portrait 6.1, 1.35 and 3.2.
    assert np.abs(by - by_large)[touched].mean() < most


@pytest.mark.parametrize("moves", [eyes.lids_move, mouth.lips_move])
def test_what_counts_as_still_grows_with_the_portrait(face, moves):
    assert moves(face.mesh, face.mesh + 0.21, 160)
    assert not moves(face.mesh, face.mesh + 0.21, 240)
    assert moves(face.mesh, face.mesh + 0.31, 240)
