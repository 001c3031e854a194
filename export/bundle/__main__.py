"""What an app needs, in one folder: models, contract, golden vectors, manifest.

python -m export.bundle make FOLDER --run runs/synthetic   models of a run, judged, and the rest
python -m export.bundle describe FOLDER                    the rest, of the models that are there
python -m export.bundle relist FOLDER                      manifest.json alone
python -m export.bundle check FOLDER                       is every file as it was made?

Exit code 0: done, or whole; 2: the command, the run or the folder is at fault, or a variant breaks
a gate; 130: stopped by Ctrl-C. Where a folder can't be made whole, it stays as it is.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from export.specs import EXPORT_SPECS

DONE, AT_FAULT, STOPPED = 0, 2, 130
SHIPPED: Final = ("float16", "static_int8")
"""For the GPU, and for the CPU. Dynamic int8 would do there too, but how it rounds hangs on the
smallest change of a face: noise of 1e-4 gray levels moved an intensity by .03 of a grade, and
golden vectors could not tell that from a fault. Static int8 gave the same bits."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; return the exit code."""
    options = _options(argv)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # before TensorFlow loads
    try:
        return int(options.command(options))
    except KeyboardInterrupt:
        print("error: stopped. Run it again.", file=sys.stderr)
        return STOPPED
    # Whatever is wrong with a run, its faces, the folder or the disk; a fault of ours shows.
    except (ValueError, OSError, RuntimeError) as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        return AT_FAULT


def _make(options: argparse.Namespace) -> int:
    from export.bundle.folder import make_assets
    from export.command import export_command

    variants = [EXPORT_SPECS[name] for name in dict.fromkeys(options.spec or SHIPPED)]

    def export(stage: Path) -> list[str]:
        return export_command(
            options.run, variants, stage, options.data, name=options.name, may_skip=False, say=_say
        )

    refused = make_assets(options.folder, export, say=_say)
    if refused:
        print(
            f"error: {options.folder} stays as it is, since gates refuse {', '.join(refused)}; the "
            "lines above say why. Train longer, or name other variants by --spec.",
            file=sys.stderr,
        )
        return AT_FAULT
    _say(f"   {options.folder} is made")
    return DONE


def _describe(options: argparse.Namespace) -> int:
    from export.bundle.folder import describe

    describe(options.folder, say=_say)
    _say(f"   {options.folder} is described")
    return DONE


def _relist(options: argparse.Namespace) -> int:
    from export.bundle.folder import relist

    relist(options.folder)
    _say(f"   {options.folder} is listed")
    return DONE


def _check(options: argparse.Namespace) -> int:
    from export.bundle.folder import problems

    _say(f"== {options.folder}")
    found = problems(options.folder)
    for line in found:
        _say(f"   {line}")
    _say(f"   {len(found)} faults" if found else "   whole; the models give the golden vectors")
    return AT_FAULT if found else DONE


def _say(line: str) -> None:
    print(line, flush=True)


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m export.bundle",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    make = commands.add_parser("make", help="export a run's models and describe them")
    make.add_argument("folder", type=Path)
    make.add_argument("--run", type=Path, required=True, help="folder that train_keras.py left")
    make.add_argument(
        "--spec",
        action="append",
        choices=list(EXPORT_SPECS),
        help=f"a variant; may be given again ({', '.join(SHIPPED)})",
    )
    make.add_argument("--name", help="in the files' names, fau_NAME_... (the run's)")
    make.add_argument("--data", type=Path, default=Path("data"), help="face records (data)")
    make.set_defaults(command=_make)
    for name, command, text in (
        ("describe", _describe, "write all but the models"),
        ("relist", _relist, "write manifest.json alone"),
        ("check", _check, "say what is missing, altered, unknown or stale"),
    ):
        other = commands.add_parser(name, help=text)
        other.add_argument("folder", type=Path)
        other.set_defaults(command=command)
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
