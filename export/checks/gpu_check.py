"""Run a .tflite file on the LiteRT GPU accelerator and compare it with the CPU.

    python -m export.checks.gpu_check MODEL [--float16] [--tolerance T] [--driver FILE]

The accelerator also runs on Linux, over Vulkan and a software driver: Mesa's lavapipe, 25 or newer
(22 does not work). That proves that every operator stays on the GPU and that the results equal the
CPU's. It proves nothing of a phone, and its times are meaningless.

The accelerator has a process of its own, `gpu_child`: an unsupported graph may abort the process,
and TensorFlow and a software Vulkan driver in one process crash.
"""

import argparse
import json
import math
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import ai_edge_litert
import numpy as np
import numpy.typing as npt
from ai_edge_litert.interpreter import Interpreter

from export.graph.dequantize import with_float_weights
from export.latency import SINGLE_THREADED

_FLOAT32_TOLERANCE: Final = 1e-4  # float32 sums in another order, through a whole network
_FLOAT16_TOLERANCE: Final = 2e-2  # three digits, through a whole network

_DRIVERS: Final = (
    "/usr/share/vulkan/icd.d/lvp_icd*.json",
    "/usr/lib/chromium/vk_swiftshader*.json",
)
_REFUSED: Final = re.compile(
    r"not supported by GPU delegate:\n(.*?)\n\d* ?(?:No )?operations", re.S
)
_ADAPTER: Final = re.compile(r"Selected adapter: (.*)")
_REASON: Final = re.compile(r"^(?:E\d{4} |ERROR|Error|\w*Error:|exit code|no result)")
_LAST_LINES: Final = 15
NO_DRIVER: Final = (
    "The GPU check needs a Vulkan driver, and none is installed. Install mesa-vulkan-drivers and "
    "libvulkan1, version 25 or newer: sh tests/device/install_driver.sh"
)


@dataclass(frozen=True)
class GpuReport:
    """The results of N runs on the accelerator.

    Attributes:
        resident: Whether every operator ran on the GPU.
        errors: Output name -> (N,) largest absolute difference to the CPU in each run; NaN without
            a result.
        largest: Output name -> largest absolute value on the CPU, the scale of `errors`.
        refused: Operators that the accelerator left to the CPU, as it reports them.
        adapter: The device that the accelerator reports.
        failure: The log's reason if there was no result, else "".
    """

    resident: bool
    errors: dict[str, npt.NDArray[np.float64]]
    largest: dict[str, float]
    refused: tuple[str, ...]
    adapter: str
    failure: str

    def worst(self, name: str) -> float:
        """Return the largest error of an output in any run; NaN if any is."""
        return float(self.errors[name].max())

    def usual(self, name: str, share: float = 0.95) -> float:
        """Return the error of an output that `share` of the runs stay within; NaN if any is."""
        return float(np.quantile(self.errors[name], share))

    def passes(self, tolerance: float) -> bool:
        """Return whether the model ran whole, with errors of at most `tolerance` of the largest.

        A NaN never passes.
        """
        return (
            self.resident
            and bool(self.errors)
            and all(
                math.isfinite(self.worst(name))
                and self.worst(name) <= tolerance * self.largest[name]
                for name in self.errors
            )
        )


def gpu_residency(
    model: Path,
    inputs: Mapping[str, Any],
    *,
    float32: bool = True,
    driver: Path | None = None,
    timeout: float = 300.0,
) -> GpuReport:
    """Return how `model` runs on the GPU accelerator, compared with the CPU.

    Args:
        model: .tflite file with one signature, batch 1.
        inputs: Input name -> (N, ...) float32, for N runs.
        float32: Ask the accelerator for float32; False allows it float16, its default.
        driver: Vulkan driver manifest (ICD); by default the software driver.
        timeout: Seconds after which the runs count as failed.

    Raises:
        RuntimeError: If no driver is given or installed.
    """
    driver = driver or software_driver()
    if driver is None:
        raise RuntimeError(NO_DRIVER)
    expected = cpu_outputs(model, inputs)
    with tempfile.TemporaryDirectory() as folder:
        feed, results = Path(folder, "inputs.npz"), Path(folder, "outputs.npz")
        np.savez(feed, **dict(inputs))
        precision = "float32" if float32 else "float16"
        command = [sys.executable, "-m", "export.checks.gpu_child"]
        command += [str(Path(model).resolve()), str(feed), str(results), precision]
        result, log = _run(command, driver, folder, timeout)
        got = dict(np.load(results)) if result else {}
    refused, adapter = _REFUSED.search(log), _ADAPTER.search(log)
    return GpuReport(
        resident=bool(result.get("resident")),
        errors={name: _differences(got.get(name), value) for name, value in expected.items()},
        largest={name: float(np.abs(value).max()) for name, value in expected.items()},
        refused=tuple(refused.group(1).splitlines()) if refused else (),
        adapter=adapter.group(1) if adapter else "",
        failure="" if result else _reasons(log),
    )


def software_driver() -> Path | None:
    """Return the manifest of a software Vulkan driver, or None if none is installed."""
    for pattern in _DRIVERS:
        folder, name = os.path.split(pattern)
        found = sorted(Path(folder).glob(name))
        if found:
            return found[0]
    return None


