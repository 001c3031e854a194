from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from fau_tf.face.align import crop_matrix
from fau_tf.face.landmarker import LANDMARKERS, MEDIAPIPE, FaceLandmarker, open_landmarker
from fau_tf.face.tiling import bounding_box
from fau_tf.inference.tracking import (
    MIN_OVERLAP,
    SEARCH_EVERY,
    FaceTracker,
    OverlapTracker,
    overlap,
)
from fau_tf.synthetic import sample
from tests.helpers.face_videos import crossing, face, frame
from tests.helpers.scenes import clean_scene


def square(x, y=0.0, side=10.0):
    return (x, y, x + side, y + side)


@pytest.mark.parametrize(
    ("one", "other", "share"),
    [
        (square(0), square(0), 1.0),
        (square(0), square(5), 1 / 3),
        (square(0), square(10), 0.0),
        (square(0), square(99), 0.0),
        (square(0, side=10), square(0, side=5), 0.25),
        (square(0, side=0), square(0, side=0), 0.0),
        ((5, 5, 0, 0), square(0), 0.0),
    ],
)
def test_overlap_is_intersection_over_union(one, other, share):
    assert overlap(one, other) == pytest.approx(share)
    assert overlap(other, one) == pytest.approx(share)


def test_ids_stay_with_faces_that_move_and_change_places_in_the_list():
    tracker = OverlapTracker()
    assert tracker.update([square(0), square(50)]) == [0, 1]
    assert tracker.update([square(47), square(3)]) == [1, 0]
    assert tracker.update([square(6), square(44)]) == [0, 1]


def test_a_gap_gives_a_new_id_and_none_is_given_twice():
    tracker = OverlapTracker()
    assert tracker.update([square(0)]) == [0]
    assert tracker.update([]) == []
    assert tracker.update([square(0)]) == [1]
    assert tracker.update([square(90), square(0)]) == [2, 1]


def test_a_jump_gives_a_new_id():
    tracker = OverlapTracker()
    tracker.update([square(0)])
    just = 10 * (1 - MIN_OVERLAP) / (1 + MIN_OVERLAP)  # shift of this share of overlap
    assert tracker.update([square(just - 0.01)]) == [0]
    assert tracker.update([square(2 * just + 0.01)]) == [1]


def test_after_a_cut_all_faces_get_new_ids():
    tracker = OverlapTracker()
    assert tracker.update([square(0), square(50)]) == [0, 1]
    assert tracker.update([square(0), square(50)], after_cut=True) == [2, 3]
    assert tracker.update([square(0), square(50)]) == [2, 3]


def test_the_closest_pair_is_taken_first():
    tracker = OverlapTracker()
    tracker.update([square(0), square(6)])
    # The first face overlaps both; the one that it overlaps most is the second.
    assert tracker.update([square(4)]) == [1]
    tracker = OverlapTracker()
    tracker.update([square(0)])
    assert tracker.update([square(4), square(1)]) == [1, 0]


def test_a_face_that_hides_another_keeps_its_id_and_the_hidden_one_gets_a_new_one():
    tracker = OverlapTracker()
    assert tracker.update([square(0), square(12)]) == [0, 1]
    assert tracker.update([square(4), square(8)]) == [0, 1]
    assert tracker.update([square(6)]) == [0]
    assert tracker.update([square(2), square(7)]) == [2, 0]


@pytest.fixture(scope="module", params=LANDMARKERS)
def landmarker(request):
    if request.param == MEDIAPIPE:
        pytest.importorskip("mediapipe", reason="the extra `mediapipe` is not installed")
    found = open_landmarker(request.param, 4)
    yield found
    found.close()


def test_faces_that_cross_in_a_video(landmarker):
    tracker = FaceTracker(landmarker)
    ids = [tracker.find(picture)[1] for picture in crossing(30)]
    assert ids[0] == [0, 1]
    # In front, the bright face is seen in every frame, from the left to the right.
    assert all(0 in found for found in ids)
    assert ids[-1][-1] == 0
    # The dark one is hidden on its way: a gap, and then a new id.
    hidden = [len(found) == 1 for found in ids]
    assert any(hidden)
    assert ids[-1][0] == 2
    assert not any(1 in found for found in ids[hidden.index(True) :])
    assert {number for found in ids for number in found} == {0, 1, 2}


