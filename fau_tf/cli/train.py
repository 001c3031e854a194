"""Command line of train_keras.py: its options, its exit codes and its last lines."""

import argparse
import logging
import sys
from collections.abc import Callable, Sequence
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import tensorflow as tf

from fau_tf.training.callbacks import Stopped

_ERRORS: Final = (ValueError, OSError, ImportError, tf.errors.OpError, BrokenProcessPool)
_CONFIG: Final = Path(__file__).resolve().parents[2] / "configs" / "synthetic.toml"


@dataclass(frozen=True)
class Outcome:
    """What a training or evaluation that came to its end leaves to be said.

    Attributes:
        dropped: Frames that were dropped for undocumented reasons.
        refused: A line for each model that a gate refused: file and reasons.
    """

    dropped: int
    refused: Sequence[str] = ()


def exit_code(work: Callable[[], Outcome]) -> int:
    """Run the work of train_keras.py; return its exit code.

    Returns:
        0; 1 if all is done, but frames are missing without documentation or a gate refused a
        model; 2 after an error, which is printed in one line; 130 or 143 after a signal.
    """
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s: %(message)s")
    logging.getLogger("absl").setLevel(logging.ERROR)
    try:
        outcome = work()
    except (Stopped, KeyboardInterrupt) as stopped:
        print(str(stopped) or "stopped; the same command goes on", file=sys.stderr)
        return getattr(stopped, "exit_code", 130)
    except _ERRORS as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    if outcome.refused:
        print("\n".join(["models that were not written:", *outcome.refused]), file=sys.stderr)
    if outcome.dropped:
        why = "frames were left out for reasons that the data set does not document, see above and"
        accept = "dropped.csv. Accept them: --set data.accept_dropped=true"
        print(f"{outcome.dropped} {why} {accept}", file=sys.stderr)
    return 1 if outcome.dropped or outcome.refused else 0


def parse(argv: Sequence[str] | None, description: str | None) -> argparse.Namespace:
    """Return the options of train_keras.py."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    override = "override a setting; repeatable"
    seeds = "train with so many seeds, run.seed and the next ones; writes mean and sd (1)"
    add = parser.add_argument
    add("--config", type=Path, default=_CONFIG, help="TOML file of settings")
    add("--set", action="append", default=[], metavar="SECTION.KEY=VALUE", help=override)
    add("--runs", type=Path, default=Path("runs"), help="where runs/<name> goes")
    add("--data", type=Path, default=Path("data"), help="where face records go")
    add("--seeds", type=int, default=1, metavar="N", help=seeds)
    add("--evaluate", type=Path, metavar="RUN", help="evaluate a run or a .tflite on the data")
    add("--fresh", action="store_true", help="train from the start, whatever is there")
    options = parser.parse_args(argv)
    if options.seeds < 1 or (options.evaluate and options.seeds > 1):
        parser.error("--seeds: must be 1 or more, and is for training, without --evaluate")
    return options
