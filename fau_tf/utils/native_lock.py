"""Turns of threads at native code with state, closed state, and forked processes."""

import os
import threading
from contextlib import AbstractContextManager


class NativeLock(AbstractContextManager["NativeLock"]):
    """Lets one thread at a time use native code that keeps its inputs and outputs in itself.

    A `with` block raises RuntimeError after `close`, and in a forked process: native code may hold
    locks of threads that a fork leaves behind, and then it hangs.
    """

    def __init__(self, owner: str) -> None:
        """Begin.

        Args:
            owner: What is used, for the messages.
        """
        self._owner = owner
        self._lock = threading.Lock()
        self._process = os.getpid()
        self._closed = False

    def __enter__(self) -> "NativeLock":
        self.require_usable()  # first: the lock, too, may be left locked by the fork
        self._lock.acquire()
        if self._closed:
            self._lock.release()
            self.require_usable()
        return self

    def __exit__(self, *_: object) -> None:
        self._lock.release()

    def close(self) -> bool:
        """Refuse all later calls, once the one that runs is over.

        Returns:
            Whether the native code is to be freed: the first time, and not in a forked process.
        """
        if os.getpid() != self._process:
            return False
        with self._lock:
            first, self._closed = not self._closed, True
        return first

    def require_usable(self) -> None:
        """Raise RuntimeError after `close`, and in a process forked from the one that made this."""
        process = os.getpid()
        if process != self._process:
            raise RuntimeError(
                f"{self._owner}: must be used in the process that made it. Received: a call in "
                f"process {process}, forked from {self._process}. Make one in each process; "
                '`multiprocessing.get_context("spawn")` starts processes without copies.'
            )
        if self._closed:
            raise RuntimeError(
                f"{self._owner}: must be open. Received: a call after its `with` block or "
                "`close()`. Make another one."
            )
