import re

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from export.checks import weight_types
from export.checks.audit import audit, contract_problems
from export.graph.flatbuffer import operator_name, pack, unpack
from export.keras_parity import run_tflite
from export.quantize import RECIPES, quantize
from export.variants import RepresentativeSetError, Source
from fau_tf.models.heatmap_net import build
from fau_tf.models.presets import net_spec
from tests.helpers.tiny_network import SIZES, SPEC, smooth_faces

pytestmark = pytest.mark.integration  # networks are converted: seconds each


@pytest.fixture(scope="module", params=[(r, f) for r in RECIPES for f in ("one_hot", "max_index")])
def quantized(request, source):
    recipe, form = request.param
    float32 = source.float32(form)
    return recipe, float32, quantize(float32, recipe, source.representative)


def test_the_file_keeps_the_contract_and_its_weights_are_int8(quantized):
    _, float32, made = quantized
    assert contract_problems(audit(made), **SIZES) == []
    assert weight_types.problems(made, "INT8") == []
    assert weight_types.problems(float32, "INT8") != []
    assert len(made) < 0.5 * len(float32)  # half of so small a network is names and shapes


def test_outputs_stay_close_to_float32(quantized):
    _, float32, made = quantized
    faces = smooth_faces(12, 2)
    want, got = run_tflite(float32, faces), run_tflite(made, faces)
    for mine, theirs in zip(got, want, strict=True):
        assert np.isfinite(mine).all()
        assert theirs.std() > 0.1
        # Random weights amplify rounding more than trained ones; another network's outputs, or
        # shuffled ones, correlate below 0.7.
        assert np.corrcoef(mine.ravel(), theirs.ravel())[0, 1] > 0.97


def test_neighbors_are_found_in_float(quantized):
    recipe, _, made = quantized
    seen = 0
    for operator in made.graph.operators:
        tensors = made.graph.tensors
        name = tensors[operator.outputs[0]].name.decode()
        computed = [
            index
            for index in operator.inputs
            if index >= 0 and made.model.buffers[tensors[index].buffer].data is None
        ]
        # DEQUANTIZE makes float of int8; TOPK_V2 and its indices are whole numbers.
        if re.search(r"/scc\d", name) and "dequant" not in name:
            types = {tensors[index].type for index in computed}
            assert schema.TensorType.INT8 not in types, (recipe, name)
            seen += 1
    assert seen > 20  # two SCC layers


def test_packing_again_changes_nothing(quantized):
    _, _, made = quantized
    assert pack(unpack(made.content)) == made.content


def test_static_ranges_are_extremes_whatever_the_order_of_the_faces(source):
    float32, faces = source.float32("one_hot"), smooth_faces(6, 4)
    faces[0] = faces[0] * 0.05  # an outlier: an average would depend on its place
    made = quantize(float32, "static_int8", faces).content
    assert quantize(float32, "static_int8", faces[::-1]).content == made
    assert quantize(float32, "static_int8", faces[1:]).content != made


def test_the_face_mesh_trunk_computes_in_float():
    spec = net_spec("small_mesh", {"backbone": "tiny", "decoder": (16, 16)})
    size = spec.image_size
    faces = np.random.default_rng(0).uniform(0, 255, (2, size, size, 3)).astype(np.float32)
    float32 = Source(build(spec), spec, faces).float32("max_index")
    made = quantize(float32, "static_int8", faces)
    assert weight_types.problems(made, "INT8") == []
    types = {"trunk": set(), "rest": set()}
    for operator in made.graph.operators:
        name = made.graph.tensors[operator.outputs[0]].name.decode()
        if operator_name(made.model, operator) in ("CONV_2D", "DEPTHWISE_CONV_2D", "ADD"):
            part = "trunk" if re.search(r"/mesh_(stem|level)", name) else "rest"
            types[part].add(made.graph.tensors[operator.inputs[0]].type)
    assert types["trunk"] == {schema.TensorType.FLOAT32}
    assert schema.TensorType.INT8 in types["rest"]


@pytest.mark.parametrize(
    ("faces", "message"),
    [
        (np.zeros((0, 64, 64, 3), np.float32), "at least one face"),
        (np.zeros((4, 32, 32, 3), np.float32), r"got \(4, 32, 32, 3\)"),
        (np.zeros((4, 64, 64, 3), np.uint8), "uint8"),
        (smooth_faces(4, 0) / 255, "RGB, 0 to 255"),
        (smooth_faces(4, 0) - 127.5, "RGB, 0 to 255"),
        (smooth_faces(4, 0) * np.nan, "RGB, 0 to 255"),
    ],
    ids=["empty", "size", "type", "unit", "centered", "nan"],
)
def test_a_representative_set_that_the_model_can_not_read_is_refused(faces, message, net):
    with pytest.raises(RepresentativeSetError, match=message):
        Source(net, SPEC, faces)
