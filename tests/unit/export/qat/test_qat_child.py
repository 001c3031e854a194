"""Quantization-aware training for real: needs the environment that `make qat-env` makes."""

import zlib

import numpy as np
import pytest

from export.checks import gates
from export.checks.audit import audit, operator_name, problems
from export.checks.weight_types import constants
from export.graph.flatbuffer import unpack
from export.package import run_tflite
from export.qat.launch import QatEnvironmentError, QatSettings, environment_python, qat_variant
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
    return qat_variant(net, SPEC, batches(), *faces, loss=LOSS, settings=how, say=str)


@pytest.fixture(scope="module")
def rounded(net, faces):
    return tuned(net, faces)


def test_the_twin_is_the_network(rounded):
    # float32 sums in another order
    assert 0 < rounded.facts["twin_difference"] < 1e-5


def test_the_file_keeps_the_contract_with_convolutions_in_int8_and_scc_in_float(rounded):
    found = audit(rounded.flatbuffer)
    sizes = {"image_size": SPEC.image_size, "heatmap_size": SPEC.heatmap_size}
    assert problems(found, **sizes, aus=len(SPEC.au_numbers), centers=28) == []
    # As its row says: the GPU's form multiplies by one-hot rows and has no such operator.
    assert "GATHER" in {name.split()[0] for name in found.operators}
    assert gates.refusals(rounded.flatbuffer, SPEC, EXPORT_SPECS["qat_int8"], None) == []
    kernels = [row for row in constants(rounded.flatbuffer) if "CONV" in row.operator]
    assert {row.type for row in kernels if not row.bias} == {"INT8"}
    scc = [row for row in constants(rounded.flatbuffer) if "scc" in row.name and row.values > 1000]
    assert scc
    assert {row.type for row in scc} == {"INT8"}
    assert any(name.startswith("BATCH_MATMUL") for name in found.operators)  # neighbors: float


def test_a_rate_of_nothing_leaves_the_network_as_it_was_but_for_rounding(net, faces):
    still = tuned(net, faces, learning_rate=0.0)
    raw = np.asarray(net(faces[0]))
    want = SPEC.codec.decode(raw, facs.center_to_au(SPEC.au_numbers))
    got, maps = run_tflite(still.flatbuffer, faces[0])
    assert want.std() > 0.1
    assert np.isfinite(maps).all()
    # 8 bits a layer over ten layers of a random network: rounding is noise, not a shift
    assert np.abs(got - want).mean() < 0.25 * want.std()
    assert np.corrcoef(got.ravel(), want.ravel())[0, 1] > 0.95
    agreement = [row["icc"] for row in still.facts["history"]]
    np.testing.assert_array_equal(agreement, agreement[0])


def test_it_learns(net, faces):
    taught = tuned(net, faces, crops=64, epochs=4, learning_rate=1e-2)
    losses = [row["loss"] for row in taught.facts["history"] if "loss" in row]
    assert losses[-1] < 0.7 * losses[0]


@pytest.mark.parametrize(
    ("method", "amount"), [("cluster", 8), ("prune", 0.5)], ids=["cluster", "prune"]
)
def test_lighter_forms_are_what_they_say(method, amount, net, faces, rounded):
    lighter = tuned(net, faces, method=method, amount=amount, learning_rate=1e-4)
    kernels, dense = (list(dense_kernels(made.flatbuffer)) for made in (lighter, rounded))
    light, heavy = (
        len(zlib.compress(b"".join(k.tobytes() for k in of))) for of in (kernels, dense)
    )
    assert light < 0.8 * heavy  # a bit or more of the seven in each weight is gone
    for channels in kernels:
        if method == "cluster":
            assert max(len(np.unique(channel)) for channel in channels) <= amount
        else:
            assert np.mean(channels == 0) >= amount - 0.01  # whole weights of small layers


def dense_kernels(flatbuffer):
    """Return the int8 kernels of convolutions that aren't depthwise, (channels, the rest) each."""
    model = unpack(flatbuffer)
    (graph,) = model.subgraphs
    for operator in graph.operators:
        if operator_name(model, operator) == "CONV_2D":
            tensor = graph.tensors[operator.inputs[1]]
            data = np.asarray(model.buffers[tensor.buffer].data).view(np.int8)
            yield data.reshape(tensor.shape[0], -1)
