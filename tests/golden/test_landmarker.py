"""The face landmarker gives the golden vectors, step by step."""

import json

import numpy as np
import pytest

from fau_tf.face.landmarker import FaceLandmarker
from fau_tf.io.images import read_image
from tests.golden.landmarker_steps import FILE, PICTURES, ROOT, TOLERANCES, steps

GOLDEN = json.loads(FILE.read_text(encoding="utf-8"))


@pytest.mark.parametrize("picture", PICTURES)
def test_every_step_is_the_golden_one(picture):
    found = steps(picture)
    assert list(found) == list(TOLERANCES) == list(GOLDEN["pictures"][picture])
    for step, (limit, _) in TOLERANCES.items():
        golden = np.array(GOLDEN["pictures"][picture][step], float)
        assert np.isfinite(golden).all()
        assert golden.any()
        np.testing.assert_allclose(found[step], golden, rtol=0, atol=limit, err_msg=step)


@pytest.mark.parametrize("picture", PICTURES)
def test_the_landmarker_by_opencv_finds_that_mesh(picture):
    with FaceLandmarker(divisions=(1,)) as landmarker:
        (mesh,) = landmarker.find(read_image(ROOT / picture))
    # Its crops may differ by single gray levels.
    np.testing.assert_allclose(mesh, GOLDEN["pictures"][picture]["mesh"], atol=0.2)


def test_the_file_is_small():
    assert FILE.stat().st_size < 300_000
