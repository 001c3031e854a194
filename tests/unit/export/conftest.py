"""The tiny network and its variants, made once in a session."""

import pytest

from export import variants
from export.specs import EXPORT_SPECS
from export.variants import Source
from tests.helpers.tiny_model import write_tiny_model
from tests.helpers.tiny_network import SPEC, smooth_faces, tiny_network


@pytest.fixture(scope="session")
def net():
    return tiny_network()


@pytest.fixture(scope="session")
def source(net):
    return Source(net, SPEC, smooth_faces(16, 1))


@pytest.fixture(scope="session")
def variant_file(source):
    """Return a function from a row of EXPORT_SPECS, or its name, to its file without metadata."""
    made = {}

    def file(variant):
        row = EXPORT_SPECS[variant] if isinstance(variant, str) else variant
        key = row.scheme, row.selection
        if key not in made:
            made[key] = variants.make(source, row)
        return made[key]

    return file


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory):
    """The contents of a .tflite whose intensities follow the brightness, without metadata."""
    return write_tiny_model(tmp_path_factory.mktemp("model")).read_bytes()
