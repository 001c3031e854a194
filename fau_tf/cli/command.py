"""Exit codes, error lines and output that the commands share."""

import sys
from collections.abc import Callable
from concurrent.futures.process import BrokenProcessPool


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
