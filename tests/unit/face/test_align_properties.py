import hypothesis.extra.numpy as hnp
import numpy as np
from hypothesis import assume, given
from hypothesis import strategies as st

from fau_tf import facs
from fau_tf.face import align
from fau_tf.face.au_centers import au_centers

ANGLE = st.floats(-np.pi, np.pi)
SCALE = st.floats(0.05, 20.0)
SHIFT = st.tuples(st.floats(-500, 500), st.floats(-500, 500))


def similarities(scale=SCALE):
    return st.builds(_matrix, ANGLE, scale, SHIFT)


def _matrix(angle, scale, shift):
    cos, sin = scale * np.cos(angle), scale * np.sin(angle)
    return np.array(((cos, -sin, shift[0]), (sin, cos, shift[1])))


def points(count):
    return hnp.arrays(np.float64, (count, 2), elements=st.floats(-300, 300))


def faces():
    """A face of random shape: landmarks jittered about an upright one."""
    return st.builds(
        lambda jitter, matrix: align.transform(matrix, UPRIGHT + jitter),
        hnp.arrays(np.float64, (68, 2), elements=st.floats(-3, 3)),
        similarities(),
    )


def _upright():
    landmarks = np.random.default_rng(0).uniform(60, 190, (68, 2))
    landmarks[list(align.ANCHORS)] = align.TEMPLATE * 256
    return landmarks


UPRIGHT = _upright()


@given(similarities(), points(9))
def test_similarity_recovers_the_one_that_moved_the_points(matrix, source):
    assume(np.ptp(source, axis=0).max() > 1)
    found = align.similarity(source, align.transform(matrix, source))
    # Float64 rounding of coordinates of some thousands of px over an extent of at least 1 px.
    np.testing.assert_allclose(found[:, :2], matrix[:, :2], rtol=0, atol=1e-9)
    np.testing.assert_allclose(found[:, 2], matrix[:, 2], rtol=0, atol=1e-6)


@given(points(9), points(9), similarities(st.floats(0.9, 1.1)))
def test_no_other_similarity_maps_the_points_closer(source, target, nudge):
    assume(np.ptp(source, axis=0).max() > 1)
    best = align.similarity(source, target)
    turned = nudge[:, :2] @ best[:, :2]
    other = np.column_stack((turned, best[:, 2] + nudge[:, 2] / 100))

    def error(matrix):
        return np.sum((align.transform(matrix, source) - target) ** 2)

    assert error(best) <= error(other) * (1 + 1e-9) + 1e-9  # rounding


@given(faces(), similarities(st.floats(0.5, 2.0)))
def test_the_crop_follows_a_face_that_is_moved_turned_and_scaled(landmarks, move):
    moved = align.crop_matrix(align.transform(move, landmarks), 128)
    there = align.transform(moved, align.transform(move, landmarks))
    here = align.transform(align.crop_matrix(landmarks, 128), landmarks)
    np.testing.assert_allclose(there, here, rtol=0, atol=1e-6)


@given(faces(), similarities(st.floats(0.5, 2.0)), st.sampled_from(sorted(facs.RULES)))
def test_au_centers_follow_a_face_that_is_moved_turned_and_scaled(landmarks, move, rule):
    aus = tuple(facs.RULES[rule].points)
    there = au_centers(align.transform(move, landmarks), aus, rule)
    here = align.transform(move, au_centers(landmarks, aus, rule).astype(np.float64))
    # The centers are float32: 24 bits of coordinates up to some 10,000 px.
    scale = np.abs(there).max() + np.abs(here).max() + 100
    np.testing.assert_allclose(there, here, rtol=0, atol=1e-6 * scale)


@given(faces(), st.sampled_from(sorted(facs.RULES)))
def test_a_mirrored_face_has_its_centers_mirrored_and_swapped(landmarks, rule):
    aus = tuple(facs.RULES[rule].points)
    rows = facs.centers(aus, rule)
    mirrored = (landmarks * (-1, 1))[list(facs.MIRROR_68)]
    there = au_centers(mirrored, aus, rule)
    here = (au_centers(landmarks, aus, rule) * np.float32((-1, 1)))[[row.mirror for row in rows]]
    one_sided = _one_sided(aus, rule)
    np.testing.assert_allclose(there[~one_sided], here[~one_sided], rtol=1e-6, atol=1e-3)


def _one_sided(aus, rule):
    """A few published midline centers are not the mean of mirror partners."""
    rows = facs.centers(aus, rule)
    return np.array(
        [
            {facs.MIRROR_68[i] for i in row.point.landmarks}
            != set(rows[row.mirror].point.landmarks)
            for row in rows
        ]
    )


@given(
    hnp.arrays(np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9), st.just(3))),
    st.builds(_matrix, ANGLE, st.floats(0.13, 8.0), st.tuples(*[st.floats(-6, 6)] * 2)),
)
def test_the_crop_equals_a_plain_loop(image, matrix):
    found = align.crop(image, matrix, 5).astype(int)
    expected = _plain_crop(image, matrix, 5)
    # The order of float operations may tip a value that lies on a half.
    assert np.abs(found - expected).max() <= 1


def _plain_crop(image, matrix, size):
    pixels = image.astype(float)
    matrix = matrix.copy()
    while 1 / np.sqrt(np.linalg.det(matrix[:, :2])) > 2:
        pixels, matrix = _plain_half(pixels), matrix.copy()
        matrix[:, 2] += matrix[:, :2] @ (0.5, 0.5)
        matrix[:, :2] *= 2
    height, width = pixels.shape[:2]
    out = np.zeros((size, size, 3), int)
    for row in range(size):
        for column in range(size):
            x, y = np.linalg.solve(matrix[:, :2], (column, row) - matrix[:, 2])
            x, y = min(max(x, 0), width - 1), min(max(y, 0), height - 1)
            value = np.zeros(3)
            for yy in range(height):
                for xx in range(width):
                    value += pixels[yy, xx] * max(0, 1 - abs(x - xx)) * max(0, 1 - abs(y - yy))
            out[row, column] = np.floor(value + 0.5)
    return out


def _plain_half(pixels):
    height, width = pixels.shape[:2]
    half = np.zeros((-(-height // 2), -(-width // 2), 3))
    for y in range(half.shape[0]):
        for x in range(half.shape[1]):
            block = [
                pixels[min(2 * y + i, height - 1), min(2 * x + j, width - 1)]
                for i in (0, 1)
                for j in (0, 1)
            ]
            half[y, x] = np.mean(block, axis=0)
    return half


@given(
    hnp.arrays(np.uint8, (60, 60, 3)), hnp.arrays(np.float64, (68, 2), elements=st.floats(-1, 1))
)
def test_a_mirrored_face_gives_the_mirrored_crop(image, jitter):
    landmarks = UPRIGHT / 256 * 60 + jitter
    mirrored = (landmarks * (-1, 1) + (59, 0))[list(facs.MIRROR_68)]
    here = align.crop(image, align.crop_matrix(landmarks, 40), 40)
    there = align.crop(image[:, ::-1], align.crop_matrix(mirrored, 40), 40)
    # Rounding half up is not symmetric.
    assert np.abs(here[:, ::-1].astype(int) - there).max() <= 1
