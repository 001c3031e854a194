import numpy as np
import pytest

from fau_tf.face import bundle
from fau_tf.face.bundle import BUNDLE_NAME, Network, default_bundle, read_bundle
from fau_tf.face.landmarker import FaceLandmarker


def test_a_missing_bundle_is_reported_with_the_next_step(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nowhere\.task.*No such file.*Restore"):
        read_bundle(tmp_path / "nowhere.task")


def test_a_truncated_bundle_is_refused_by_its_hash(tmp_path):
    cut = tmp_path / BUNDLE_NAME
    cut.write_bytes(default_bundle().read_bytes()[:1000])
    with pytest.raises(
        ValueError, match=r"\(1000 bytes\) has SHA-256 .* instead of 64184e22.*Restore"
    ):
        FaceLandmarker(path=cut)


def test_a_network_returns_copies():
    network = Network(read_bundle(), bundle.DETECTOR)
    values = np.zeros((1, 128, 128, 3), np.float32)
    first = network(values)
    kept = first["regressors"].copy()
    network(values + 1)
    np.testing.assert_array_equal(first["regressors"], kept)
    assert kept.any()
