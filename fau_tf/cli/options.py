"""The command line of `fau-demo`."""

import argparse
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import fau_tf
from fau_tf import contract
from fau_tf.outputs.csv_jsonl import PRESENT_FROM
from fau_tf.outputs.options import SHARD, PredictOptions

_DESCRIPTION: Final = """\
Read facial action unit intensities (FACS, 0 to 5) from photos, videos, a webcam or stdin.

A SOURCE is a photo, a video, a folder (with its folders), a quoted pattern such as 'in/**/*.jpg',
or - for JPEG or PNG files one after another on stdin:

  ffmpeg -i FILE -f image2pipe -c:v mjpeg - | fau-demo - --fps 30

Put -- before names that begin with a dash.
"""

_EPILOG: Final = """\
What is written, if nothing else is asked for:

  a photo             a picture, a CSV file, a table in the terminal
  folder, pattern     a picture of each photo, one CSV file for all
  video, webcam, -    a CSV file, a time-series plot; --draw adds the annotated video

A face that is not read has NaN, success 0 and the reason. Exit code 0: done, also where there is
no face; 1: some input could not be read, it is listed; 2: the command, the model or a library is
at fault, or a file can't be written; 130: interrupted, what was read is kept.
"""

MOST_CAMERAS, MOST_FACES, MOST_THREADS = 99, 1000, 64
"""OpenCV takes 100 and more for the number of a backend, and crashes on -1; LiteRT crashes with
100,000 threads."""

LEAST_SHARD = 10

# Option -> what it says; each has a --no- form.
_OUTPUTS: Final = {
    "csv": "CSV in OpenFace's columns",
    "jsonl": "JSON lines: what CSV has, and landmarks",
    "draw": "annotated pictures; of a video, an annotated video",
    "plot": "intensities over time, of videos, webcam and stdin",
}


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    found = argparse.ArgumentParser(
        prog="fau-demo",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = found.add_argument
    add("sources", metavar="SOURCE", nargs="*", help="photo, video, folder, pattern or -")
    add(
        "--webcam",
        metavar="INDEX",
        nargs="?",
        type=_within(0, MOST_CAMERAS, int),
        const=0,
        help="read a camera (0)",
    )
    add("--model", type=Path, help="exported .tflite, its .json beside it (the package's)")
    add("--out", type=Path, default=Path("fau_out"), help="folder of the results (fau_out)")
    for name, said in _OUTPUTS.items():
        add(f"--{name}", action=argparse.BooleanOptionalAction, help=said)
    add(
        "--neutral",
        metavar="FILE|median",
        help="also write intensities less those of a neutral photo, or less the face's median",
    )
    add(
        "--smooth",
        metavar="SECONDS",
        type=_above_0,
        help="also write an exponential moving average of videos, with this time constant (none)",
    )
    add(
        "--faces",
        type=_within(1, MOST_FACES, int),
        default=10,
        help="at most this many a picture, the largest (10)",
    )
    every = _within(1, math.inf, int)
    add("--every", type=every, default=1, help="read each N-th frame of a video (1)")
    add("--fps", type=_above_0, default=25.0, help="frames a second of stdin (25)")
    add(
        "--present-from",
        type=_above_0,
        default=PRESENT_FROM,
        help=f"intensity from which an AU counts as present ({PRESENT_FROM:g})",
    )
    _add_bulk(found)
    threads = _within(1, MOST_THREADS, int)
    add("--threads", type=threads, default=1, help="CPU threads of the model (1)")
    add("--quiet", action="store_true", help="say only what went wrong")
    version = f"fau-demo {fau_tf.__version__}, model contract {contract.CONTRACT_VERSION}"
    add("--version", action="version", version=version)
    return found


def _add_bulk(found: argparse.ArgumentParser) -> None:
    add = found.add_argument_group("many files, see docs/guide/distributed.md").add_argument
    add("--list", type=Path, metavar="FILE", help="also read the files named in it, one a line")
    add(
        "--cluster",
        metavar="HOST:PORT|local",
        help="work as a Ray Data job: rows only, in shards, and the same command goes on",
    )
    add("--workers", type=_within(1, math.inf, int), help="processes of it (one a core)")
    shard = _within(LEAST_SHARD, math.inf, int)
    add("--shard", type=shard, help=f"photos or frames of a shard ({SHARD})")
    add("--parquet", action="store_true", help="with --cluster: Parquet, too")


def parse(arguments: Sequence[str] | None) -> PredictOptions:
    """Return the options; a wrong command ends the process with 2 and its usage."""
    found = parser()
    given = vars(found.parse_args(arguments))
    if not given["sources"] and given["webcam"] is None and given["list"] is None:
        found.error("a SOURCE is needed, or --webcam or --list")
    for name in ("workers", "shard", "parquet"):
        if given[name] and given["cluster"] is None:
            found.error(f"--{name}: needs --cluster")
    given |= {"shard": given["shard"] or SHARD, "workers": given["workers"] or 0}
    return PredictOptions(**given | {"sources": tuple(given["sources"])})


def _within(least: int, most: float, kind: Callable[[str], Any]) -> Callable[[str], Any]:
    rule = f"{least} or more" if most == math.inf else f"{least} to {most}"

    def number(text: str) -> Any:
        value = kind(text)
        if not least <= value <= most:
            raise argparse.ArgumentTypeError(f"must be {rule}. Received: {text}")
        return value

    number.__name__ = kind.__name__
    return number


def _above_0(text: str) -> float:
    value = float(text)
    if not (math.isfinite(value) and value > 0):
        raise argparse.ArgumentTypeError(f"must be above 0. Received: {text}")
    return value


_above_0.__name__ = "float"
