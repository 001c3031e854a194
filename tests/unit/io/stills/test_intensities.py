"""The sample photo has the same intensities in every file, within what its coding loses."""

import numpy as np
import pytest
from PIL import Image

from fau_tf.inference.estimator import AUEstimator
from tests.helpers import icc_profiles
from tests.helpers.face_videos import PHOTO
from tests.helpers.still_files import (
    PIXELS,
    SAMPLE,
    STORED_AS,
    adobe_rgb_of,
    bt2020_of,
    hlg_of,
    orientation,
    pq_of,
    write_deep_rgb,
    write_hdr_avif,
    write_hdr_heic,
    write_heic,
)

GRAY = np.asarray(SAMPLE.convert("L"))


def write_gray_12(path):
    Image.fromarray(GRAY.astype(np.uint16) * 16).save(path)


def write_gray_float(path):
    Image.fromarray((GRAY / 255).astype(np.float32)).save(path)


def write_color_12(path):
    write_deep_rgb(path, PIXELS.astype(np.uint16) * 16)


def write_turned_heic(path):
    write_heic(path, STORED_AS[6](SAMPLE), exif=orientation(6))


def write_adobe_rgb(path):
    profile = icc_profiles.rgb_profile(icc_profiles.ADOBE_RGB, 2.2)
    Image.fromarray(adobe_rgb_of(PIXELS)).save(path, icc_profile=profile)


def write_hlg_heic(path):
    write_hdr_heic(path, np.round(hlg_of(bt2020_of(PIXELS)) * 65535).astype(np.uint16), 18)


def write_pq_avif(path):
    write_hdr_avif(path, np.round(pq_of(bt2020_of(PIXELS)) * 255).astype(np.uint8), 16)


# File -> its writer; how far an AU may be from that of the same picture in 8 bits of sRGB: nothing
# where no pixel changes, else the figure that was measured and half as much again. Read with the
# wrong bits the error is 3.9 and more, without the profile 0.3, without tone mapping 0.5 and more.
FILES = {
    "gray12.png": (write_gray_12, 0.0),
    "gray12.tif": (write_gray_12, 0.0),
    "float.tif": (write_gray_float, 0.0),
    "color12.png": (write_color_12, 0.0),
    "color12.tif": (write_color_12, 0.0),
    "photo.heic": (write_heic, 0.2),
    "turned.heic": (write_turned_heic, 0.2),
    "adobe.png": (write_adobe_rgb, 0.1),
    "hlg.heic": (write_hlg_heic, 0.2),
    "pq.avif": (write_pq_avif, 0.45),
}


@pytest.fixture(scope="module")
def estimator():
    with AUEstimator() as found:
        yield found


@pytest.fixture(scope="module")
def wanted(estimator):
    """Whether it is gray -> intensities of the photo."""
    gray = np.repeat(GRAY[..., None], 3, axis=-1)
    return {True: values(estimator, gray), False: values(estimator, PHOTO)}


def values(estimator, source):
    (face,) = estimator.estimate(source).faces
    found = np.array(list(face.intensity.values()))
    assert np.isfinite(found).all()
    assert found.max() > 3
    return found


@pytest.mark.parametrize("name", FILES)
def test_a_file_has_the_intensities_of_the_photo(estimator, wanted, tmp_path, name):
    write, tolerance = FILES[name]
    write(tmp_path / name)
    found = values(estimator, tmp_path / name)
    is_gray = name.startswith(("gray", "float"))
    np.testing.assert_allclose(found, wanted[is_gray], rtol=0, atol=tolerance)


def test_the_estimate_of_a_file_has_its_flags(estimator, tmp_path):
    write_gray_12(tmp_path / "x.png")
    assert estimator.estimate(tmp_path / "x.png").flags == ("bit depth assumed",)
    assert estimator.estimate(PHOTO).flags == ()
