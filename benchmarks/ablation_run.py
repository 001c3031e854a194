"""One training of `ablation.py`: ablation_run.py NETWORK FOLDER --set section.key=value ...

Trains, judges on test people, writes FOLDER/<run.name>/ablation.json.
"""

import argparse
import os
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from fau_tf import facs
from fau_tf.data import datasets, pipeline
from fau_tf.data.augment import Augment
from fau_tf.metrics import agreement
from fau_tf.models import heatmap_net
from fau_tf.models.presets import PRESETS, NetSpec
from fau_tf.training import fit, run_state
from fau_tf.training.config import load_config
from fau_tf.training.predict import predict_intensity
from fau_tf.training.run_dir import RunDir


def main() -> None:
    """See the module docstring."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("network", choices=sorted(NETWORKS))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--set", action="append", default=[])
    parser.add_argument("--asked", default="", help="kept in the result, to tell stale ones")
    options = parser.parse_args()
    config = load_config(None, options.set)
    run = RunDir(options.folder / config.run.name)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    fit.make_deterministic(config)
    spec = config.model
    faces = fit.prepare(config, Path("data"), run)
    targets = pipeline.Targets(codec=spec.codec, aus=spec.au_numbers, rule=spec.rule)
    parts = datasets.split(faces, config.data_seed)
    net = NETWORKS[options.network](spec)
    start = time.monotonic()
    fit.fit(net, config, parts, targets, run)
    seconds = time.monotonic() - start
    (run / run_state.CHECKPOINT).unlink()
    net = keras.saving.load_model(run / run_state.BEST)
    test = parts["test"].batches(targets, batch_size=64)
    to_au = facs.center_to_au(spec.au_numbers, spec.rule)
    predicted = predict_intensity(net, spec.codec, to_au, test)
    found = agreement.summary(parts["test"].labels(targets), predicted, spec.labels)
    moved = _perturbed(net, spec, parts["test"], targets, to_au)
    (run / run_state.BEST).unlink()  # sixty of them would fill a disk
    figures = found["mean"] | {"per_au": found["per_au"], "seconds": seconds}
    figures |= {"perturbed": moved}
    figures |= {"parameters": net.count_params(), "asked": options.asked}
    run.write_json("ablation.json", figures)


def _perturbed(
    net: keras.Model, spec: NetSpec, part: datasets.Part, targets: pipeline.Targets, to_au: Any
) -> dict[str, float]:
    """Return the agreement on test faces that are varied as in training, five times each."""
    count = 5 * len(part.subjects())
    stream = part.batches(targets, batch_size=50, seed=1, augment=Augment())
    rows = list(stream.take(count // 50))
    coded = np.concatenate([y["intensity"].numpy() for _, y in rows])
    predicted = predict_intensity(net, spec.codec, to_au, rows)
    found: dict[str, float] = agreement.summary(coded, predicted, spec.labels)["mean"]
    return found


def widened(spec: NetSpec) -> keras.Model:
    """Return the network without SCC whose decoder is as much wider as the SCCs were large."""
    wanted = heatmap_net.build(replace(spec, scc=PRESETS[spec.preset].scc)).count_params()

    def network(factor: float) -> keras.Model:
        decoder = tuple(round(width * factor) for width in spec.decoder)
        return heatmap_net.build(replace(spec, decoder=decoder))

    low, high = 1.0, 8.0
    while high - low > 0.005:
        middle = (low + high) / 2
        low, high = (middle, high) if network(middle).count_params() < wanted else (low, middle)
    net = network(high)
    if abs(net.count_params() / wanted - 1) > 0.01:
        raise ValueError(
            f"The wider decoder must have {wanted} parameters. Received: {net.count_params()}"
        )
    return net


def regression(spec: NetSpec) -> keras.Model:
    """Return the network with a linear head on the pooled decoder: maps of one cell, (B, 1, 1, K).

    The loss's floor and foreground weights must be 0; what is left is the decoded intensity's.
    """
    net = heatmap_net.build(spec)
    return _pooled_head(net, net.layers[-1].input)


def backbone_regression(spec: NetSpec) -> keras.Model:
    """Return the plain rival: a linear head on the pooled backbone, without decoder and SCC."""
    net = heatmap_net.build(spec)
    first = next(layer for layer in net.layers if layer.name.startswith("up0"))
    return _pooled_head(net, first.input)


def _pooled_head(net: keras.Model, features: Any) -> keras.Model:
    pooled = layers.GlobalAveragePooling2D(keepdims=True)(features)
    cell = layers.Conv2D(net.layers[-1].filters, 1, name="regression")(pooled)
    return keras.Model(net.input, cell)


NETWORKS: dict[str, Callable[[NetSpec], keras.Model]] = {
    "net": heatmap_net.build,
    "widened": widened,
    "regression": regression,
    "backbone_regression": backbone_regression,
}


if __name__ == "__main__":
    main()
