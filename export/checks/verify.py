"""Is a .tflite file, ours or somebody else's, a model of the contract? One line for each check.

The checks run in a process of their own: a damaged file may take the interpreter down with it.
Nothing is written, and TensorFlow is not needed.
"""

import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

from export.checks.verify_child import FAILED, SKIPPED, line

_ROOT: Final = Path(__file__).resolve().parents[2]


def verify(path: Path, say: Callable[[str], None]) -> int:
    """Check one file; return 0 if nothing speaks against it, else 2.

    Args:
        path: The .tflite file; a JSON file beside it is checked with it.
        say: Prints a line; called as each check ends.
    """
    say(f"== {path}")
    command = [sys.executable, "-m", "export.checks.verify_child", str(path.resolve())]
    said = []
    # Standard error is the interpreter's own talk; a file, because nobody reads it as it comes.
    with (
        tempfile.TemporaryFile() as log,
        subprocess.Popen(
            command, cwd=_ROOT, stdout=subprocess.PIPE, stderr=log, text=True, errors="replace"
        ) as process,
    ):
        for row in process.stdout or ():
            said.append(row)
            say(row.rstrip("\n"))
        code = process.wait()
        log.seek(0)
        talk = log.read().decode(errors="replace").split("\n")
    if code not in (0, 2):
        say(line(FAILED, "reader", _death(code, talk)))
    skipped = sum(row.startswith(SKIPPED) for row in said)
    verdict = f"holds in {len(said) - skipped} checks" if code == 0 else "is refused"
    say(f"   {path.name} {verdict}" + f"; {skipped} could not be made" * bool(skipped))
    return 0 if code == 0 else 2


def _death(code: int, talk: list[str]) -> str:
    received = signal.Signals(-code).name if code < 0 else f"exit code {code}"
    last = next((text.strip() for text in reversed(talk) if text.strip()), "no message")
    return (
        f"The file must not bring its reader down. Received: {received}, {last[:200]}. "
        "It is damaged or not a model: copy or export it again."
    )
