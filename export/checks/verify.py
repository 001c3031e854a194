"""Check that a .tflite file, made here or elsewhere, is a model of the contract.

The checks run in a child process, `python -m export.checks.verify FILE`, since a damaged file may
crash the interpreter. Each relies on those before it, so the first failure is the last line.
Nothing is written, and TensorFlow is not needed.
"""

import hashlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from export.checks import weight_types
from export.checks.audit import Audit, audit, contract_problems
from export.checks.operators import READERS
from export.checks.verify_faces import check_faces
from export.graph.flatbuffer import ModelFileError, TfliteFile
from export.graph.metadata import read_metadata
from export.latency import SINGLE_THREADED
from export.specs import EXPORT_SPECS
from fau_tf import contract
from fau_tf.inference.model_info import ModelError, read_model

OK: Final = "ok"
FAILED: Final = "FAILED"
SKIPPED: Final = "-"

_TIMEOUT: Final = 600  # s; the paper's network on a slow machine takes a minute
_ROOT: Final = Path(__file__).resolve().parents[2]


def verify(path: Path, log: Callable[[str], None]) -> int:
    """Check one file; return 0 if every check passes, else 2.

    Args:
        path: The .tflite file; a JSON sidecar is checked with it.
        log: Prints a line; called as each check ends.
    """
    log(f"== {path}")
    command = [sys.executable, "-m", "export.checks.verify", str(path.resolve())]
    lines = []
    # The interpreter writes to standard error: into a file, since nothing reads it meanwhile.
    with (
        tempfile.TemporaryFile() as errors,
        subprocess.Popen(
            command,
            cwd=_ROOT,
            env={**os.environ, **SINGLE_THREADED},
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            errors="replace",
        ) as process,
    ):
        for row in process.stdout or ():
            lines.append(row)
            log(row.rstrip("\n"))
        code = process.wait()
        errors.seek(0)
        messages = errors.read().decode(errors="replace").split("\n")
    if code not in (0, 2):
        log(line(FAILED, "interpreter", _crash(code, messages)))
    skipped = sum(row.startswith(SKIPPED) for row in lines)
    verdict = f"passes {len(lines) - skipped} checks" if code == 0 else "is refused"
    log(f"   {path.name} {verdict}" + f"; {skipped} skipped" * bool(skipped))
    return 0 if code == 0 else 2


def _crash(code: int, messages: list[str]) -> str:
    received = signal.Signals(-code).name if code < 0 else f"exit code {code}"
    last = next((text.strip() for text in reversed(messages) if text.strip()), "no message")
    return (
        f"The file crashed its interpreter: {received}, {last[:200]}. It is damaged or no model: "
        "copy or export it again."
    )


class _SkippedError(Exception):
    """A check that does not apply to this file."""


@dataclass
class _Subject:
    """What is known of the file so far.

    Attributes:
        path: Of the file.
        file: Its contents.
        found: From `audit`.
        card: Of the model, from the file or else its JSON; empty if neither has one.
    """

    path: Path
    file: TfliteFile = field(init=False)
    found: Audit = field(init=False)
    card: dict[str, Any] = field(default_factory=dict)


def line(state: str, what: str, text: str) -> str:
    """Return the one line of a check, without the line breaks of a library's message."""
    return f"{state:<8}{what}: {' '.join(text.split())}"


def checks(path: Path) -> Iterator[tuple[str, str]]:
    """Yield (state, line) of each check; the first that fails is the last."""
    subject = _Subject(path)
    for what, check in CHECKS.items():
        try:
            state, text = OK, check(subject)
        except _SkippedError as reason:
            state, text = SKIPPED, str(reason)
        except (ModelFileError, ModelError) as error:
            state, text = FAILED, str(error)
        # Readers of a damaged flatbuffer fail in many ways.
        except Exception as error:
            why = str(error).rstrip(".")
            state = FAILED
            text = (
                f"The file must be a whole .tflite model: got {type(error).__name__}: {why}. Copy "
                "or export it again."
            )
        yield state, line(state, what, text)
        if state == FAILED:
            return


def _file(subject: _Subject) -> str:
    try:
        content = subject.path.read_bytes()
    except OSError as error:
        raise ModelFileError(
            f"The model must be readable: got {error.strerror}. Name a .tflite file."
        ) from error
    subject.file = TfliteFile(content)
    subject.found = audit(subject.file)
    return f"{len(content)} bytes, sha256 {hashlib.sha256(content).hexdigest()}"


