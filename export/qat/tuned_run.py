"""Quantization-aware training of a run: its own faces, loss and calibration."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras

from export.qat.fine_tune import QatLoss, QatSettings, fine_tune
from export.run import LabeledFaces, TrainedRun, run_part
from export.specs import VariantUnavailableError
from fau_tf.data.config import SYNTHETIC
from fau_tf.data.datasets import Subset
from fau_tf.training import run_state, setup
from fau_tf.training.calibrate import apply_curves, calibration_faces
from fau_tf.training.fit import training_batches


@dataclass(frozen=True)
class TunedRun:
    """A run's network after quantization-aware training.

    Attributes:
        net: Calibrated.
        facts: For its JSON: the `intervals` of its own calibration, and `fine_tuning`.
    """

    net: keras.Model
    facts: dict[str, Any]


def tuned_run(
    run: TrainedRun,
    validation: LabeledFaces,
    data: Path,
    *,
    settings: QatSettings | None = None,
    log: Callable[[str], None],
) -> TunedRun:
    """Return a trained run's network, fine-tuned, then calibrated like the run's own.

    Args:
        run: Fine-tuned on its own training subjects and portraits.
        validation: Faces of validation subjects, for ranges and the choice of the best step.
        data: Folder of the face records.
        settings: Of the fine-tuning.
        log: Receives progress lines.

    Raises:
        VariantUnavailableError: If packages, validation subjects or portraits are missing.
        NotQuantizableError, QatError: As `fine_tune`.
    """
    settings, config = settings or QatSettings(), run.config
    if not run.subjects["validation"]:
        raise VariantUnavailableError(
            "Quantization-aware training chooses its step on validation subjects and is calibrated "
            f"on them: {run.path} has none. Omit qat_int8: static_int8 needs none."
        )
    # The loss was lowest before gains and thresholds went into the last layer.
    net = keras.saving.load_model(run.path / run_state.BEST)
    train = _faces(run, "train", settings.pictures, data, log)
    coded = train.labels(setup.make_targets(config))
    loss = QatLoss(setup.make_loss(config, coded), setup.make_pair_loss(config, coded))
    each = config.data.faces_per_subject
    others = _faces(run, "validation", each * len(run.subjects["validation"]), data, log)
    try:
        faces, batches = calibration_faces(config, others), training_batches(config, train)
    except (ValueError, OSError) as error:
        if not config.data.portraits:
            raise
        raise VariantUnavailableError(
            f"Quantization-aware training needs the portraits that the run was trained on: {error} "
            "Put them back, or omit qat_int8."
        ) from error
    log(f"   fine-tuning on {settings.pictures} pictures, in a process of its own")
    found = fine_tune(
        net,
        config.model,
        batches,
        validation,
        faces.batches,
        loss=loss,
        settings=settings,
        seed=config.run.seed,
    )
    curves = faces.calibrate(found.peaks, config)
    apply_curves(found.net, config.model, curves.gain, curves.threshold)
    intervals = curves.intervals.as_json(config.model.labels)
    return TunedRun(found.net, {"intervals": intervals, "fine_tuning": found.facts})


def _faces(
    run: TrainedRun, part: str, count: int, data: Path, log: Callable[[str], None]
) -> Subset:
    """Return the faces of one part as in the training: all real ones, `count` synthetic ones."""
    everything = sys.maxsize if run.config.data.dataset != SYNTHETIC else count
    found = run_part(run, part, everything, data, log=log)
    if part != "train":
        return found
    fraction = run.config.data.neutral_fraction
    return found.subsample_neutral(setup.make_targets(run.config), fraction)
