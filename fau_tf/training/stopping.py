"""Ctrl-C and SIGTERM: finish the step, save, say how to go on."""

import signal
from collections.abc import Callable
from contextlib import AbstractContextManager
from types import FrameType
from typing import Any, Final

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


class Stopped(Exception):
    """Training ended early because somebody asked; a checkpoint was written.

    Args:
        message: What was done, and how to go on.
        number: Of the signal.
    """

    def __init__(self, message: str, number: int) -> None:
        super().__init__(message)
        self.exit_code = 128 + number


class StopRequest(AbstractContextManager["StopRequest"]):
    """Notes the first signal; the second ends the process as it would have without this.

    Args:
        say: Prints a line.

    Attributes:
        signal: Number of the signal that came, or None.
    """

    def __init__(self, say: Callable[[str], None]) -> None:
        self.signal: int | None = None
        self._say = say
        self._before: dict[int, Any] = {s: signal.signal(s, self._note) for s in _SIGNALS}

    def _note(self, number: int, frame: FrameType | None) -> None:
        del frame
        self.signal = number
        self.close()
        self._say("   stopping: the step is finished and saved; once more stops at once")

    def close(self) -> None:
        """Put the earlier handlers back."""
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def __exit__(self, *_: object) -> None:
        self.close()
