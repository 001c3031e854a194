"""Check a real data set, prepare its face records, or make a set of portraits to edit.

python -m fau_tf.cli.data check CONFIG
python -m fau_tf.cli.data prepare CONFIG
python -m fau_tf.cli.data portraits FOLDER... --out SET
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # before TensorFlow loads

from fau_tf.cli import portraits
from fau_tf.cli.command import exit_code, log
from fau_tf.data.adapters.prepare import CARD, DROPPED, dataset_folder, prepare, summary
from fau_tf.data.adapters.validate import counts_table, report_lines, validate
from fau_tf.data.config import SYNTHETIC
from fau_tf.training.config import Config, load_config

_SHOWN = 20  # problems


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; return the exit code.

    1: frames are missing without documentation, or `check` has found another fault.
    """
    options = _options(argv)
    return exit_code(
        lambda: _run(options), "stopped; the same command resumes after the complete clips"
    )


def _run(options: argparse.Namespace) -> bool:
    if options.command == "portraits":
        portraits.run(options)
        return False
    config = load_config(options.config, options.set)
    if config.data.dataset == SYNTHETIC:
        raise ValueError("`data.dataset` must be a real data set. Received: synthetic")
    faulty = _COMMANDS[options.command](config, options)
    return faulty and not (options.accept or config.data.accept_dropped)


def _prepare(config: Config, options: argparse.Namespace) -> bool:
    run = None
    if options.cluster is not None:
        from fau_tf.distributed.prepare import cluster_runner

        run = cluster_runner(config.data, options.cluster, options.workers)
    done = prepare(config.data, options.data, log=log, run=run)
    for line in summary(done):
        log(line)
    log(f"records in {done.folder}, dropped frames in {done.folder / DROPPED}")
    return bool(done.undocumented)


def _check(config: Config, options: argparse.Namespace) -> bool:
    from fau_tf.data.adapters.validate_report import write_page  # Matplotlib: seconds

    found = validate(config.data, config.data_seed)
    for line in (*counts_table(found), *report_lines(found, _SHOWN)):
        log(line)
    folder = dataset_folder(config.data, found.index, options.data)
    prepared = prepare(config.data, options.data, log=log) if (folder / CARD).is_file() else None
    if prepared is None:
        log("  not prepared yet; after that, check also shows faces")
    page = write_page(
        options.out or folder.with_name(f"{folder.name}-check"), folder.name, found, prepared
    )
    log(f"report in {page}")
    return found.faulty


_COMMANDS = {"prepare": _prepare, "check": _check}


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m fau_tf.cli.data",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    check = commands.add_parser("check", help="compare a data set with its documentation")
    prepare = commands.add_parser("prepare", help="prepare a data set's face records")
    for command in (check, prepare):
        _add_dataset_arguments(command)
    check.add_argument("--out", type=Path, help="folder for the report of a check")
    prepare.add_argument(
        "--cluster",
        metavar="HOST:PORT|local",
        help="prepare as a Ray Data job, see docs/guide/distributed.md",
    )
    prepare.add_argument(
        "--workers", type=int, default=0, help="processes of that job (0: one per core)"
    )
    portraits.add_arguments(
        commands.add_parser("portraits", help="align photos of faces, for edits of their AUs")
    )
    options = parser.parse_args(argv)
    if options.command == "prepare" and (
        options.workers < 0 or (options.workers and options.cluster is None)
    ):
        parser.error("--workers: must be 1 or more, and needs --cluster")
    return options


def _add_dataset_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("config", type=Path, help="TOML file of settings, e.g. configs/disfa.toml")
    parser.add_argument(
        "--set", action="append", default=[], metavar="SECTION.KEY=VALUE", help="override a setting"
    )
    parser.add_argument("--data", type=Path, default=Path("data"), help="folder for face records")
    parser.add_argument(
        "--accept-dropped", dest="accept", action="store_true",
        help="exit with 0 although something is missing that the data set does not document",
    )  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
