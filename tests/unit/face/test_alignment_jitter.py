"""Random alignment errors: exact composition, and the measured spread."""

import numpy as np
import pytest

from fau_tf.face import align, alignment_jitter

VIEW = np.array([[0.4, -0.1, 7.0], [0.1, 0.4, -3.0]])
SIZE = 160


def drawn(count, **options):
    rng = np.random.default_rng(0)
    return np.array(
        [alignment_jitter.jitter_view(VIEW, SIZE, rng, **options) for _ in range(count)]
    )


def change(view):
    """Return what was done to VIEW: shift of the middle, degrees, log scale."""
    both = view @ np.linalg.inv(np.vstack([VIEW, [0, 0, 1]]))
    middle = np.array([(SIZE - 1) / 2] * 2 + [1.0])
    turn = np.degrees(np.arctan2(both[1, 0], both[0, 0]))
    scale = np.log(np.hypot(both[0, 0], both[1, 0]))
    return np.array([*(both @ middle - middle[:2]) / SIZE, turn, scale])


def test_without_strength_nothing_moves():
    np.testing.assert_allclose(drawn(1, strength=0.0)[0], VIEW, atol=1e-12)


def test_every_draw_is_a_similarity():
    for view in drawn(50):
        linear = view[:, :2]
        np.testing.assert_allclose(
            linear @ linear.T, np.eye(2) * (linear[0] @ linear[0]), atol=1e-12
        )
        assert np.linalg.det(linear) > 0
        assert np.isfinite(align.invert(view)).all()


@pytest.mark.parametrize("margin", [1.0, 1.25])
def test_draws_have_the_measured_spread_and_mean_0(margin):
    count = 4000
    found = np.array([change(view) for view in drawn(count, margin=margin)])
    spread = np.array(alignment_jitter.SIGMA) / [margin, margin, 1, 1]
    # of 4,000 draws the deviation is known to 1.1 % and cutting at 2.5 takes 2 % off; 4 sigma
    np.testing.assert_allclose(found.std(0), spread, rtol=0.07)
    np.testing.assert_allclose(found.mean(0) / spread, 0, atol=4 / np.sqrt(count))
    assert (np.abs(found / spread).max(0) <= alignment_jitter.MAX_SIGMA + 1e-9).all()


@pytest.mark.parametrize("rig", alignment_jitter.SCALE_BIAS)
def test_each_rig_has_its_scale_bias(rig):
    moved = change(drawn(1, strength=0.0, rig=rig)[0])
    np.testing.assert_allclose(moved, [0, 0, 0, alignment_jitter.SCALE_BIAS[rig]], atol=1e-12)


def test_a_difference_undoes_a_move():
    steps = (0.03, -0.02), 4.0, -0.1
    (x, y), degrees, log_scale = steps
    found = alignment_jitter.view_difference(
        VIEW, alignment_jitter.move_view(VIEW, SIZE, *steps), SIZE
    )
    np.testing.assert_allclose(found, (x, y, degrees, log_scale), atol=1e-12)


def test_the_crop_turns_and_grows_about_its_middle_and_then_shifts():
    middle = np.full(2, (SIZE - 1) / 2)
    exact = np.array([[1.0, 0, 0], [0, 1.0, 0]])
    view = alignment_jitter.move_view(exact, SIZE, (0.1, 0.2), 90.0, np.log(2.0))
    np.testing.assert_allclose(
        align.transform(view, middle), middle + np.array((16, 32)), atol=1e-9
    )
    # a point right of the center is now below it, twice as far: clockwise as the viewer sees it
    right = align.transform(view, middle + np.array((10, 0))) - align.transform(view, middle)
    np.testing.assert_allclose(right, (0, 20), atol=1e-9)


def test_the_four_draws_do_not_depend_on_each_other():
    found = np.array([change(view) for view in drawn(4000)])
    together = np.corrcoef(found.T) - np.eye(4)
    assert np.abs(together).max() < 4 / np.sqrt(4000)  # 4 sigma


@pytest.mark.parametrize(
    "wrong", [{"margin": 0.0}, {"strength": -1.0}, {"rig": "puppet"}, {"strength": float("nan")}]
)
def test_what_is_out_of_range_is_refused(wrong):
    with pytest.raises(ValueError, match="got"):
        drawn(1, **wrong)