def _metadata(subject: _Subject) -> str:
    card = read_metadata(subject.file)
    if card is None:
        raise _SkippedError("The file holds no card of fau_tf, so no AU order and no crop.")
    subject.card = card
    return f"{card['name']}, contract {card['contract_version']}, {' '.join(card['au_labels'])}"


def _sidecar(subject: _Subject) -> str:
    beside = subject.path.with_suffix(".json")
    if not beside.exists():
        raise _SkippedError(f"There is no {beside.name} with origin, SHA-256 and parity.")
    read_model(subject.path)  # refuses what the demo would
    entries: dict[str, Any] = json.loads(beside.read_bytes())
    graph = {"bytes": len(subject.file), "operators": subject.found.operators}
    for source, facts in (("the card in the file", subject.card), ("the graph", graph)):
        # A JSON made elsewhere, or before models had a card, need not have every entry.
        wrong = [
            key
            for key, value in facts.items()
            if (key in entries or facts is subject.card) and entries.get(key) != value
        ]
        if wrong:
            raise ModelFileError(
                f"{beside.name} must agree with {source}: got another {', '.join(wrong)}. Copy "
                "both files again."
            )
    subject.card = subject.card or entries
    return f"{beside.name} belongs to these bytes"


def _contract(subject: _Subject) -> str:
    found, card = subject.found, subject.card
    shapes = {name: shape for name, (shape, _) in {**found.inputs, **found.outputs}.items()}
    maps = shapes.get(contract.OUTPUT_HEATMAPS, ())
    sizes = {
        "image_size": card.get("image_size", _side(shapes.get(contract.INPUT, ()), 1)),
        "heatmap_size": card.get("heatmap_size", _side(maps, 1)),
        "aus": len(card.get("aus", ())) or _side(shapes.get(contract.OUTPUT_INTENSITY, ()), -1),
        "centers": len(card.get("centers", ())) or _side(maps, -1),
    }
    wrong = contract_problems(found, **sizes)
    if wrong:
        raise ModelFileError("; ".join(wrong) + ". Export the model again.")
    count = sum(found.operators.values())
    return f"{count} builtin operators, static; " + ", ".join(
        f"{name.replace('_', ' ')} {size}" for name, size in sizes.items()
    )


def _side(shape: tuple[int, ...], axis: int) -> int:
    return shape[axis] if len(shape) > 1 else 0


def _operators(subject: _Subject) -> str:
    variant = EXPORT_SPECS.get(subject.card.get("variant", ""))
    promised = subject.card.get("accelerators", variant.accelerators if variant else ())
    broken = {
        name: refused_by(subject.file)
        for readers in READERS.values()
        for name, refused_by in readers.items()
    }
    wrong = [
        f"{name}: {line}" for one in promised for name in READERS[one] for line in broken[name]
    ]
    if wrong:
        raise ModelFileError(
            f"The file must run whole on {' and '.join(promised)}: {'; '.join(wrong)}. Replace the "
            "layers that make these operators."
        )
    taken = [name for name, lines in broken.items() if not lines]
    return f"taken whole, by their lists: {', '.join(taken) or 'none'}"


def _weights(subject: _Subject) -> str:
    wanted = subject.card.get("weights")
    shares = weight_types.share_by_type(subject.file)
    stored = ", ".join(f"{share:.0%} {name}" for name, share in shares.items())
    if wanted is None:
        return f"{stored}; no card names a type"
    if all(one.values < weight_types.LARGE for one in weight_types.constants(subject.file)):
        return f"{stored}; none large enough to need the variant's type"
    wrong = weight_types.problems(subject.file, wanted)
    if wrong:
        raise ModelFileError(
            f"The weights must be stored as {wanted}: {'; '.join(wrong)}. Export again."
        )
    return stored


CHECKS: Final[dict[str, Callable[[_Subject], str]]] = {
    "file": _file,
    "metadata": _metadata,
    "json": _sidecar,
    "contract": _contract,
    "faces": lambda subject: check_faces(subject.file.content, subject.card),
    "operators": _operators,
    "weights": _weights,
}


def main(path: str) -> int:
    """Print each check's line as it ends; return 0 if all pass, 2 if one fails."""
    signal.alarm(_TIMEOUT)  # ends the process even if the interpreter hangs
    states = []
    for state, text in checks(Path(path)):
        states.append(state)
        sys.stdout.write(text + "\n")
        sys.stdout.flush()
    return 2 if FAILED in states else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
