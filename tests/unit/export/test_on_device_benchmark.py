"""Counts, ratios and options of the benchmark; its times are not tested."""

import json
import os

import numpy as np
import pytest
import tensorflow as tf

from benchmarks import on_device
from benchmarks.flops import flops
from benchmarks.on_device_child import CROP, LANDMARKS, main
from export.graph.flatbuffer import TfliteFile
from tests.helpers.tiny_model import write_tiny_model


def _flops(function, *shapes):
    specs = [tf.TensorSpec(shape, tf.float32, name=f"x{n}") for n, shape in enumerate(shapes)]
    module = tf.Module()
    module.serve = tf.function(function, input_signature=specs)
    converter = tf.lite.TFLiteConverter.from_concrete_functions(
        [module.serve.get_concrete_function()], module
    )
    return flops(TfliteFile(converter.convert()))


def _weights(*shape):
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


@pytest.mark.parametrize(
    ("function", "shapes", "expected"),
    [
        (
            lambda x: tf.nn.conv2d(x, _weights(3, 3, 4, 5), 2, "SAME"),
            [(1, 8, 6, 4)],
            {"CONV_2D": 2 * (4 * 3 * 5) * (3 * 3 * 4)},
        ),
        (
            lambda x: tf.nn.depthwise_conv2d(x, _weights(3, 3, 4, 1), (1, 1, 1, 1), "SAME"),
            [(1, 8, 6, 4)],
            {"DEPTHWISE_CONV_2D": 2 * (8 * 6 * 4) * (3 * 3)},
        ),
        (
            lambda x: tf.nn.conv2d_transpose(x, _weights(3, 3, 5, 4), (1, 16, 12, 5), 2, "SAME"),
            [(1, 8, 6, 4)],
            # each input pixel is spread over the kernel
            {"TRANSPOSE_CONV": 2 * (8 * 6 * 4) * (3 * 3 * 5)},
        ),
        (
            lambda x: tf.matmul(x, _weights(7, 11)),
            [(5, 7)],
            {"FULLY_CONNECTED": 2 * 5 * 7 * 11},
        ),
        (tf.matmul, [(2, 5, 7), (2, 7, 11)], {"BATCH_MATMUL": 2 * 2 * 5 * 7 * 11}),
        (lambda x: tf.abs(x) + 1.0, [(2, 5)], {}),
    ],
    ids=["conv", "depthwise", "transposed", "dense", "batch", "no product"],
)
def test_operations_are_two_a_multiply_accumulate(function, shapes, expected):
    assert _flops(function, *shapes) == expected


@pytest.fixture(scope="module")
def convolutions(tmp_path_factory):
    return on_device.write_convolutions(tmp_path_factory.mktemp("convolutions"))


def test_the_peaks_are_one_float32_convolution_each(convolutions):
    assert len(convolutions) == len(on_device.CONVOLUTIONS)
    for path, count in convolutions.values():
        assert flops(TfliteFile(path.read_bytes())) == {"CONV_2D": count}


def test_a_child_times_everything_beside_mediapipe(convolutions, tmp_path, capsys):
    pytest.importorskip("mediapipe", reason="the extra `mediapipe` is not installed")
    model = write_tiny_model(tmp_path)
    name, (path, count) = next(iter(convolutions.items()))
    task = {
        "models": {"tiny": str(model)},
        "convolutions": {name: str(path)},
        "photo": str(on_device.PHOTO),
        "threads": 1,
        "rounds": 1,
    }
    main(task)
    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert set(found) == {LANDMARKS, CROP, "tiny", name}
    assert all(
        entry["best_ms"] <= entry["median_ms"] <= entry["p90_ms"] for entry in found.values()
    )
    assert all(min(entry.values()) > 0 for entry in found.values())
    row = on_device.figures("tiny", 5000, found, {name: count})
    assert row["sum_ms"] > row["landmarker_ms"] > 0
    assert row["of_peak"] > 0


FOUND = {
    LANDMARKS: {"median_ms": 10.0, "p90_ms": 11.0, "best_ms": 9.0, "cores": 1.0},
    CROP: {"median_ms": 0.5, "p90_ms": 0.6, "best_ms": 0.4, "cores": 1.0},
    "float32": {"median_ms": 4.0, "p90_ms": 5.0, "best_ms": 3.0, "cores": 1.0},
    "small": {"median_ms": 2.0, "p90_ms": 3.0, "best_ms": 1.0, "cores": 1.0},
    "large": {"median_ms": 9.0, "p90_ms": 9.0, "best_ms": 8.0, "cores": 1.0},
}


def test_a_row_holds_the_ratios():
    peaks = {"small": 50_000_000, "large": 800_000_000}  # 50 and 100 GFLOP/s at their best
    row = on_device.figures("float32", 120_000_000, FOUND, peaks)
    assert row["ratio"] == 0.4
    assert row["sum_ms"] == 14.5
    assert row["gflop_per_s"] == 30
    assert (row["peak_gflop_per_s"], row["peak_of"]) == (100, "large")
    assert row["of_peak"] == 0.3


def test_the_verdict_is_of_the_best_mobile_variant_at_each_number_of_cores():
    rows = [
        {"preset": preset, "variant": variant, "cores": cores, "ratio": ratio}
        for preset, variant, cores, ratio in (
            ("mobile", "float32", 1, 0.7),
            ("mobile", "static_int8", 1, 0.5),
            ("mobile", "float32", 2, 0.51),
            ("mobile", "static_int8", 2, 0.6),
            ("small", "float32", 2, 0.1),
        )
    ]
    assert on_device.verdict(rows).splitlines() == [
        "mobile, 1 core: static_int8 takes 0.50 of the Face Landmarker's time; goal 0.5: reached",
        "mobile, 2 cores: float32 takes 0.51 of the Face Landmarker's time; goal 0.5: missed",
    ]


def test_pinning_holds_for_children_and_ends():
    before = os.sched_getaffinity(0)
    with on_device.pinned(1):
        assert len(os.sched_getaffinity(0)) == 1
    assert os.sched_getaffinity(0) == before


def test_a_model_that_is_not_there_is_a_usage_error(tmp_path, capsys):
    with pytest.raises(SystemExit) as stopped:
        on_device.main(["--model", str(tmp_path / "none.tflite")])
    assert stopped.value.code == 2
    assert "--model must name .tflite files" in capsys.readouterr().err


def test_figures_of_another_model_are_not_overwritten(tmp_path, capsys):
    path, model = tmp_path / "speed.json", write_tiny_model(tmp_path)
    path.write_text('{"models": {"other": "0123"}}')
    with pytest.raises(SystemExit, match="2"):
        on_device.main(["--json", str(path), "--model", str(model)])
    assert "has the figures of other models: {'other': '0123'}" in capsys.readouterr().err
    assert path.read_text() == '{"models": {"other": "0123"}}'


def test_a_place_for_the_json_that_is_not_there_is_a_usage_error(tmp_path, capsys):
    with pytest.raises(SystemExit) as stopped:
        on_device.main(["--json", str(tmp_path / "none" / "speed.json")])
    assert stopped.value.code == 2
    assert "--json must be in an existing folder" in capsys.readouterr().err
