"""What `python -m export --run` does, once TensorFlow may load."""

from collections.abc import Callable, Sequence
from pathlib import Path

from export.judged import export_run
from export.make import Source
from export.qat.launch import QatSettings, qat_variant
from export.run import (
    LabelledFaces,
    TrainedRun,
    judgement_faces,
    load_run,
    representative_faces,
    run_part,
)
from export.specs import ExportSpec
from fau_tf.data import datasets
from fau_tf.training import fit


def export_command(
    path: Path,
    variants: Sequence[ExportSpec],
    out: Path,
    data: Path,
    *,
    name: str | None = None,
    say: Callable[[str], None],
) -> list[str]:
    """Export a run; return the names of the variants that were refused.

    Args:
        path: `runs/<name>`.
        variants: Rows of `specs.EXPORT_SPECS`.
        out: Where the files go.
        data: Where face records go.
        name: In the files' names; by default the run's.
        say: Prints a line.

    Raises:
        RunError: If the run can't be exported.
        ExportError: If its float32 form can't be judged.
        QatError: If fine-tuning fails.
    """
    run = load_run(path)
    say("== faces")
    validation = representative_faces(run, data, say=say)
    test = judgement_faces(run, data, say=say)
    say(f"   judged on {len(test.images)} faces of {test.people} test people, {test.name}")
    source = Source(
        run.net,
        run.config.model,
        validation.images,
        lambda: _fine_tuned(run, validation, data, say),
    )
    return export_run(
        source,
        name or run.config.run.name,
        test,
        variants,
        out,
        training_data=datasets.card(test.name),
        say=say,
    )


def _fine_tuned(
    run: TrainedRun, validation: LabelledFaces, data: Path, say: Callable[[str], None]
) -> bytes:
    settings, config = QatSettings(), run.config
    part = run_part(config, "train", settings.crops, data, say=say)
    targets = fit.targets(config)
    batches = part.batches(
        targets, batch_size=settings.batch_size, seed=config.run.seed, augment=config.augment
    )
    return qat_variant(
        run.net,
        config.model,
        batches,
        validation.images,
        validation.intensity,
        loss=fit.heatmap_loss(config, targets, part.labels(targets)),
        settings=settings,
        seed=config.run.seed,
        say=say,
    ).flatbuffer
