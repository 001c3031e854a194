"""Train AU intensity heatmaps, evaluate them on test subjects, export .tflite, draw figures.

python train_keras.py
python train_keras.py --config configs/synthetic.toml --set training.epochs=20 --set run.name=long
python train_keras.py --config configs/disfa.toml --set data.root=DISFA
python train_keras.py --config configs/disfa.toml --set data.root=DISFA --evaluate runs/bp4d
"""

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

# Before TensorFlow loads. At 2 its graph passes still print errors that are none.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import tensorflow as tf

from export.export import export_training
from fau_tf.data.datasets import FaceDataset
from fau_tf.data.splits import Fold
from fau_tf.evaluation import stages
from fau_tf.training import calibrate, fit, setup
from fau_tf.training.callbacks import Stopped
from fau_tf.training.config import Config, load_config
from fau_tf.training.distribution import Devices
from fau_tf.training.run_dir import RunDir

ROOT = Path(__file__).resolve().parent
ERRORS = (ValueError, OSError, ImportError, tf.errors.OpError, BrokenProcessPool)


def main(argv: Sequence[str] | None = None) -> int:
    """Train or evaluate; return the exit code.

    1: all is done, but frames are missing without documentation or a gate refused a model.
    """
    refused: list[str] = []
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s: %(message)s")
    logging.getLogger("absl").setLevel(logging.ERROR)
    try:
        options = _options(argv)
        config = _config(options)
        setup.make_deterministic(config)
        devices = Devices(config.training.strategy)
        with RunDir(options.runs / config.run.name, alone=devices.chief) as run:
            with run.stage("faces"):
                faces = setup.prepare_faces(config, options.data, run.log)
                folds = setup.make_folds(config, faces)
            if options.evaluate:
                stages.evaluate_saved(options.evaluate, run, faces, folds)
            else:
                config = setup.with_data_aus(config, faces, folds, run.log)
                for fold in folds:
                    with run.of_fold(fold.name) as fold_run:
                        setup.make_deterministic(config)  # whatever was trained just before
                        refused += train(config, fold_run, faces, fold, devices, options.fresh)
                if len(folds) > 1 and devices.chief:
                    stages.evaluate_folds(run, folds, faces.name)
    except (Stopped, KeyboardInterrupt) as stopped:
        print(str(stopped) or "stopped; the same command goes on", file=sys.stderr)
        return getattr(stopped, "exit_code", 130)
    except ERRORS as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    if refused:
        print("\n".join(["models that were not written:", *refused]), file=sys.stderr)
    if faces.dropped:
        why = "frames were left out for reasons that the data set does not document, see above and"
        accept = "dropped.csv. Accept them: --set data.accept_dropped=true"
        print(f"{faces.dropped} {why} {accept}", file=sys.stderr)
    return 1 if faces.dropped or refused else 0


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
        metrics = stages.evaluate_test(net, config, run, fold, subsets["test"])
    with run.stage("figures"):
        stages.draw_run(net, config, run, subsets["test"], training.rows)
    metrics["resumed_at_steps"], metrics["parameters"] = training.resumed, net.count_params()
    _write_metrics(run, metrics)  # a model that is refused, or a crash, must not cost them
    with run.stage("export"):
        compared = setup.comparison_faces(subsets, run.log)
        exported = export_training(net, config, run, compared, fold, metrics["test"])
    if exported.written:
        with run.stage("photo"):
            model = run / f"{exported.written[-1]['name']}.tflite"
            stages.predict_photo(ROOT / "docs" / "sample" / "astronaut.png", model, run)
    metrics["exported"] = {entry["name"]: entry["bytes"] for entry in exported.written}
    metrics["refused"] = exported.refused
    _write_metrics(run, metrics)
    run.log(f"all of it is in {run.path}")
    return [f"   {run.path}, {name}: {'; '.join(why)}" for name, why in exported.refused.items()]


def _write_metrics(run: RunDir, metrics: dict[str, Any]) -> None:
    run.write_json("metrics.json", metrics | {"seconds": run.seconds | run.reused_seconds})


def _config(options: argparse.Namespace) -> Config:
    config = load_config(options.config, options.set)
    if not options.evaluate:  # now, not after hours of preparing faces
        setup.require_first_weights(config)
    return config


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    default, override = ROOT / "configs" / "synthetic.toml", "override a setting; repeatable"
    add = parser.add_argument
    add("--config", type=Path, default=default, help="TOML file of settings")
    add("--set", action="append", default=[], metavar="SECTION.KEY=VALUE", help=override)
    add("--runs", type=Path, default=Path("runs"), help="where runs/<name> goes")
    add("--data", type=Path, default=Path("data"), help="where face records go")
    add("--evaluate", type=Path, metavar="RUN", help="evaluate a run or a .tflite on the data")
    add("--fresh", action="store_true", help="train from the start, whatever is there")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
