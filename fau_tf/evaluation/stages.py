"""The stages of train_keras.py that follow the training: evaluation, figures, a sample photo."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import keras
import numpy as np

from fau_tf.data.datasets import FaceDataset, Subset
from fau_tf.data.pipeline import require_record_size
from fau_tf.data.splits import Fold
from fau_tf.evaluation import evaluate, figures
from fau_tf.evaluation.comparison.spread import write_spread
from fau_tf.evaluation.networks import Network, load_networks
from fau_tf.evaluation.predictions import Predictions, pooled
from fau_tf.evaluation.published import Published, apart, beside
from fau_tf.inference.estimator import AUEstimator
from fau_tf.io.sources import find_sources
from fau_tf.models.scc.inspect_graph import channel_graphs
from fau_tf.outputs.options import PredictOptions
from fau_tf.outputs.run import run as predict
from fau_tf.training.calibrate import coverage, coverage_line
from fau_tf.training.config import Config
from fau_tf.training.predict import predict_intensity
from fau_tf.training.run_dir import CURVES, GALLERY, NEIGHBORS, PREDICTIONS, RunDir, folder_name
from fau_tf.training.run_state import CALIBRATION, PEOPLE, clear
from fau_tf.training.setup import make_targets
from fau_tf.utils.console import Console
from fau_tf.utils.optional_imports import MissingLibraryError

_BATCH: Final = 64
_GALLERY: Final = 8  # faces
FOLDS: Final = "folds"
SEEDS: Final = "seeds"
"""Names of the files with mean and standard deviation over folds and seeds."""
_KINDS: Final = ("json", "csv", "tex")


def evaluate_test(
    net: keras.Model, config: Config, run: RunDir, fold: Fold, subsets: Mapping[str, Subset]
) -> dict[str, Any]:
    """Evaluate a run's calibrated network on its test subjects; return the content of metrics.json.

    Writes people.json and, where there are test subjects, what `evaluate.write_evaluation` does.
    """
    faces = subsets["train"].faces
    run.write_json(PEOPLE, evaluate.describe_people(faces, fold.subjects))
    if "test" not in subsets:
        run.log("   no test subjects: the accuracy of this network is not known")
        return {"data": {"name": faces.name, "test_subjects": 0}}
    test = subsets["test"]
    targets, labels = make_targets(config), config.model.labels
    coded = test.labels(targets)
    predicted = predict_intensity(net, config.model, test.batches(targets, batch_size=_BATCH))
    facts = {}
    if (run / CALIBRATION).is_file():  # else there are no intervals
        facts["coverage"] = coverage(run.path, coded, predicted, labels)
        run.log(f"   {coverage_line(facts['coverage'])}")
    predictions = Predictions(coded, predicted, test.face_subjects(), labels)
    return evaluate.write_evaluation(
        run,
        predictions,
        test.faces.name,
        published=_published(config, predictions),
        facts=facts,
    )


def remove_summary(run: RunDir, parts: Sequence[str], summary: str) -> None:
    """Remove what an earlier training wrote about all seeds or folds of a run together.

    Without it, a training that stops half-way would leave figures of networks that are gone.

    Args:
        run: Folder of the run.
        parts: Names of its seeds or folds; a single one has none.
        summary: `FOLDS` or `SEEDS`.
    """
    if len(parts) > 1:
        if summary == FOLDS:  # figures beside seeds are of another training, without seeds
            clear(run.path)
        for kind in _KINDS:
            (run / f"{summary}.{kind}").unlink(missing_ok=True)


def evaluate_folds(run: RunDir, config: Config, folds: Sequence[Fold], dataset: str) -> None:
    """Evaluate the predictions of all folds of a run together, and their spread."""
    run.log(f"== all {len(folds)} folds together")
    parts = {fold.name: Predictions.load(run / fold.name / PREDICTIONS) for fold in folds}
    whole = pooled(list(parts.values()))
    evaluate.write_evaluation(run, whole, dataset, published=_published(config, whole))
    write_spread(run, parts, FOLDS, f"{run.path.name}, test subjects of each fold, {dataset}")
    run.log(f"all of it is in {run.path}")


def evaluate_seeds(run: RunDir, names: Sequence[str], dataset: str) -> None:
    """Write the spread over the seeds of a run, each evaluated on its test subjects."""
    run.log(f"== {len(names)} seeds")
    parts = {name: Predictions.load(run / name / PREDICTIONS) for name in names}
    write_spread(run, parts, SEEDS, f"{run.path.name}, test subjects, {dataset}")
    run.log(f"all of it is in {run.path}")


def load_saved(path: Path, config: Config) -> list[Network]:
    """Return the networks of an earlier run or a .tflite.

    Raises:
        ValueError: If there is none, or the records are too small for its crops.
    """
    networks = load_networks(path)
    for network in networks:
        require_record_size(config.data.record_size, network.codec.image_size)
    return networks


def evaluate_saved(
    path: Path,
    networks: Sequence[Network],
    run: RunDir,
    config: Config,
    faces: FaceDataset,
    folds: Sequence[Fold],
) -> None:
    """Evaluate an earlier run or a .tflite; write `evaluated_...` files.

    Every network predicts all subjects if none was fitted on any of them; several networks have a
    table of their mean and standard deviation. Otherwise test subjects are predicted, each by the
    first network that was not fitted on them.
    """
    name = path.name.removesuffix(".tflite") if path.suffix == ".tflite" else folder_name(path)
    prefix, others = f"evaluated_{name}_", apart(str(path), config.data)
    with run.stage(f"evaluation of {path}"):
        if not evaluate.is_apart(networks, faces):
            subjects = sorted({name for fold in folds for name in fold.subjects["test"]})
            found = evaluate.evaluate(networks, faces, subjects, run.log)
            evaluate.write_evaluation(run, found, faces.name, published=others, prefix=prefix)
            return
        parts = evaluate.evaluate_apart(networks, faces, run.log)
        for part, one in parts.items():
            own = f"{prefix}{part.replace('/', '_')}_" if len(parts) > 1 else prefix
            run.log(f"   {part}")
            evaluate.write_evaluation(run, one, faces.name, published=others, prefix=own)
        if len(parts) > 1:
            title = f"{name}, all {len(faces.subjects)} subjects of {faces.name}"
            write_spread(run, parts, f"{prefix}networks", title)


def draw_run(
    net: keras.Model,
    config: Config,
    run: RunDir,
    faces: Subset,
    history: Sequence[dict[str, float]],
) -> None:
    """Draw `CURVES`, and `GALLERY` and `NEIGHBORS` from the first batch of some faces."""
    figures.draw_curves(run / CURVES, history)
    spec = config.model
    image, target = next(iter(faces.batches(make_targets(config), batch_size=_BATCH)))
    images, coded = image.numpy(), target["intensity"].numpy()
    heatmaps = net.predict_on_batch(images)
    # The faces with the strongest expressions.
    most = np.argsort(-np.nan_to_num(coded).sum(axis=1))[:_GALLERY]
    figures.draw_gallery(
        run / GALLERY,
        images[most],
        target["heatmap"].numpy()[most] / spec.codec.unit,
        heatmaps[most] / spec.codec.unit,
        coded[most],
        spec.codec.decode(heatmaps[most], spec.to_au),
        spec.labels,
    )
    graphs = channel_graphs(net, images)
    if graphs:
        subjects = faces.face_subjects()[: len(images)]
        figures.draw_neighbors(run / NEIGHBORS, graphs[0], images, coded, subjects)


def predict_photo(photo: Path, model: Path, run: RunDir) -> None:
    """Write what `fau-demo` makes of a photo; print why not where a library is missing."""
    options = PredictOptions(sources=(str(photo),), model=model, out=run.path)
    try:
        with AUEstimator(model, options.faces, options.threads) as estimator:
            unread = predict(options, estimator, find_sources(options.sources), Console())
    except MissingLibraryError as error:
        run.log(f"   skipped: {error}")
        return
    if unread:
        raise ValueError(f"The exported model must read {photo}: {'; '.join(unread)}")


def _published(config: Config, found: Predictions) -> Published:
    return beside(config.data, found.coded_labels, set(found.subjects))
