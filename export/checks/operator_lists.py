"""The committed lists of operators and versions that an accelerator takes."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from export.checks.audit import operator_name


def unlisted(model: Any, data: Path) -> list[str]:
    """Return what a list lacks, one line for each operator and version; empty if nothing.

    Args:
        model: Unpacked flatbuffer, a `ModelT`.
        data: JSON file with `max_version`: name -> highest version, null where none is asked for.
    """
    versions = max_versions(data)
    return sorted(set(_lines(model, versions)))


def max_versions(data: Path) -> dict[str, int | None]:
    """Return name -> highest version of a list."""
    found: dict[str, int | None] = json.loads(data.read_text(encoding="utf-8"))["max_version"]
    return found


def _lines(model: Any, versions: dict[str, int | None]) -> Iterator[str]:
    for graph in model.subgraphs:
        for operator in graph.operators:
            name = operator_name(model, operator)
            version = model.operatorCodes[operator.opcodeIndex].version
            if name not in versions:
                yield f"{name}: must be on the list of operators"
                continue
            highest = versions[name]
            if highest is not None and version > highest:
                yield f"{name}: version must be at most {highest}. Received: {version}"
