import re

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from export.checks import weight_types
from export.checks.audit import audit, problems
from export.convert import convert
from export.graph.flatbuffer import pack, unpack
from export.package import run_tflite
from export.quantize import RECIPES, RepresentativeSetError, quantize
from fau_tf.models.presets import PRESETS
from tests.unit.export.test_convert import SIZES, _network

SPEC = PRESETS["tiny"]


def _faces(count, seed):
    """Return smooth random pictures: noise alone looks the same to a network."""
    rng = np.random.default_rng(seed)
    coarse = rng.uniform(0, 255, (count, 8, 8, 3))
    return np.kron(coarse, np.ones((1, 8, 8, 1))).astype(np.float32)


@pytest.fixture(scope="module")
def float32():
    return {
        form: convert(_network(SPEC), SPEC, selection=form) for form in ("one_hot", "gather_1d")
    }


@pytest.fixture(scope="module", params=[(r, f) for r in RECIPES for f in ("one_hot", "gather_1d")])
def quantized(request, float32):
    recipe, form = request.param
    return recipe, float32[form], quantize(float32[form], recipe, _faces(16, 1))


def test_the_file_keeps_the_contract_and_its_weights_are_int8(quantized):
    _, float32, made = quantized
    assert problems(audit(made), **SIZES) == []
    assert weight_types.problems(made, "INT8") == []
    assert weight_types.problems(float32, "INT8") != []
    assert len(made) < 0.5 * len(float32)  # a network this small is half names and shapes


def test_answers_stay_close_to_float(quantized):
    _, float32, made = quantized
    faces = _faces(12, 2)
    want, got = run_tflite(float32, faces), run_tflite(made, faces)
    for mine, theirs in zip(got, want, strict=True):
        assert np.isfinite(mine).all()
        assert theirs.std() > 0.1
        # Random weights amplify rounding more than trained ones; another network's answers, or
        # shuffled ones, correlate below .7.
        assert np.corrcoef(mine.ravel(), theirs.ravel())[0, 1] > 0.97


def test_neighbors_are_found_in_float(quantized):
    recipe, _, made = quantized
    model = unpack(made)
    (graph,) = model.subgraphs
    seen = 0
    for operator in graph.operators:
        name = graph.tensors[operator.outputs[0]].name.decode()
        constant = [
            index
            for index in operator.inputs
            if index >= 0 and model.buffers[graph.tensors[index].buffer].data is not None
        ]
        # DEQUANTIZE makes float of what came before; TOPK_V2 and its indices are whole numbers.
        values = [index for index in operator.inputs if index >= 0 and index not in constant]
        if re.search(r"/scc\d", name) and "dequant" not in name:
            types = {graph.tensors[index].type for index in values}
            assert schema.TensorType.INT8 not in types, (recipe, name)
            seen += 1
    assert seen > 20  # two SCC layers


def test_packing_changes_no_answer_and_equal_files_stay_equal(quantized):
    _, _, made = quantized
    again = pack(unpack(made))
    assert again == made
    faces = _faces(2, 3)
    np.testing.assert_array_equal(run_tflite(again, faces)[1], run_tflite(made, faces)[1])


def test_static_ranges_are_extremes_whatever_the_order_of_the_faces(float32):
    faces = _faces(6, 4)
    faces[0] = faces[0] * 0.05  # an unlike one: an average would depend on when it comes
    made = quantize(float32["one_hot"], "static_int8", faces)
    assert quantize(float32["one_hot"], "static_int8", faces[::-1]) == made
    assert quantize(float32["one_hot"], "static_int8", faces[1:]) != made


@pytest.mark.parametrize(
    ("faces", "message"),
    [
        (np.zeros((0, 64, 64, 3), np.float32), "at least one face"),
        (np.zeros((4, 32, 32, 3), np.float32), r"Received: \(4, 32, 32, 3\)"),
        (np.zeros((4, 64, 64, 3), np.uint8), "uint8"),
        (_faces(4, 0) / 255, "RGB, 0 to 255"),
        (_faces(4, 0) - 127.5, "RGB, 0 to 255"),
        (_faces(4, 0) * np.nan, "RGB, 0 to 255"),
    ],
    ids=["empty", "size", "type", "unit", "centered", "nan"],
)
def test_a_representative_set_that_is_none_is_refused(faces, message, float32):
    with pytest.raises(RepresentativeSetError, match=message):
        quantize(float32["one_hot"], "static_int8", faces)
