"""The environment of quantization-aware training, and the child process that runs in it.

tensorflow-model-optimization can't be installed beside MediaPipe and turns `tf.keras` into Keras 2
for the whole process. `make qat-env` creates an environment for it.
"""

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

from export.specs import VariantError, VariantUnavailableError

ROOT: Final = Path(__file__).resolve().parents[2]
PYTHON_VARIABLE: Final = "FAU_QAT_PYTHON"
"""Environment variable with the path of the Python to use instead of .venv-qat/bin/python."""

_LAST_LINES: Final = 12


class QatEnvironmentError(VariantUnavailableError):
    """The environment of quantization-aware training is missing or incomplete."""


class QatError(VariantError):
    """The fine-tuning failed."""


def environment_python() -> Path:
    """Return the Python of the other environment.

    Raises:
        QatEnvironmentError: If there is none.
    """
    python = Path(os.environ.get(PYTHON_VARIABLE) or ROOT / ".venv-qat" / "bin" / "python")
    if not python.is_file():
        raise QatEnvironmentError(
            "Quantization-aware training needs an environment of its own. Received: no "
            f"{python.name} at {python}. Run `make qat-env`, or omit qat_int8."
        )
    return python


def run_child(python: Path, folder: Path, timeout: float) -> None:
    """Run `export.qat.child` on a folder; its progress goes to standard output.

    Args:
        python: From `environment_python`.
        folder: Contains the job; receives the result.
        timeout: Seconds after which the child is stopped.

    Raises:
        QatEnvironmentError: If the environment lacks a package.
        QatError: If the child fails or is stopped.
    """
    environment = {
        **os.environ,
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "CUDA_VISIBLE_DEVICES": "-1",
        "TF_USE_LEGACY_KERAS": "1",  # the toolkit sets it too, but only once it is loaded
    }
    messages = folder / "log.txt"
    command = [str(python), "-m", "export.qat.child", str(folder)]
    try:
        with messages.open("w", encoding="utf-8") as errors:
            child = subprocess.run(
                command, stderr=errors, cwd=ROOT, env=environment, timeout=timeout, check=False
            )
    except subprocess.TimeoutExpired as error:
        raise QatError(
            f"Fine-tuning must end within {timeout:g} s. Use fewer crops or epochs, or a longer "
            "timeout."
        ) from error
    if child.returncode:
        lines = messages.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        _fail(lines, child.returncode)


def _fail(lines: list[str], code: int) -> None:
    if lines and lines[-1].startswith(("ModuleNotFoundError", "ImportError")):
        raise QatEnvironmentError(
            "The environment of quantization-aware training must have its packages. Received: "
            f"{lines[-1]}. Run `make qat-env`."
        )
    sys.stderr.write("\n".join(lines[-_LAST_LINES:]) + "\n")
    raise QatError(
        f"Fine-tuning failed with exit code {code}: {lines[-1] if lines else 'no message'}. See "
        "the lines above."
    )
