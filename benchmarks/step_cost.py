"""What SCC costs a training step: the same network with and without it, steps in turn.

python benchmarks/step_cost.py [--quick] [--json FILE]
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import keras
import numpy as np

from fau_tf import facs
from fau_tf.model import fau_net
from fau_tf.model.presets import PRESETS, NetSpec
from fau_tf.training.config import Config, TrainingSettings
from fau_tf.training.fit import make_deterministic
from fau_tf.training.losses import HeatmapLoss, au_weights
from fau_tf.training.regressor import HeatmapRegressor

BATCH = 32


def main(argv: Sequence[str] | None = None) -> int:
    """Measure presets `mobile` and `small`; print median step times and the share of SCC."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="3 steps of each instead of 15")
    parser.add_argument("--json", type=Path, help="write the figures here")
    options = parser.parse_args(argv)
    make_deterministic(Config())  # costs time, and training has it
    rounds = 3 if options.quick else 15
    table = [_share(PRESETS[name], rounds) for name in ("mobile", "small")]
    for row in table:
        print(
            f"{row['preset']}: {row['step_ms']:.0f} ms a step of {BATCH}, "
            f"{row['images_per_second']:.0f} images/s; without SCC {row['without_scc_ms']:.0f} ms: "
            f"SCC is {row['scc_share']:.0%} of the step"
        )
    if options.json:
        options.json.write_text(json.dumps(table, indent=1) + "\n")
    return 0


def _share(spec: NetSpec, rounds: int) -> dict[str, Any]:
    pair = {
        "with": (_trainer(spec), _batch(spec)),
        "without": (_trainer(replace(spec, scc=(False,) * len(spec.scc))), _batch(spec)),
    }
    seconds: dict[str, list[float]] = {name: [] for name in pair}
    for model, batch in pair.values():
        model.train_on_batch(*batch)  # traces
    for turn in range(rounds):
        # every other round backwards: who runs first finds another state of caches and clocks
        for name, (model, batch) in list(pair.items())[:: -1 if turn % 2 else 1]:
            start = time.perf_counter()
            model.train_on_batch(*batch)
            seconds[name].append(time.perf_counter() - start)
    step, without = median(seconds["with"]), median(seconds["without"])
    return {
        "preset": spec.preset,
        "step_ms": 1000 * step,
        "without_scc_ms": 1000 * without,
        "images_per_second": BATCH / step,
        "scc_share": (step - without) / step,
    }


def _trainer(spec: NetSpec) -> keras.Model:
    net = fau_net.build(spec)
    fau_net.freeze_backbone_norms(net)
    settings = TrainingSettings()
    loss = HeatmapLoss(
        codec=spec.codec,
        to_au=facs.centre_to_au(spec.au_numbers, spec.rule),
        au_weight=au_weights(np.ones((1, len(spec.au_numbers)), np.float32), 0.0),
        floor=settings.floor,
        foreground=settings.foreground,
        decoded=settings.decoded,
    )
    model = HeatmapRegressor(net, loss)
    model.compile(optimizer=keras.optimizers.Adam(1e-4, clipnorm=settings.clip_norm))
    return model


def _batch(spec: NetSpec) -> tuple[Any, dict[str, Any]]:
    rng = np.random.default_rng(0)
    size, k = spec.heatmap_size, len(facs.centres(spec.au_numbers, spec.rule))
    maps = rng.uniform(0, 1, (BATCH, size, size, k)).astype(np.float32)
    image = rng.uniform(0, 255, (BATCH, spec.image_size, spec.image_size, 3)).astype(np.float32)
    intensity = rng.uniform(0, 5, (BATCH, len(spec.au_numbers))).astype(np.float32)
    weight = np.ones((BATCH, k), np.float32)
    return image, {"heatmap": maps, "bump": maps, "weight": weight, "intensity": intensity}


if __name__ == "__main__":
    sys.exit(main())
