"""Speed of exported models on this CPU, beside MediaPipe's Face Landmarker on the same photo.

    python -m benchmarks.on_device [--quick] [--json FILE [--replace]] [--model FILE ...]

Measures the presets mobile, small and paper with random weights in every variant that needs no
training, and with --model also exported files. All take turns in one process (on_device_child.py)
that has one core, then two: MediaPipe's graph computes on one thread whatever it is given. The sum
is landmarks, crop and model of one face. Operations are counted by flops.py; the peak is the
fastest float32 convolution of a few sizes in the same run. --quick measures mobile in float32 and
dynamic int8 in under a minute. --json keeps a file with the figures of other models unless
--replace is given.
"""

import argparse
import importlib.metadata
import json
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from math import prod
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf

from benchmarks.common import table
from benchmarks.flops import flops
from benchmarks.on_device_child import CROP, LANDMARKS
from export.graph.flatbuffer import TfliteFile
from export.latency import in_child, machine
from export.specs import EXPORT_SPECS
from export.variants import Source, make
from fau_tf import contract
from fau_tf.models import heatmap_net
from fau_tf.models.presets import PRESETS
from fau_tf.training.run_dir import versions, write_text
from fau_tf.utils.files import file_sha256

PHOTO = Path(__file__).resolve().parents[1] / "docs" / "sample" / "astronaut.png"
ROUNDS = {"mobile": 40, "small": 40, "paper": 5}
QUICK = ("float32", "dynamic_int8")
VARIANTS = tuple(name for name in EXPORT_SPECS if name != "qat_int8")
"""qat_int8 needs training, and has the operators of static_int8."""
CORES = (1, 2)
GOAL = 0.5
"""The best CPU variant of `mobile` takes at most this share of the Face Landmarker's time."""
CONVOLUTIONS = (
    # side, maps in, maps out, kernel: from a mobile network's shapes to those that suit a CPU best
    (32, 128, 128, 1),
    (32, 256, 256, 1),
    (16, 512, 512, 1),
    (32, 64, 64, 3),
    (16, 256, 256, 3),
    (64, 64, 128, 3),
)
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


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, print the tables, write the JSON; return the exit code."""
    options = _options(arguments)
    about = machine()
    print(f"{about['cpu']}, {about['cores']} cores; presets have random weights")
    if about["load"] > 1:
        print(f"warning: the load average is {about['load']}, so times are too long")
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        convolutions = write_convolutions(folder)
        for preset in ("mobile",) if options.quick else ROUNDS:
            paths = write_preset(preset, folder, QUICK if options.quick else VARIANTS)
            rows += measure(preset, paths, convolutions, 5 if options.quick else ROUNDS[preset])
        if options.model:
            paths = {path.stem: path.resolve() for path in options.model}
            rows += measure("given", paths, convolutions, 5 if options.quick else 40)
    print("\n" + verdict(rows))
    if options.json:
        figures = {
            "benchmark": "on_device",
            "quick": options.quick,
            "models": _digests(options.model),
            "machine": about,
            "load_after": machine()["load"],
            "versions": versions() | {"mediapipe": importlib.metadata.version("mediapipe")},
            "rows": rows,
        }
        write_text(options.json, json.dumps(figures, indent=1) + "\n")
    return 0


def write_preset(preset: str, folder: Path, variants: Sequence[str]) -> dict[str, Path]:
    """Return variant -> .tflite of a preset with random weights, which are as fast as any."""
    keras.utils.set_random_seed(0)
    spec = PRESETS[preset]
    side = spec.image_size
    faces = np.random.default_rng(0).uniform(0, 255, (4, side, side, 3)).astype(np.float32)
    source = Source(heatmap_net.build(spec), spec, faces)
    paths = {name: folder / f"{preset}_{name}.tflite" for name in variants}
    for name, path in paths.items():
        path.write_bytes(make(source, EXPORT_SPECS[name]).content)
    return paths


def write_convolutions(folder: Path) -> dict[str, tuple[Path, int]]:
    """Return name -> (.tflite of one float32 convolution, its operations); see `CONVOLUTIONS`."""
    found = {}
    for side, maps, out, kernel in CONVOLUTIONS:
        path = folder / f"convolution_{side}_{maps}_{out}_{kernel}.tflite"
        path.write_bytes(_convolution((1, side, side, maps), (kernel, kernel, maps, out)))
        operations = 2 * side * side * prod((kernel, kernel, maps, out))
        found[f"{side}x{side}x{maps} to {out}, {kernel}x{kernel}"] = path, operations
    return found


def _convolution(shape: tuple[int, ...], kernel: tuple[int, ...]) -> bytes:
    module = tf.Module()
    module.kernel = tf.random.stateless_normal(kernel, seed=(0, 1))
    signature = [tf.TensorSpec(shape, tf.float32, name=contract.INPUT)]
    module.serve = tf.function(
        lambda image: {"y": tf.nn.conv2d(image, module.kernel, 1, "SAME")},
        input_signature=signature,
    )
    converter = tf.lite.TFLiteConverter.from_concrete_functions(
        [module.serve.get_concrete_function()], module
    )
    return bytes(converter.convert())


def measure(
    preset: str,
    paths: Mapping[str, Path],
    convolutions: Mapping[str, tuple[Path, int]],
    rounds: int,
) -> list[dict[str, Any]]:
    """Return rows of one preset's variants, on one core and on two; print them as they come."""
    task = {
        "models": {name: str(path) for name, path in paths.items()},
        "convolutions": {name: str(path) for name, (path, _) in convolutions.items()},
        "photo": str(PHOTO),
        "rounds": rounds,
    }
    operations = {name: count for name, (_, count) in convolutions.items()}
    rows = []
    for cores in [count for count in CORES if count <= len(os.sched_getaffinity(0))]:
        with pinned(cores):
            found = in_child("benchmarks.on_device_child", task | {"threads": cores})
        measured = [
            {"preset": preset, "variant": name, "cores": cores, "mb": path.stat().st_size / 1e6}
            | figures(name, sum(flops(TfliteFile(path.read_bytes())).values()), found, operations)
            for name, path in paths.items()
        ]
        where = f"{cores} core{'s' * (cores > 1)}"
        print(f"\n{preset}, {where}, {rounds} rounds\n{table(measured, TITLES)}")
        rows += measured
    return rows


