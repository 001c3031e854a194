"""Measure one thing about the SCC layers in a process of its own, and print it as JSON.

    python -m benchmarks.scc_child '{"what": "memory", "layer": "ours", "channels": 64, ...}'

A process of its own, because freed memory is seldom given back and a peak can't be told from an
earlier one.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

# Its allocator counts; on CPUs without AVX-512 TensorFlow leaves it off.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")

import numpy as np
import tensorflow as tf

from benchmarks.naive_scc import NaiveCorrespondence
from fau_tf.models.scc.semantic_correspondence import SemanticCorrespondence

LAYERS = {"ours": SemanticCorrespondence, "naive": NaiveCorrespondence}


def main(task: dict[str, Any]) -> None:
    """Print the result of one task as the last line."""
    what = task.pop("what")
    print(json.dumps({"times": times, "memory": memory, "threads": threads}[what](**task)))


def threads() -> dict[str, int]:
    """Return how many threads TensorFlow may use; 0 is its default, one a core."""
    return {
        "intra_op": tf.config.threading.get_intra_op_parallelism_threads(),
        "inter_op": tf.config.threading.get_inter_op_parallelism_threads(),
    }


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
    product = tf.function(lambda: tf.matmul(nodes, weights))
    runs["product"] = product
    taken: dict[str, list[float]] = {name: [] for name in runs}
    for run in runs.values():
        run()
    for turn in range(repeats):
        # every other round backwards: who runs first finds another state of caches and clocks
        for name, run in list(runs.items())[:: -1 if turn % 2 else 1]:
            start = time.perf_counter()
            run()
            taken[name].append(time.perf_counter() - start)
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
    main(json.loads(sys.argv[1]))
