"""A block that several threads share."""

import threading
from contextlib import contextmanager

import pytest

from fau_tf.utils.shared_context import SharedContext


def test_the_first_thread_enters_and_the_last_one_leaves():
    events = []

    @contextmanager
    def state():
        events.append("enter")
        yield
        events.append("leave")

    shared, others_inside = SharedContext(state), threading.Barrier(3)

    def work():
        with shared:
            others_inside.wait(10)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert events == ["enter", "leave"]
    with shared:
        assert events == ["enter", "leave", "enter"]
    assert events == ["enter", "leave"] * 2


def test_an_error_in_the_block_is_raised_and_the_block_is_left():
    inside = []

    @contextmanager
    def state():
        inside.append(1)
        yield
        inside.pop()

    shared = SharedContext(state)
    with pytest.raises(KeyError), shared:
        raise KeyError
    assert not inside


def test_a_context_that_cannot_be_entered_is_not_left():
    class Closed:
        def __enter__(self):
            raise OSError("closed")

        def __exit__(self, *_):
            raise AssertionError

    shared = SharedContext(Closed)
    for _ in range(2):
        with pytest.raises(OSError, match="closed"), shared:
            pass
