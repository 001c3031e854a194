"""The canonical rig, built once a session."""

import pytest

from fau_tf.synthetic.rigs.canonical import canonical_rig


@pytest.fixture(scope="session")
def rig():
    return canonical_rig()
