"""Messages of a command: results on stdout, progress and errors on stderr."""

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Final

from fau_tf.utils.shared_context import SharedContext
from fau_tf.utils.text import one_line, printable

_TERMINAL, _LOG = 0.2, 10.0  # seconds between two states of the progress


class Console:
    """Prints. A closed pipe (`| head`) or a full disk costs messages, never results."""

    def __init__(self, *, quiet: bool = False) -> None:
        """Take over both streams.

        Args:
            quiet: Print errors only.
        """
        self._quiet = quiet
        _open_streams()
        for stream in (sys.stdout, sys.stderr):
            # A file name may hold characters that the terminal's encoding lacks.
            getattr(stream, "reconfigure", lambda **_: None)(errors="backslashreplace")

    def print(self, *lines: str) -> None:
        """Print lines to stdout, unless quiet."""
        if not self._quiet:
            _Stream("stdout").write("".join(f"{printable(line)}\n" for line in lines))

    def error(self, *lines: str) -> None:
        """Print lines to stderr."""
        _Stream("stderr").write("".join(f"{printable(line)}\n" for line in lines))

    def progress(self, name: str, total: int) -> Any:
        """Return a tqdm bar of `total` frames, 0 if unknown; short work shows none."""
        if self._quiet or total == 1:
            return _NoBar()
        from tqdm import tqdm  # a tenth of the time to the result of a photo

        tqdm.set_lock(threading.RLock())  # its default may start a process
        pause = _TERMINAL if sys.stderr.isatty() else _LOG
        return tqdm(
            total=total or None,
            desc=printable(one_line(name)),
            unit=" frames",
            file=_Stream("stderr"),
            leave=False,
            delay=pause,
            mininterval=pause,
        )


class _NoBar(AbstractContextManager["_NoBar"]):
    """Shows nothing."""

    def update(self) -> None:
        """Count a frame."""

    def __exit__(self, *_: object) -> None:
        """Nothing to end."""


class _Stream:
    """The present stdout or stderr; drops what can't be written."""

    def __init__(self, name: str) -> None:
        self._name = name

    def write(self, text: str) -> None:
        stream = getattr(sys, self._name)
        try:
            stream.write(text)
            stream.flush()
        except BrokenPipeError:
            # Also for what Python itself writes at its end.
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream.fileno())
            os.close(nowhere)
        except (OSError, ValueError):
            return

    def flush(self) -> None:
        """Do nothing: `write` has done it."""

    def __getattr__(self, name: str) -> Any:
        return getattr(getattr(sys, self._name), name)


def _open_streams() -> None:
    """Point streams that the caller has closed (`2>&-`) to /dev/null."""
    # Otherwise the next file that is opened gets the stream's number, and native libraries write
    # their messages into it.
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, "w" if number else "r", closefd=False))  # noqa: SIM115


def quiet_native_code() -> AbstractContextManager[None]:
    """Keep what native libraries write to stderr off the terminal, of all threads."""
    return _QUIET


@contextmanager
def _stderr_to_nowhere() -> Iterator[None]:
    if sys.stderr is not None:
        sys.stderr.flush()
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


_QUIET: Final = SharedContext(_stderr_to_nowhere)
