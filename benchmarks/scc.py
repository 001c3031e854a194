"""Speed and memory of the semantic correspondence layer beside the naive one.

    python -m benchmarks.scc [--quick] [--json FILE]

At the paper's three sizes, k = 7, batch 16: forward, and forward + backward in training mode, both
layers in turn in one process, medians; peak memory of a training step beyond weights and input,
each in a fresh process; and how both grow with k and with D. `--quick` takes batch 2, fewer
repeats and no growth, and stays under a minute.

The floor is the arithmetic that the factored layer can't avoid (two products with W, the
distances) at the rate that this machine's product reached in the same run.
"""

import argparse
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from fau_tf.training.run_dir import versions

SIZES = ((256, 256), (128, 1024), (64, 4096))  # (C, D), the paper's
K = 7
GROWTH_K = (1, 3, 7, 15)
GROWTH_D = (64, 256, 1024)


def main(arguments: list[str] | None = None) -> int:
    """Run, print the tables, write the JSON; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scc", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="under a minute: batch 2, one repeat")
    parser.add_argument("--json", type=Path, help="write the rows here")
    options = parser.parse_args(arguments)
    load = os.getloadavg()[0]
    if load > 1:
        print(f"warning: load average must be at most 1. Received: {load:.1f}. Times will be off.")
    batch, repeats = (2, 1) if options.quick else (16, 5)
    rows = [row(channels, size, batch, K, repeats) for channels, size in SIZES]
    for entry, ratio in zip(rows, memory_ratios(batch), strict=True):
        entry.update(ratio)
    print(table(rows, TITLES))
    growth = [] if options.quick else grow(batch)
    if growth:
        print("\nGrowth\n" + table(growth, GROWTH_TITLES))
    if options.json:
        result = {
            "benchmark": "scc",
            "quick": options.quick,
            "batch": batch,
            "cpus": os.cpu_count(),
            "load": load,
            "threads": child({"what": "threads"}) | {"OMP": os.environ.get("OMP_NUM_THREADS")},
            "versions": versions(),
            "rows": rows,
            "growth": growth,
        }
        options.json.write_text(json.dumps(result, indent=1) + "\n")
    return 0


def row(channels: int, size: int, batch: int, k: int, repeats: int) -> dict[str, Any]:
    """Return the times of both layers at one size, in milliseconds, and their ratios."""
    sizes = {"channels": channels, "size": size, "batch": batch, "k": k}
    seconds = child({"what": "times", **sizes, "repeats": repeats})
    product = batch * channels * size * size  # multiply-accumulates of x W
    distances = batch * channels * channels * size
    rate = product / seconds["product"]
    floor = (2 * product + distances) / rate
    floor_training = (6 * product + distances) / rate  # each product has two in its gradient
    return {
        **sizes,
        "macs": 2 * product + distances,
        "product_gmacs_per_s": rate / 1e9,
        **{f"{name}_ms": 1e3 * value for name, value in seconds.items()},
        "speedup_forward": seconds["forward_naive"] / seconds["forward_ours"],
        "speedup_forward_backward": seconds["forward_backward_naive"]
        / seconds["forward_backward_ours"],
        "floor_fraction": floor / seconds["forward_ours"],
        "floor_fraction_forward_backward": floor_training / seconds["forward_backward_ours"],
    }


def memory_ratios(batch: int) -> list[dict[str, float]]:
    """Return for each size the peak memory of a training step, in MB, and ours over naive."""
    tasks = [
        {"what": "memory", "layer": layer, "channels": c, "size": d, "batch": batch, "k": K}
        for c, d in SIZES
        for layer in ("ours", "naive")
    ]
    with ThreadPoolExecutor(max_workers=2) as pool:  # peaks don't disturb each other, times would
        peaks = list(pool.map(child, tasks))
    return [
        {
            "memory_ours_mb": ours["forward_backward"] / 1e6,
            "memory_naive_mb": naive["forward_backward"] / 1e6,
            "memory_ratio": ours["forward_backward"] / naive["forward_backward"],
            "memory_ratio_forward": ours["forward"] / naive["forward"],
        }
        for ours, naive in zip(peaks[::2], peaks[1::2], strict=True)
    ]


def grow(batch: int) -> list[dict[str, Any]]:
    """Return rows that vary k at the middle size, then D at the last size's C."""
    channels, size = SIZES[1]
    rows = [row(channels, size, batch, k, 3) for k in GROWTH_K]
    return rows + [row(SIZES[2][0], d, batch, K, 3) for d in GROWTH_D]


def child(task: dict[str, Any]) -> dict[str, float]:
    """Return what a fresh process measures."""
    command = [sys.executable, "-m", "benchmarks.scc_child", json.dumps(task)]
    root = Path(__file__).resolve().parent.parent
    done = subprocess.run(command, capture_output=True, text=True, cwd=root, check=False)
    if done.returncode:
        raise RuntimeError(
            f"benchmarks.scc_child: must end with 0. Received: {done.returncode} for {task}.\n"
            f"{done.stderr[-2000:]}\nRun it by hand."
        )
    result: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return result


GROWTH_TITLES = {
    "C": "channels",
    "D": "size",
    "k": "k",
    "forward ms": "forward_ours_ms",
    "naive": "forward_naive_ms",
    "fwd+bwd ms": "forward_backward_ours_ms",
    "naive ": "forward_backward_naive_ms",
}
TITLES = {
    **GROWTH_TITLES,
    "x fwd": "speedup_forward",
    "x fwd+bwd": "speedup_forward_backward",
    "MB": "memory_ours_mb",
    "naive  ": "memory_naive_mb",
    "MB ratio": "memory_ratio",
    "of floor": "floor_fraction",
}


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


if __name__ == "__main__":
    sys.exit(main())
