from pathlib import Path

import cv2
import numpy as np
import pytest

from fau_tf import facs
from fau_tf.face import align
from fau_tf.face.align_cv2 import fast_crop, warp_rgb
from fau_tf.io.images import read_image

ROOT = Path(__file__).parents[3]
PHOTO = ROOT / "docs" / "sample" / "astronaut.png"


@pytest.fixture(scope="module")
def mesh_landmarks():
    """The 68 landmarks of the canonical mesh, seen from the front; y down, in mesh units."""
    lines = (ROOT / "fau_tf/synthetic/data/canonical_face_model.obj").read_text().splitlines()
    vertices = [line.split()[1:3] for line in lines if line.startswith("v ")]
    return np.array(vertices, float)[list(facs.IBUG_FROM_MEDIAPIPE)] * (1, -1)


def shifted(scale, x=0.0, y=0.0):
    return np.array(((scale, 0.0, x), (0.0, scale, y)))


def test_the_template_is_the_canonical_mesh(mesh_landmarks):
    matrix = align.crop_matrix(mesh_landmarks, 1000)
    placed = (align.transform(matrix, mesh_landmarks) + 0.5) / 1000
    # Four decimals are written.
    np.testing.assert_allclose(placed[list(align.ANCHORS)], align.TEMPLATE, atol=2e-4)
    eyes = placed[36:42].mean(axis=0), placed[42:48].mean(axis=0)
    np.testing.assert_allclose(eyes, ((0.36, 0.34), (0.64, 0.34)), atol=1e-3)


def test_the_chin_stays_inside_with_the_jaw_fully_open(mesh_landmarks):
    opened = mesh_landmarks.copy()
    opened[4:13, 1] += 2.0  # a fully open jaw moves the chin down by about two mesh units
    matrix = align.crop_matrix(opened, 1000)
    placed = align.transform(matrix, opened) / 1000
    assert 0.9 < placed[8, 1] < 0.97
    assert placed.min() > 0


def test_the_template_is_symmetric():
    partner = [align.ANCHORS.index(facs.MIRROR_68[i]) for i in align.ANCHORS]
    np.testing.assert_allclose(align.TEMPLATE[partner], align.TEMPLATE * (-1, 1) + (1, 0))


def test_a_margin_widens_the_view_about_the_same_center(mesh_landmarks):
    size, margin = 100, 1.25
    plain = align.transform(align.crop_matrix(mesh_landmarks, size), mesh_landmarks)
    wide = align.transform(align.crop_matrix(mesh_landmarks, size, margin), mesh_landmarks)
    center = size / 2 - 0.5
    np.testing.assert_allclose((wide - center) * margin, plain - center, atol=1e-9)


def test_pixel_centers_are_on_integers():
    image = np.zeros((4, 4, 3), np.uint8)
    image[1, 2] = 200
    # Twice the size: image px (2, 1) is the center of crop px 4, 5 by 2, 3.
    enlarged = align.crop(image, shifted(2.0, 0.5, 0.5), 8)
    assert enlarged[2:4, 4:6].min() == enlarged.max() == 113  # 200 * (3/4)^2 + .5


@pytest.mark.parametrize("scale", [2.5, 4.0, 7.3, 16.0])
def test_a_large_face_is_shrunk_without_aliasing(scale):
    checkers = (np.indices((256, 256)).sum(axis=0) % 2 * 255).astype(np.uint8)
    image = np.repeat(checkers[..., None], 3, axis=-1)
    small = align.crop(image, shifted(1 / scale), 12)
    # The mean of a checkerboard is 127.5 everywhere; sampling it would give 0 to 255.
    assert (small == 128).all()


def test_cutting_out_the_visible_part_first_gives_the_same_crop():
    image = np.random.default_rng(0).integers(0, 256, (301, 333, 3), np.uint8)
    center = shifted(1 / 5.0, -20.0, -18.0)
    small = align.crop(image, center, 20)
    whole, matrix = image, center
    for _ in range(2):
        whole = align.halved(whole)
        matrix = np.column_stack((2 * matrix[:, :2], align.transform(matrix, np.full(2, 0.5))))
    expected = align.bilinear(
        whole,
        align.transform(align.invert(matrix), np.stack(np.meshgrid(range(20), range(20)), -1)),
    )
    # A value on a half may tip.
    assert np.abs(small - np.floor(expected + 0.5)).max() <= 1
    assert np.mean(small != np.floor(expected + 0.5)) < 0.01


