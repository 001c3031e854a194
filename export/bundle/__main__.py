"""Write or check the folder of everything that an app needs.

python -m export.bundle make FOLDER --run runs/synthetic   export a run's models and describe them
python -m export.bundle describe FOLDER                    describe the models that are there
python -m export.bundle relist FOLDER                      write manifest.json only
python -m export.bundle check FOLDER                       report missing, altered or stale files

Exit code 0: success; 2: the command, the run or the folder has a fault, or a variant fails a gate;
130: stopped by Ctrl-C. After a failure the folder is unchanged.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # before TensorFlow loads

from export.__main__ import MIN_FACES_HELP
from export.bundle.folder import describe, make_assets, problems, relist
from export.specs import EXPORT_SPECS, reason

DONE, AT_FAULT, STOPPED = 0, 2, 130
SHIPPED: Final = ("float16", "static_int8")
"""Variants for the GPU and for the CPU.

Dynamic int8 would do for the CPU, but its rounding depends on the smallest change of a face: noise
of 1e-4 gray levels moved an intensity by 0.03, which golden vectors could not tell from a fault.
Static int8 moved by 0.02 at most.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; return the exit code."""
    options = _options(argv)
    try:
        faults = _COMMANDS[options.command](options)
    except KeyboardInterrupt:
        print("error: stopped. Run it again.", file=sys.stderr)
        return STOPPED
    # A fault of the run, its faces, the folder, the disk or the environment; a bug keeps its
    # traceback.
    except (ValueError, OSError, RuntimeError, ImportError) as error:
        print(f"error: {' '.join(reason(error).split())}", file=sys.stderr)
        return AT_FAULT
    return AT_FAULT if faults else DONE


def _make(options: argparse.Namespace) -> list[str]:
    from export.command import export_command  # which loads TensorFlow
    from export.qat.launch import require_packages

    variants = [EXPORT_SPECS[name] for name in dict.fromkeys(options.spec or SHIPPED)]
    if any(variant.fine_tuned for variant in variants):
        require_packages()  # now, not after the export of the others

    def export(stage: Path) -> list[str]:
        result = export_command(
            options.run,
            variants,
            stage,
            options.data,
            name=options.name,
            min_faces=options.min_faces,
            log=_log,
        )
        return list(result.refused)

    refused = make_assets(options.folder, export, log=_log)
    if refused:
        print(
            f"error: {options.folder} is unchanged because {', '.join(refused)} failed the gates "
            "reported above. Train longer, or choose other variants with --spec.",
            file=sys.stderr,
        )
    return refused


def _describe(options: argparse.Namespace) -> list[str]:
    describe(options.folder, new_golden=options.new_golden, log=_log)
    return []


def _relist(options: argparse.Namespace) -> list[str]:
    relist(options.folder)
    return []


def _check(options: argparse.Namespace) -> list[str]:
    _log(f"== {options.folder}")
    found = problems(options.folder)
    for line in found:
        _log(f"   {line}")
    _log(f"   {len(found)} faults" if found else "   complete; the models give the golden vectors")
    return found


_COMMANDS: Final = {"make": _make, "describe": _describe, "relist": _relist, "check": _check}


def _log(line: str) -> None:
    print(line, flush=True)


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m export.bundle",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND", dest="command")
    make, describing, *others = (
        commands.add_parser(name, help=text)
        for name, text in (
            ("make", "export a run's models and describe them"),
            ("describe", "write everything but the models"),
            ("relist", "write manifest.json only"),
            ("check", "report missing, altered, unknown or stale files"),
        )
    )
    for command in (make, describing, *others):
        command.add_argument("folder", type=Path)
    make.add_argument("--run", type=Path, required=True, help="folder written by train_keras.py")
    make.add_argument(
        "--spec",
        action="append",
        choices=list(EXPORT_SPECS),
        help=f"a variant; may be repeated (default: {', '.join(SHIPPED)})",
    )
    make.add_argument("--name", help="NAME in the file names fau_NAME_... (default: the run's)")
    make.add_argument("--data", type=Path, default=Path("data"), help="face records (data)")
    make.add_argument("--min-faces", type=int, metavar="N", help=MIN_FACES_HELP)
    describing.add_argument(
        "--new-golden",
        action="store_true",
        help="write the golden vectors anew even if the present ones are within tolerance",
    )
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
