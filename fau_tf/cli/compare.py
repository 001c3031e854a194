"""The command `python -m fau_tf.cli.evaluate compare`: two runs on the same test subjects."""

import argparse
import json
from pathlib import Path
from typing import Final

from fau_tf.cli.command import log
from fau_tf.utils.files import replacing
from fau_tf.utils.json_safe import plain

_NAME: Final = "comparison"  # of the files in --out


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    described = "a run, also of several seeds, or a ..._predictions.npz of --evaluate"
    parser.add_argument("a", type=Path, metavar="A", help=described)
    parser.add_argument("b", type=Path, metavar="B", help="the other one: differences are B - A")
    parser.add_argument(
        "--out", type=Path, metavar="FOLDER", help=f"write {_NAME}.json, .csv and .tex there"
    )
    parser.set_defaults(run_command=run)


def run(options: argparse.Namespace) -> None:
    """Print the differences, and write them where --out is given."""
    from fau_tf.evaluation.comparison import runs

    found = runs.compare(runs.load_evaluated(options.a), runs.load_evaluated(options.b))
    log(runs.comparison_text(found))
    if options.out is None:
        return
    table = runs.comparison_table(found)
    as_json = json.dumps(plain(found), indent=1, allow_nan=False) + "\n"
    options.out.mkdir(parents=True, exist_ok=True)
    for ending, text in (("json", as_json), ("csv", table.csv()), ("tex", table.latex())):
        with replacing(options.out / f"{_NAME}.{ending}") as unfinished:
            unfinished.write_text(text, encoding="utf-8")
    log(f"written to {options.out}")
