"""Commands run where the network is refused, and what they asked of it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCE = Path(__file__).with_name("no_network.c")

HOOK = '''
"""Imported by every Python process: refuses what Python itself asks of the network."""
import os, sys, traceback

LOOPBACK = os.environ.get("NO_NETWORK_LOOPBACK") == "1"
INTERNET = (2, 10, 17)  # AF_INET, AF_INET6, AF_PACKET
HERE = ("127.", "::1", "::ffff:127.", "localhost")

def refuse(event, args):
    kind, _, call = event.partition(".")
    if kind != "socket":
        return
    if call == "__new__":
        asked = None if LOOPBACK or args[1] not in INTERNET else f"family {args[1]}"
    elif call in ("connect", "bind", "sendto", "sendmsg"):
        place = args[1]
        asked = place if isinstance(place, tuple) and not inner(place[0]) else None
    elif call in ("getaddrinfo", "gethostbyname", "gethostbyaddr", "getnameinfo"):
        name = args[0][0] if call == "getnameinfo" else args[0]
        asked = None if inner(name) else repr(name)
    else:
        return
    if asked is not None:
        stack = [f"{frame.filename}:{frame.lineno}" for frame in traceback.extract_stack()[:-1]]
        # urllib3, which TensorFlow imports, tries whether ::1 can be bound when it is imported.
        if call != "__new__" or not any("urllib3/util/connection.py" in line for line in stack):
            with open(os.environ["NO_NETWORK_LOG"], "a") as file:
                file.write(f"Python: {event} {asked}, from {' < '.join(stack[::-1])}\\n")
        raise PermissionError(13, "the network is refused")

def inner(name):
    name = name.decode() if isinstance(name, bytes) else name
    return LOOPBACK and (name is None or name.startswith(HERE))

sys.addaudithook(refuse)
'''


class NoNetwork:
    """Runs commands without a network, and returns what they asked of it.

    Two layers, in every process that a command starts: an audit hook of Python, which tells the
    line of code, and no_network.c, which also sees what native libraries do.

    Args:
        folder: For the compiled library, the hook and the notes.
        compiler: The C compiler.
    """

    def __init__(self, folder, compiler):
        self._notes = folder / "notes"
        self._library = folder / "no_network.so"
        self._hook = folder / "hook"
        self._hook.mkdir()
        (self._hook / "sitecustomize.py").write_text(HOOK)
        subprocess.run(
            [compiler, "-shared", "-fPIC", "-O1", "-o", self._library, SOURCE, "-ldl"], check=True
        )

    def run(self, command, *, loopback=False, layers=("native", "python"), timeout=600):
        """Return the finished process and the lines of what it asked, in order.

        Args:
            command: A list; `sys.executable` stands before it.
            loopback: Allow 127.0.0.0/8, ::1 and `localhost`.
            layers: Which of the two to use.
            timeout: Seconds.
        """
        self._notes.unlink(missing_ok=True)
        environment = os.environ | {
            "NO_NETWORK_LOG": str(self._notes),
            "NO_NETWORK_LOOPBACK": "01"[loopback],
        }
        if "native" in layers:
            environment["LD_PRELOAD"] = str(self._library)
        if "python" in layers:
            environment["PYTHONPATH"] = str(self._hook)
        done = subprocess.run(
            [sys.executable, *map(str, command)],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        asked = self._notes.read_text().splitlines() if self._notes.exists() else []
        return done, asked


def compiler():
    """Return the path of a C compiler, None without one."""
    return shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
