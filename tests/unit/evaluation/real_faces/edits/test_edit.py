"""AUs edited into photos: what moves, what stays, and what the readers make of it."""

import numpy as np
import pytest

from fau_tf import facs
from fau_tf.evaluation.real_faces.au_readers import READERS, AUReaders
from fau_tf.evaluation.real_faces.edits import edit as edits
from fau_tf.evaluation.real_faces.edits.fields import FIELDS, LOWER_LIDS, UPPER_LIDS
from fau_tf.evaluation.real_faces.edits.rises import edited_rises, read_edits
from fau_tf.evaluation.real_faces.edits.sheet import draw_edit_sheet
from fau_tf.evaluation.real_faces.face_reader import FaceReader
from fau_tf.evaluation.real_faces.stability import read_changes, stability
from fau_tf.inference.interpreter import AUInterpreter
from fau_tf.inference.model_info import default_model
from fau_tf.io.images import read_image
from tests.helpers.face_videos import PHOTO

CORNERS = (61, 291)
"""Vertices of the corners of the mouth, right and left."""


@pytest.fixture(scope="module")
def sample_face():
    with FaceReader() as reader:
        return reader(read_image(PHOTO))


def edited_mesh(face, intensity):
    """Return the mesh that is found in the edited photo."""
    with FaceReader() as reader:
        return reader(edits.edited(face.image, face.mesh, intensity)).mesh


def test_an_edit_changes_the_face_and_not_the_photo_around_it(sample_face):
    before = sample_face.image.copy()
    after = edits.edited(sample_face.image, sample_face.mesh, {12: 5.0})
    assert (sample_face.image == before).all()
    rows, columns = np.nonzero((after != before).any(axis=-1))
    unit = np.hypot(*(sample_face.mesh[263] - sample_face.mesh[33]))
    low, high = sample_face.mesh.min(axis=0), sample_face.mesh.max(axis=0)
    margin = 0.3 * unit + 1
    assert low[0] - margin <= columns.min() < columns.max() <= high[0] + margin
    assert low[1] - margin <= rows.min() < rows.max() <= high[1] + margin
    assert len(rows) > 1000


def test_intensity_0_changes_nothing_but_rounding(sample_face):
    after = edits.edited(sample_face.image, sample_face.mesh, {4: 0.0})
    # The spline is smoothed by 1e-3: shifts of thousandths of a pixel.
    assert np.abs(after.astype(int) - sample_face.image).max() <= 2


def test_a_smile_is_found_where_it_was_put(sample_face):
    """The landmark network sees the corners of the mouth rise and spread, on both sides."""
    before, after = sample_face.mesh, edited_mesh(sample_face, {12: 4.0})
    unit = np.hypot(*(before[263] - before[33]))
    move = (after - before)[list(CORNERS)] / unit
    # Put: 0.06 outward, 0.08 up. The network, fitted to whole faces, sees about half of it.
    assert (move[:, 1] < -0.03).all()
    assert move[0, 0] < -0.015
    assert move[1, 0] > 0.015


def test_lids_meet_at_intensity_5_and_half_way_at_half(sample_face):
    before = sample_face.mesh
    gap = np.linalg.norm(before[list(LOWER_LIDS)] - before[list(UPPER_LIDS)], axis=1)
    for level, left in ((0.0, 1.0), (2.5, 0.51), (5.0, 0.02)):
        after = before + edits._displacement(before, {45: level})
        closed = np.linalg.norm(after[list(LOWER_LIDS)] - after[list(UPPER_LIDS)], axis=1)
        np.testing.assert_allclose(closed, left * gap, atol=1e-9)


def test_displacements_of_aus_add_up(sample_face):
    mesh = sample_face.mesh
    both = edits._displacement(mesh, {1: 2.0, 12: 3.0})
    apart = edits._displacement(mesh, {1: 2.0}) + edits._displacement(mesh, {12: 3.0})
    np.testing.assert_allclose(both, apart, atol=1e-9)
    twice = edits._displacement(mesh, {1: 4.0, 12: 6.0})
    np.testing.assert_allclose(twice, 2 * both, atol=1e-9)


