"""What the command says: results on stdout, progress and errors on stderr."""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, TextIO

# A name may hold the sequences that move a terminal's cursor, or worse.
_CONTROLS: Final = {
    code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160)) if code != ord("\n")
}

_LIVE, _LINES = 0.2, 10.0  # seconds between two states of the progress, on a terminal and in a log


class Console:
    """Prints; where nobody listens any more (`| head`), the work goes on in silence."""

    def __init__(self, *, quiet: bool = False) -> None:
        """Take over both streams.

        Args:
            quiet: Say only what went wrong.
        """
        self._quiet = quiet
        _open_streams()
        for stream in (sys.stdout, sys.stderr):
            # A file name may hold bytes that the terminal's encoding lacks.
            getattr(stream, "reconfigure", lambda **_: None)(errors="backslashreplace")

    def say(self, *lines: str) -> None:
        """Print lines to stdout, unless quiet."""
        if not self._quiet:
            _write(sys.stdout, "".join(f"{_harmless(line)}\n" for line in lines))

    def complain(self, *lines: str) -> None:
        """Print lines to stderr."""
        _write(sys.stderr, "".join(f"{_harmless(line)}\n" for line in lines))

    def progress(self, what: str, total: int) -> "Progress":
        """Return a progress of `total` frames; 0 where nobody knows how many."""
        return Progress(what, total, shown=not self._quiet)


class Progress:
    """Frames done, frames a second and time left, on stderr; nothing for short work.

    Attributes:
        done: Frames so far.
    """

    def __init__(self, what: str, total: int, *, shown: bool) -> None:
        self.done = 0
        self._what, self._total, self._shown = _harmless(one_line(what)), total, shown
        self._live = sys.stderr.isatty()
        self._start = self._said = time.monotonic()
        self._width = 0

    @property
    def rate(self) -> float:
        """Frames a second so far."""
        return self.done / max(time.monotonic() - self._start, 1e-9)

    def step(self) -> None:
        """Count a frame."""
        self.done += 1
        now = time.monotonic()
        if self._shown and now - self._said >= (_LIVE if self._live else _LINES):
            self._said = now
            self._write(self._line())

    def end(self) -> None:
        """Clear the line on a terminal."""
        if self._width:
            _write(sys.stderr, "\r" + " " * self._width + "\r")
            self._width = 0

    def _line(self) -> str:
        rate = self.rate
        if not self._total:
            return f"{self._what}: {self.done} frames, {rate:.1f} a second"
        left = max(self._total - self.done, 0) / rate
        minutes, seconds = divmod(round(left), 60)
        return (
            f"{self._what}: {self.done} of {self._total} frames, {rate:.1f} a second, "
            f"{minutes}:{seconds:02d} left"
        )

    def _write(self, line: str) -> None:
        if self._live:
            _write(sys.stderr, f"\r{line:<{self._width}}")
            self._width = max(self._width, len(line))
        else:
            _write(sys.stderr, f"{line}\n")


def _open_streams() -> None:
    """Send streams that the caller has closed (`2>&-`) nowhere."""
    # Otherwise the next file that is opened takes the stream's number, and with it what native
    # libraries say.
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, "w" if number else "r", closefd=False))  # noqa: SIM115


@contextmanager
def without_notices() -> Iterator[None]:
    """Keep the start-up notices of native code off the terminal; Python errors stay."""
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


def one_line(text: str) -> str:
    """Return text with every stretch of white space as one space: names may hold newlines."""
    return " ".join(text.split())


def _harmless(line: str) -> str:
    return line.translate(_CONTROLS)


def _write(stream: TextIO, text: str) -> None:
    try:
        stream.write(text)
        stream.flush()
    except BrokenPipeError:
        # Also for what Python itself writes at its end.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
    except (OSError, ValueError):
        # A terminal that is full or closed must not cost the results.
        return
