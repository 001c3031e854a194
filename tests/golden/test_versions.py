"""Declared versions stay honest: rendered faces and the first training steps are as committed.

A failure here means that the same seeds now give other faces (raise `GENERATOR_VERSION`) or that
the same settings and faces now give other weights (raise `TRAINING_VERSION`). Then write the golden
files again with `python tests/golden/write_versions.py`.
"""

import keras
import numpy as np
import pytest

from fau_tf.models.scc.semantic_correspondence import SemanticCorrespondence
from fau_tf.synthetic.sample import GENERATOR_VERSION
from fau_tf.training.run_state import TRAINING_VERSION
from tests.golden import write_versions

FACES = np.load(write_versions.FACES)
LOSS = np.load(write_versions.LOSS)


REGISTERED = {
    "fau_tf>SemanticCorrespondence", "fau_tf>NearIdentity", "fau_tf>WarmupPlateauDecay",
    "fau_tf>HeatmapTarget", "fau_tf>IntensityDecode", "fau_tf>StepDecay",
}  # fmt: skip
"""Names in .keras files: a renamed class would make trained networks unreadable."""


@pytest.mark.parametrize("rig", ["canonical", "ict", "anny"])
def test_faces_are_those_of_the_generator_version(rig, tmp_path):
    assert FACES["version"] == GENERATOR_VERSION
    images = write_versions.rendered_faces(rig, tmp_path).astype(int)
    golden = FACES[rig].astype(int)
    assert golden.std() > 20  # pictures, not a plain color
    # The same bytes on one machine. Another processor rounds sums in another order, which moves a
    # pixel by a gray level where a value lies between two.
    difference = np.abs(images - golden)
    assert difference.max() <= 1
    assert (difference > 0).mean() < 1e-3


@pytest.mark.integration
def test_the_first_epochs_are_those_of_the_training_version(tmp_path):
    assert LOSS["version"] == TRAINING_VERSION
    loss = write_versions.first_epochs(tmp_path)
    assert LOSS["loss"][-1] < 0.9 * LOSS["loss"][0]  # something is learned
    # The same bits on one machine. On another processor float32 sums round in another order, and
    # two neighbors of nearly the same distance may change places.
    np.testing.assert_allclose(loss, LOSS["loss"], rtol=1e-3)


def test_another_face_is_noticed(tmp_path):
    """The check itself can fail: the faces of the next seed."""
    images = write_versions.rendered_faces("canonical", tmp_path, write_versions.SEED + 1)
    assert np.abs(images.astype(int) - FACES["canonical"].astype(int)).max() > 1


def test_names_in_keras_files_are_kept():
    names = {name for name in keras.saving.get_custom_objects() if name.startswith("fau_tf>")}
    assert names == REGISTERED
    layer = SemanticCorrespondence(k=3)
    assert set(layer.get_config()) - set(keras.layers.Layer().get_config()) == {
        "k", "nodes", "selection", "initializer", "momentum", "epsilon", "synchronized",
    }  # fmt: skip
