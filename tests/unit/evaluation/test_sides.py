"""Truth of one-sided pictures, and agreement with it."""

from dataclasses import replace

import numpy as np
import pytest

from fau_tf import facs
from fau_tf.data.record import least_record_size
from fau_tf.evaluation import sides
from fau_tf.evaluation.sides import LEVEL, Example, agreement, true_difference
from fau_tf.face.align import ANCHORS, TEMPLATE, crop_matrix
from fau_tf.inference.sides import side_channels
from fau_tf.synthetic import sample
from tests.helpers.faces import info

RIG = sample.canonical_rig()
NEUTRAL = RIG.neutral[RIG.landmarks]
_MOUTH_CORNERS = [48, 54]  # on the image's left and right


def shown(lean):
    """Return how far AU12 moves both corners of the mouth, px."""
    scene = sample.sample_scene(
        RIG, person_seed=1, face_seed=1, intensity={12: LEVEL}, pose=(0.0, 0.0, 0.0)
    )
    scene = replace(scene, asymmetry=dict.fromkeys(facs.AUS, 0.0) | {12: lean})
    rest = replace(scene, intensity=dict.fromkeys(facs.AUS, 0.0))
    way = sample.landmarks(scene)[_MOUTH_CORNERS] - sample.landmarks(rest)[_MOUTH_CORNERS]
    return np.hypot(*way.T)


@pytest.mark.parametrize("lean", [-0.9, -0.45, 0.0, 0.45, 0.9])
def test_truth_is_how_much_more_the_faces_left_moves(lean):
    on_the_left, on_the_right = shown(lean)
    # The face's left is on the image's right.
    relative = 2 * (on_the_right - on_the_left) / (on_the_right + on_the_left)
    # A person's face is not even, and perspective shortens the ways.
    assert relative * LEVEL == pytest.approx(true_difference(NEUTRAL, 12, lean), abs=0.35)
    assert true_difference(NEUTRAL, 12, lean) == pytest.approx(-2 * LEVEL * lean, rel=0.1)


def test_a_blink_opens_one_eye_by_the_lean():
    assert true_difference(NEUTRAL, 45, 0.9) == pytest.approx(-0.9 * LEVEL)


class Reader:
    """Returns heatmaps whose sides differ as it is told, in turn."""

    def __init__(self, differences, bias=0.0):
        self.info = info((12, 15))
        self.bias = bias
        self._differences = iter(differences)

    def __call__(self, crop):
        maps = np.zeros((4, 4, len(self.info.centers)), np.float32)
        # The mirrored copy of a picture is asked for after it.
        is_copy = crop[:, :20].sum() > crop[:, -20:].sum()
        self._last = -self._last if is_copy else next(self._differences)
        difference = self._last + self.bias
        for left, right in side_channels(self.info.aus, self.info.rule).values():
            maps[1, 2, [left, right]] = 2.0 + difference / 2, 2.0 - difference / 2
        return np.zeros(2, np.float32), maps


def examples(truths):
    points = np.repeat(TEMPLATE[:1], 68, axis=0) * 64
    points[list(ANCHORS)] = TEMPLATE * 64
    image = np.zeros((64, 64, 3), np.uint8)
    image[:, 32:] = 100
    for i, truth in enumerate(truths):
        yield Example((12, 15)[i % 2], str(i // 6), truth, image, points)


TRUTHS = [-2.0, -2.0, 0.0, 0.0, 2.0, 2.0] * 2


def test_a_model_that_reads_half_of_each_difference_has_slope_one_half():
    found = agreement(Reader([x / 2 for x in TRUTHS]), examples(TRUTHS))
    assert [one.label for one in found] == ["AU12", "AU15"]
    for one in found:
        assert (one.correlation, one.slope) == (pytest.approx(1.0), pytest.approx(0.5))
        assert (one.stronger, one.even) == (1.0, 0.0)
        assert one.interval == pytest.approx((1.0, 1.0))


def test_a_model_that_mistakes_the_sides_is_seen():
    found = agreement(Reader([-x for x in TRUTHS]), examples(TRUTHS))
    for one in found:
        assert (one.correlation, one.slope, one.stronger) == pytest.approx((-1.0, -1.0, 0.0))


def test_even_sides_that_are_read_as_uneven_count():
    found = agreement(Reader([x or 0.5 for x in TRUTHS]), examples(TRUTHS))
    assert [one.even for one in found] == [0.5, 0.5]
    # Mirrored, they are uneven the other way.
    assert [one.bias for one in found] == [0.0, 0.0]


def test_what_mirroring_leaves_as_it_is_is_the_models_own():
    found = agreement(Reader(TRUTHS, bias=0.25), examples(TRUTHS))
    assert [(one.even, one.bias) for one in found] == [(0.25, 0.25)] * 2


def test_a_rendered_face_has_the_resolution_of_the_crop():
    model = info((12,))
    one = next(sides.rendered(RIG, [12], 1, least_record_size(model.image_size)))
    assert one.image.shape == (80, 80, 3)  # 1.25 times the model's 64 px
    matrix = crop_matrix(one.points, model.image_size)
    assert abs(np.linalg.det(matrix[:, :2])) == pytest.approx(1.0)


def test_portraits_smaller_than_the_crop_are_refused():
    class Set:
        size = 160
        folder = "portraits"

    with pytest.raises(ValueError, match=r"portraits: portraits must have at least 200 px .* 160"):
        next(sides.edited(Set(), [12], 200))


def test_a_set_without_neutral_validation_portraits_is_refused():
    class Set:
        part = np.array(["train", "validation"])
        expression = np.array(["neutral", "unknown"])
        folder = "portraits"

    with pytest.raises(ValueError, match="portraits: no neutral portrait of a validation subject"):
        sides.neutral_validation(Set())
