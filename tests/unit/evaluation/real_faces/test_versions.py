import numpy as np

from fau_tf.evaluation.real_faces import versions
from tests.helpers.faces import _landmarks
from tests.helpers.faces import photo as rendered


def picture(height=41, width=30):
    rng = np.random.default_rng(0)
    smooth = rng.integers(0, 256, (height // 8 + 1, width // 8 + 1, 3), np.uint8)
    return np.ascontiguousarray(smooth.repeat(8, 0).repeat(8, 1)[:height, :width])


def test_the_first_version_is_the_photo():
    photo = picture()
    name, change = next(iter(versions.VERSIONS.items()))
    assert name == versions.COLOR
    assert change(photo) is photo


def test_gray_is_luma_in_every_channel():
    photo = picture()
    found = versions.gray(photo)
    luma = photo @ np.array((0.299, 0.587, 0.114))
    assert (found == found[..., :1]).all()
    np.testing.assert_allclose(found[..., 0], luma, atol=1)  # whole gray levels
    assert np.ptp(found) > 50


def test_half_is_the_mean_of_two_by_two_pixels():
    photo = np.random.default_rng(0).integers(0, 256, (40, 30, 3), np.uint8)
    means = photo.reshape(20, 2, 15, 2, 3).mean(axis=(1, 3))
    np.testing.assert_allclose(versions.half(photo), means, atol=0.5)
    assert versions.half(picture(41, 31)).shape == (20, 15, 3)


def test_jpeg_changes_a_photo_a_little_and_always_in_the_same_way():
    photo = picture()
    found = versions.jpeg(photo)
    assert found.shape == photo.shape
    change = np.abs(found.astype(int) - photo)
    assert 1 < change.mean() < 30  # quality 25 on squares of 8 px: 9 gray levels
    assert (versions.jpeg(photo) == found).all()


def test_glasses_cover_the_rims_and_leave_the_eyes():
    photo, landmarks = rendered(0), _landmarks(0)
    found = versions.glasses(photo, landmarks, "1")
    changed = np.abs(found.astype(int) - photo).max(axis=-1) > 8
    for eye in (landmarks[36:42], landmarks[42:48]):
        x, y = np.round(eye.mean(axis=0)).astype(int)
        assert not changed[y - 2 : y + 3, x - 2 : x + 3].any()
    bridge = landmarks[27]
    x, y = np.round(bridge).astype(int)
    assert changed[y - 3 : y + 4, x - 3 : x + 4].any()
    assert 0.002 < changed.mean() < 0.1  # of the picture; the frame is a tenth of a lens
    assert (versions.glasses(photo, landmarks, "1") == found).all()
    assert (versions.glasses(photo, landmarks, "2") != found).any()
