"""Speed and memory of the semantic correspondence layer beside a naive implementation.

    python -m benchmarks.scc [--quick] [--json FILE]

At the paper's three sizes, k = 7, batch 16: median times of forward, and of forward + backward in
training mode, both layers in turn in one process; peak memory of a training step beyond weights
and input, each in a fresh process; and how both grow with k and with D. `--quick` takes batch 2,
one repeat and no growth, and stays under a minute.

The floor is the arithmetic that the factored layer can't avoid (two products with W, the
distances) at the rate that this machine's matrix product reached in the same run.
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# Its allocator counts; on CPUs without AVX-512 TensorFlow leaves it off.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from benchmarks.common import in_turn, table, warn_of_load
from fau_tf.models.scc.semantic_correspondence import SemanticCorrespondence
from fau_tf.training.run_dir import versions

SIZES = ((256, 256), (128, 1024), (64, 4096))  # (C, D), the paper's
K = 7
GROWTH_K = (1, 3, 7, 15)
GROWTH_D = (64, 256, 1024)
GROWTH_TITLES = {
    "C": "channels",
    "D": "size",
    "k": "k",
    "forward ms": "forward_ours_ms",
    "naive": "forward_naive_ms",
    "fwd+bwd ms": "forward_backward_ours_ms",
    "naive ": "forward_backward_naive_ms",
}
TITLES = {
    **GROWTH_TITLES,
    "x fwd": "speedup_forward",
    "x fwd+bwd": "speedup_forward_backward",
    "MB": "memory_ours_mb",
    "naive  ": "memory_naive_mb",
    "MB ratio": "memory_ratio",
    "of floor": "floor_fraction",
}


class NaiveCorrespondence(keras.layers.Layer):
    """EdgeConv over feature maps (B, H, W, C) by its definition: a tensor of all edges first.

    Edges (B, C, k, 2D) go through a 1x1 convolution, batch norm and ReLU, and are reduced to their
    maximum. Same weights and result as `SemanticCorrespondence`, nothing factored.
    """

    def __init__(self, k: int = 7, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.k = k
        self.norm = keras.layers.BatchNormalization(momentum=0.99, epsilon=1e-3)

    def build(self, input_shape: Any) -> None:
        """Make the convolution over the 2D edge features."""
        _, height, width, channels = input_shape
        size = height * width
        self.conv = keras.layers.Conv2D(size, 1, use_bias=False)
        self.conv.build((None, channels, self.k, 2 * size))
        self.norm.build((None, channels, self.k, size))

    def call(self, x: Any, training: bool = False) -> Any:
        """Return (B, H, W, C)."""
        _, height, width, channels = x.shape
        size = height * width
        nodes = ops.transpose(ops.reshape(x, (-1, size, channels)), (0, 2, 1))  # (B, C, D)
        fixed = ops.stop_gradient(nodes)
        square = ops.sum(fixed * fixed, axis=-1, keepdims=True)
        distance = square - 2 * ops.matmul(fixed, ops.transpose(fixed, (0, 2, 1)))
        distance = distance + ops.transpose(square, (0, 2, 1))  # (B, C, C)
        index = ops.top_k(-distance, self.k)[1]  # (B, C, k)
        first = ops.reshape(ops.arange(ops.shape(x)[0], dtype="int32") * channels, (-1, 1, 1))
        flat = ops.reshape(ops.cast(index, "int32") + first, (-1,))
        near = ops.take(ops.reshape(nodes, (-1, size)), flat, axis=0)
        near = ops.reshape(near, (-1, channels, self.k, size))
        own = ops.repeat(ops.expand_dims(nodes, 2), self.k, axis=2)
        edges = ops.concatenate([own, near - own], axis=-1)  # (B, C, k, 2D)
        edges = ops.relu(self.norm(self.conv(edges), training=training))
        out = ops.max(edges, axis=2)  # (B, C, D)
        return ops.transpose(ops.reshape(out, (-1, channels, height, width)), (0, 2, 3, 1))


LAYERS = {"ours": SemanticCorrespondence, "naive": NaiveCorrespondence}


def main(arguments: list[str] | None = None) -> int:
    """Run, print the tables, write the JSON; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scc", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="under a minute: batch 2, one repeat")
    parser.add_argument("--json", type=Path, help="write the rows here")
    parser.add_argument("--child", type=json.loads, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.child:
        measure = times if options.child.pop("measure") == "times" else memory
        print(json.dumps(measure(**options.child)))
        return 0
    load = warn_of_load()
    batch, repeats = (2, 1) if options.quick else (16, 5)
    rows = [row(c, d, batch, K, repeats) | memory_ratio(c, d, batch) for c, d in SIZES]
    print(table(rows, TITLES))
    growth = []
    if not options.quick:  # k at the middle size, then D at the last size's C
        growth = [row(*SIZES[1], batch, k, 3) for k in GROWTH_K]
        growth += [row(SIZES[2][0], d, batch, K, 3) for d in GROWTH_D]
        print("\nGrowth\n" + table(growth, GROWTH_TITLES))
    if options.json:
        result = {"benchmark": "scc", "quick": options.quick, "batch": batch, "load": load}
        result |= {"cpus": os.cpu_count(), "versions": versions(), "rows": rows, "growth": growth}
        options.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    return 0


def row(channels: int, size: int, batch: int, k: int, repeats: int) -> dict[str, Any]:
    """Return the times of both layers at one size, in milliseconds, and their ratios."""
    sizes = {"channels": channels, "size": size, "batch": batch, "k": k}
    seconds = child({"measure": "times", **sizes, "repeats": repeats})
    product = batch * channels * size * size  # multiply-accumulates of x W
    distances = batch * channels * channels * size
    rate = product / seconds["product"]
    floor = (2 * product + distances) / rate
    floor_training = (6 * product + distances) / rate  # each product has two in its gradient
    both = "forward_backward"
    return {
        **sizes,
        "macs": 2 * product + distances,
        "product_gmacs_per_s": rate / 1e9,
        **{f"{name}_ms": 1e3 * value for name, value in seconds.items()},
        "speedup_forward": seconds["forward_naive"] / seconds["forward_ours"],
        f"speedup_{both}": seconds[f"{both}_naive"] / seconds[f"{both}_ours"],
        "floor_fraction": floor / seconds["forward_ours"],
        f"floor_fraction_{both}": floor_training / seconds[f"{both}_ours"],
    }


def memory_ratio(channels: int, size: int, batch: int) -> dict[str, float]:
    """Return the peak memory of a training step of both layers, in MB, and ours over naive."""
    task = {"measure": "memory", "channels": channels, "size": size, "batch": batch, "k": K}
    ours, naive = (child(task | {"layer": layer}) for layer in LAYERS)
    return {
        "memory_ours_mb": ours["forward_backward"] / 1e6,
        "memory_naive_mb": naive["forward_backward"] / 1e6,
        "memory_ratio": ours["forward_backward"] / naive["forward_backward"],
        "memory_ratio_forward": ours["forward"] / naive["forward"],
    }


def child(task: dict[str, Any]) -> dict[str, float]:
    """Return what a fresh process measures: freed memory is seldom given back."""
    command = [sys.executable, "-m", "benchmarks.scc", "--child", json.dumps(task)]
    root = Path(__file__).resolve().parent.parent
    done = subprocess.run(command, capture_output=True, text=True, cwd=root, check=False)
    if done.returncode:
        raise RuntimeError(f"Measuring {task} failed:\n{done.stderr[-2000:]}")
    result: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return result


def times(channels: int, size: int, batch: int, k: int, repeats: int) -> dict[str, float]:
    """Return median seconds of both layers, one after the other, and of one product x W.

    Keys: `forward_ours`, `forward_naive`, `forward_backward_ours`, `forward_backward_naive`, and
    `product`, the fastest: (B*C, D) times (D, D), the largest arithmetic in the factored layer.
    """
    runs: dict[str, Callable[[], Any]] = {}
    for name in LAYERS:
        forward, step = compiled(name, channels, size, batch, k)
        runs[f"forward_{name}"] = forward
        runs[f"forward_backward_{name}"] = step
    nodes = tf.random.normal((batch * channels, size))
    weights = tf.random.normal((size, size))
    runs["product"] = tf.function(lambda: tf.matmul(nodes, weights))
    taken = in_turn(runs, repeats)
    result = {name: float(np.median(values)) for name, values in taken.items()}
    result["product"] = min(taken["product"])  # what the machine can, not what it did on average
    return result


def memory(layer: str, channels: int, size: int, batch: int, k: int) -> dict[str, float]:
    """Return the peak in bytes, beyond weights and input, of forward and forward + backward.

    Of tensors from 256 kB on; smaller ones come from another pool. The gradient of the weights
    counts, for both layers: at small batches it is most of it.
    """
    forward, step = compiled(layer, channels, size, batch, k)
    result = {}
    for name, run in (("forward", forward), ("forward_backward", step)):
        # The allocator's own count: it pools what is freed, so resident memory only grows.
        tf.config.experimental.reset_memory_stats("CPU:0")
        before = tf.config.experimental.get_memory_info("CPU:0")["current"]
        run()
        peak = tf.config.experimental.get_memory_info("CPU:0")["peak"]
        result[name] = float(peak - before)
    return result


def compiled(
    name: str, channels: int, size: int, batch: int, k: int
) -> tuple[Callable[[], Any], Callable[[], Any]]:
    """Return (inference, training step with all gradients), traced, for a random input."""
    side = int(size**0.5)
    x = tf.random.stateless_normal((batch, side, side, channels), seed=(0, 1))
    layer = LAYERS[name](k=k)
    layer.build((None, side, side, channels))

    def step(image: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(image)
            loss = tf.reduce_sum(layer(image, training=True) ** 2)
        return tape.gradient(loss, [image, *layer.trainable_weights])

    forward_graph = tf.function(lambda image: layer(image)).get_concrete_function(x)
    step_graph = tf.function(step).get_concrete_function(x)
    return lambda: forward_graph(x), lambda: step_graph(x)


if __name__ == "__main__":
    sys.exit(main())
