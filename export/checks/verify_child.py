"""The checks of `verify`, in a process of their own: `python -m export.checks.verify_child FILE`.

Each check relies on those before it, so the first failure is the last line. Exit code 0 if all
hold, 2 if one fails; anything else means that the file brought the process down.
"""

import hashlib
import json
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from export.checks import gates, weight_types
from export.checks.audit import Audit, audit, problems
from export.checks.verify_faces import check_faces
from export.graph.metadata import read_metadata
from export.specs import EXPORT_SPECS
from fau_tf import contract
from fau_tf.inference.model_info import read_model

OK: Final = "ok"
FAILED: Final = "FAILED"
SKIPPED: Final = "-"

_TIMEOUT: Final = 600  # s; the paper's network on a slow machine takes a minute


class _SkippedError(Exception):
    """A check that this file gives nothing for."""


@dataclass
class _Subject:
    """What is known of the file so far.

    Attributes:
        path: Of the file.
        flatbuffer: Its contents.
        found: From `audit`.
        card: What the file or the JSON beside it says of the model; empty if neither does.
    """

    path: Path
    flatbuffer: bytes = b""
    found: Audit = field(init=False)
    card: dict[str, Any] = field(default_factory=dict)


def line(state: str, what: str, text: str) -> str:
    """Return a check's line; one line, whatever a library put into the text."""
    return f"{state:<8}{what}: {' '.join(text.split())}"


def checks(path: Path) -> Iterator[tuple[str, str]]:
    """Yield (state, line) of each check; the first that fails is the last."""
    subject = _Subject(path)
    for what, check in CHECKS.items():
        try:
            state, text = OK, check(subject)
        except _SkippedError as reason:
            state, text = SKIPPED, str(reason)
        # A damaged flatbuffer shows as whatever its reader trips over.
        except Exception as error:
            state, text = FAILED, str(error)
            if "Received: " not in text:  # a library's, which doesn't name the rule
                text = (
                    f"The file must be a whole .tflite model. Received: {type(error).__name__}: "
                    f"{text.rstrip('.')}. Copy or export it again."
                )
        yield state, line(state, what, text)
        if state == FAILED:
            return


def _file(subject: _Subject) -> str:
    try:
        subject.flatbuffer = subject.path.read_bytes()
    except OSError as error:
        raise ValueError(
            f"The model must be readable. Received: {error.strerror}. Name a .tflite file."
        ) from error
    subject.found = audit(subject.flatbuffer)
    digest = hashlib.sha256(subject.flatbuffer).hexdigest()
    return f"{len(subject.flatbuffer)} bytes, sha256 {digest}"


def _metadata(subject: _Subject) -> str:
    card = read_metadata(subject.flatbuffer)
    if card is None:
        raise _SkippedError("The file has no card of ours: AU order and crop are not in it.")
    subject.card = card
    return f"{card['name']}, contract {card['contract_version']}, {' '.join(card['au_labels'])}"


def _beside(subject: _Subject) -> str:
    beside = subject.path.with_suffix(".json")
    if not beside.exists():
        raise _SkippedError(f"No {beside.name}: origin, SHA-256 and parity can't be checked.")
    read_model(subject.path)  # refuses what the demo would
    entries: dict[str, Any] = json.loads(beside.read_bytes())
    graph = {"bytes": subject.found.size, "operators": subject.found.operators}
    for source, facts in (("the card in the file", subject.card), ("the graph", graph)):
        # Beside somebody else's file, or one of before the card, not all has to be said.
        wrong = [
            key
            for key, value in facts.items()
            if (key in entries or facts is subject.card) and entries.get(key) != value
        ]
        if wrong:
            raise ValueError(
                f"{beside.name} must say what {source} says. Received: another "
                f"{', '.join(wrong)}. Copy both files again."
            )
    subject.card = subject.card or entries
    return f"{beside.name} vouches for these bytes"


def _contract(subject: _Subject) -> str:
    found, card = subject.found, subject.card
    shapes = {name: shape for name, (shape, _) in (found.inputs | found.outputs).items()}
    maps = shapes.get(contract.OUTPUT_HEATMAPS, ())
    sizes = {
        "image_size": card.get("image_size", _side(shapes.get(contract.INPUT, ()), 1)),
        "heatmap_size": card.get("heatmap_size", _side(maps, 1)),
        "aus": len(card.get("aus", ())) or _side(shapes.get(contract.OUTPUT_INTENSITY, ()), -1),
        "centers": len(card.get("centers", ())) or _side(maps, -1),
    }
    wrong = problems(found, **sizes)
    if wrong:
        raise ValueError("; ".join(wrong) + ". Export the model again.")
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
        who: refuse(subject.flatbuffer) for rows in gates.LISTS.values() for who, refuse in rows
    }
    wanted = [who for name in promised for who, _ in gates.LISTS[name]]
    wrong = [f"{who}: {line}" for who in wanted for line in broken[who]]
    if wrong:
        raise ValueError(
            f"The file must run whole on {' and '.join(promised)}. Received: {'; '.join(wrong)}. "
            "Replace the layers that make these operators."
        )
    taken = [who for who, lines in broken.items() if not lines]
    return f"taken whole, by their lists: {', '.join(taken) or 'nobody'}"


def _weights(subject: _Subject) -> str:
    wanted = subject.card.get("weights")
    shares = weight_types.share_by_type(subject.flatbuffer)
    stored = ", ".join(f"{share:.0%} {name}" for name, share in shares.items())
    if wanted is None:
        return f"{stored}; no metadata promises a type"
    if (
        max(constant.values for constant in weight_types.constants(subject.flatbuffer))
        < weight_types.LARGE
    ):
        return f"{stored}; none large enough to be stored in a type of its own"
    wrong = weight_types.problems(subject.flatbuffer, wanted)
    if wrong:
        raise ValueError(
            f"The weights must be stored as {wanted}. Received: {'; '.join(wrong)}. Export again."
        )
    return stored


CHECKS: Final[dict[str, Callable[[_Subject], str]]] = {
    "file": _file,
    "metadata": _metadata,
    "json": _beside,
    "contract": _contract,
    "faces": lambda subject: check_faces(subject.flatbuffer, subject.card),
    "operators": _operators,
    "weights": _weights,
}


def main(path: str) -> int:
    """Print each check's line as it ends; return the exit code."""
    signal.alarm(_TIMEOUT)  # ends the process, whatever it hangs in
    states = []
    for state, text in checks(Path(path)):
        states.append(state)
        sys.stdout.write(text + "\n")
        sys.stdout.flush()
    return 2 if FAILED in states else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
