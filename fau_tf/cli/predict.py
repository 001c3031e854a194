"""`fau-demo`: photos and videos -> AU intensities; see `fau-demo --help`."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import fau_tf
from fau_tf import contract
from fau_tf.face.landmarker import LANDMARKERS
from fau_tf.outputs.options import SHARD, PredictOptions
from fau_tf.utils.console import Console
from fau_tf.utils.optional_imports import MissingLibraryError
from fau_tf.utils.text import one_line

DONE, SOME_UNREADABLE, FAILED, INTERRUPTED = 0, 1, 2, 130
"""Exit codes."""

_DESCRIPTION: Final = """\
Estimate facial action unit intensities (FACS, 0 to 5) in photos, videos, a webcam or stdin.

A SOURCE is a photo, a video, a folder (with its folders), a quoted pattern such as 'in/**/*.jpg',
or - for JPEG or PNG files one after another on stdin:

  ffmpeg -i FILE -f image2pipe -c:v mjpeg - | fau-demo - --fps 30

Put -- before names that begin with a dash.
"""

_EPILOG: Final = """\
Written by default:

  a photo             an annotated picture, a CSV file, a table in the terminal
  folder, pattern     a picture of each photo, one CSV file for all
  video, animation,
  webcam, -           a CSV file, a time-series plot; --draw adds the annotated video

A face that is not read has NaN, success 0 and the reason. Exit code 0: done, also if there is no
face; 1: some input could not be read, it is listed; 2: the command, the model or a library is at
fault, or a file can't be written; 130: interrupted, the results so far are kept.
"""

# Flag -> how argparse reads it; `PredictOptions` has the defaults and checks the values.
_SWITCH: Final = {"action": argparse.BooleanOptionalAction}
_FLAGS: Final[dict[str, dict[str, Any]]] = {
    "--webcam": {"nargs": "?", "type": int, "const": 0, "metavar": "INDEX", "help": "a camera (0)"},
    "--model": {"type": Path, "help": "exported .tflite, its .json beside it (the packaged one)"},
    "--out": {"type": Path, "help": "folder of the results (fau_out)"},
    "--csv": {**_SWITCH, "help": "CSV in OpenFace's columns"},
    "--jsonl": {**_SWITCH, "help": "JSON lines: what CSV has, and landmarks"},
    "--draw": {**_SWITCH, "help": "annotated pictures; of a video, an annotated video"},
    "--plot": {**_SWITCH, "help": "intensities over time, of videos, webcam and stdin"},
    "--events": {
        "action": "store_true",
        "help": "AU events of videos (onset, apex, offset, peak): CSV, and text for ELAN",
    },
    "--event-rule": {
        "metavar": "HIGH,LOW,SECONDS",
        "help": "an event reaches HIGH, stays at LOW or more and lasts SECONDS (1,0.5,0.1)",
    },
    "--neutral": {
        "metavar": "FILE|median",
        "help": "also write intensities above a neutral baseline: a photo's, or the face's median, "
        "which --draw doesn't show",
    },
    "--smooth": {
        "metavar": "MIN_CUTOFF,BETA",
        "help": "also write intensities of videos after a One-Euro filter, such as 0.5,0.5 "
        "(Hz; Hz per intensity unit a second)",
    },
    "--sides": {"action": "store_true", "help": "also write the face's left and right of each AU"},
    "--pspi": {"action": "store_true", "help": "also write PSPI, from AU4, 6, 7, 9, 10 and 45"},
    "--eye-closure": {
        "type": float,
        "metavar": "SECONDS",
        "help": "also write the share of the last SECONDS of a video with closed eyes",
    },
    "--faces": {
        "type": int,
        "help": "at most this many a picture, the largest; in a video those found first (10)",
    },
    "--every": {"type": int, "help": "read each N-th frame of a video (1)"},
    "--fps": {
        "type": float,
        "help": "frames a second of stdin, .mjpeg, TIFF pages and raw H.264 (25)",
    },
    "--present-from": {"type": float, "help": "intensity from which an AU counts as present (1)"},
    "--threads": {"type": int, "help": "CPU threads of the model (1)"},
    "--landmarker": {
        "metavar": "|".join(LANDMARKERS),
        "help": "finds the faces (litert); mediapipe contacts a usage-metrics server of Google",
    },
    "--quiet": {"action": "store_true", "help": "print errors only"},
}
_JOB_FLAGS: Final[dict[str, dict[str, Any]]] = {
    "--list": {"type": Path, "metavar": "FILE", "help": "also read the files in it, one a line"},
    "--cluster": {
        "metavar": "HOST:PORT|local",
        "help": "run as a Ray Data job: rows only, in shards; the same command resumes it",
    },
    "--workers": {"type": int, "help": "processes of the job (one a core)"},
    "--shard": {"type": int, "help": f"photos or frames of a shard ({SHARD})"},
    "--parquet": {"action": "store_true", "help": "with --cluster: Parquet, too"},
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Return the exit code of the command."""
    options = parse(arguments)
    console = Console(quiet=options.quiet)
    try:
        unread = _run(options, console)
    except (MissingLibraryError, OSError, ValueError) as error:
        console.error(f"fau-demo: error: {one_line(_message(error, options.out))}")
        return FAILED
    except KeyboardInterrupt:
        console.error(f"fau-demo: interrupted; the results so far are in {options.out}")
        return INTERRUPTED
    if unread:
        console.error("Not read:", *(f"  {line}" for line in unread))
    return SOME_UNREADABLE if unread else DONE


