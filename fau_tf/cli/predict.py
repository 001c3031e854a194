"""Read action units from photos and videos; see `fau-demo --help`."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from fau_tf.cli.options import parse
from fau_tf.inference.estimator import AUEstimator
from fau_tf.inference.model_info import ModelError
from fau_tf.inference.neutral_baseline import CalibrationError
from fau_tf.inference.processing import MEDIAN
from fau_tf.io.sources import Source, camera_source, find_sources, read_source_list
from fau_tf.outputs.options import PredictOptions
from fau_tf.outputs.run import Run
from fau_tf.utils.console import Console, one_line, without_notices
from fau_tf.utils.optional_imports import MissingLibraryError

DONE, SOME_UNREADABLE, AT_FAULT, INTERRUPTED = 0, 1, 2, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Return the exit code of the command."""
    options = parse(arguments)
    console = Console(quiet=options.quiet)
    try:
        unread = _run(options, console)
    except (ModelError, CalibrationError, MissingLibraryError, OSError, ValueError) as error:
        console.complain(f"fau-demo: error: {one_line(_said(error, options.out))}")
        return AT_FAULT
    except KeyboardInterrupt:
        console.complain(f"fau-demo: interrupted; what was read is in {options.out}")
        return INTERRUPTED
    if unread:
        console.complain("Not read:", *(f"  {line}" for line in unread))
    return SOME_UNREADABLE if unread else DONE


def _run(options: PredictOptions, console: Console) -> list[str]:
    sources = find_sources(options.sources, skip=options.out)
    if options.webcam is not None:
        sources.append(camera_source(options.webcam))
    if options.list is not None:
        sources += read_source_list(options.list)
    _check(options, sources)
    with without_notices():
        estimator = AUEstimator(options.model, options.faces, options.threads)
    with estimator:
        if options.cluster is not None:
            from fau_tf.distributed.predict import predict

            _make_folder(options.out)
            return predict(options, sources, estimator, console)
        run = Run(options, estimator, console)
        _make_folder(options.out)
        return run.all(sources)


def _said(error: Exception, out: Path) -> str:
    """Return what an error says; one of the system gets the file, the rule and the next step."""
    if not isinstance(error, OSError) or error.errno is None:
        return str(error)
    if error.strerror != os.strerror(error.errno):
        return str(error.strerror)
    return (
        f"{error.filename or out}: must be written whole. Received: {error.strerror}. What was "
        "written before stays; make room, or choose another --out."
    )


def _check(options: PredictOptions, sources: Sequence[Source]) -> None:
    """Raise ValueError for options that photos can't have."""
    still = [source.name for source in sources if not source.kind.is_sequence]
    asked = {
        f"--smooth {options.smooth}": options.smooth is not None,
        f"--neutral {MEDIAN}": options.neutral == MEDIAN,
    }
    for option, wanted in asked.items():
        if wanted and still:
            raise ValueError(
                f"{option}: needs frames that follow each other (a video, --webcam or -). "
                f"Received: {still[0]}, of which no order is known. Name photos in another call."
            )


def _make_folder(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(
            f"--out: must be a folder, or a path where one can be made. Received: {out} "
            f"({error.strerror}). Choose another folder."
        ) from error


if __name__ == "__main__":
    sys.exit(main())
