"""Native code has one user at a time, none after its end, none in a forked process."""

import threading
import time

import pytest

from fau_tf.utils.native_lock import NativeLock
from tests.helpers.forked import in_forked_process


def test_threads_take_turns():
    lock, inside, most = NativeLock("Network"), [], []
    ready = threading.Barrier(4)

    def use():
        ready.wait()
        with lock:
            inside.append(1)
            most.append(len(inside))
            time.sleep(0.01)  # without turns the others come in here
            inside.pop()

    threads = [threading.Thread(target=use) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1, 1, 1, 1]


def test_after_the_end_use_is_refused_with_the_next_step():
    lock = NativeLock("Network")
    with lock:
        pass
    assert lock.close()
    assert not lock.close()
    for use in (lock.__enter__, lock.require_usable):
        with pytest.raises(RuntimeError, match=r"Network: must be open.*Make another one"):
            use()


def test_a_thread_that_waits_while_it_is_closed_is_refused():
    lock, found = NativeLock("Network"), []

    def wait():
        try:
            lock.__enter__()
        except RuntimeError as error:
            found.append(str(error))

    lock._lock.acquire()
    thread = threading.Thread(target=wait)
    thread.start()
    lock._closed = True
    lock._lock.release()
    thread.join(10)
    assert found[0].startswith("Network: must be open")
    assert not lock._lock.locked()


def test_an_error_inside_gives_the_turn_back():
    lock = NativeLock("Network")
    with pytest.raises(ZeroDivisionError), lock:
        _ = 1 / 0
    with lock:
        pass


@pytest.mark.parametrize("busy", [False, True])
def test_a_forked_process_is_refused_at_once_also_when_a_thread_was_inside(busy):
    lock = NativeLock("Network")
    if busy:
        lock.__enter__()
    for use in (lock.__enter__, lock.require_usable):
        said = in_forked_process(use)
        assert said.startswith("RuntimeError: Network: must be used in the process that made it")
        assert "spawn" in said
    assert in_forked_process(lock.close) == "False"
