"""Unpacking and packing change nothing but where things lie."""

import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter

from export.graph.flatbuffer import TfliteFile, pack, unpack
from export.graph.split_activations import split_activations

SHAPE = (1, 4, 6, 3)


def _converted(function):
    module = tf.Module()
    module.serve = tf.function(function, input_signature=[tf.TensorSpec(SHAPE, tf.float32, "x")])
    converter = tf.lite.TFLiteConverter.from_concrete_functions(
        [module.serve.get_concrete_function()], module
    )
    return bytes(converter.convert())


def _output(flatbuffer, x):
    interpreter = Interpreter(model_content=flatbuffer)
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], x)
    interpreter.invoke()
    return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])


def _kernel(*shape):
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


def _image():
    return np.random.default_rng(1).normal(size=SHAPE).astype(np.float32)


def _operators(flatbuffer):
    model = unpack(flatbuffer)
    return [
        (code.builtinCode, code.version)
        for op in model.subgraphs[0].operators
        for code in [model.operatorCodes[op.opcodeIndex]]
    ]


@pytest.fixture(scope="module")
def twice():
    """Two convolutions with one kernel, as two constants."""
    kernel = _kernel(3, 3, 3, 3)

    def serve(x):
        return tf.nn.conv2d(tf.nn.conv2d(x, kernel, 1, "SAME"), kernel * 2 / 2, 1, "SAME")

    return _converted(serve)


def test_packing_changes_no_output_and_is_idempotent(twice):
    once = pack(unpack(twice))
    want = _output(twice, _image())
    assert want.std() > 0.1
    np.testing.assert_array_equal(_output(once, _image()), want)
    assert pack(unpack(once)) == once


def test_equal_vectors_are_written_once(twice):
    model = unpack(twice)
    shared = pack(model)
    large = [buffer for buffer in model.buffers if buffer.data is not None]
    content = max((bytes(buffer.data) for buffer in large), key=len)
    assert len(content) == 4 * 3 * 3 * 3 * 3
    # Another copy of the largest constant costs its table, not its content.
    extra = type(large[0])()
    extra.data = np.frombuffer(content, np.uint8)
    model.buffers.append(extra)
    assert 0 < len(pack(model)) - len(shared) < 100
    extra.data = np.frombuffer(content[::-1], np.uint8)  # another content is kept
    assert len(pack(model)) - len(shared) >= len(content)


def test_constants_lie_on_16_bytes(twice):
    packed = pack(unpack(twice))
    content = max(
        (bytes(buffer.data) for buffer in unpack(packed).buffers if buffer.data is not None),
        key=len,
    )
    assert packed.index(content) % 16 == 0


def test_constants_behind_the_flatbuffer_come_inside(twice):
    model = unpack(twice)
    moved = next(buffer for buffer in model.buffers if buffer.data is not None)
    content = bytes(moved.data)
    moved.data, moved.offset, moved.size = None, 2, len(content)
    start = len(pack(model))
    moved.offset = start  # as long as the 2 was
    outside = pack(model) + content
    assert len(outside) == start + len(content)
    inside = [bytes(b.data) for b in unpack(outside).buffers if b.data is not None]
    assert content in inside
    assert all(buffer.offset == 0 for buffer in unpack(outside).buffers)


@pytest.mark.parametrize(
    ("activation", "code"), [(tf.nn.relu, "RELU"), (tf.nn.relu6, "RELU6")], ids=["relu", "relu6"]
)
def test_an_activation_leaves_its_transposed_convolution(activation, code):
    kernel, bias = _kernel(3, 3, 5, 3), np.linspace(-1, 1, 5).astype(np.float32)

    def serve(x):
        up = tf.nn.conv2d_transpose(x, kernel, (1, 8, 12, 5), 2, "SAME")
        return 9 * activation(up + bias)

    unchanged = serve(_image()).numpy()
    made = _converted(serve)
    split = split_activations(TfliteFile(made)).content
    assert split != made, "the converter no longer fuses: delete export.graph.split_activations"
    assert max(version for name, version in _operators(made) if name == _code("TRANSPOSE_CONV")) > 3
    names = [name for name, _ in _operators(split)]
    place = names.index(_code("TRANSPOSE_CONV"))
    assert names[place + 1] == _code(code)
    assert all(v <= 3 for name, v in _operators(split) if name == _code("TRANSPOSE_CONV"))
    got = _output(split, _image())
    assert (got == 0).any()
    assert got.max() > 1
    # Sums of 27 float32 products in another order than TensorFlow's
    np.testing.assert_allclose(got, unchanged, atol=1e-5 * np.abs(unchanged).max())
    assert split_activations(TfliteFile(split)).content == split


def test_a_file_without_such_an_activation_stays_as_it_is(twice):
    file = TfliteFile(twice)
    assert split_activations(file) is file


def _code(name):
    return getattr(schema.BuiltinOperator, name)
