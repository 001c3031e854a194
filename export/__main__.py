"""Export a trained run to .tflite files that pass their gates.

python -m export --run runs/synthetic                    every variant, into runs/synthetic/export
python -m export --run runs/synthetic --spec float16 --out models
python -m export --run runs/disfa/fold1                  one fold of a run with folds
python -m export --list                                  list the variants and their gates
python -m export --verify model.tflite                   check that it is a model of the contract
python -m export.bundle --help                           make the folder that an app needs

Exit code 0: done; 2: the command or the run is at fault, or a gate refuses a variant; 130: stopped
by Ctrl-C. A variant that a gate refuses is not written; the others are.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from export.checks.verify import verify
from export.specs import EXPORT_SPECS, ExportSpec, reason

DONE, AT_FAULT, STOPPED = 0, 2, 130
MIN_FACES_HELP: Final = (
    "fewest labeled faces that decide on a variant (default: 1000); of fewer, chance decides"
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return the exit code."""
    options = _options(argv)
    try:
        if options.list:
            print("\n".join(_row(variant) for variant in EXPORT_SPECS.values()))
            return DONE
        if options.verify:
            return verify(options.verify, _print)
        return _export(options)
    except KeyboardInterrupt:
        print(
            "error: stopped; the files written so far are complete. Run it again.", file=sys.stderr
        )
        return STOPPED


def _export(options: argparse.Namespace) -> int:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # before TensorFlow loads
    try:
        from export.command import export_command
        from export.qat.launch import require_packages

        if any(EXPORT_SPECS[name].fine_tuned for name in options.spec or ()):
            require_packages()  # asked for by name, so it must not be skipped
        variants = [EXPORT_SPECS[name] for name in dict.fromkeys(options.spec or EXPORT_SPECS)]
        out = options.out or options.run / "export"
        result = export_command(
            options.run,
            variants,
            out,
            options.data,
            name=options.name,
            min_faces=options.min_faces,
            may_skip=not options.spec,
            log=_print,
        )
    # Faults of the run, its faces, the disk or the environment; another error is a bug and shows
    # its traceback.
    except (ValueError, OSError, RuntimeError, ImportError) as error:
        print(f"error: {' '.join(_message(error).split())}", file=sys.stderr)
        return AT_FAULT
    if result.refused:
        names = ", ".join(result.refused)
        print(f"error: not written: {names}. See {out}/report.md.", file=sys.stderr)
    return AT_FAULT if result.refused else DONE


def _message(error: Exception) -> str:
    """Return an error's message, with the next step for one of the system or the environment."""
    if isinstance(error, OSError) and error.strerror:
        return (
            f"Can't read or write {error.filename or 'a file'}: {error.strerror}. Correct that, or "
            "name other folders by --out and --data."
        )
    return reason(error)


def _print(line: str) -> None:
    print(line, flush=True)


def _row(variant: ExportSpec) -> str:
    return (
        f"{variant.name:<13} {' and '.join(variant.accelerators):<12} weights {variant.weights}, "
        f"at most {variant.max_size:.0%} of float32's size, {variant.max_icc_loss:g} of mean ICC "
        f"and {variant.max_au_icc_loss:g} of any AU's ICC lost"
    )


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m export",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--run", type=Path, help="folder of a finished run")
    what.add_argument("--list", action="store_true", help="print the variants")
    what.add_argument("--verify", type=Path, metavar="FILE", help="check a .tflite file")
    parser.add_argument(
        "--spec",
        action="append",
        choices=list(EXPORT_SPECS),
        help="only this variant; may be repeated",
    )
    parser.add_argument("--out", type=Path, help="folder of the files (default: RUN/export)")
    parser.add_argument("--name", help="in the files' names, fau_NAME_... (default: the run's)")
    parser.add_argument("--min-faces", type=int, metavar="N", help=MIN_FACES_HELP)
    parser.add_argument(
        "--data", type=Path, default=Path("data"), help="folder of face records (default: data)"
    )
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
