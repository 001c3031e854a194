"""Does a .tflite file run whole on the GPU accelerator, and are its numbers right there?

    python -m export.checks.gpu_check MODEL [--float16] [--tolerance T] [--driver FILE]

LiteRT's GPU accelerator runs on Linux over Vulkan, also on a software driver: Mesa's lavapipe, 25
or newer (22 does not work). That proves that every operator stays on the GPU and that the results
equal the CPU's. It proves no phone, and its times mean nothing.
"""

import argparse
import math
import sys
from pathlib import Path
from typing import Any, Final

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from export.checks.gpu_run import NO_DRIVER, GpuReport, gpu_residency, software_driver

_FLOAT32_TOLERANCE: Final = 1e-4  # float32 sums in another order, through a whole network
_FLOAT16_TOLERANCE: Final = 2e-2  # three digits, through a whole network


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
            f"--tolerance must be a finite number from 0 on. Received: {options.tolerance}. "
            f"Leave it out for {_FLOAT32_TOLERANCE:g}."
        )
    if not options.model.is_file():
        parser.error(
            f"MODEL must be a .tflite file. Received: {options.model}, which is none. "
            "Make one with `make train`."
        )
    if not (options.driver or software_driver()):
        parser.error(NO_DRIVER)
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
    lines += [f"computed on: {report.adapter}"] if report.adapter else []
    for name, largest in report.largest.items():
        lines.append(f"{name}: off by {report.worst(name):.2e}, largest value {largest:.2e}")
    lines += [f"refused: {line}" for line in report.refused]
    lines += [report.failure] if report.failure else []
    verdict = "passes" if report.passes(tolerance) else "fails"
    rule = f"whole, and each output off by at most {tolerance:g} of its largest value"
    return [*lines, f"{verdict} (must be {rule})"]


if __name__ == "__main__":
    sys.exit(main())
