from pathlib import Path

import numpy as np
import pytest

from fau_tf import facs
from fau_tf.codec import HeatmapCodec
from fau_tf.face import align
from fau_tf.face.au_centres import au_centres
from fau_tf.runtime import draw
from fau_tf.runtime.estimator import AUEstimator, FaceResult
from fau_tf.runtime.sources import read_image
from tests.helpers.tiny_model import HEATMAP, write_tiny_model

PHOTO = Path(__file__).parents[2] / "docs" / "sample" / "astronaut.png"
SIZE = 64


@pytest.fixture(scope="module")
def face(tmp_path_factory):
    model = write_tiny_model(tmp_path_factory.mktemp("model"))
    with AUEstimator(model) as estimator:
        (face,) = estimator.estimate(read_image(PHOTO)).faces
    return face


def test_the_estimator_returns_plain_data_of_the_contract(face):
    k = len(facs.centres(facs.ALL))
    assert isinstance(face, FaceResult)
    assert face.landmarks.shape == (68, 2)
    assert face.centres.shape == (k, 2)
    assert face.heatmaps.shape == (HEATMAP, HEATMAP, k)
    assert list(face.intensity) == [au.label for au in facs.AUS.values()]
    x0, y0, x1, y1 = face.box
    inside = (face.centres >= (x0, y0)) & (face.centres <= (x1, y1))
    assert inside.all()


def test_centres_in_the_photo_are_those_of_the_crop(face):
    in_crop = align.transform(face.matrix, face.landmarks)
    expected = align.transform(align.invert(face.matrix), au_centres(in_crop, facs.ALL))
    np.testing.assert_allclose(face.centres, expected, atol=1e-3)  # float32 centres


def test_an_image_without_a_face_has_its_reason(tmp_path):
    with AUEstimator(write_tiny_model(tmp_path)) as estimator:
        empty = estimator.estimate(np.zeros((64, 64, 3), np.uint8))
    assert empty.faces == ()
    assert empty.reason == "no face found"


def test_a_heatmap_lies_over_its_au_centre_in_the_photo(face):
    """The peak of one channel, warped into the photo, is where the photo's AU centre is."""
    centre = facs.centres(facs.ALL)[7]
    in_crop = au_centres(align.transform(face.matrix, face.landmarks), facs.ALL)
    codec = HeatmapCodec(face.crop_size, face.crop_size // 4, 1.5)
    heatmaps = codec.encode(in_crop, np.full(len(in_crop), 5.0, np.float32)).astype(np.float32)
    one = FaceResult(**(vars(face) | {"heatmaps": heatmaps[..., 7:8]}))
    black = np.zeros((256, 256, 3), np.uint8)
    to_photo = draw._after(align.invert(face.matrix), draw.heatmap_to_crop(one))
    lit = draw.with_heatmaps(black, one.heatmaps, to_photo).sum(axis=-1).astype(float)
    assert lit.max() > 100, centre.name
    rows, columns = np.indices(lit.shape)
    weight = lit / lit.sum()
    found = ((columns * weight).sum(), (rows * weight).sum())
    # A centre snaps to its cell: half a cell of 4 crop px, as px of the photo, in x and in y.
    half_cell = 2 / np.sqrt(np.linalg.det(face.matrix[:, :2]))
    np.testing.assert_allclose(found, face.centres[7], atol=half_cell + 0.5)


def test_an_empty_heatmap_leaves_the_photo_as_it_is():
    photo = read_image(PHOTO)
    still = draw.with_heatmaps(photo, np.zeros((8, 8, 3), np.float32), np.eye(2, 3) * 30)
    np.testing.assert_array_equal(still, photo)


def test_colours_run_from_blue_to_red_and_clip():
    levels = draw.colours(np.array((-1.0, 0.0, 5.0, 9.0), np.float32))
    np.testing.assert_array_equal(levels[0], levels[1])
    np.testing.assert_array_equal(levels[2], levels[3])
    assert levels[0, 2] > levels[0, 0]
    assert levels[2, 0] > levels[2, 2]


@pytest.mark.parametrize("count", [0, 1, 2, 3, 7])
def test_the_picture_has_a_card_for_every_face(face, count):
    photo = read_image(PHOTO)
    picture = draw.overlay(photo, [face] * count, "" if count else "no face found")
    assert picture.dtype == np.uint8
    height, width = picture.shape[:2]
    columns = {0: 0, 1: 1, 2: 2, 3: 3, 7: 4}[count]
    assert width >= max(columns * draw.CARD_WIDTH, draw.PHOTO_SIDE)
    assert height >= draw.PHOTO_SIDE
    assert (picture != picture[0, 0]).any(axis=-1).mean() > 0.4


@pytest.mark.parametrize("shape", [(3, 2, 3), (1, 400, 3), (30, 20, 3)])
def test_small_and_narrow_pictures_can_be_drawn(shape):
    assert draw.overlay(np.zeros(shape, np.uint8), [], "no face found").shape[2] == 3
