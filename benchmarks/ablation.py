"""What earns its place? Trains the same small budget, one factor at a time from a default.

python benchmarks/ablation.py                 every row, three seeds; more than an hour on 2 cores
python benchmarks/ablation.py --group loss    the rows of one group
python benchmarks/ablation.py --quick         two rows of each group, one seed, a few steps
python benchmarks/ablation.py --write         also writes the tables to docs/experiments/ablation.md

Each training is a process of its own with one thread; finished ones are kept in runs/ablation and
not repeated, so a stopped command goes on where it was. Test people, synthetic faces.
"""

import argparse
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean, stdev
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from fau_tf.synthetic.sample import GENERATOR_VERSION
from fau_tf.training.config import dump_toml, load_config

ROOT = Path(__file__).resolve().parents[1]
BUDGET = {
    "training.epochs": "1",
    "training.warmup_steps": "30",
    "training.threads": "1",
    "data.seed": "1",
}
QUICK = BUDGET | {"data.subjects": "40"}
REGRESSION = {"training.background_weight": "0.0", "training.foreground_weight": "0.0"}


@dataclass(frozen=True)
class Row:
    """One variant: what differs from its group's first row; the name is unique to a preset."""

    name: str
    what: str
    settings: dict[str, str] = field(default_factory=dict)
    network: str = "net"  # row of `ablation_run.NETWORKS`


