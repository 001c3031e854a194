"""Reading ahead in a thread: order, bounded memory, errors, and an early end."""

import threading
import time

import pytest

from fau_tf.io.video.read_ahead import AHEAD, ReadAhead


def readers():
    return [one for one in threading.enumerate() if one.name == "read-ahead"]


def test_items_keep_their_order_and_the_thread_ends_with_them():
    assert list(ReadAhead(lambda: iter(range(100)))) == list(range(100))
    deadline = time.monotonic() + 60
    while readers() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert readers() == []


def test_only_a_few_items_wait():
    taken = []

    def items():
        for i in range(100):
            taken.append(i)
            yield i

    reader = ReadAhead(items)
    assert next(reader) == 0
    time.sleep(0.2)
    # One was taken, some wait, and one is in the hand of the thread.
    assert len(taken) <= AHEAD + 2
    reader.close()


def test_an_error_comes_after_the_items_before_it():
    def items():
        yield 1
        yield 2
        raise ValueError("three")

    reader = ReadAhead(items)
    assert [next(reader), next(reader)] == [1, 2]
    with pytest.raises(ValueError, match="three"):
        next(reader)
    with pytest.raises(StopIteration):
        next(reader)


def test_an_early_end_stops_the_thread_and_closes_the_iterator():
    closed = threading.Event()

    def items():
        try:
            yield from range(1000)
        finally:
            closed.set()

    reader = ReadAhead(items)
    next(reader)
    reader.close()
    reader.close()
    assert closed.is_set()
    assert readers() == []
    with pytest.raises(StopIteration):
        next(reader)


def test_reading_goes_on_while_the_consumer_works():
    """The thread reads the second item although nobody has asked for it."""
    second_read = threading.Event()

    def items():
        yield 1
        second_read.set()
        yield 2

    reader = ReadAhead(items)
    assert next(reader) == 1
    assert second_read.wait(60)
    assert list(reader) == [2]