def cpu_outputs(model: Path, inputs: Mapping[str, Any]) -> dict[str, npt.NDArray[np.float32]]:
    """Return output name -> (N, ...) of the first signature, computed by the CPU interpreter.

    Arithmetic is float throughout, as on the GPU: int8 weights are decoded first, since the CPU
    would round activations to int8 as well.
    """
    interpreter = Interpreter(model_content=with_float_weights(model.read_bytes()))
    signature = next(iter(interpreter.get_signature_list()))
    run = interpreter.get_signature_runner(signature)
    (count,) = {len(values) for values in inputs.values()}
    outputs = [
        run(**{name: values[i : i + 1] for name, values in inputs.items()}) for i in range(count)
    ]
    return {name: np.stack([output[name] for output in outputs]) for name in outputs[0]}


def _run(
    command: list[str], driver: Path, folder: str, timeout: float
) -> tuple[dict[str, Any], str]:
    """Return the child's result, empty if it had none, and its messages."""
    environment = {
        **os.environ,
        **SINGLE_THREADED,
        "VK_ICD_FILENAMES": str(driver),
        "VK_DRIVER_FILES": str(driver),
        "LD_LIBRARY_PATH": str(Path(ai_edge_litert.__file__).parent),  # holds the accelerator
        "XDG_RUNTIME_DIR": folder,
    }
    root = Path(__file__).resolve().parents[2]
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            errors="replace",
            cwd=root,
            env=environment,
            timeout=timeout,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return {}, f"no result after {timeout:.0f} s"
    log = done.stderr + done.stdout
    if done.returncode:
        return {}, f"{log}\nexit code {done.returncode}"
    return json.loads(done.stdout.splitlines()[-1]), log


def _reasons(log: str) -> str:
    """Return the lines of a log that name an error, or its last lines if none does."""
    lines = [line for line in log.splitlines() if line.strip()]
    return "\n".join([line for line in lines if _REASON.match(line)] or lines[-_LAST_LINES:])


def _differences(got: Any, expected: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """Return (N,) largest absolute difference; NaN if either holds one or the shapes differ."""
    if got is None or got.shape != expected.shape:
        return np.full(len(expected), math.nan)
    difference = np.abs(got.astype(np.float64) - expected)
    return difference.reshape(len(expected), -1).max(axis=1)


# ---- the command


def main(arguments: list[str] | None = None) -> int:
    """Check one file; return the exit code.

    Returns:
        0 if it runs whole with the CPU's numbers; 1 if not; 2 if the command or the file is at
        fault.
    """
    options = _options(arguments)
    try:
        report = gpu_residency(
            options.model,
            random_inputs(options.model),
            float32=not options.float16,
            driver=options.driver,
        )
    except (ValueError, RuntimeError) as error:
        why = " ".join(str(error).split())
        sys.stderr.write(f"error: {options.model} can't be run: {why}. Export the model again.\n")
        return 2
    sys.stdout.write("\n".join(_lines(report, options.tolerance)) + "\n")
    return 0 if report.passes(options.tolerance) else 1


def random_inputs(model: Path) -> dict[str, Any]:
    """Return input name -> float32 values in 0 to 255, the same each time."""
    interpreter = Interpreter(model_path=str(model))
    rng = np.random.default_rng(0)
    signature = next(iter(interpreter.get_signature_list()), None)
    if signature is None:
        raise ValueError("it has no signature")
    details = interpreter.get_signature_runner(signature).get_input_details()
    return {
        name: rng.uniform(0, 255, detail["shape"]).astype(np.float32)
        for name, detail in details.items()
    }


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m export.checks.gpu_check")
    parser.add_argument("model", type=Path)
    parser.add_argument("--float16", action="store_true", help="let the GPU use float16")
    parser.add_argument("--driver", type=Path, help="Vulkan driver manifest")
    parser.add_argument(
        "--tolerance",
        type=float,
        help="largest error over an output's largest value: 1e-4, with --float16 2e-2",
    )
    options = parser.parse_args(arguments)
    if options.tolerance is None:
        options.tolerance = _FLOAT16_TOLERANCE if options.float16 else _FLOAT32_TOLERANCE
    if not 0 <= options.tolerance < math.inf:
        parser.error(
            f"--tolerance must be a finite number of at least 0: got {options.tolerance}. Leave it "
            f"out for {_FLOAT32_TOLERANCE:g}."
        )
    if not options.model.is_file():
        parser.error(
            f"MODEL must be a .tflite file: got {options.model}. Make one with `make train`."
        )
    if not (options.driver or software_driver()):
        parser.error(NO_DRIVER)
    return options


def _lines(report: GpuReport, tolerance: float) -> list[str]:
    lines = [f"whole on the GPU: {'yes' if report.resident else 'no'}"]
    lines += [f"computed on: {report.adapter}"] if report.adapter else []
    for name, largest in report.largest.items():
        lines.append(f"{name}: error {report.worst(name):.2e}, largest value {largest:.2e}")
    lines += [f"refused: {line}" for line in report.refused]
    lines += [report.failure] if report.failure else []
    verdict = "passes" if report.passes(tolerance) else "fails"
    rule = f"whole, with errors of at most {tolerance:g} of each output's largest value"
    return [*lines, f"{verdict} (must run {rule})"]


if __name__ == "__main__":
    sys.exit(main())