GROUPS = {
    "scc": (
        "mobile",
        (
            Row("default", "SCC after the 1st and 2nd doubling, k = 5, channels as nodes"),
            Row("no-scc", "no SCC", {"model.scc": "[false, false, false]"}),
            Row(
                "no-scc-wide",
                "no SCC, decoder widened to equal parameters",
                {"model.scc": "[false, false, false]"},
                "widened",
            ),
            Row("k1", "k = 1: a node alone", {"model.k": "1"}),
            Row("k3", "k = 3", {"model.k": "3"}),
            Row("k7", "k = 7", {"model.k": "7"}),
            Row("k11", "k = 11", {"model.k": "11"}),
            Row("pixels", "pixels as nodes (the reference code)", {"model.nodes": "pixels"}),
            Row("one-stage", "SCC after the 1st only", {"model.scc": "[true, false, false]"}),
            Row("three-stages", "SCC after all three", {"model.scc": "[true, true, true]"}),
            Row(
                "narrow",
                "a third of the decoder's width, with SCC",
                {"model.decoder": "[96, 64, 48]"},
            ),
            Row(
                "narrow-no-scc",
                "a third of the decoder's width, no SCC",
                {"model.decoder": "[96, 64, 48]", "model.scc": "[false, false, false]"},
            ),
            Row("regression", "linear head on the pooled decoder", REGRESSION, "regression"),
            Row(
                "backbone-regression",
                "linear head on the pooled backbone, no decoder",
                REGRESSION,
                "backbone_regression",
            ),
        ),
    ),
    "loss": (
        "small",
        (
            Row("default", "foreground weight and a term on the decoded intensity"),
            Row(
                "plain-mse",
                "plain MSE",
                {
                    "training.background_weight": "1.0",
                    "training.foreground_weight": "0.0",
                    "training.intensity_weight": "0.0",
                },
            ),
            Row("no-decoded", "foreground weight only", {"training.intensity_weight": "0.0"}),
            Row(
                "no-foreground",
                "plain MSE and the term on the decoded intensity",
                {"training.background_weight": "1.0", "training.foreground_weight": "0.0"},
            ),
            Row("paper-scale", "the paper's target scale, Eq. 1", {"model.target_scale": "paper"}),
            Row("balanced", "AUs balanced by energy ** -0.5", {"training.au_balance": "0.5"}),
        ),
    ),
    "decoder": (
        "mobile",
        (
            Row("default", "the preset: resize, sigma 1.5 cells, SCC starts near the identity"),
            Row(
                "glorot",
                "SCC starts from Glorot weights",
                {"model.scc_initializer": "glorot_uniform"},
            ),
            Row("deconv", "4x4 transposed convolutions", {"model.upsample": "deconv"}),
            Row("sigma2", "sigma 2 cells", {"model.sigma": "2.0"}),
        ),
    ),
    "start": (
        "small",
        (
            Row("default", "ImageNet weights, the backbone's batch norms kept"),
            Row("random-start", "no ImageNet weights", {"training.imagenet": "false"}),
            Row(
                "norms-free",
                "backbone's batch norms learn too",
                {"training.freeze_backbone_norms": "false"},
            ),
        ),
    ),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run what is missing, print the tables."""
    options = _options(argv)
    groups = {options.group: GROUPS[options.group]} if options.group else GROUPS
    seeds = [1] if options.quick else list(range(1, options.seeds + 1))
    jobs = [
        (preset, row, seed)
        for preset, rows in groups.values()
        for seed in seeds
        for row in (rows[:2] if options.quick else rows)
        if not options.rows or row.name in options.rows.split(",")
    ]
    folder = ROOT / "runs" / ("ablation-quick" if options.quick else "ablation")
    # The first one alone: it renders the faces for all.
    if jobs:
        print(_run(folder, *jobs[0], quick=options.quick), flush=True)
    with ThreadPoolExecutor(options.jobs) as pool:
        for line in pool.map(lambda job: _run(folder, *job, quick=options.quick), jobs[1:]):
            print(line, flush=True)
    tables = {group: _table(folder, *GROUPS[group], seeds) for group in groups}
    text = "\n\n".join(
        _markdown(group, GROUPS[group][0], table)
        for group, table in tables.items()
        if len(table) > 1  # a default has to have something beside it
    )
    print(text)
    if options.json:
        options.json.write_text(json.dumps(tables, indent=1) + "\n")
    if options.write:
        (ROOT / "docs" / "experiments" / "ablation.md").write_text(_page(text))
    return 0


def _run(folder: Path, preset: str, row: Row, seed: int, *, quick: bool) -> str:
    name = f"{preset}-{row.name}-{seed}"
    settings = (QUICK if quick else BUDGET) | {"model.preset": preset, "run.name": name}
    settings |= {"run.seed": str(seed)} | row.settings
    changes = [part for key, value in settings.items() for part in ("--set", f"{key}={value}")]
    # Resolved, so that a changed preset or default counts; the code itself doesn't.
    config = dump_toml(load_config(None, changes[1::2]))
    asked = hashlib.sha256(f"{row.network} {GENERATOR_VERSION} {config}".encode()).hexdigest()
    done = folder / name / "ablation.json"
    if not (done.is_file() and json.loads(done.read_text())["asked"] == asked):
        script = str(ROOT / "benchmarks" / "ablation_run.py")
        command = [sys.executable, script, row.network, str(folder), "--asked", asked, *changes]
        result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        if result.returncode:
            raise RuntimeError(f"{name} failed:\n{result.stderr[-2000:]}")
    found = json.loads(done.read_text())
    return f"{name}: ICC {found['icc']:.3f}, MAE {found['mae']:.3f}, {found['seconds']:.0f} s"


def _table(
    folder: Path, preset: str, rows: Sequence[Row], seeds: list[int]
) -> list[dict[str, Any]]:
    table = []
    for row in rows:
        files = [folder / f"{preset}-{row.name}-{seed}" / "ablation.json" for seed in seeds]
        found = [json.loads(file.read_text()) for file in files if file.is_file()]
        if not found:
            continue
        entry: dict[str, Any] = {"row": row.name, "what": row.what, "seeds": len(found)}
        for metric in ("icc", "mae", "pcc"):
            values = [one[metric] or 0.0 for one in found]  # null: nothing varied, no agreement
            entry[metric] = mean(values)
            entry[f"{metric}_spread"] = stdev(values) if len(values) > 1 else 0.0
        entry["parameters"] = found[0]["parameters"]
        table.append(entry)
    return table


def _markdown(group: str, preset: str, table: list[dict[str, Any]]) -> str:
    lines = [
        f"### {group} (preset `{preset}`)",
        "",
        "| | ICC(3,1) | MAE | PCC | parameters | seeds |",
        "|---|---|---|---|---|---|",
    ]
    for row in table:
        figures = [_figure(row, metric) for metric in ("icc", "mae", "pcc")]
        size = f"{row['parameters'] / 1e6:.2f} M"
        lines.append(f"| {row['what']} | {' | '.join(figures)} | {size} | {row['seeds']} |")
    return "\n".join(lines)


def _figure(row: dict[str, Any], metric: str) -> str:
    spread = f" ± {row[f'{metric}_spread']:.3f}" if row["seeds"] > 1 else ""
    return f"{row[metric]:.3f}{spread}"


def _page(tables: str) -> str:
    return f"""# What earns its place

Written by `python benchmarks/ablation.py --write`. Every row trains the same small budget, one pass
over 4,000 synthetic faces, far from convergence, and differs from the first row of its table in one
thing. Figures are means over the seeds ± their standard deviation, over 14 AUs, on 500 synthetic
faces of 100 test people. They rank choices under a short budget; differences within the spread say
nothing, where there is one seed the spread is not known, and rows that have not been trained yet
are left out. None of it is accuracy on real faces. `make train` uses other people than these, so
that nothing was chosen on its test people.

{tables}
"""


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--group", choices=sorted(GROUPS), help="only these rows")
    parser.add_argument("--rows", help="train only these, comma-separated; the tables show all")
    parser.add_argument("--seeds", type=int, default=3, help="trainings a row (3)")
    parser.add_argument("--jobs", type=int, default=2, help="trainings at a time (2)")
    parser.add_argument("--quick", action="store_true", help="two rows, one seed, a few steps")
    parser.add_argument("--json", type=Path, help="write the figures here")
    parser.add_argument("--write", action="store_true", help="write docs/experiments/ablation.md")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
