"""Speed of exported models on this CPU, beside MediaPipe's Face Landmarker on the same photo.

    python -m benchmarks.on_device [--quick] [--json FILE] [--model FILE ...]

Presets mobile, small and paper with random weights, every variant that needs no training; with
`--model` also exported files. All take turns in one process, which has one core and then two:
MediaPipe's graph computes on one thread whatever it is given (`cores` in the JSON). The crop lies
between the two, and the sum is landmarks + crop + model, one face. Operations are counted by
benchmarks/flops.py; the peak is the fastest float32 convolution of a few sizes in the same run.
`--quick` measures mobile in float32 and dynamic int8, in under a minute.
"""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from benchmarks.flops import flops
from benchmarks.on_device_child import CROP, LANDMARKS
from benchmarks.on_device_models import write_convolutions, write_preset
from benchmarks.scc import table
from export.latency import in_child, machine
from fau_tf.training.run_dir import versions, write_text

PHOTO = Path(__file__).resolve().parents[1] / "docs" / "sample" / "astronaut.png"
ROUNDS = {"mobile": 40, "small": 40, "paper": 5}
QUICK = ("float32", "dynamic_int8")
CORES = (1, 2)
GOAL = 0.5
"""The best CPU variant of `mobile` takes at most this much of the Face Landmarker's time."""


def main(arguments: list[str] | None = None) -> int:
    """Run, print the tables, write the JSON; return the exit code."""
    options = _options(arguments)
    about = machine()
    print(f"{about['cpu']}, {about['cores']} cores; random weights but for --model")
    if about["load"] > 1:
        print(f"warning: load average must be at most 1. Received: {about['load']}. Times are off.")
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        convolutions = write_convolutions(folder)
        for preset in ("mobile",) if options.quick else ROUNDS:
            paths = write_preset(preset, folder, QUICK if options.quick else ())
            rounds = 5 if options.quick else ROUNDS[preset]
            rows += measure(preset, paths, convolutions, rounds)
        if options.model:
            paths = {path.stem: path.resolve() for path in options.model}
            rows += measure("given", paths, convolutions, 5 if options.quick else 40)
    print("\n" + verdict(rows))
    if options.json:
        result = {
            "benchmark": "on_device",
            "quick": options.quick,
            "machine": about,
            "load_after": machine()["load"],
            "versions": versions(),
            "rows": rows,
        }
        write_text(options.json, json.dumps(result, indent=1) + "\n")
    return 0


def measure(
    preset: str,
    paths: Mapping[str, Path],
    convolutions: Mapping[str, tuple[Path, int]],
    rounds: int,
) -> list[dict[str, Any]]:
    """Return rows of one preset's variants, on one core and on two; print them as they come."""
    counts = {name: sum(flops(path.read_bytes()).values()) for name, path in paths.items()}
    sizes = {name: path.stat().st_size for name, path in paths.items()}
    rows = []
    for cores in [count for count in CORES if count <= len(os.sched_getaffinity(0))]:
        task = {
            "models": {name: str(path) for name, path in paths.items()},
            "convolutions": {name: str(path) for name, (path, _) in convolutions.items()},
            "photo": str(PHOTO),
            "threads": cores,
            "rounds": rounds,
        }
        with pinned(cores):
            found = in_child("benchmarks.on_device_child", task)
        operations = {name: count for name, (_, count) in convolutions.items()}
        made = [
            row(preset, name, cores, sizes[name], counts[name], found, operations) for name in paths
        ]
        print(
            f"\n{preset}, {cores} core{'s' * (cores > 1)}, {rounds} rounds\n{table(made, TITLES)}"
        )
        rows += made
    return rows


def row(
    preset: str,
    variant: str,
    cores: int,
    size: int,
    operations: int,
    found: Mapping[str, Mapping[str, float]],
    convolutions: Mapping[str, int],
) -> dict[str, Any]:
    """Return the figures of one variant beside MediaPipe's and the peak of the same run.

    Args:
        preset: Its name.
        variant: Its name.
        cores: That both sides had.
        size: Bytes.
        operations: Of one call.
        found: What the child measured.
        convolutions: Name -> operations of one call.
    """
    own, theirs = found[variant]["median_ms"], found[LANDMARKS]["median_ms"]
    rate = operations / own / 1e6
    peaks = {name: count / found[name]["best_ms"] / 1e6 for name, count in convolutions.items()}
    fastest = max(peaks, key=lambda name: peaks[name])
    return {
        "preset": preset,
        "variant": variant,
        "cores": cores,
        "mb": size / 1e6,
        "median_ms": own,
        "p90_ms": found[variant]["p90_ms"],
        "cores_used": found[variant]["cores"],
        "landmarker_ms": theirs,
        "landmarker_cores_used": found[LANDMARKS]["cores"],
        "ratio": own / theirs,
        "crop_ms": found[CROP]["median_ms"],
        "sum_ms": own + theirs + found[CROP]["median_ms"],
        "mflop": operations / 1e6,
        "gflop_per_s": rate,
        "peak_gflop_per_s": peaks[fastest],
        "peak_of": fastest,
        "of_peak": rate / peaks[fastest],
    }


def verdict(rows: list[dict[str, Any]]) -> str:
    """Return a line a core count: does mobile's best variant reach `GOAL`?"""
    lines = []
    for cores in sorted({entry["cores"] for entry in rows}):
        mobile = [row for row in rows if row["preset"] == "mobile" and row["cores"] == cores]
        best = min(mobile, key=lambda entry: entry["ratio"])
        reached = "reached" if best["ratio"] <= GOAL else "missed"
        lines.append(
            f"mobile, {cores} core{'s' * (cores > 1)}: {best['variant']} takes "
            f"{best['ratio']:.2f} of the Face Landmarker's time; goal {GOAL}: {reached}"
        )
    return "\n".join(lines)


@contextmanager
def pinned(cores: int) -> Iterator[None]:
    """Let this thread and the children that it starts use the first `cores` cores only."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(before)[:cores])
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.on_device", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="under a minute")
    parser.add_argument("--json", type=Path, help="write the rows here")
    parser.add_argument(
        "--model", type=Path, nargs="+", default=[], help="also these .tflite files"
    )
    options = parser.parse_args(arguments)
    missing = [str(path) for path in options.model if not path.is_file()]
    if missing:
        parser.error(f"--model must name .tflite files. Received: {missing}. Export them first.")
    if options.json and not options.json.absolute().parent.is_dir():
        parser.error(
            f"--json must lie in a folder. Received: {options.json}, whose folder isn't there. "
            "Make it first."
        )
    return options


TITLES = {
    "variant": "variant",
    "MB": "mb",
    "ms": "median_ms",
    "p90": "p90_ms",
    "MediaPipe": "landmarker_ms",
    "ratio": "ratio",
    "crop": "crop_ms",
    "sum": "sum_ms",
    "MFLOP": "mflop",
    "GFLOP/s": "gflop_per_s",
    "peak": "peak_gflop_per_s",
    "of peak": "of_peak",
}

if __name__ == "__main__":
    sys.exit(main())
