"""What the processes of a pool have in common."""

import multiprocessing
import os
import signal
import threading


def follow_the_parent() -> None:
    """Leave Ctrl-C to the parent, and end when it is killed: else this waits for work for ever."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def watch() -> None:
        parent = multiprocessing.parent_process()
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
