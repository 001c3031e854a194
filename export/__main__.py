"""Turn a trained run into .tflite files that have been audited, judged and measured.

python -m export --run runs/synthetic                    every variant, into runs/synthetic/export
python -m export --run runs/synthetic --spec float16 --out models
python -m export --list                                  the variants and their gates
python -m export --verify model.tflite                   is it a model of the contract?
python -m export.bundle --help                           the folder that an app needs

Exit code 0: done; 2: the command or the run is at fault, or a variant breaks a gate; 130: stopped
by Ctrl-C. A variant that breaks a gate is not written, those that keep theirs are.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from export.checks.verify import verify
from export.specs import EXPORT_SPECS, ExportSpec

DONE, AT_FAULT, STOPPED = 0, 2, 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return the exit code."""
    options = _options(argv)
    try:
        if options.list:
            print("\n".join(_row(variant) for variant in EXPORT_SPECS.values()))
            return DONE
        if options.verify:
            return verify(options.verify, _say)
        return _export(options)
    except KeyboardInterrupt:
        print("error: stopped; what was written is whole. Run it again.", file=sys.stderr)
        return STOPPED


def _export(options: argparse.Namespace) -> int:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # before TensorFlow loads
    from export.command import export_command
    from export.qat.launch import environment_python

    try:
        if "qat_int8" in (options.spec or ()):
            environment_python()  # asked for by name, so not to be skipped
        variants = [EXPORT_SPECS[name] for name in dict.fromkeys(options.spec or EXPORT_SPECS)]
        out = options.out or options.run / "export"
        refused = export_command(
            options.run,
            variants,
            out,
            options.data,
            name=options.name,
            may_skip=not options.spec,
            say=_say,
        )
    # Whatever is wrong with a run, its faces or the disk; a fault of ours shows its traceback.
    except (ValueError, OSError, RuntimeError) as error:
        print(f"error: {' '.join(_words(error).split())}", file=sys.stderr)
        return AT_FAULT
    if refused:
        print(f"error: not written: {', '.join(refused)}; see {out}/report.md", file=sys.stderr)
    return AT_FAULT if refused else DONE


def _words(error: Exception) -> str:
    """Return what an error says; of one of the system's, also the rule and the next step."""
    if isinstance(error, OSError) and error.strerror:
        return (
            f"{error.filename or 'The disk'} must be readable, and writable with room to spare. "
            f"Received: {error.strerror}. Mend that, or name other folders by --out and --data."
        )
    return str(error)


def _say(line: str) -> None:
    print(line, flush=True)


def _row(variant: ExportSpec) -> str:
    return (
        f"{variant.name:<13} {' and '.join(variant.accelerators):<12} weights {variant.weights}, "
        f"at most {variant.max_size:.0%} of float32's size, {variant.max_icc_loss:g} of mean ICC "
        f"and {variant.max_au_icc_loss:g} of an AU's lost"
    )


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m export",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--run", type=Path, help="folder that train_keras.py left")
    what.add_argument("--list", action="store_true", help="print the variants")
    what.add_argument("--verify", type=Path, metavar="FILE", help="check a .tflite file")
    parser.add_argument(
        "--spec",
        action="append",
        choices=list(EXPORT_SPECS),
        help="only this variant; may be given again",
    )
    parser.add_argument("--out", type=Path, help="folder of the results (RUN/export)")
    parser.add_argument("--name", help="in the files' names, fau_NAME_... (the run's)")
    parser.add_argument(
        "--data", type=Path, default=Path("data"), help="where face records go (data)"
    )
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
