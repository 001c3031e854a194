"""Reading ahead in a thread, while the consumer works on what was read."""

import threading
from collections.abc import Callable, Iterator
from queue import Empty, Full, Queue
from typing import Final, Generic, TypeVar

Item = TypeVar("Item")

AHEAD: Final = 3
"""Items that wait at most; bounds the memory."""

_POLL: Final = 0.1  # s after which a reader that waits for room looks whether it is stopped


class ReadAhead(Iterator[Item], Generic[Item]):
    """Iterates over what a thread of its own takes from an iterator, in its order.

    An exception of the iterator is raised here, after the items before it. The thread ends with the
    iterator, with an exception, or by `close`.
    """

    def __init__(self, open_items: Callable[[], Iterator[Item]]) -> None:
        """Start the thread.

        Args:
            open_items: Returns the iterator; called and used in the thread.
        """
        self._queue: Queue[tuple[Item | None, BaseException | None]] = Queue(AHEAD)
        self._stopped = threading.Event()
        self._ended = False
        # A daemon, so that a consumer that forgets `close` doesn't keep the process from ending.
        self._thread = threading.Thread(
            target=self._run, args=(open_items,), name="read-ahead", daemon=True
        )
        self._thread.start()

    def __next__(self) -> Item:
        """Return the next item; waits for it."""
        if self._ended:
            raise StopIteration
        while True:
            try:
                item, error = self._queue.get(timeout=_POLL)
                break
            except Empty:
                if self._stopped.is_set():  # closed by another thread
                    raise StopIteration from None
        if error is not None:
            self._ended = True
            raise error
        return item  # type: ignore[return-value]  # None only with an error

    def close(self) -> None:
        """Stop and end the thread; what was read ahead is lost. A second call does nothing."""
        self._stopped.set()
        self._ended = True
        self._thread.join()

    def _run(self, open_items: Callable[[], Iterator[Item]]) -> None:
        try:
            for item in open_items():
                if not self._put(item, None):
                    return
            self._put(None, StopIteration())
        # Whatever it is, it belongs to the consumer.
        except BaseException as error:
            self._put(None, error)

    def _put(self, item: Item | None, error: BaseException | None) -> bool:
        """Hand something over; return False if nobody wants it any more."""
        while not self._stopped.is_set():
            try:
                self._queue.put((item, error), timeout=_POLL)
                return True
            except Full:
                continue
        return False
