"""Does the toolkit's clustering or pruning pay? A trial for the size of a download.

    python -m export.qat.compress --run runs/synthetic

Each row is fine-tuned as qat_int8 is, converted in the same way and judged on the same test
people. Nothing is written: docs/experiments/qat.md says what came of it.
"""

import argparse
import gzip
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import numpy as np

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # before TensorFlow loads

from export.convert import convert
from export.package import run_tflite
from export.qat.launch import QatSettings
from export.qat.tuned_run import tuned_run
from export.run import judgement_faces, load_run, representative_faces
from fau_tf.metrics import agreement

# A rate ten times qat_int8's: these start far from the network and have to come back.
TRIALS: Final = {
    "rounded": QatSettings(learning_rate=0.0, crops=32),
    "fine-tuned": QatSettings(),
    "64 clusters": QatSettings(method="cluster", amount=64, learning_rate=1e-4),
    "32 clusters": QatSettings(method="cluster", amount=32, learning_rate=1e-4),
    "30 % pruned": QatSettings(method="prune", amount=0.3, learning_rate=1e-4),
    "50 % pruned": QatSettings(method="prune", amount=0.5, learning_rate=1e-4),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the trials; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m export.qat.compress")
    parser.add_argument("--run", type=Path, required=True, help="runs/<name>")
    parser.add_argument("--data", type=Path, default=Path("data"), help="where faces are")
    parser.add_argument("--only", nargs="+", choices=TRIALS, default=list(TRIALS))
    options = parser.parse_args(argv)
    try:
        compare(options.run, options.data, options.only, _say)
    except (ValueError, OSError, RuntimeError) as error:
        sys.stderr.write(f"error: {' '.join(str(error).split())}\n")
        return 2
    return 0


def compare(path: Path, data: Path, names: Sequence[str], say: Callable[[str], None]) -> None:
    """Say size, compressed size and agreement of float32 and of each trial.

    Args:
        path: `runs/<name>`.
        data: Where face records go.
        names: Rows of `TRIALS`.
        say: Prints a line.
    """
    run = load_run(path)
    test = judgement_faces(run, data, say=say)

    def judge(name: str, flatbuffer: bytes) -> None:
        intensity, _ = run_tflite(flatbuffer, test.images)
        icc = float(np.nanmean(agreement.per_au(test.intensity, intensity)["icc"]))
        small = len(gzip.compress(flatbuffer, 9))
        say(f"{name:<12} {len(flatbuffer):>8} bytes, gzip -9 {small:>8}, mean ICC {icc:.4f}")

    judge("float32", convert(run.net, run.config.model, "float32"))
    validation = representative_faces(run, data, say=say)
    for name in names:
        judge(name, tuned_run(run, validation, data, TRIALS[name], say=say))


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
