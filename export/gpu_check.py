"""Does a .tflite file run whole on the GPU accelerator, and are its numbers right there?

    python -m export.gpu_check MODEL [--float16] [--tolerance T] [--driver FILE]

LiteRT's GPU accelerator runs on Linux over Vulkan, also on a software driver: Mesa's lavapipe, 25
or newer (22 does not work). That proves that every operator stays on the GPU and that the results
equal the CPU's. It proves no phone, and its times mean nothing.
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
from ai_edge_litert.interpreter import Interpreter

_DRIVERS: Final = (
    "/usr/share/vulkan/icd.d/lvp_icd*.json",
    "/usr/lib/chromium/vk_swiftshader*.json",
)
_REFUSED: Final = re.compile(
    r"not supported by GPU delegate:\n(.*?)\n\d* ?(?:No )?operations", re.S
)
_LAST_LINES: Final = 15
_FLOAT32_TOLERANCE: Final = 1e-4  # float32 sums in another order, through a whole network
_FLOAT16_TOLERANCE: Final = 2e-2  # three digits, through a whole network
_NO_DRIVER: Final = (
    "The GPU check needs a Vulkan driver. Received: none. Install mesa-vulkan-drivers and "
    "libvulkan1, version 25 or newer (Debian 12: from bookworm-backports)."
)


@dataclass(frozen=True)
class GpuReport:
    """What one run on the accelerator showed.

    Attributes:
        resident: Whether every operator ran on the GPU.
        errors: Output name -> largest absolute difference to the CPU; NaN without a result.
        largest: Output name -> largest absolute value on the CPU, to judge `errors` by.
        refused: Operators that the accelerator left to the CPU, in its own words.
        failure: The end of the log when there was no result, else "".
    """

    resident: bool
    errors: dict[str, float]
    largest: dict[str, float]
    refused: tuple[str, ...]
    failure: str

    def passes(self, tolerance: float) -> bool:
        """Return whether the model ran whole and each error is within `tolerance` of the largest.

        A NaN never passes.
        """
        return (
            self.resident
            and bool(self.errors)
            and all(
                math.isfinite(error) and error <= tolerance * self.largest[name]
                for name, error in self.errors.items()
            )
        )


def software_driver() -> Path | None:
    """Return the manifest of a software Vulkan driver, or None where none is installed."""
    for pattern in _DRIVERS:
        folder, name = os.path.split(pattern)
        found = sorted(Path(folder).glob(name))
        if found:
            return found[0]
    return None


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
        model: .tflite file with one signature.
        inputs: Input name -> float32 array.
        float32: Ask the accelerator for float32; False allows it float16, its default.
        driver: Vulkan driver manifest (ICD); by default the software driver.
        timeout: Seconds after which the run counts as failed.

    Raises:
        RuntimeError: If no driver is given or installed.
    """
    driver = driver or software_driver()
    if driver is None:
        raise RuntimeError(_NO_DRIVER)
    expected = cpu_outputs(model, inputs)
    with tempfile.TemporaryDirectory() as folder:
        feed, results = Path(folder, "inputs.npz"), Path(folder, "outputs.npz")
        np.savez(feed, **dict(inputs))
        precision = "float32" if float32 else "float16"
        command = [sys.executable, "-m", "export.gpu_child"]
        command += [str(Path(model).resolve()), str(feed), str(results), precision]
        answer, log = _run(command, driver, folder, timeout)
        got = dict(np.load(results)) if answer else {}
    refused = _REFUSED.search(log)
    return GpuReport(
        resident=bool(answer.get("resident")),
        errors={name: _difference(got.get(name), value) for name, value in expected.items()},
        largest={name: float(np.abs(value).max()) for name, value in expected.items()},
        refused=tuple(refused.group(1).splitlines()) if refused else (),
        failure="" if answer else "\n".join(log.splitlines()[-_LAST_LINES:]),
    )


def cpu_outputs(model: Path, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Return the outputs of the first signature by name, computed by the CPU interpreter."""
    interpreter = Interpreter(model_path=str(model))
    signature = next(iter(interpreter.get_signature_list()))
    run = interpreter.get_signature_runner(signature)
    return {name: np.array(value) for name, value in run(**dict(inputs)).items()}


def _run(
    command: list[str], driver: Path, folder: str, timeout: float
) -> tuple[dict[str, Any], str]:
    """Return (the child's answer, empty if it had none; its messages)."""
    environment = {
        **os.environ,
        "VK_ICD_FILENAMES": str(driver),
        "VK_DRIVER_FILES": str(driver),
        "LD_LIBRARY_PATH": str(Path(ai_edge_litert.__file__).parent),  # holds the accelerator
        "XDG_RUNTIME_DIR": folder,
    }
    root = Path(__file__).resolve().parent.parent
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


def _difference(got: Any, expected: Any) -> float:
    """Return the largest absolute difference; NaN if either holds one or they don't compare."""
    if got is None or got.shape != expected.shape:
        return math.nan
    return float(np.abs(got.astype(np.float64) - expected).max())


def main(arguments: list[str] | None = None) -> int:
    """Check one file; return 0 if it runs whole with the CPU's numbers, 1 if not, 2 for usage."""
    options = _options(arguments)
    report = gpu_residency(
        options.model,
        _random_inputs(options.model),
        float32=not options.float16,
        driver=options.driver,
    )
    sys.stdout.write("\n".join(_lines(report, options.tolerance)) + "\n")
    return 0 if report.passes(options.tolerance) else 1


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m export.gpu_check")
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
            f"--tolerance must be a finite number from 0 on. Received: {options.tolerance}. "
            f"Leave it out for {_FLOAT32_TOLERANCE:g}."
        )
    if not options.model.is_file():
        parser.error(
            f"MODEL must be a .tflite file. Received: {options.model}, which is none. "
            "Make one with `make train`."
        )
    if not (options.driver or software_driver()):
        parser.error(_NO_DRIVER)
    return options


def _random_inputs(model: Path) -> dict[str, Any]:
    """Return input name -> float32 values in 0 to 255, the same each time."""
    interpreter = Interpreter(model_path=str(model))
    rng = np.random.default_rng(0)
    signature = next(iter(interpreter.get_signature_list()))
    details = interpreter.get_signature_runner(signature).get_input_details()
    return {
        name: rng.uniform(0, 255, detail["shape"]).astype(np.float32)
        for name, detail in details.items()
    }


def _lines(report: GpuReport, tolerance: float) -> list[str]:
    lines = [f"whole on the GPU: {'yes' if report.resident else 'no'}"]
    for name, error in report.errors.items():
        lines.append(f"{name}: off by {error:.2e}, largest value {report.largest[name]:.2e}")
    lines += [f"refused: {line}" for line in report.refused]
    lines += [report.failure] if report.failure else []
    verdict = "passes" if report.passes(tolerance) else "fails"
    rule = f"whole, and each output off by at most {tolerance:g} of its largest value"
    return [*lines, f"{verdict} (must be {rule})"]


if __name__ == "__main__":
    sys.exit(main())
