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

import numpy as np
import tensorflow as tf

from export.export import export_network
from export.specs import TRAINING_SPECS
from export.variants import Source
from fau_tf import facs
from fau_tf.cli import predict
from fau_tf.data import datasets
from fau_tf.data.datasets import FaceDataset
from fau_tf.data.splits import Fold
from fau_tf.evaluation import evaluate, figures, predictions
from fau_tf.evaluation.predictions import Predictions
from fau_tf.face.mediapipe_landmarks import MediaPipeLandmarks
from fau_tf.models.scc import inspect_graph
from fau_tf.training import calibrate, fit, run_state
from fau_tf.training.config import Config, load_config
from fau_tf.training.distribution import Devices
from fau_tf.training.predict import predict_intensity
from fau_tf.training.run_dir import RunDir
from fau_tf.training.stopping import Stopped
from fau_tf.utils.optional_imports import MissingLibraryError

ROOT = Path(__file__).resolve().parent
DEFAULT_CONFIG = ROOT / "configs" / "synthetic.toml"
PHOTO = ROOT / "docs" / "sample" / "astronaut.png"
GALLERY = 8  # faces


def main(argv: Sequence[str] | None = None) -> int:
    """Run the main job; return the exit code."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s: %(message)s")
    logging.getLogger("absl").setLevel(logging.ERROR)
    try:
        options = _options(argv)
        config = load_config(options.config, options.set)
        fit.make_deterministic(config)
        devices = Devices(config.training.strategy)
        with RunDir(options.runs / config.run.name, alone=devices.chief) as run:
            if options.evaluate:
                dropped = score(config, run, options.data, options.evaluate)
            else:
                dropped = all_folds(config, run, options.data, devices, fresh=options.fresh)
    except Stopped as stopped:
        print(stopped, file=sys.stderr)
        return stopped.exit_code
    except KeyboardInterrupt:
        print("stopped; the same command goes on from what is complete", file=sys.stderr)
        return 130
    except (ValueError, OSError, ImportError, tf.errors.OpError, BrokenProcessPool) as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    if dropped:
        print(
            f"{dropped} frames were left out for reasons that the data set does not document; they "
            "are listed above and in dropped.csv. Accept them: --set data.accept_dropped=true",
            file=sys.stderr,
        )
    return 1 if dropped else 0


def all_folds(
    config: Config, run: RunDir, data: Path, devices: Devices, *, fresh: bool = False
) -> int:
    """Train and evaluate every fold of the protocol, then all test subjects together.

    Returns the frames that are missing for undocumented reasons.
    """
    with run.stage("faces"):
        faces = fit.prepare(config, data, run)
        folds = fit.folds(config, faces)
    if len(folds) == 1:
        train(config, run, faces, folds[0], devices, fresh=fresh)
        return faces.dropped
    for fold in folds:
        run.say(f"== {fold.name} of {len(folds)}")
        # A fold's weights must not depend on whether another one was trained before it just now.
        fit.make_deterministic(config)
        with RunDir(run / fold.name, alone=devices.chief) as own:
            train(config, own, faces, fold, devices, fresh=fresh)
    if devices.chief:
        parts = [Predictions.load(run / fold.name / predictions.PREDICTIONS) for fold in folds]
        run.say(f"== all {len(folds)} folds together")
        evaluate.write_evaluation(run, predictions.pooled(parts), faces.name)
        run.say(f"all of it is in {run.path}")
    return faces.dropped


def score(config: Config, run: RunDir, data: Path, path: Path) -> int:
    """Evaluate a run or a .tflite on a config's test subjects: runs/<name>/evaluated_..."""
    with run.stage("faces"):
        faces = fit.prepare(config, data, run)
        folds = fit.folds(config, faces)
        subjects = sorted({name for fold in folds for name in fold.subjects["test"]})
    with run.stage(f"evaluation of {path}"):
        networks = evaluate.load_networks(path)
        found = evaluate.evaluate(networks, faces, subjects, run.say)
        evaluate.write_evaluation(run, found, faces.name, prefix=f"evaluated_{path.stem}_")
    return faces.dropped