def parse(arguments: Sequence[str] | None) -> PredictOptions:
    """Return the options; a wrong command ends the process with 2 and its usage."""
    parser = _parser()
    given = vars(parser.parse_args(arguments))
    try:
        return PredictOptions(**given | {"sources": tuple(given["sources"])})
    except ValueError as error:
        parser.error(str(error))


def _run(options: PredictOptions, console: Console) -> list[str]:
    # Only now: --help and a wrong command must not wait for these imports.
    from fau_tf.inference.estimator import AUEstimator
    from fau_tf.io.sources import camera_source, find_sources, read_source_list
    from fau_tf.outputs.run import make_folder, run

    sources = find_sources(options.sources, skip=options.out)
    if options.webcam is not None:
        sources.append(camera_source(options.webcam))
    if options.list is not None:
        sources += read_source_list(options.list)
    options.check_sources(sources)
    with AUEstimator(
        options.model, options.faces, options.threads, options.landmarker
    ) as estimator:
        if options.cluster is None:
            return run(options, estimator, sources, console)
        from fau_tf.distributed.predict import predict

        make_folder(options.out)
        return predict(options, sources, estimator, console)


def _message(error: Exception, out: Path) -> str:
    """Return an error's message; one of the system gets the file and the next step."""
    if not isinstance(error, OSError) or error.errno is None:
        return str(error)
    if error.strerror != os.strerror(error.errno):
        return str(error.strerror)
    return (
        f"{error.filename or out} can't be written: {error.strerror}. The results so far are kept; "
        "free some space, or choose another --out."
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="fau-demo",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        argument_default=argparse.SUPPRESS,
    )
    parser.add_argument(
        "sources",
        metavar="SOURCE",
        nargs="*",
        default=(),
        help="photo, video, folder, pattern or -",
    )
    for flag, reading in _FLAGS.items():
        parser.add_argument(flag, **reading)
    version = f"fau-demo {fau_tf.__version__}, model contract {contract.CONTRACT_VERSION}"
    parser.add_argument("--version", action="version", version=version)
    group = parser.add_argument_group("many files, see docs/guide/distributed.md")
    for flag, reading in _JOB_FLAGS.items():
        group.add_argument(flag, **reading)
    return parser


if __name__ == "__main__":
    sys.exit(main())
