"""A tiny training in a process of its own: train_on.py STRATEGY FACES OUT [section.key=value ...].

Writes OUT.npz: the loss of each epoch and the weights at the end. `mirrored` is on two logical
devices of the CPU; `multi_worker` reads TF_CONFIG.
"""

import os
import sys
from pathlib import Path

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"
os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np
import tensorflow as tf

from fau_tf.training import fit, setup
from fau_tf.training.config import load_config
from fau_tf.training.distribution import Devices
from fau_tf.training.run_dir import RunDir
from tests.helpers.records import stored_subsets

SETTINGS = (
    "model.preset=tiny",
    "data.record_size=80",
    "training.epochs=2",
    "training.batch_size=8",
    "training.warmup_steps=4",
    "training.backbone_rate_factor=0.5",
    "training.threads=1",
)


def main(strategy, faces, out, *changes):
    if strategy == "mirrored":
        cpu = tf.config.list_physical_devices("CPU")[0]
        two = [tf.config.LogicalDeviceConfiguration()] * 2
        tf.config.set_logical_device_configuration(cpu, two)
    config = load_config(None, [*SETTINGS, f"training.strategy={strategy}", *changes])
    setup.make_deterministic(config)
    devices = Devices(strategy)
    assert devices.replicas == (1 if strategy == "none" else 2)
    net = setup.make_network(config, devices)
    start = [np.asarray(weight) for weight in net.weights]
    parts = stored_subsets(Path(faces))
    with RunDir(Path(f"{out}-run"), alone=devices.chief) as run:
        progress = fit.fit(net, config, parts, run, devices=devices)
    if devices.chief:
        weights = {f"weight_{i:04d}": np.asarray(w) for i, w in enumerate(net.weights)}
        first = {f"start_{i:04d}": w for i, w in enumerate(start)}
        rows = {name: [row[name] for row in progress.rows] for name in progress.rows[0]}
        np.savez(f"{out}.npz", **weights, **first, **rows)


if __name__ == "__main__":
    main(*sys.argv[1:])