def train(
    config: Config, run: RunDir, faces: FaceDataset, fold: Fold, devices: Devices, *, fresh: bool
) -> None:
    """Config -> network -> tf.data -> fit -> ICC table -> export -> pictures, of one fold."""
    spec = config.model

    with run.stage("network"):
        net = fit.network(config, devices)
        run.say(
            f"   {spec.preset}: {net.count_params() / 1e6:.2f} M parameters, {spec.image_size} px, "
            f"{len(facs.centers(spec.au_numbers, spec.rule))} AU centers"
        )

    targets = fit.targets(config)
    parts = datasets.subsets(faces, fold)
    parts["train"] = parts["train"].subsample_neutral(targets, config.data.neutral_fraction)
    for name, part in parts.items():
        run.say(f"   {name}: {len(part.subjects)} subjects")

    with run.stage("training"):
        done = None if fresh else run_state.finished(config, faces, run)
        if done is None:
            after = None if fresh else run_state.unfinished(config, faces, run)
            if after is None and devices.chief:
                run_state.begin(config, run)
            progress = fit.fit(net, config, parts, targets, run, after=after, devices=devices)
            history, resumed = progress.rows, progress.resumed
        else:
            history, resumed, run.earlier = done.rows, done.resumed, done.seconds
            run.say(f"   {run / run_state.BEST} is there already; --fresh trains again")
        if not devices.chief:
            run.say("   the chief evaluates and exports")
            return
    if done is None:
        run_state.finish(config, faces, run, progress)

    with run.stage("calibration"):
        net = calibrate.calibrate_run(config, run, parts["validation"], targets)

    with run.stage("test subjects"):
        test = parts["test"].batches(targets, batch_size=64)
        coded = parts["test"].labels(targets)
        predicted = predict_intensity(net, spec, test)
        subjects = parts["test"].face_subjects()
        coverage = calibrate.coverage(run.path, coded, predicted, spec.labels)
        run.say(f"   {calibrate.coverage_line(coverage)}")
        run.write_json(run_state.PEOPLE, evaluate.describe_people(faces, fold.subjects))
        found = Predictions(coded, predicted, subjects, spec.labels)
        metrics = evaluate.write_evaluation(
            run, found, faces.name, facts={"coverage": coverage, "resumed_at_steps": resumed}
        )

    with run.stage("export"):
        # On validation subjects: test subjects serve the evaluation above and nothing else.
        checks = parts["validation"].batches(targets, batch_size=64)
        images = next(iter(checks))[0].numpy()
        exported = export_network(
            Source(net, spec, images),
            config.run.name,
            TRAINING_SPECS,
            run.path,
            training_data=datasets.training_data_info(faces.name, fold.train_and_validation),
            facts={"test_people": metrics["test"], **calibrate.model_json_entries(run.path)},
            log=run.say,
        ).all_written()

    with run.stage("pictures"):
        figures.draw_curves(run / "curves.png", history)
        images, target = next(iter(test))
        images, count = images.numpy(), len(images)
        target = {name: value.numpy() for name, value in target.items()}
        _gallery(run / "gallery.png", net, spec, images, target, predicted[:count])
        graphs = inspect_graph.channel_graphs(net, images)
        if graphs:
            neighbors = run / "neighbors.png"
            figures.draw_neighbors(neighbors, graphs[0], images, coded[:count], subjects[:count])

    metrics |= {
        "parameters": net.count_params(),
        "exported": {entry["name"]: entry["bytes"] for entry in exported},
    }
    run.write_json("metrics.json", metrics | {"seconds": run.seconds | run.earlier})

    with run.stage("photo"):
        _photo(run, exported[-1]["name"])
    run.write_json("metrics.json", metrics | {"seconds": run.seconds | run.earlier})
    run.say(f"all of it is in {run.path}")


def _gallery(
    path: Path, net: Any, spec: Any, images: Any, target: dict[str, Any], predicted: Any
) -> None:
    maps = net.predict_on_batch(images)
    # The faces with most going on.
    busiest = np.argsort(-np.nan_to_num(target["intensity"]).sum(axis=1))[:GALLERY]
    figures.draw_gallery(
        path,
        images[busiest],
        target["heatmap"][busiest] / spec.codec.unit,
        maps[busiest] / spec.codec.unit,
        target["intensity"][busiest],
        predicted[busiest],
        spec.labels,
    )


def _photo(run: RunDir, model: str) -> None:
    """Run the demo on the sample photo; a bare machine without its libraries skips it."""
    try:
        with MediaPipeLandmarks(num_faces=1):
            pass
    except MissingLibraryError as error:
        run.say(f"   skipped: {error}")
        return
    code = predict.main(
        [str(PHOTO), "--model", str(run / f"{model}.tflite"), "--out", str(run.path)]
    )
    if code:
        raise ValueError(f"The demo on {PHOTO} must succeed. Received: exit code {code}")


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--config", type=Path, default=DEFAULT_CONFIG, help="TOML file of settings")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="SECTION.KEY=VALUE",
        help="override one setting; may be given again",
    )
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="where runs/<name> goes")
    parser.add_argument("--data", type=Path, default=Path("data"), help="where face records go")
    parser.add_argument(
        "--evaluate",
        type=Path,
        metavar="RUN",
        help="evaluate a run or a .tflite on --config's data",
    )
    parser.add_argument(
        "--fresh", action="store_true", help="train from the start, whatever is there"
    )
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
