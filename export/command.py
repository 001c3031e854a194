"""`python -m export --run`, once TensorFlow may load."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from export.export import ExportResult, export_network
from export.report import PARTS
from export.run import load_run, load_test_faces, representative_faces, require_shown
from export.specs import ExportSpec, explain_missing_quantizer
from export.variants import Source, Tuned
from fau_tf.data import datasets
from fau_tf.training.config import RunSettings


def export_command(
    path: Path,
    variants: Sequence[ExportSpec],
    out: Path,
    data: Path,
    *,
    name: str | None = None,
    min_faces: int | None = None,
    may_skip: bool = False,
    log: Callable[[str], None],
) -> ExportResult:
    """Export a run, tested on its test subjects, or on others where it has none.

    Args:
        path: `runs/<name>`, or the folder of a fold.
        variants: Rows of `specs.EXPORT_SPECS`.
        out: Folder of the files.
        data: Folder of the face records.
        name: In the files' names; by default the run's, with that of the fold.
        min_faces: As of `export_network`.
        may_skip: As of `export_network`.
        log: Prints a line.

    Raises:
        RunError: If the run can't be exported, or its face records are gone.
        VariantError: If its float32 variant can't be compared.
        ValueError: If `name` can't name a file, or an AU of the network has no label above 0 on the
            training faces.
        OSError: If `out` is not writable.
    """
    if name is not None:
        RunSettings(name=name)  # refuses a name that files can't have
    _require_writable(out)  # now, not after minutes of fine-tuning
    run = load_run(path)
    log("== faces")
    require_shown(run, data)
    validation = representative_faces(run, data, log=log)
    test = load_test_faces(run, data, log=log)
    part = f"{test.subjects} {PARTS[test.part][0]}"
    log(f"   testing on {len(test.images)} faces of {part}, {test.name}")

    def fine_tune() -> Tuned:
        with explain_missing_quantizer():  # float variants do without the `export` extra
            from export.qat.tuned_run import tuned_run

        return tuned_run(run, validation, data, log=log)

    return export_network(
        Source(run.net, run.config.model, validation.images, fine_tune),
        name or run.name,
        variants,
        out,
        training_data=datasets.training_data_info(
            test.name,
            sorted([*run.subjects["train"], *run.subjects["validation"]]),
            run.config.data.portraits,
        ),
        facts=run.facts,
        test=test,
        min_faces=min_faces,
        may_skip=may_skip,
        log=log,
    )


def _require_writable(out: Path) -> None:
    """Raise OSError unless `out` is a folder to write to, or can be made."""
    there = next(place for place in (out, *out.absolute().parents) if place.exists())
    if there.is_dir() and os.access(there, os.W_OK | os.X_OK):
        return
    why = "not a folder" if not there.is_dir() else "not writable"
    raise OSError(
        f"--out must be a writable folder: got {out}, but {there} is {why}. Name another."
    )
