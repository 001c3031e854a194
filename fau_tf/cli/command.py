"""Exit codes, error lines and output that the commands share."""

import argparse
import sys
from collections.abc import Callable, Mapping
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path


def exit_code(work: Callable[[], bool | None], stopped: str) -> int:
    """Run the work of a command; return its exit code.

    Args:
        work: Returns whether some input was at fault.
        stopped: Line that is printed after Ctrl-C.

    Returns:
        0 or, if some input was at fault, 1; 2 after an error, which is printed in one line; 130
        after Ctrl-C.
    """
    try:
        return 1 if work() else 0
    except KeyboardInterrupt:
        print(stopped, file=sys.stderr)
        return 130
    except (ValueError, OSError, ImportError, BrokenProcessPool) as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        return 2


def log(line: str) -> None:
    """Print a line at once."""
    print(line, flush=True)


def options_used(options: argparse.Namespace, shown: Mapping[str, str]) -> str:
    """Return the options that a command was given, as the page that it writes names them.

    Args:
        options: Of the command.
        shown: Attribute -> how it is written, e.g. `--photos FOLDER`, or `--subjects {}` with its
            value. One that is empty, None or False is left out.
    """
    given = {name: getattr(options, name) for name in shown}
    return " ".join(shown[name].format(value) for name, value in given.items() if value)


def require_least(options: argparse.Namespace, **least: int) -> None:
    """Find out before long work whether numbers are large enough.

    Args:
        options: Of the command.
        least: Option -> its least value.

    Raises:
        ValueError: If one is smaller.
    """
    for name, value in least.items():
        received = getattr(options, name)
        if received < value:
            raise ValueError(f"--{name} must be at least {value}. Received: {received}")


def require_file(option: str, path: Path | None) -> None:
    """Find out before long work whether its result can be written.

    Args:
        option: That names the file.
        path: The file, which need not exist; None if the option is not given.

    Raises:
        ValueError: If its folder is missing, or it is a folder itself.
    """
    if path is not None and (path.is_dir() or not path.absolute().parent.is_dir()):
        raise ValueError(
            f"{option} must name a file in a folder that exists. Received: {path}. Create the "
            "folder first."
        )


def require_checkout(root: Path, *files: Path) -> None:
    """Find out before long work whether `--write` can publish files.

    Args:
        root: Of the checkout.
        files: Relative to it.

    Raises:
        FileNotFoundError: If the folder of one is missing.
    """
    for file in files:
        if not (root / file).parent.is_dir():
            raise FileNotFoundError(f"{root}: no {file.parent}. --write needs a checkout.")