def test_a_displacement_turns_with_the_face(sample_face):
    turn = np.array(((0.8, -0.6), (0.6, 0.8)))
    mesh = sample_face.mesh
    for au in FIELDS:
        upright = edits._displacement(mesh, {au: 4.0})
        turned = edits._displacement(mesh @ turn.T, {au: 4.0})
        np.testing.assert_allclose(turned, upright @ turn.T, atol=1e-9)
        assert np.abs(upright).max() > 0.5


def test_fields_and_rows_are_of_distinct_vertices_and_known_edits():
    for field in FIELDS.values():
        for move in field.moves:
            assert len(set(move.vertices)) == len(move.vertices)
            assert all(0 <= vertex < 468 for vertex in move.vertices)
    for row in edits.ROWS:
        assert set(row.aus) <= set(FIELDS)
        assert not set(row.aus) & set(row.related)
    alone = [row.aus[0] for row in edits.ROWS if len(row.aus) == 1]
    assert sorted(alone) == sorted(FIELDS)
    assert set(facs.AUS) <= set(FIELDS)


def test_an_au_without_a_field_is_refused(sample_face):
    with pytest.raises(ValueError, match=r"Edits show the AUs .*: got \[28\]"):
        edits.edited(sample_face.image, sample_face.mesh, {12: 1.0, 28: 3.0})


def test_both_readers_see_a_jaw_drop_and_the_model_is_steady(sample_face):
    model = AUInterpreter(default_model())
    with FaceReader() as reader:
        read = read_edits(AUReaders(reader, model), [("a", sample_face)])
    rows = {name: edited_rises(one) for name, one in read.items()}
    assert set(rows) == set(READERS)
    found = {row["edit"]: row for row in rows["model"]}
    # A jaw that falls by a fifth of the eyes' distance, mouth open: every model here sees it.
    assert found["jaw down"]["median_rise"]["AU26"] > 1
    assert found["jaw down"]["share_risen_by_1"] == 1
    assert np.isnan(found["jaw down"]["risen_interval"]).all()  # of one subject
    seen = {row["edit"]: row for row in rows["blendshapes"]}
    assert seen["jaw down"]["median_rise"]["AU26"] > 0.3
    assert {row["edit"] for row in rows["model"]} <= {row.name for row in edits.ROWS}
    steady = stability(read_changes(model, [("a", sample_face)]))
    assert set(steady["rows"]) == {
        "shifted by 1/32 of the crop", "scaled by 5%", "20% brighter or darker", "mirrored"
    }  # fmt: skip
    for row in steady["rows"].values():
        assert 0 < row["mean"] < row["p95"] < 5
    assert steady["mirrored_maps"] > 0


def test_an_edit_of_ones_own_can_be_evaluated(sample_face):
    """An edit that changes nothing raises nothing."""
    with FaceReader() as reader:
        readers = AUReaders(reader, AUInterpreter(default_model()))
        read = read_edits(readers, [("a", sample_face)], lambda photo, *_: photo)
    for row in (row for one in read.values() for row in edited_rises(one)):
        assert set(row["median_rise"].values()) == {0.0}
        assert row["share_risen_by_1"] == 0


def test_the_sheet_has_a_row_a_face_and_a_column_an_edit(sample_face, tmp_path):
    from PIL import Image

    path = tmp_path / "sheets" / "edits.png"
    draw_edit_sheet(path, [sample_face] * 2)
    sheet = np.array(Image.open(path))
    cell = sheet.shape[1] // (1 + len(edits.ROWS))
    assert sheet.shape[0] == 20 + 2 * cell
    assert (sheet[20 : 20 + cell] == sheet[20 + cell :]).all()
    plain, brows = sheet[20 : 20 + cell, :cell], sheet[20 : 20 + cell, cell : 2 * cell]
    assert (plain != brows).any()
