"""Blocks that change the process, shared by threads."""

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager


class SharedContext(AbstractContextManager[None]):
    """A block that threads may be in at the same time: the first enters it, the last leaves it.

    Without this, a thread that leaves last would bring back the state in which it has entered: that
    which another thread had changed.
    """

    def __init__(self, make: Callable[[], AbstractContextManager[object]]) -> None:
        """Remember how the context is made; it is not entered yet.

        Args:
            make: Returns a context manager that changes the process and changes it back.
        """
        self._make = make
        self._lock = threading.Lock()
        self._inside = 0
        self._context: AbstractContextManager[object]

    def __enter__(self) -> None:
        with self._lock:
            if not self._inside:
                context = self._make()
                context.__enter__()
                self._context = context
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside:
                self._context.__exit__(None, None, None)
