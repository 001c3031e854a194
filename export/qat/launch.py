"""The child process of quantization-aware training, and the packages that it needs.

tensorflow-model-optimization turns `tf.keras` into Keras 2 for the whole process, so it runs in one
of its own. pip doesn't install it beside ai-edge-quantizer, since it asks for an older absl-py than
it needs; `make .venv/.qat` installs it without its dependencies, which are all there.
"""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from typing import Final

from export.specs import VariantError, VariantUnavailableError

ROOT: Final = Path(__file__).resolve().parents[2]
PACKAGES: Final = {
    "tensorflow_model_optimization": "tensorflow-model-optimization",
    "tf_keras": "tf_keras",
    "tree": "dm-tree",
    "mock": "mock",
}
"""Module -> package."""
INSTALL: Final = f"python -m pip install --no-deps -c constraints.txt {' '.join(PACKAGES.values())}"

_LAST_LINES: Final = 12


class QatPackagesError(VariantUnavailableError):
    """A package of quantization-aware training is missing."""


class QatError(VariantError):
    """The fine-tuning failed."""


def require_packages() -> None:
    """Raise QatPackagesError unless the packages of quantization-aware training are there."""
    missing = [
        package for module, package in PACKAGES.items() if importlib.util.find_spec(module) is None
    ]
    if missing:
        raise QatPackagesError(
            f"Quantization-aware training must have its packages: {', '.join(missing)} "
            f"{'is' if len(missing) == 1 else 'are'} not installed. Run `{INSTALL}` in the "
            "checkout, or omit qat_int8."
        )


def run_child(folder: Path, timeout: float) -> None:
    """Run `export.qat.child` on a folder; its progress goes to standard output.

    Args:
        folder: Contains the job; receives the result.
        timeout: Seconds after which the child is stopped.

    Raises:
        QatError: If the child fails or is stopped.
    """
    environment = {
        **os.environ,
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "CUDA_VISIBLE_DEVICES": "-1",
        "TF_USE_LEGACY_KERAS": "1",  # the toolkit sets it too, but only once it is loaded
    }
    messages = folder / "log.txt"
    command = [sys.executable, "-m", "export.qat.child", str(folder)]
    try:
        with messages.open("w", encoding="utf-8") as errors:
            child = subprocess.run(
                command, stderr=errors, cwd=ROOT, env=environment, timeout=timeout, check=False
            )
    except subprocess.TimeoutExpired as error:
        raise QatError(
            f"Fine-tuning must end within {timeout:g} s. Use fewer steps, or a longer timeout."
        ) from error
    if child.returncode:
        lines = messages.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        sys.stderr.write("\n".join(lines[-_LAST_LINES:]) + "\n")
        raise QatError(
            f"Fine-tuning failed with exit code {child.returncode}: "
            f"{lines[-1] if lines else 'no message'}. See the lines above."
        )
