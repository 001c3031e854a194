"""Graphs of an operator or two, `x` (1, 8, 8, 4) -> `y`, for what an accelerator says of each."""

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from export.graph.flatbuffer import operator_name, pack, unpack

SHAPE = (1, 8, 8, 4)
Graph = Callable[[Any], Any]


def weights(*shape: int) -> tf.Tensor:
    return tf.constant(np.random.default_rng(sum(shape)).normal(size=shape), tf.float32)


def to_tflite(
    function: Graph,
    *,
    float16: bool = False,
    shape: tuple[int, ...] = SHAPE,
    name: str = "x",
) -> bytes:
    """Return the flatbuffer of `function`, builtin operators only; its input is called `name`."""
    module = tf.Module()
    module.serve = tf.function(
        lambda x: {"y": function(x)}, input_signature=[tf.TensorSpec(shape, tf.float32, name=name)]
    )
    converter = tf.lite.TFLiteConverter.from_concrete_functions(
        [module.serve.get_concrete_function()], module
    )
    if float16:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.target_spec.supported_types = [tf.float16]
    return bytes(converter.convert())


def values() -> dict[str, np.ndarray]:
    """Return an input with both signs."""
    return {"x": np.random.default_rng(0).normal(size=SHAPE).astype(np.float32)}


def operators(flatbuffer: bytes) -> set[str]:
    model = unpack(flatbuffer)
    return {operator_name(model, op) for graph in model.subgraphs for op in graph.operators}


def with_version(flatbuffer: bytes, name: str, version: int) -> bytes:
    """Return the file with every operator `name` marked as of `version`."""
    model = unpack(flatbuffer)
    for graph in model.subgraphs:
        for operator in graph.operators:
            if operator_name(model, operator) == name:
                model.operatorCodes[operator.opcodeIndex].version = version
    return pack(model)


def _flat(x: Any) -> Any:
    return tf.reshape(x, (1, 16, 16))


def _index(x: Any) -> Any:
    return tf.cast(tf.abs(x) * 9, tf.int32)


TAKEN: dict[str, Graph] = {
    "ABS": tf.abs,
    "ADD": lambda x: x + weights(8, 8, 4),
    "ARG_MAX": lambda x: tf.cast(tf.argmax(x, -1, tf.int32), tf.float32),
    "AVERAGE_POOL_2D": lambda x: tf.nn.avg_pool2d(x, 2, 2, "VALID"),
    "BATCH_MATMUL": lambda x: tf.matmul(_flat(x), _flat(x * 2)),
    "CAST": lambda x: tf.cast(x >= 0.1, tf.float32),
    "CONCATENATION": lambda x: tf.concat([x, x * 2], -1),
    "CONV_2D": lambda x: tf.nn.conv2d(x, weights(3, 3, 4, 6), 1, "SAME"),
    "DEPTHWISE_CONV_2D": lambda x: tf.nn.depthwise_conv2d(
        x, weights(3, 3, 4, 1), (1, 1, 1, 1), "SAME"
    ),
    "DEPTH_TO_SPACE": lambda x: tf.nn.depth_to_space(x, 2),
    "DEQUANTIZE": lambda x: tf.nn.conv2d(x, weights(3, 3, 4, 6), 1, "SAME"),
    "DIV": lambda x: x / (tf.abs(x * 2) + 1),
    "EXP": tf.exp,
    "FULLY_CONNECTED": lambda x: tf.matmul(tf.reshape(x, (1, 256)), weights(256, 5)),
    "GATHER": lambda x: tf.gather(
        tf.reshape(x, (64, 4)), tf.minimum(tf.reshape(_index(x[:, :4]), (128,)), 63)
    ),
    "GREATER_EQUAL": lambda x: tf.cast(x >= 0.1, tf.float32),
    "HARD_SWISH": lambda x: x * tf.nn.relu6(x + 3) * (1 / 6),
    "LESS": lambda x: tf.cast(x < 0.1, tf.float32),
    "LOGISTIC": tf.sigmoid,
    "MAXIMUM": lambda x: tf.maximum(x, x * 2 + 0.1),
    "MAX_POOL_2D": lambda x: tf.nn.max_pool2d(x, 2, 2, "VALID"),
    "MEAN": lambda x: tf.reduce_mean(x, (1, 2)),
    "MINIMUM": lambda x: tf.minimum(x, x * 2 + 0.1),
    "MUL": lambda x: x * weights(8, 8, 4),
    "NEG": lambda x: -x,
    "PAD": lambda x: tf.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0))),
    "PADV2": lambda x: tf.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)), constant_values=-3.0),
    # the form that the converter takes for one; the weights of a channel
    "PRELU": lambda x: tf.nn.relu(x) + -weights(1, 1, 4) * tf.nn.relu(-x),
    "REDUCE_MAX": lambda x: tf.reduce_max(x, -1, keepdims=True),
    "REDUCE_MIN": lambda x: tf.reduce_min(x, -1, keepdims=True),
    "RELU": tf.nn.relu,
    "RELU6": tf.nn.relu6,
    "RESHAPE": lambda x: tf.reshape(x, (1, 64, 4)),
    "RESIZE_BILINEAR": lambda x: tf.compat.v1.image.resize_bilinear(
        x, (16, 16), half_pixel_centers=True
    ),
    "RSQRT": lambda x: tf.math.rsqrt(tf.abs(x) + 1),
    "SELECT": lambda x: tf.where(x >= 0.1, x, x * 2),
    "SELECT_V2": lambda x: tf.where(x[..., :1] >= 0.1, x, x * 2),
    "SLICE": lambda x: tf.slice(x, (0, 1, 1, 0), (1, 4, 4, 4)),
    "SOFTMAX": tf.nn.softmax,
    "SQRT": lambda x: tf.sqrt(tf.abs(x)),
    "SQUARE": tf.square,
    "STRIDED_SLICE": lambda x: x[:, ::2, 1:5],
    "SUB": lambda x: x - x * 2 - weights(4),
    "SUM": lambda x: tf.reduce_sum(x, -1, keepdims=True),
    "TANH": tf.tanh,
    "TILE": lambda x: tf.tile(x, (1, 1, 1, 3)),
    "TOPK_V2": lambda x: tf.math.top_k(_flat(x), 3)[0],
    "TRANSPOSE": lambda x: tf.transpose(x, (0, 3, 1, 2)),
    "TRANSPOSE_CONV": lambda x: tf.nn.conv2d_transpose(x, weights(2, 2, 6, 4), (1, 16, 16, 6), 2),
}
"""A graph for each operator of `litert_gpu_operators.json`."""

REFUSED: dict[str, Graph] = {
    "indices of three axes": lambda x: tf.gather(tf.reshape(x, (64, 4)), _index(x)[0] % 4),
    "five axes": lambda x: tf.transpose(tf.reshape(x, (1, 4, 2, 8, 4)), (0, 2, 1, 3, 4)),
    "a tensor times itself": lambda x: tf.matmul(_flat(x), _flat(x)),
    "halves swapped": lambda x: tf.concat(tf.split(x, 2, -1)[::-1], -1),
}
"""Graphs that the accelerator doesn't take, or dies of."""

WRONG: dict[str, Graph] = {
    "one-hot of three axes": lambda x: tf.one_hot(tf.argmax(x, -1, tf.int32), 4),
    "sum of halves": lambda x: tf.add(*tf.split(x, 2, -1)),
    "broadcast product": lambda x: tf.matmul(
        tf.reshape(x, (1, 4, 8, 8)), tf.reshape(x[:, :2] * 2, (1, 1, 8, 8))
    ),
}
"""Graphs that it takes whole and computes wrongly."""
