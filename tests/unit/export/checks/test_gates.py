"""Each gate takes a good file and refuses one with its fault planted."""

import dataclasses
import re

import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter

from export import quantize
from export.checks import gates, weight_types
from export.checks.operators import litert_gpu, max_versions
from export.graph.flatbuffer import ModelFileError, TfliteFile, pack, unpack
from export.specs import EXPORT_SPECS
from tests.helpers import one_operator
from tests.helpers.tiny_network import SPEC

pytestmark = pytest.mark.integration  # networks are converted: seconds each

FLOAT32, FLOAT16 = EXPORT_SPECS["float32"], EXPORT_SPECS["float16"]
INT8 = EXPORT_SPECS["dynamic_int8"]
CPU_ONLY = dataclasses.replace(FLOAT32, accelerators=("cpu",))
CPU_LIST = max_versions("cpu")


@pytest.fixture(scope="module")
def float32(variant_file):
    return variant_file("float32")


@pytest.fixture(scope="module")
def float16(variant_file):
    return variant_file("float16")


def quantized(float32, monkeypatch, *rules):
    monkeypatch.setitem(quantize.RECIPES, "planted", rules)
    return quantize.quantize(float32, "planted", np.zeros((0, 64, 64, 3), np.float32))


def changed(file, change):
    model = unpack(file.content)
    change(model, model.subgraphs[0])
    return TfliteFile(pack(model))


def assert_refused(file, message, variant=FLOAT32, size=None):
    lines = gates.file_problems(file, SPEC, variant, size)
    assert any(re.search(message, line) for line in lines), lines


def test_good_files_pass(float32, float16):
    assert gates.file_problems(float32, SPEC, FLOAT32, None) == []
    assert gates.file_problems(float16, SPEC, FLOAT16, 2 * len(float16)) == []


# ---- the contract


def _variable(model, _):
    code = model.operatorCodes[0]
    code.builtinCode = schema.BuiltinOperator.READ_VARIABLE
    code.deprecatedBuiltinCode = 127


def _custom(model, _):
    code = model.operatorCodes[0]
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.CUSTOM
    code.customCode = b"FlexCumprod"


def _dynamic(_, graph):
    graph.tensors[0].shapeSignature = np.array([-1, 64, 64, 3], np.int32)


def _batch(_, graph):
    graph.tensors[graph.inputs[0]].shape = np.array([2, 64, 64, 3], np.int32)


def _rank(_, graph):
    graph.tensors[-1].shape = np.array([1, 1, 4, 4, 2], np.int32)


def _renamed(model, _):
    model.signatureDefs[0].outputs[0].name = b"score"


def _crossed(model, _):
    signature = model.signatureDefs[0]
    signature.inputs, signature.outputs = signature.outputs, signature.inputs


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_custom, "must be builtin: got FlexCumprod"),
        (_variable, "must be constants: got operator READ_VARIABLE"),
        (_dynamic, "must be static"),
        (_batch, r"`image` must be .*got \(\(2, 64, 64, 3\)"),
        (_rank, "at most 4 axes: got 5"),
        (_renamed, "`score` is not in the contract"),
        (_crossed, "`image` must be .*got nothing"),
        (lambda model, graph: model.subgraphs.append(graph), "one subgraph: got 2"),
    ],
)
def test_a_fault_in_the_contract_is_refused(change, message, float32):
    assert_refused(changed(float32, change), message)


def test_a_file_without_the_signature_is_refused(float32):
    def other(model, _):
        model.signatureDefs[0].signatureKey = b"predict"

    with pytest.raises(ModelFileError, match=r"signature `serving_default`: got \['predict'\]"):
        gates.file_problems(changed(float32, other), SPEC, FLOAT32, None)


# ---- lists of operators


def test_an_operator_that_only_the_gpus_lack_is_refused_for_them_alone(float32):
    def cumsum(model, _):
        (code,) = [c for c in model.operatorCodes if c.builtinCode == schema.BuiltinOperator.ABS]
        code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.FLOOR_MOD

    file = changed(float32, cumsum)
    assert_refused(file, "^LiteRT GPU accelerator: FLOOR_MOD: must be on the list")
    assert gates.file_problems(file, SPEC, CPU_ONLY, None) == []


@pytest.mark.parametrize(
    ("version", "accelerators"),
    [
        (6, []),
        (7, ["LiteRT GPU accelerator", "classic GPU delegate"]),
        (9, ["LiteRT CPU kernels", "LiteRT GPU accelerator", "classic GPU delegate"]),
    ],
)
def test_a_version_beyond_an_accelerators_is_refused(version, accelerators, float32):
    file = TfliteFile(one_operator.with_version(float32.content, "CONV_2D", version))
    lines = gates.file_problems(file, SPEC, FLOAT32, None)
    assert [line.split(":")[0] for line in lines] == accelerators
    assert all(f"got {version}" in line for line in lines)


@pytest.mark.parametrize(
    ("graph", "message"),
    [
        (one_operator.REFUSED["indices of three axes"], "GATHER: indices .* got 3"),
        (one_operator.REFUSED["a tensor times itself"], "BATCH_MATMUL: .* aborts"),
        (one_operator.WRONG["broadcast product"], "BATCH_MATMUL: must not broadcast"),
        (one_operator.WRONG["sum of halves"], "SPLIT: must be on the list"),
        (one_operator.WRONG["one-hot of three axes"], "ONE_HOT: must be on the list"),
        (one_operator.TAKEN["BATCH_MATMUL"], None),
        (one_operator.TAKEN["GATHER"], None),
    ],
)
def test_graphs_that_the_accelerator_was_seen_to_fail_on_are_refused(graph, message):
    lines = litert_gpu(TfliteFile(one_operator.to_tflite(graph)))
    if message is None:
        assert lines == []
    else:
        assert any(re.search(message, line) for line in lines), lines


