"""Which part of the made faces matters? Trains `small` on sets that differ in one thing.

python benchmarks/variety.py --ict FILE            every row, three seeds; an hour on 2 cores
python benchmarks/variety.py --quick               two rows, one seed, a few steps, no ICT-FaceKit
python benchmarks/variety.py --ict FILE --write    also writes the table into the docs

Every network is judged on the same made people, of both rigs and renderers, of whom it has seen
none. Without --ict (a converted ICT-FaceKit) only rows of the canonical rig run. Each training is
a process of its own with one thread; finished ones are kept in runs/variety and not repeated.
"""

import argparse
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, stdev
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from fau_tf.synthetic.sample import GENERATOR_VERSION
from fau_tf.training.config import dump_toml, load_config
from fau_tf.utils.files import replacing
from fau_tf.utils.markdown_tables import filled

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "guide" / "synthetic_faces.md"
BUDGET = {
    "model.preset": "small",
    "training.epochs": "4",
    "training.warmup_steps": "30",
    "training.threads": "1",
    "data.subjects": "200",
    "data.faces_per_subject": "4",
    "data.seed": "31",
}
QUICK = BUDGET | {"training.epochs": "1", "data.subjects": "30", "data.faces_per_subject": "2"}
JUDGES = {"data.subjects": "100", "data.faces_per_subject": "2", "data.seed": "47"}
QUICK_JUDGES = JUDGES | {"data.subjects": "10"}
CANONICAL, ICT = '["canonical"]', '["ict"]'
MIXED = '["fast", "path"]'


@dataclass(frozen=True)
class Row:
    """One training set."""

    name: str
    what: str
    settings: dict[str, str]