@pytest.mark.parametrize("size", [48, 128, 256])
def test_the_fast_crop_is_close_to_the_definition_on_a_photo(size):
    photo = read_image(PHOTO)
    for turn in (0.0, 0.3):
        cos, sin = np.cos(turn) * size / 150, np.sin(turn) * size / 150
        matrix = np.array(((cos, -sin, -10.3), (sin, cos, -8.7)))
        exact, fast = align.crop(photo, matrix, size), fast_crop(photo, matrix, size)
        assert exact.std() > 20
        error = np.abs(exact.astype(int) - fast)
        # OpenCV may round sampling points to 1/32 px: a step of 200 levels over 1 px moves by 3,
        # and a crop of half the scale adds the rounding of the halves.
        assert error.mean() < 0.6
        assert np.percentile(error, 99) <= 4
        assert error.max() <= 8


@pytest.mark.parametrize("scale", [2.7, 5.0, 9.0])
def test_the_fast_crop_shrinks_like_the_definition(scale):
    rows, columns = np.indices((301, 403))
    smooth = 120 + 60 * np.sin(rows / 37) + 50 * np.cos(columns / 29 + rows / 61)
    image = np.stack((smooth, 255 - smooth, smooth * 0.5 + 40), axis=-1).round().astype(np.uint8)
    matrix = shifted(1 / scale, -3.2, -2.1)
    exact, fast = align.crop(image, matrix, 30), fast_crop(image, matrix, 30)
    assert exact.std() > 20
    # Each of at most three halvings is rounded to whole levels.
    assert np.abs(exact.astype(int) - fast).max() <= 2


@pytest.mark.parametrize(
    ("image", "said"),
    [
        (np.zeros((4, 4), np.uint8), "(4, 4)"),
        (np.zeros((4, 4, 4), np.uint8), "(4, 4, 4)"),
        (np.zeros((4, 4, 3), np.float32), "float32"),
        (np.zeros((0, 4, 3), np.uint8), "(0, 4, 3)"),
        ("photo.png", "<U9"),
    ],
)
@pytest.mark.parametrize("cut", [align.crop, fast_crop])
def test_a_wrong_image_is_refused_with_its_shape(cut, image, said):
    with pytest.raises(ValueError, match="RGB uint8") as caught:
        cut(image, shifted(1.0), 4)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    "landmarks",
    [np.zeros((68, 2)), np.full((68, 2), np.nan), np.zeros((67, 2)), np.zeros((68, 3))],
)
def test_landmarks_without_a_similarity_are_refused(landmarks):
    with pytest.raises(ValueError, match="got"):
        align.crop_matrix(landmarks, 64)


@pytest.mark.parametrize(("size", "margin"), [(0, 1.0), (64, 0.0), (64, -1.0), (64, np.nan)])
def test_a_crop_without_extent_is_refused(mesh_landmarks, size, margin):
    with pytest.raises(ValueError, match="positive"):
        align.crop_matrix(mesh_landmarks, size, margin)


def test_points_of_different_number_are_refused():
    with pytest.raises(ValueError, match=r"\(N, 2\)"):
        align.similarity(np.zeros((3, 2)), np.zeros((4, 2)))


@pytest.mark.parametrize("border", [cv2.BORDER_REPLICATE, cv2.BORDER_CONSTANT])
def test_a_fourth_channel_changes_no_bit(border):
    rng = np.random.default_rng(5)
    for _ in range(20):
        image = rng.integers(0, 256, (*rng.integers(2, 300, 2), 3)).astype(np.uint8)
        matrix = np.column_stack((rng.normal(0, 1, (2, 2)), rng.uniform(0, 100, 2)))
        options = {"flags": cv2.INTER_LINEAR, "borderMode": border}
        three = cv2.warpAffine(image, matrix, (64, 64), **options)
        np.testing.assert_array_equal(warp_rgb(image, matrix, 64, **options), three)
