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

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import keras
import tensorflow as tf
from keras import layers

from fau_tf import agreement, facs
from fau_tf.data import datasets, pipeline
from fau_tf.model import fau_net
from fau_tf.model.presets import PRESETS, NetSpec
from fau_tf.training import fit
from fau_tf.training.config import load_config
from fau_tf.training.predict import predict_intensity
from fau_tf.training.run_folder import RunFolder


def main() -> None:
    """See the module docstring."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("network", choices=sorted(NETWORKS))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--set", action="append", default=[])
    options = parser.parse_args()
    config = load_config(None, options.set)
    run = RunFolder(options.folder / config.run.name)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    fit.make_deterministic(config)
    spec = config.model
    faces = fit.prepare(config, Path("data"), run)
    targets = pipeline.Targets(codec=spec.codec, aus=spec.au_numbers, rule=spec.rule)
    parts = datasets.split(faces, config.data_seed)
    start = time.monotonic()
    net = NETWORKS[options.network](spec, config.training.imagenet)
    fit.fit(net, config, parts, targets, run)
    seconds = time.monotonic() - start
    net = keras.saving.load_model(run / fit.BEST)
    test = parts["test"].batches(targets, batch_size=64)
    to_au = facs.centre_to_au(spec.au_numbers, spec.rule)
    predicted = predict_intensity(net, spec.codec, to_au, test)
    found = agreement.summary(parts["test"].labels(targets), predicted, spec.labels)
    (run / fit.BEST).unlink()  # sixty of them would fill a disk
    figures = found["mean"] | {"per_au": found["per_au"], "seconds": seconds}
    run.write_json("ablation.json", figures | {"parameters": net.count_params()})


def _widened(spec: NetSpec, imagenet: bool) -> keras.Model:
    """Return the network without SCC whose decoder is as much wider as the SCCs were large."""
    wanted = fau_net.build(replace(PRESETS[spec.preset], k=spec.k), imagenet=False).count_params()

    def decoder(factor: float) -> NetSpec:
        return replace(spec, decoder=tuple(round(width * factor) for width in spec.decoder))

    def miss(factor: float) -> int:
        return abs(fau_net.build(decoder(factor), imagenet=False).count_params() - wanted)

    return fau_net.build(
        decoder(min((1 + i / 50 for i in range(1, 200)), key=miss)), imagenet=imagenet
    )


def _regression(spec: NetSpec, imagenet: bool) -> keras.Model:
    """Return the network with a pooled linear head: a heatmap of one cell for each AU centre."""
    net = fau_net.build(spec, imagenet=imagenet)
    head = net.layers[-1]
    pooled = layers.GlobalAveragePooling2D(keepdims=True)(head.input)
    cell = layers.Conv2D(head.filters, 1, name="regression")(pooled)  # (B, 1, 1, K)
    return keras.Model(net.input, cell)


NETWORKS: dict[str, Callable[[NetSpec, bool], keras.Model]] = {
    "net": lambda spec, imagenet: fau_net.build(spec, imagenet=imagenet),
    "widened": _widened,
    "regression": _regression,
}


if __name__ == "__main__":
    main()