def test_int8_weights_through_dequantize_into_a_dense_layer_are_refused(float32, monkeypatch):
    rule = quantize.Rule((quantize.TFLOperationName.FULLY_CONNECTED,), quantize.WEIGHT_ONLY)
    file = quantized(float32, monkeypatch, rule)
    assert any("must go in directly" in line for line in litert_gpu(file))


def _loads(name, version):
    """Return whether the interpreter has a kernel; what else it misses doesn't matter."""
    code = schema.OperatorCodeT()
    code.builtinCode = getattr(schema.BuiltinOperator, name)
    code.deprecatedBuiltinCode = min(code.builtinCode, 127)
    code.version = version
    operator, graph, model = schema.OperatorT(), schema.SubGraphT(), schema.ModelT()
    operator.inputs = operator.outputs = graph.inputs = graph.outputs = graph.tensors = []
    graph.operators, model.subgraphs, model.operatorCodes = [operator], [graph], [code]
    model.version, model.buffers = 3, [schema.BufferT()]
    try:
        Interpreter(model_content=pack(model))
    except ValueError as error:
        return "Didn't find op" not in str(error)
    return True


def test_the_cpu_list_is_what_the_interpreter_has():
    assert {"CONV_2D", "DEQUANTIZE", "BATCH_MATMUL"} <= set(CPU_LIST)
    wrong = [
        name
        for name, highest in CPU_LIST.items()
        if not _loads(name, highest) or _loads(name, highest + 1)
    ]
    assert wrong == []


# ---- weights


def test_weights_in_another_type_than_the_variants_are_refused(float32, float16):
    assert_refused(float32, "weights must be FLOAT16: got FLOAT32", FLOAT16)
    assert_refused(float16, "weights must be INT8: got FLOAT16", INT8)


def test_a_quantizer_that_did_nothing_is_refused(float32, monkeypatch):
    rule = quantize.Rule((quantize.TFLOperationName.CONV_2D,), quantize.DYNAMIC, scope="absent")
    file = quantized(float32, monkeypatch, rule)
    assert weight_types.share_by_type(file)["FLOAT32"] > 0.99
    assert_refused(file, "weights must be INT8: got FLOAT32", INT8)
    assert_refused(file, "size must be at most 31%", INT8, len(float32))


def test_a_quantizer_that_left_one_kind_of_layer_out_is_refused(float32, monkeypatch):
    rule = quantize.Rule((quantize.TFLOperationName.CONV_2D,), quantize.DYNAMIC)
    lines = weight_types.problems(quantized(float32, monkeypatch, rule), "INT8")
    assert lines
    assert all("FULLY_CONNECTED" in line for line in lines)


def test_small_constants_and_biases_may_stay_float(float32, monkeypatch):
    names = quantize.TFLOperationName
    rule = quantize.Rule((names.CONV_2D, names.FULLY_CONNECTED), quantize.DYNAMIC)
    file = quantized(float32, monkeypatch, rule)
    assert weight_types.problems(file, "INT8") == []
    kept = [c for c in weight_types.constants(file) if c.type == "FLOAT32"]
    assert kept
    assert all(c.bias or c.values < weight_types.LARGE for c in kept)


def test_a_file_without_weights_is_refused():
    file = TfliteFile(one_operator.to_tflite(tf.abs))
    assert weight_types.problems(file, "FLOAT32") == [
        "a model must have weights of at least 1024 values: got none"
    ]


def test_a_file_too_large_is_refused(float16):
    assert_refused(float16, r"size must be at most 53% .*got .*100\.0%", FLOAT16, len(float16))


# ---- outputs


def _outputs():
    rng = np.random.default_rng(0)
    return rng.uniform(0, 5, (3, 2)), rng.uniform(0, 5, (3, 4, 4, 3))


def _with(place, value, which):
    outputs = _outputs()
    outputs[which][place] = value
    return outputs


@pytest.mark.parametrize(
    ("outputs", "message"),
    [
        (_outputs(), None),
        (_with((0, 1), np.nan, 0), "`intensity` must be finite: got 1 of 6"),
        (_with((2, 1, 1, 0), np.inf, 1), "`heatmaps` must be finite: got 1 of 144"),
        (_with((slice(None), slice(None)), 2.0, 0), "must vary over 3 faces"),
        (_with(..., 0.5, 1), "heatmaps must vary: got 0.5"),
        (_with((slice(None), 1), 0.0, 0), None),
        ((np.zeros((0, 2)), np.zeros((0, 4, 4, 3))), "must be finite: got 0 of 0"),
    ],
    ids=["good", "nan", "inf", "same", "flat", "one AU is never there", "none"],
)
def test_outputs_that_say_nothing_are_refused(outputs, message):
    lines = gates.output_problems(*outputs)
    if message is None:
        assert lines == []
    else:
        assert any(re.search(message, line) for line in lines), lines


def test_of_one_face_no_au_has_to_vary():
    intensity, heatmaps = _outputs()
    assert gates.output_problems(intensity[:1], heatmaps[:1]) == []
