"""A call in a forked copy of this process."""

import os
import signal

SECONDS = 20  # the call must not hang


def in_forked_process(call):
    """Return what a call returns there, as text, or its error; it is killed after `SECONDS`."""
    reading, writing = os.pipe()
    process = os.fork()
    if process == 0:
        os.close(reading)
        signal.alarm(SECONDS)
        try:
            said = str(call())
        except BaseException as error:
            said = f"{type(error).__name__}: {error}"
        os.write(writing, said.encode()[:4096])
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        said = pipe.read().decode()
    _, status = os.waitpid(process, 0)
    assert status == 0, f"the forked process ended with status {status}"
    return said
