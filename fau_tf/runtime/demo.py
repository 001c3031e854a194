"""Read action units from photos: a table in the terminal, a CSV file and a picture for each.

fau-demo IMAGE [IMAGE ...] --model MODEL.tflite [--out DIR] [--faces N]

Exit code 0: done, also where a photo shows no face; 1: some photos could not be read, they are
listed; 2: the command, the model or a library is at fault, or a file can't be written.
"""

import argparse
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from PIL import Image as PillowImage

from fau_tf import facs
from fau_tf.face.native import MissingLibraryError
from fau_tf.runtime import draw, sources
from fau_tf.runtime.estimator import AUEstimator, Estimate, FaceResult
from fau_tf.runtime.model_info import ModelError
from fau_tf.runtime.output import PRESENT_FROM, Reading, write_csv
from fau_tf.whole_file import replacing

DONE, SOME_UNREADABLE, AT_FAULT = 0, 1, 2
LONGEST_STEM = 240  # bytes


def main(arguments: Sequence[str] | None = None) -> int:
    """Return the exit code of the command."""
    for stream in (sys.stdout, sys.stderr):
        # A file name may hold bytes that the terminal's encoding lacks.
        getattr(stream, "reconfigure", lambda **_: None)(errors="backslashreplace")
    options = _parser().parse_args(arguments)
    try:
        return _run(options)
    except (ModelError, MissingLibraryError, OSError, ValueError) as error:
        return _fail(error)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="fau-demo",
        description="Read facial action unit intensities (FACS, 0 to 5) from photos.",
        epilog=(__doc__ or "").split("\n\n")[-1],
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("images", metavar="IMAGE", nargs="+", type=Path, help="photos to read")
    parser.add_argument(
        "--model", type=Path, required=True, help="exported .tflite, its .json file beside it"
    )
    parser.add_argument(
        "--out", type=Path, default=Path("fau_out"), help="folder of the results (fau_out)"
    )
    parser.add_argument("--faces", type=int, default=10, help="at most this many a photo (10)")
    parser.add_argument("--threads", type=int, default=2, help="CPU threads of the model (2)")
    return parser


def _run(options: argparse.Namespace) -> int:
    names = _result_names(options.images, options.out)
    start = time.perf_counter()
    unreadable = []
    with _without_notices():
        estimator = AUEstimator(options.model, options.faces, options.threads)
    with estimator:
        _make_folder(options.out)
        print(f"Model {options.model}, ready in {time.perf_counter() - start:.2f} s")
        for path, name in zip(options.images, names, strict=True):
            try:
                count = _do(path, options.out / name, estimator)
                if count == options.faces:
                    print(f"  At most {count} faces were wanted, the largest; --faces for more")
            except sources.UnreadableImageError as error:
                unreadable.append(_one_line(error))
                print(f"\n{path}: not read")
    print(f"\nResults of {len(names) - len(unreadable)} of {len(names)} photos: {options.out}")
    if unreadable:
        print("Not read:", *unreadable, sep="\n  ", file=sys.stderr)
    return SOME_UNREADABLE if unreadable else DONE


def _make_folder(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(
            f"--out: must be a folder, or a path where one can be made. Received: {out} "
            f"({error.strerror}). Choose another folder."
        ) from error


def _do(path: Path, result: Path, estimator: AUEstimator) -> int:
    """Read one photo, write its two files and print its table; return the number of faces."""
    readings: list[Reading] = []
    for frame in sources.frames(path):
        start = time.perf_counter()
        estimate = estimator.estimate(frame.image)
        spent = time.perf_counter() - start
        readings += _readings(frame, estimate)
        picture = draw.overlay(frame.image, estimate.faces, estimate.reason)
        print(f"\n{path}: {_count(estimate)} ({spent * 1000:.0f} ms)")
        for i, face in enumerate(estimate.faces):
            print(_table(i, face))
    with replacing(result.with_name(f"{result.name}.png")) as unfinished:
        PillowImage.fromarray(picture).save(unfinished)
    labels = estimator.interpreter.info.labels
    write_csv(result.with_name(f"{result.name}.csv"), readings, labels)
    return len(estimate.faces)


def _readings(frame: sources.Frame, estimate: Estimate) -> list[Reading]:
    if not estimate.faces:
        return [Reading(frame.number, 0, frame.timestamp, None, estimate.reason)]
    return [
        Reading(frame.number, i, frame.timestamp, face.intensity)
        for i, face in enumerate(estimate.faces)
    ]


def _result_names(images: Sequence[Path], out: Path) -> list[str]:
    """Return a name for each photo's results: its stem and `_au`, told apart by a number."""
    names: list[str] = []
    for path in images:
        # A photo's name may be as long as file systems allow, 255 bytes.
        stem = os.fsdecode(os.fsencode(path.stem)[:LONGEST_STEM])
        name, count = f"{stem}_au", 1
        while name in names:
            count += 1
            name = f"{stem}_{count}_au"
        names.append(name)
    # Unlike Path.resolve, realpath takes a link that leads to itself.
    inputs = {os.path.realpath(path) for path in images}
    for name in names:
        for result in (out / f"{name}.png", out / f"{name}.csv"):
            if os.path.realpath(result) in inputs:
                raise ValueError(
                    f"--out: results must not replace a photo. Received: {out}, where {result} "
                    "is one of the photos. Choose another folder."
                )
    return names


def _count(estimate: Estimate) -> str:
    count = len(estimate.faces)
    return estimate.reason or f"{count} face{'s' if count > 1 else ''}"


def _table(i: int, face: FaceResult) -> str:
    x0, y0, x1, y1 = (round(side) for side in face.box)
    lines = [f"  Face {i}, {x1 - x0} x {y1 - y0} px at ({x0}, {y0})"]
    for label, intensity in face.intensity.items():
        name = facs.AUS[int(label[2:])].name
        bar = "#" * round(4 * intensity)
        mark = "present" if intensity >= PRESENT_FROM else ""
        lines.append(f"    {label}  {name:<22}{intensity:5.2f}  {bar:<20}  {mark}".rstrip())
    return "\n".join(lines)


def _fail(error: Exception) -> int:
    print(f"fau-demo: error: {_one_line(error)}", file=sys.stderr)
    return AT_FAULT


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())


@contextmanager
def _without_notices() -> Iterator[None]:
    """Keep the start-up notices of MediaPipe's native code off the terminal; Python errors stay."""
    sys.stderr.flush()
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


if __name__ == "__main__":
    sys.exit(main())