def test_a_frame_does_not_depend_on_those_before_it(landmarker):
    pictures = crossing(12)
    tracker = FaceTracker(landmarker)
    tracker.find(pictures[-1])
    cold = FaceTracker(landmarker).find(pictures[0])[0]
    warm = tracker.find(pictures[0])[0]
    assert len(cold) == len(warm) == 2
    # The network sees another region, so landmarks move a little: by 0.3 px on average, of faces 70
    # px wide.
    for one, other in zip(cold, warm, strict=True):
        assert 0 < np.linalg.norm(one.mesh - other.mesh, axis=1).mean() < 0.6


def test_a_face_that_comes_later_is_found_and_one_that_goes_is_not_kept(landmarker):
    tracker = FaceTracker(landmarker)
    one, both = frame((10, face())), frame((10, face()), (190, face(mirrored=True)))
    assert [tracker.find(one)[1] for _ in range(2)] == [[0], [0]]
    seen = [tracker.find(both)[1] for _ in range(SEARCH_EVERY)]
    assert [0, 1] in seen
    assert tracker.find(frame())[1] == []
    assert tracker.find(one)[1] == [2]


class Counting:
    """A landmarker that notes how often it searches."""

    def __init__(self, landmarker, num_faces=1):
        self.landmarker, self.num_faces, self.searched = landmarker, num_faces, 0

    def find_faces(self, image, parts=None, known=()):
        self.searched += 1
        return self.landmarker.find_faces(image, parts, known)

    def follow(self, image, meshes):
        return self.landmarker.follow(image, meshes)


def test_no_more_is_searched_once_all_wanted_faces_are_known(landmarker):
    counting = Counting(landmarker)
    tracker = FaceTracker(counting)
    picture = frame((90, face()))
    for _ in range(10):
        assert tracker.find(picture)[1] == [0]
    assert counting.searched == 1


def test_a_search_leaves_known_faces_as_they_were_followed(landmarker):
    picture = frame((90, face()))
    only, searching = (FaceTracker(Counting(landmarker, most)) for most in (1, 2))
    for _ in range(SEARCH_EVERY + 2):
        (followed,), (kept,) = only.find(picture)[0], searching.find(picture)[0]
        np.testing.assert_array_equal(followed.mesh, kept.mesh)
    assert searching._landmarker.searched > 2


def test_the_state_forgets_where_a_video_began(landmarker):
    """Ranges of a video that begin at different frames arrive at the same state."""
    pictures = [frame((x, face())) for x in range(60, 100, 2)]
    long, short = FaceTracker(landmarker), FaceTracker(landmarker)
    for i, picture in enumerate(pictures):
        found = long.find(picture)[0]
        if i >= 5:
            again = short.find(picture)[0]
    np.testing.assert_array_equal(found[0].mesh, again[0].mesh)


def shot(person, count):
    """Return frames of a rendered person at one place, who smiles more and more."""
    rig = sample.canonical_rig()
    view = crop_matrix(sample.landmarks(clean_scene(rig, person, 1)), 160, margin=1.6)
    return [
        sample.render(
            replace(clean_scene(rig, person, 1, {12: 4.0 * i / count}), background=5),
            size=160,
            view=view,
        )
        for i in range(count)
    ]


def test_a_cut_between_two_people_at_one_place_gives_a_new_id():
    one, other = shot(940, 4), shot(941, 4)
    with FaceLandmarker(num_faces=1) as landmarker:
        tracker = FaceTracker(landmarker)
        found = [tracker.find(picture) for picture in (*one, *other, *one)]
    assert [ids for _, ids, _ in found] == [[0]] * 4 + [[1]] * 4 + [[2]] * 4
    assert [i for i, (_, _, after_cut) in enumerate(found) if after_cut] == [4, 8]
    # All faces lie where the face before was: the place alone would have kept the id.
    boxes = [bounding_box(faces[0].mesh) for faces, _, _ in found]
    assert min(overlap(*pair) for pair in pairwise(boxes)) > MIN_OVERLAP
