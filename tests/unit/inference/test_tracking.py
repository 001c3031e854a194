import numpy as np
import pytest

from fau_tf.face.mediapipe_landmarks import MediaPipeLandmarks
from fau_tf.inference.tracking import (
    MIN_OVERLAP,
    SEARCH_EVERY,
    FaceTracker,
    OverlapTracker,
    around,
    overlap,
)
from tests.helpers.face_videos import crossing, face, frame


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


def test_the_window_around_a_face_is_twice_its_size_and_inside_the_picture():
    mesh = np.array([(100.0, 50.0), (140.0, 110.0)])
    assert around(mesh, 400, 400) == (60, 20, 181, 141)
    x0, y0, x1, y1 = around(mesh, 80, 120)
    assert (x0, y0, x1, y1) == (60, 20, 120, 80)
    assert around(mesh + 500, 80, 120) == (119, 79, 120, 80)


@pytest.fixture(scope="module")
def finder():
    with MediaPipeLandmarks(4) as found:
        yield found


def test_faces_that_cross_in_a_video(finder):
    tracker = FaceTracker(finder)
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


def test_a_frame_does_not_depend_on_those_before_it(finder):
    pictures = crossing(12)
    tracker = FaceTracker(finder)
    tracker.find(pictures[-1])
    cold = FaceTracker(finder).find(pictures[0])[0]
    warm = tracker.find(pictures[0])[0]
    assert len(cold) == len(warm) == 2
    # Windows differ, so landmarks move a little: 0.2 to 0.3 px in practice, of faces 70 px wide.
    np.testing.assert_allclose(np.array(cold), np.array(warm), atol=1.5)


def test_a_face_that_comes_later_is_found_and_one_that_goes_is_not_kept(finder):
    tracker = FaceTracker(finder)
    one, both = frame((10, face())), frame((10, face()), (190, face(mirrored=True)))
    assert [tracker.find(one)[1] for _ in range(2)] == [[0], [0]]
    seen = [tracker.find(both)[1] for _ in range(SEARCH_EVERY)]
    assert [0, 1] in seen
    assert tracker.find(frame())[1] == []
    assert tracker.find(one)[1] == [2]


def test_no_more_is_searched_once_all_wanted_faces_are_known(finder):
    class Counting:
        num_faces = 1
        views = 0

        def find(self, image, parts=None):
            self.views += len(parts)
            return finder.find(image, parts)

    counting = Counting()
    tracker = FaceTracker(counting)
    picture = frame((90, face()))
    tracker.find(picture)
    counting.views = 0
    for _ in range(10):
        assert tracker.find(picture)[1] == [0]
    assert counting.views == 10
