"""Agreement of runs on synthetic test subjects: of their own rigs, and across rigs."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from fau_tf.data.datasets import FaceDataset
from fau_tf.evaluation import blendshape_baseline, synthetic_test_set
from fau_tf.evaluation.synthetic_test_set import Array, LabeledFaces, SyntheticRun
from fau_tf.training.calibrate import coverage


def evaluate_run(run: SyntheticRun, data: Path, *, baseline: bool) -> dict[str, Any]:
    """Return the figures of a run, and of the blendshape baseline, on the run's test subjects.

    Args:
        run: The run.
        data: Folder of the face records.
        baseline: Whether the baseline is fitted and evaluated too.
    """
    faces = run.faces(data)
    part = faces.subset(run.subjects["test"])
    test, predicted = LabeledFaces.load(part, run), run.predict(part)
    masks = synthetic_test_set.rig_masks(test)
    found = {
        "run": run.path.name,
        "epochs": run.config.training.epochs,
        "trained_on": _trained_on(run),
        "dataset": faces.name,
        "training_subjects": len(run.subjects["train"]),
        "test_subjects": len(run.subjects["test"]),
        "test_faces": len(test.coded),
        "groups": synthetic_test_set.by_group(test, predicted, masks),
        "factors": synthetic_test_set.by_factor(test, predicted),
        "subject_error": synthetic_test_set.subject_error_quantiles(test, predicted),
        "coverage": coverage(run.path, test.coded, predicted, test.labels),
        "coverage_by_group": {
            name: coverage(run.path, test.coded[mask], predicted[mask], test.labels)["mean"]
            for name, mask in masks.items()
        },
    }
    if baseline:
        found["baseline"] = _evaluate_baseline(run, faces, test, masks)
    return found


def evaluate_cross_rig(run: SyntheticRun, data: Path, *, baseline: bool) -> dict[str, Any]:
    """Return the figures of a run that was trained on some of its rigs, on test subjects of each.

    Args:
        run: The run.
        data: Folder of the face records.
        baseline: Whether the blendshape baseline is fitted and evaluated too.
    """
    faces = run.faces(data)
    part = faces.subset(run.subjects["test"])
    test, predicted = LabeledFaces.load(part, run), run.predict(part)
    masks = {rig: test.rig == rig for rig in dict.fromkeys(test.rig.tolist())}
    found = {
        "trained_on": _trained_on(run),
        "epochs": run.config.training.epochs,
        "groups": synthetic_test_set.by_group(test, predicted, masks),
    }
    if baseline:
        found["baseline"] = _evaluate_baseline(run, faces, test, masks)
    return found


def require_other_rig(run: SyntheticRun) -> None:
    """Raise ValueError unless the run's set has a rig that the run was not trained on."""
    trained, rigs = run.config.data.train_rigs, run.config.data.rigs
    if not trained or not set(rigs) - set(trained):
        raise ValueError(
            f"{run.path}: cross-rig evaluation needs a run trained on some of its rigs only: got "
            f"data.train_rigs = {list(trained)} of {list(rigs)}. `make cross-rig` trains such runs."
        )


def require_same_aus(run: SyntheticRun, other: SyntheticRun) -> None:
    """Raise ValueError unless two runs have the same AUs, which share tables and criteria."""
    ours, theirs = run.config.model.labels, other.config.model.labels
    if ours != theirs:
        raise ValueError(
            f"{other.path}: a cross-rig run must have the AUs of {run.path}, {', '.join(ours)}: "
            f"got {', '.join(theirs)}. Train it with the same `model.aus`."
        )


def _trained_on(run: SyntheticRun) -> list[str]:
    data = run.config.data
    return list(dict.fromkeys(data.train_rigs or data.rigs))


def _evaluate_baseline(
    run: SyntheticRun, faces: FaceDataset, test: LabeledFaces, masks: Mapping[str, Array]
) -> dict[str, Any]:
    parts = {name: faces.subset(names) for name, names in run.subjects.items()}
    folder = run.path.parent / "baseline"
    shapes = {
        name: blendshape_baseline.cached_blendshapes(part, folder) for name, part in parts.items()
    }
    train, validation = (
        (shapes[name], run.labels(parts[name])) for name in ("train", "validation")
    )
    ridge = blendshape_baseline.fit_ridge(train, validation, test.labels)
    predicted = ridge.predict(shapes["test"])
    return {
        "groups": synthetic_test_set.by_group(test, predicted, masks),
        "faces_not_found": int(np.isnan(predicted[:, 0]).sum()),
    }
