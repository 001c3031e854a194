"""Quantization-aware training of a finished run, on the faces that it was trained with."""

from collections.abc import Callable
from pathlib import Path

from export.qat.launch import QatSettings, qat_variant
from export.run import LabeledFaces, TrainedRun, run_part
from export.specs import CPU_SELECTION
from fau_tf.training import fit


def tuned_run(
    run: TrainedRun,
    validation: LabeledFaces,
    data: Path,
    settings: QatSettings,
    *,
    selection: str = CPU_SELECTION,
    say: Callable[[str], None],
) -> bytes:
    """Return the int8 flatbuffer, without metadata.

    Args:
        run: What to fine-tune.
        validation: Faces of validation people, for ranges and the choice of the best step.
        data: Where face records go.
        settings: How to fine-tune.
        selection: How the file's graph finds neighbors; row of `neighbors.SELECTIONS`.
        say: Prints a line.

    Raises:
        QatEnvironmentError, NotQuantizableError, QatError: As `qat_variant`.
    """
    config = run.config
    part = run_part(run, "train", settings.crops, data, say=say)
    targets = fit.targets(config)
    return qat_variant(
        run.net,
        config.model,
        part.batches(
            targets, batch_size=settings.batch_size, seed=config.run.seed, augment=config.augment
        ),
        validation.images,
        validation.intensity,
        loss=fit.heatmap_loss(config, targets, part.labels(targets)),
        settings=settings,
        selection=selection,
        seed=config.run.seed,
        say=say,
    ).flatbuffer
