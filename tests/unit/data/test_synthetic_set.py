"""Records of synthetic faces: labels that agree with the rig's movement."""

from dataclasses import replace

import numpy as np
import pytest

from fau_tf import facs
from fau_tf.data.synthetic_set import side_differences
from fau_tf.synthetic import sample

RIG = sample.canonical_rig()
_CORNERS = [48, 54]  # of the mouth, on the image's left and right


@pytest.mark.parametrize("lean", [-0.25, 0.0, 0.25])
def test_the_side_that_moves_more_has_the_higher_label(lean):
    even = dict.fromkeys(facs.AUS, 0.0)
    scene = sample.sample_scene(
        RIG, person_seed=1, face_seed=1, intensity={9: 2.0, 12: 4.0, 45: 1.0}, pose=(0.0, 0.0, 0.0)
    )
    scene = replace(scene, asymmetry=dict.fromkeys(facs.AUS, lean), unlabeled={})
    found = side_differences(scene)
    # AU9 has a third center, and lids shut alike.
    assert found.keys() == {12}
    moved = sample.landmarks(replace(scene, intensity=even | {12: 4.0}))
    way = np.hypot(*(moved - sample.landmarks(replace(scene, intensity=even)))[_CORNERS].T)
    relative = 2 * (way[0] - way[1]) / way.sum()
    # A person's face is not even, and perspective shortens the ways.
    assert found[12] == pytest.approx(4.0 * relative, abs=0.35)
    assert found[12] == pytest.approx(4.0 * 2 * lean, rel=0.1)
