"""Quantization-aware training in the environment that `make qat-env` creates."""

import numpy as np
import pytest

from export.checks import gates
from export.checks.audit import audit, contract_problems
from export.checks.weight_types import constants
from export.graph.flatbuffer import TfliteFile
from export.keras_parity import run_tflite
from export.qat.fine_tune import QatSettings, qat_variant
from export.qat.launch import QatEnvironmentError, environment_python
from export.specs import EXPORT_SPECS
from fau_tf import facs
from tests.helpers.qat_case import LOSS, SPEC, batches, labeled_faces, network


def environment_is_there():
    try:
        return bool(environment_python())
    except QatEnvironmentError:
        return False


pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not environment_is_there(), reason="no .venv-qat: run `make qat-env`"),
]


@pytest.fixture(scope="module")
def net():
    return network(SPEC)


@pytest.fixture(scope="module")
def faces():
    return labeled_faces(8)


def tuned(net, faces, **settings):
    how = QatSettings(**{"crops": 16, "batch_size": 4} | settings)
    return qat_variant(net, SPEC, batches(), *faces, loss=LOSS, settings=how, log=str)


@pytest.fixture(scope="module")
def rounded(net, faces):
    return tuned(net, faces)


def test_the_twin_computes_what_the_network_does(rounded):
    # float32 sums in another order
    assert 0 < rounded.facts["twin_difference"] < 1e-5


def test_the_file_keeps_the_contract_with_convolutions_in_int8_and_scc_in_float(rounded):
    file = TfliteFile(rounded.flatbuffer)
    found = audit(file)
    sizes = {"image_size": SPEC.image_size, "heatmap_size": SPEC.heatmap_size}
    counts = {"aus": len(SPEC.au_numbers), "centers": len(SPEC.to_au)}
    assert contract_problems(found, **sizes, **counts) == []
    # As in its row: the GPU's form multiplies by one-hot rows and has no such operator.
    assert "GATHER" in {name.split()[0] for name in found.operators}
    assert gates.file_problems(file, SPEC, EXPORT_SPECS["qat_int8"], None) == []
    kernels = [row for row in constants(file) if "CONV" in row.operator]
    assert {row.type for row in kernels if not row.bias} == {"INT8"}
    scc = [row for row in constants(file) if "scc" in row.name and row.values > 1000]
    assert scc
    assert {row.type for row in scc} == {"INT8"}
    assert any(name.startswith("BATCH_MATMUL") for name in found.operators)  # neighbors: float


def test_with_a_learning_rate_of_0_only_rounding_changes_the_network(net, faces):
    still = tuned(net, faces, learning_rate=0.0)
    raw = np.asarray(net(faces[0]))
    want = SPEC.codec.decode(raw, facs.center_to_au(SPEC.au_numbers))
    got, maps = run_tflite(TfliteFile(still.flatbuffer), faces[0])
    assert want.std() > 0.1
    assert np.isfinite(maps).all()
    # 8 bits a layer over ten layers of a random network: rounding is noise, not a shift
    assert np.abs(got - want).mean() < 0.25 * want.std()
    assert np.corrcoef(got.ravel(), want.ravel())[0, 1] > 0.95
    icc = [row["icc"] for row in still.facts["history"]]
    np.testing.assert_array_equal(icc, icc[0])


def test_training_lowers_the_loss(net, faces):
    trained = tuned(net, faces, crops=64, epochs=4, learning_rate=1e-2)
    losses = [row["loss"] for row in trained.facts["history"] if "loss" in row]
    assert losses[-1] < 0.7 * losses[0]
