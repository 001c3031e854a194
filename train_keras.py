"""Train AU intensity heatmaps, evaluate them on test subjects, export .tflite, draw figures.

python train_keras.py
python train_keras.py --config configs/synthetic.toml --set training.epochs=20 --set run.name=long
python train_keras.py --config configs/disfa.toml --set data.root=DISFA [--seeds 3]
python train_keras.py --config configs/disfa.toml --set data.root=DISFA --evaluate runs/bp4d
"""

import os
import sys
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

# Before TensorFlow loads. At 2 its graph passes still print errors that are none.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from export.export import export_training
from fau_tf.cli.train import Outcome, exit_code, parse
from fau_tf.data.datasets import FaceDataset
from fau_tf.data.splits import Fold
from fau_tf.evaluation import stages
from fau_tf.training import calibrate, fit, run_state, setup
from fau_tf.training.config import Config, load_config
from fau_tf.training.distribution import Devices
from fau_tf.training.run_dir import METRICS, PHOTO, RunDir

SAMPLE = Path(__file__).resolve().parent / "docs" / "sample" / f"{PHOTO}.png"


def main(argv: Sequence[str] | None = None) -> int:
    """Train or evaluate; return the exit code."""
    options = parse(argv, __doc__)
    return exit_code(lambda: run_command(options))


def run_command(options: Namespace) -> Outcome:
    """Config -> data -> each seed and each fold, or the evaluation of an earlier run."""
    config = load_config(options.config, options.set)
    seeds = setup.make_seeds(config, options.seeds)
    setup.make_deterministic(config)
    devices = Devices(config.training.strategy)  # before any network: workers meet here
    if options.evaluate:  # now, not after hours of preparing faces
        networks = stages.load_saved(options.evaluate, config)
    else:
        setup.require_network(config)
    refused: list[str] = []
    with RunDir(options.runs / config.run.name, alone=devices.chief) as run:
        with run.stage("faces"):
            faces = setup.prepare_faces(config, options.data, run.log)
            folds = setup.make_folds(config, faces)
        if options.evaluate:
            stages.evaluate_saved(options.evaluate, networks, run, config, faces, folds)
            return Outcome(faces.dropped)
        aus = setup.with_data_aus(config, faces, folds, run.log).model
        seeds = {name: replace(seeded, model=aus) for name, seeded in seeds.items()}
        if not options.fresh:  # before anything of an earlier run is removed
            run_state.require_same_parts(seeds, faces, run.path, [fold.name for fold in folds])
        stages.remove_summary(run, list(seeds), stages.SEEDS)
        for name, seeded in seeds.items():
            with run.part(name) as seed_run:
                stages.remove_summary(seed_run, [fold.name for fold in folds], stages.FOLDS)
                for fold in folds:
                    with seed_run.part(fold.name) as fold_run:
                        setup.make_deterministic(seeded)  # whatever was trained just before
                        refused += train(seeded, fold_run, faces, fold, devices, options.fresh)
                if len(folds) > 1 and devices.chief:
                    stages.evaluate_folds(seed_run, seeded, folds, faces.name)
        if len(seeds) > 1 and devices.chief:
            stages.evaluate_seeds(run, list(seeds), faces.name)
    return Outcome(faces.dropped, refused)


def train(
    config: Config, run: RunDir, faces: FaceDataset, fold: Fold, devices: Devices, fresh: bool
) -> list[str]:
    """Config -> data -> network -> fit -> calibrate -> evaluate -> export, of one fold.

    Returns:
        A line for each model that a gate refused: file and reasons.
    """
    subsets = setup.make_subsets(config, faces, fold)
    with run.stage("network"):
        net = setup.make_network(config, devices)
        sizes = ", ".join(f"{len(one.subjects)} {name}" for name, one in subsets.items())
        run.log(f"   {net.count_params() / 1e6:.2f} M parameters; {sizes} subjects")
    with run.stage("training"):
        training = fit.train(net, config, subsets, run, devices, fresh=fresh)
    if not devices.chief:
        run.log("   the chief evaluates and exports")
        return []
    with run.stage("calibration"):
        net = calibrate.calibrate_run(config, run, subsets.get("validation"))
    with run.stage("evaluation"):
        metrics = stages.evaluate_test(net, config, run, fold, subsets)
    compared = setup.comparison_faces(subsets, run.log)
    with run.stage("figures"):
        stages.draw_run(net, config, run, subsets.get("test", compared), training.rows)
    metrics["resumed_at_steps"], metrics["parameters"] = training.resumed, net.count_params()
    _write_metrics(run, metrics)  # a model that is refused, or a crash, must not cost them
    with run.stage("export"):
        exported = export_training(net, config, run, compared, fold, metrics.get("test"))
    if exported.written:
        with run.stage("photo"):
            stages.predict_photo(SAMPLE, run / f"{exported.written[-1]['name']}.tflite", run)
    metrics["exported"] = {entry["name"]: entry["bytes"] for entry in exported.written}
    metrics["refused"] = exported.refused
    _write_metrics(run, metrics)
    run.log(f"all of it is in {run.path}")
    return [f"   {run.path}, {name}: {'; '.join(why)}" for name, why in exported.refused.items()]


def _write_metrics(run: RunDir, metrics: dict[str, Any]) -> None:
    run.write_json(METRICS[0], metrics | {"seconds": run.seconds | run.reused_seconds})


if __name__ == "__main__":
    sys.exit(main())
