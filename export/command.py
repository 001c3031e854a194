"""What `python -m export --run` does, once TensorFlow may load."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from export.export import export_run
from export.qat.fine_tune import tuned_run
from export.run import judgement_faces, load_run, representative_faces
from export.specs import ExportSpec
from export.variants import Source
from fau_tf.data import datasets
from fau_tf.training.config import RunSettings


def export_command(
    path: Path,
    variants: Sequence[ExportSpec],
    out: Path,
    data: Path,
    *,
    name: str | None = None,
    may_skip: bool = True,
    say: Callable[[str], None],
) -> list[str]:
    """Export a run; return the names of the variants that were refused.

    Args:
        path: `runs/<name>`.
        variants: Rows of `specs.EXPORT_SPECS`.
        out: Where the files go.
        data: Where face records go.
        name: In the files' names; by default the run's.
        may_skip: As of `export_run`.
        say: Prints a line.

    Raises:
        RunError: If the run can't be exported.
        ExportError: If its float32 form can't be judged.
        ValueError: If `name` can't name a file.
        OSError: If `out` can't be written to.
    """
    if name is not None:
        RunSettings(name=name)  # refuses what can't name a file
    _require_writable(out)  # now, not after minutes of fine-tuning
    run = load_run(path)
    say("== faces")
    validation = representative_faces(run, data, say=say)
    test = judgement_faces(run, data, say=say)
    say(f"   judged on {len(test.images)} faces of {test.people} test people, {test.name}")

    def fine_tuned(selection: str) -> bytes:
        return tuned_run(run, validation, data, selection=selection, log=say)

    return export_run(
        Source(run.net, run.config.model, validation.images, fine_tuned),
        name or run.config.run.name,
        test,
        variants,
        out,
        training_data=datasets.training_data_info(test.name),
        facts=run.facts,
        may_skip=may_skip,
        say=say,
    )


def _require_writable(out: Path) -> None:
    """Raise OSError unless `out` is a folder to write to, or can be made."""
    there = next(place for place in (out, *out.absolute().parents) if place.exists())
    if there.is_dir() and os.access(there, os.W_OK | os.X_OK):
        return
    received = "no folder" if not there.is_dir() else "one that may not be written to"
    raise OSError(
        f"--out must be a folder to write to. Received: {out}, where {there} is {received}. "
        "Name another."
    )