ROWS = (
    Row("canonical", "canonical rig, fast", {"data.rigs": CANONICAL}),
    Row("ict", "ICT rig, fast", {"data.rigs": ICT}),
    Row("both", "both rigs, fast", {"data.rigs": '["canonical", "ict"]'}),
    Row("path", "ICT rig, path-traced", {"data.rigs": ICT, "data.renderers": '["path"]'}),
    Row("mixed", "ICT rig, half and half", {"data.rigs": ICT, "data.renderers": MIXED}),
    Row("smooth", "ICT rig, fast, without wrinkles", {"data.rigs": ICT, "data.wrinkles": "false"}),
    Row("bare", "ICT rig, fast, without occluders", {"data.rigs": ICT, "data.occluders": "false"}),
    Row("exact", "ICT rig, fast, without crop jitter", {"data.rigs": ICT, "data.jitter": "false"}),
)  # fmt: skip
TESTS = {
    "canonical, fast": {"data.rigs": CANONICAL},
    "canonical, path": {"data.rigs": CANONICAL, "data.renderers": '["path"]'},
    "ICT, fast": {"data.rigs": ICT},
    "ICT, path": {"data.rigs": ICT, "data.renderers": '["path"]'},
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run what is missing, print the table."""
    options = _options(argv)
    rows, tests = _available(options)
    seeds = [1] if options.quick else list(range(1, options.seeds + 1))
    folder = ROOT / "runs" / ("variety-quick" if options.quick else "variety")
    folder.mkdir(parents=True, exist_ok=True)
    asked_tests = folder / "tests.json"
    with replacing(asked_tests) as unfinished:
        unfinished.write_text(json.dumps(tests, indent=1) + "\n", encoding="utf-8")
    for row in rows:  # one after the other: rendering takes both cores
        _run(folder, row, 1, options, "--only-faces")
    jobs = [(row, seed) for seed in seeds for row in rows]
    with ThreadPoolExecutor(options.jobs) as pool:
        for line in pool.map(lambda job: _run(folder, *job, options), jobs):
            print(line, flush=True)
    table = [entry for row in rows if (entry := _entry(folder, row, seeds))]
    text = _markdown(table, list(tests))
    print(text)
    if options.json:
        options.json.write_text(json.dumps(table, indent=1) + "\n")
    if options.write:
        _write(text)
    return 0


def _available(options: argparse.Namespace) -> tuple[list[Row], dict[str, list[str]]]:
    """Return the rows, and the settings of the sets that judge."""
    judges = QUICK_JUDGES if options.quick else JUDGES
    own = {"data.ict": str(options.ict.resolve())} if options.ict else {}
    left_out = {"ict"} if not options.ict else set()
    rows = [row for row in ROWS if not left_out & set(json.loads(row.settings["data.rigs"]))]
    tests = {
        name: [f"{key}={value}" for key, value in (judges | settings | own).items()]
        for name, settings in TESTS.items()
        if not left_out & set(json.loads(settings["data.rigs"]))
        and not (options.quick and "data.renderers" in settings)
    }
    if left_out:
        print("no --ict FILE: rows and judges of the ICT rig are left out", flush=True)
    return rows[:2] if options.quick else rows, tests


def _run(folder: Path, row: Row, seed: int, options: argparse.Namespace, *more: str) -> str:
    name = f"{row.name}-{seed}"
    settings = (QUICK if options.quick else BUDGET) | row.settings
    settings |= {"run.name": name, "run.seed": str(seed)}
    settings |= {"data.ict": str(options.ict.resolve())} if options.ict else {}
    changes = [part for key, value in settings.items() for part in ("--set", f"{key}={value}")]
    tests = folder / "tests.json"
    config = dump_toml(load_config(None, changes[1::2]))
    rules = f"{GENERATOR_VERSION} {config} {tests.read_text()}"
    asked = hashlib.sha256(rules.encode()).hexdigest()
    done = folder / name / "variety.json"
    if more or not (done.is_file() and json.loads(done.read_text())["asked"] == asked):
        script = str(ROOT / "benchmarks" / "variety_run.py")
        command = [sys.executable, script, str(folder), "--tests", str(tests), "--asked", asked]
        shown = None if more else subprocess.PIPE
        result = subprocess.run(
            [*command, *more, *changes], cwd=ROOT, stdout=shown, stderr=subprocess.PIPE, text=True,
            check=False,
        )  # fmt: skip
        if result.returncode:
            raise RuntimeError(f"{name} failed:\n{result.stderr[-2000:]}")
    if more:
        return name
    found = json.loads(done.read_text())["tests"]
    return f"{name}: " + ", ".join(f"{k} {v['mean']['icc']:.3f}" for k, v in found.items())


def _entry(folder: Path, row: Row, seeds: list[int]) -> dict[str, Any]:
    files = [folder / f"{row.name}-{seed}" / "variety.json" for seed in seeds]
    found = [json.loads(file.read_text())["tests"] for file in files if file.is_file()]
    if not found:
        return {}
    entry: dict[str, Any] = {"row": row.name, "what": row.what, "seeds": len(found)}
    for test in found[0]:
        values = [one[test]["mean"]["icc"] or 0.0 for one in found]  # null: nothing varied
        entry[test] = [mean(values), stdev(values) if len(values) > 1 else 0.0]
    return entry


def _markdown(table: list[dict[str, Any]], tests: list[str]) -> str:
    lines = [
        "| trained on | " + " | ".join(tests) + " | seeds |",
        "|---" * (len(tests) + 2) + "|",
    ]
    for row in table:
        figures = [f"{row[test][0]:.3f} ± {row[test][1]:.3f}" for test in tests]
        lines.append(f"| {row['what']} | {' | '.join(figures)} | {row['seeds']} |")
    return "\n".join(lines)


def _write(text: str) -> None:
    page = filled(PAGE.read_text(encoding="utf-8"), "variety", text)
    with replacing(PAGE) as unfinished:
        unfinished.write_text(page, encoding="utf-8")


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--ict", type=Path, help="a converted ICT-FaceKit")
    parser.add_argument("--seeds", type=int, default=3, help="trainings a row (3)")
    parser.add_argument("--jobs", type=int, default=2, help="trainings at a time (2)")
    parser.add_argument("--quick", action="store_true", help="two rows, one seed, a few steps")
    parser.add_argument("--json", type=Path, help="write the figures here")
    parser.add_argument("--write", action="store_true", help=f"write the table to {PAGE.name}")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
