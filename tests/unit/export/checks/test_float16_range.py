"""What float16 would have to hold, against plain sums, and networks that it can't hold."""

import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

from export import quantize
from export.checks.float16_range import LARGEST, float16_range
from export.graph.dequantize import with_float_weights
from export.graph.flatbuffer import TfliteFile
from tests.helpers.one_operator import to_tflite

SIZE = 6


def model(function):
    return TfliteFile(to_tflite(function, shape=(1, SIZE, SIZE, 3), name="image"))


def faces(value=None):
    rng = np.random.default_rng(0)
    shape = (2, SIZE, SIZE, 3)
    return rng.uniform(0, 255, shape).astype("f") if value is None else np.full(shape, value, "f")


def test_sums_are_those_of_magnitudes_in_a_plain_loop():
    rng = np.random.default_rng(1)
    kernel = rng.normal(size=(3, 3, 3, 4)).astype("f")
    bias = rng.normal(size=4).astype("f")

    def network(image):
        return tf.nn.relu(tf.nn.conv2d(image, kernel, 1, "VALID") + bias)

    images = faces()
    found = float16_range(model(network), images)
    largest, total = 0.0, 0.0
    for image in images:
        for row in range(SIZE - 2):
            for column in range(SIZE - 2):
                terms = image[row : row + 3, column : column + 3, :, None] * kernel
                total = max(total, (np.abs(terms).sum((0, 1, 2)) + np.abs(bias)).max())
                largest = max(largest, (terms.sum((0, 1, 2)) + bias).max())
    assert total > largest > 255  # the picture's own
    assert found.total == pytest.approx(total, rel=1e-5)  # float32 sums
    assert found.value == pytest.approx(largest, rel=1e-5)
    assert found.operator.startswith("CONV_2D")
    assert found.faces == 2
    assert found.problems() == []


def test_the_worst_face_counts():
    images = faces(1.0)
    images[1, 2, 3, 1] = 200
    found = float16_range(model(lambda image: image * 2), images)
    assert found.value == 400
    assert found.total == 0  # nothing is summed


def test_a_value_beyond_half_of_float16_is_refused():
    network = model(lambda image: image * 200 * tf.sigmoid(image))
    assert float16_range(network, faces(150.0)).problems() == []
    (line,) = float16_range(network, faces(250.0)).problems()
    assert "values must be at most 32,752" in line
    assert "50,000" in line


def test_a_large_constant_is_refused():
    mask = np.zeros((SIZE, SIZE, 3), "f")
    mask[0] = -1e9  # what a masked maximum adds
    (line,) = float16_range(model(lambda image: tf.nn.relu(image + mask)), faces()).problems()
    assert "values must be" in line


def test_a_sum_that_overflows_before_its_mean_is_refused():
    images = faces(200.0)

    def network(image):
        return tf.reduce_mean(image * 20, (1, 2))  # 4,000, of 36 terms

    found = float16_range(model(network), images)
    assert found.value == 4000
    assert found.total == 36 * 4000 > LARGEST
    (line,) = found.problems()
    assert "sums of absolute terms must be at most 65,504" in line
    assert "MEAN" in line


def test_a_network_that_outputs_nan_is_refused():
    network = model(lambda image: tf.math.log(image - 300))
    assert len(float16_range(network, faces()).problems()) == 1


def test_no_faces_are_refused():
    with pytest.raises(ValueError, match="at least one face"):
        float16_range(model(lambda image: image * 2), faces()[:0])


def test_int8_weights_are_decoded_to_scale_times_stored(monkeypatch):
    rule = quantize.Rule((quantize.TFLOperationName.CONV_2D,), quantize.DYNAMIC)
    monkeypatch.setitem(quantize.RECIPES, "planted", (rule,))
    kernel = np.random.default_rng(2).normal(size=(3, 3, 3, 4)).astype("f")
    kernel[..., 1] *= 100  # a scale for each channel
    whole = model(lambda image: tf.nn.conv2d(image, kernel, 1, "VALID"))
    int8 = quantize.quantize(whole, "planted", faces()[:0]).content
    image = faces()[:1]

    def run(flatbuffer):
        return Interpreter(model_content=flatbuffer).get_signature_runner()(image=image)["y"]

    scale = np.abs(kernel).max((0, 1, 2)) / 127
    rounded = np.round(kernel / scale) * scale
    want = tf.nn.conv2d(image, rounded, 1, "VALID").numpy()
    assert np.abs(want).max() > 100
    # float32 sums; int8 arithmetic is off by more than that
    np.testing.assert_allclose(run(with_float_weights(int8)), want, rtol=1e-4, atol=0.01)
    assert np.abs(run(int8) - want).max() > 0.01
    assert with_float_weights(whole.content) == whole.content
