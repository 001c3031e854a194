"""Latency of .tflite files on this machine's CPU, measured side by side.

All models and thread counts take turns in one fresh process without TensorFlow, so that other load
on the machine affects all alike. XNNPACK, the interpreter's default, does the arithmetic.
"""

import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

import numpy as np
import numpy.typing as npt
from ai_edge_litert.interpreter import Interpreter

from fau_tf import contract

Latency = dict[str, dict[int, dict[str, float]]]
"""Model -> threads -> `median_ms` and `p90_ms`."""

Key = TypeVar("Key", bound=Hashable)
_BURST: Final = 3  # timed calls in a turn
_ROOT: Final = Path(__file__).resolve().parents[1]
SINGLE_THREADED: Final = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
"""Environment of child processes: threads of NumPy's libraries would compete with the model's."""


def cpu_latency(
    models: Mapping[str, bytes | Path],
    image: npt.NDArray[np.float32],
    threads: Sequence[int] = (1, 2),
    rounds: int = 30,
) -> Latency:
    """Return median and 90th percentile of the time of a call, in milliseconds.

    Args:
        models: Name -> contents or path of a .tflite file that keeps `fau_tf.contract`.
        image: (1, S, S, 3) face for all of them.
        threads: Numbers of CPU threads.
        rounds: Turns; each times a model three times, after one untimed call that warms caches.

    Raises:
        ValueError: If there is nothing to measure.
        RuntimeError: If a model doesn't run.
    """
    if not models or not threads or min(threads) < 1 or rounds < 1:
        raise ValueError(
            "Latency needs a model, thread counts and rounds of at least 1: got "
            f"models={list(models)}, threads={list(threads)}, rounds={rounds}. Give one of each."
        )
    with tempfile.TemporaryDirectory() as folder:
        np.save(Path(folder, "image.npy"), np.asarray(image, np.float32))
        paths = {}
        for number, (name, model) in enumerate(models.items()):
            paths[name] = Path(folder, f"{number}.tflite") if isinstance(model, bytes) else model
            if isinstance(model, bytes):
                paths[name].write_bytes(model)
        task = {
            "models": {name: str(Path(path).resolve()) for name, path in paths.items()},
            "image": str(Path(folder, "image.npy")),
            "threads": list(threads),
            "rounds": rounds,
        }
        found = in_child("export.latency", task)
    return {
        name: {int(count): figures for count, figures in row.items()} for name, row in found.items()
    }


def in_child(module: str, task: dict[str, Any]) -> dict[str, Any]:
    """Return the last line that `python -m module TASK` prints; both are JSON objects.

    Raises:
        RuntimeError: If the child fails.
    """
    command = [sys.executable, "-m", module, json.dumps(task)]
    environment = {**os.environ, **SINGLE_THREADED}
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=_ROOT, env=environment, check=False
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise RuntimeError(
            f"{module} must end with exit code 0: got {done.returncode}, {last}. Verify that each "
            "model runs on this machine."
        )
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def in_turn(
    runs: Mapping[Key, Callable[[], Any]], rounds: int, burst: int = _BURST
) -> dict[Key, list[float]]:
    """Return the seconds of each call of each function, rounds * burst of them.

    Args:
        runs: Name -> function to time; each is called twice before the first round.
        rounds: Turns of each function.
        burst: Timed calls in a turn, after one untimed call, since the others used the caches.
    """
    seconds: dict[Key, list[float]] = {name: [] for name in runs}
    for run in runs.values():
        run()
        run()
    for turn in range(rounds):
        # Every other round backwards: the first to run finds another state of caches and clocks.
        for name, run in list(runs.items())[:: -1 if turn % 2 else 1]:
            run()
            for _ in range(burst):
                start = time.perf_counter()
                run()
                seconds[name].append(time.perf_counter() - start)
    return seconds


def figures(seconds: Sequence[float]) -> dict[str, float]:
    """Return median and 90th percentile in milliseconds."""
    return {
        "median_ms": 1e3 * float(np.median(seconds)),
        "p90_ms": 1e3 * float(np.quantile(seconds, 0.9)),
    }


def caller(model: Path, threads: int, image: npt.NDArray[np.float32]) -> Callable[[], None]:
    """Return a function that runs a model's signature once on an image."""
    interpreter = Interpreter(model_path=str(model), num_threads=threads)
    runner = interpreter.get_signature_runner(contract.SIGNATURE)
    wanted = tuple(runner.get_input_details()[contract.INPUT]["shape"].tolist())
    if wanted != image.shape:
        raise ValueError(
            f"{model}: the image must be {wanted}: got {image.shape}. Crop to its size."
        )

    def run() -> None:
        runner(**{contract.INPUT: image})

    return run


def machine() -> dict[str, Any]:
    """Return what latencies depend on: CPU, cores, current load average."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:  # not Linux
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return {
        "cpu": names[0] if names else platform.processor() or platform.machine(),
        "architecture": platform.machine(),
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1),
    }


def main(task: dict[str, Any]) -> None:
    """Measure, and print the figures as one line of JSON."""
    image = np.load(task["image"])
    runs = {
        (name, count): caller(Path(path), count, image)
        for name, path in task["models"].items()
        for count in task["threads"]
    }
    seconds = in_turn(runs, task["rounds"])
    found: dict[str, dict[int, dict[str, float]]] = {name: {} for name in task["models"]}
    for (name, count), taken in seconds.items():
        found[name][count] = figures(taken)
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