def figures(
    name: str,
    operations: int,
    found: Mapping[str, Mapping[str, float]],
    convolutions: Mapping[str, int],
) -> dict[str, Any]:
    """Return the figures of one variant beside MediaPipe's and the peak of the same run.

    Args:
        name: Of the variant.
        operations: Of one call.
        found: The child's measurements.
        convolutions: Name -> operations of one call.
    """
    own, theirs = found[name], found[LANDMARKS]
    rate = operations / own["median_ms"] / 1e6
    peaks = {name: count / found[name]["best_ms"] / 1e6 for name, count in convolutions.items()}
    fastest = max(peaks, key=lambda name: peaks[name])
    return {
        "median_ms": own["median_ms"],
        "p90_ms": own["p90_ms"],
        "cores_used": own["cores"],
        "landmarker_ms": theirs["median_ms"],
        "landmarker_cores_used": theirs["cores"],
        "ratio": own["median_ms"] / theirs["median_ms"],
        "crop_ms": found[CROP]["median_ms"],
        "sum_ms": own["median_ms"] + theirs["median_ms"] + found[CROP]["median_ms"],
        "mflop": operations / 1e6,
        "gflop_per_s": rate,
        "peak_gflop_per_s": peaks[fastest],
        "peak_of": fastest,
        "of_peak": rate / peaks[fastest],
    }


def verdict(rows: list[dict[str, Any]]) -> str:
    """Return, for each number of cores, whether mobile's best variant reaches `GOAL`."""
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
    """Let this thread and its child processes use the first `cores` cores only."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(before)[:cores])
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.on_device",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--quick", action="store_true", help="under a minute")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument("--replace", action="store_true", help="even if it has another model's")
    parser.add_argument(
        "--model", type=Path, nargs="+", default=[], help="also these .tflite files"
    )
    options = parser.parse_args(arguments)
    missing = [str(path) for path in options.model if not path.is_file()]
    if missing:
        parser.error(f"--model must name .tflite files: got {missing}. Export them first.")
    if options.json and not options.json.absolute().parent.is_dir():
        parser.error(f"--json must be in an existing folder: got {options.json}. Create it first.")
    if options.json and options.json.exists() and not options.replace:
        models = json.loads(options.json.read_text(encoding="utf-8")).get("models")
        if models != _digests(options.model):
            parser.error(
                f"{options.json} has the figures of other models: {models}. Name another file, or "
                "give --replace."
            )
    return options


def _digests(models: Sequence[Path]) -> dict[str, str]:
    """Return name -> SHA-256 of the given models; that of presets follows from the code."""
    return {path.stem: file_sha256(path) for path in models}


if __name__ == "__main__":
    sys.exit(main())
