"""What the benchmarks of layers and training share: timing in turn, the load, tables."""

import os
import time
from collections.abc import Callable
from typing import Any


def in_turn(programs: dict[str, Callable[[], Any]], rounds: int) -> dict[str, list[float]]:
    """Return name -> seconds of each round, after one that traces; the programs run in turn."""
    found: dict[str, list[float]] = {name: [] for name in programs}
    for program in programs.values():
        program()
    for turn in range(rounds):
        # Every other round backwards: who runs first finds another state of caches and clocks.
        for name, program in list(programs.items())[:: -1 if turn % 2 else 1]:
            start = time.perf_counter()
            program()
            found[name].append(time.perf_counter() - start)
    return found


def warn_of_load() -> float:
    """Return the load average; warn where other work disturbs the times."""
    load = os.getloadavg()[0]
    if load > 1:
        print(f"warning: the load average is {load:.1f}, so times will be off; wait for below 1.")
    return load


def table(rows: list[dict[str, Any]], titles: dict[str, str]) -> str:
    """Return rows as aligned text."""
    lines = [list(titles)]
    for entry in rows:
        values = [entry[key] for key in titles.values()]
        lines.append([f"{v:.2f}" if isinstance(v, float) else str(v) for v in values])
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True))
        for line in lines
    )
