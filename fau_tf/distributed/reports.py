"""What a worker says of a shard: a file that is there once the shard is complete."""

import json
import os
import resource
import socket
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from fau_tf.utils.console import one_line
from fau_tf.utils.files import replacing

TRIED: Final = ".tried"
"""Ending of the files of `Attempts`."""
DEATHS: Final = 3
"""So many processes may die of a picture; then it is left out."""


@dataclass
class Report:
    """What became of a shard.

    Attributes:
        pictures: How many were read.
        with_face: Those with a face whose AUs were read.
        crowded: Those with as many faces as were wanted.
        written: Whether it has rows.
        unread: What could not be read, and why.
        fault: Why a video ends there, if it should go on.
        start: What was known of the frames before the range, see `parts.trail_entries`.
        end: The same of its last one.
        seconds: That it took.
        process: Host and number of the process.
        peak_mib: The most memory that this process has had so far.
    """

    pictures: int = 0
    with_face: int = 0
    crowded: int = 0
    written: bool = False
    unread: list[str] = field(default_factory=list)
    fault: str = ""
    start: dict[str, Any] | None = None
    end: dict[str, Any] | None = None
    seconds: float = 0.0
    process: str = ""
    peak_mib: float = 0.0

    def save(self, path: Path) -> None:
        """Write it whole, with the process that it is from."""
        self.process = process()
        self.peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        with replacing(path) as unfinished:
            unfinished.write_text(json.dumps(asdict(self)), encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> "Report":
        """Return the report that a worker wrote."""
        return cls(**json.loads(path.read_text(encoding="utf-8")))


@dataclass
class ProcessUse:
    """What a process did.

    Attributes:
        shards: How many it read.
        seconds: That they took.
        first_mib: The most memory that it had had after the first one.
        last_mib: The same after the last one.
    """

    shards: int = 0
    seconds: float = 0.0
    first_mib: float = 0.0
    last_mib: float = 0.0

    def count(self, report: Report) -> None:
        """Add a shard's report."""
        self.first_mib = self.first_mib or report.peak_mib
        self.last_mib = report.peak_mib
        self.shards += 1
        self.seconds += report.seconds


@dataclass
class Done:
    """What came of a source.

    Attributes:
        source: Its name.
        unit: What its pictures are called.
        shards: How many it was cut into.
        pictures: How many were read.
        with_face: Those with a face whose AUs were read.
        mended: Ranges that were read again, since a face was followed in another way before them.
        failures: Source, shard and reason of all that could not be read.
    """

    source: str
    unit: str
    shards: int = 0
    pictures: int = 0
    with_face: int = 0
    mended: int = 0
    failures: list[tuple[str, str, str]] = field(default_factory=list)

    def fail(self, shard: str, reason: str) -> None:
        """Note what could not be read."""
        self.failures.append((self.source, shard, one_line(reason)))


class Attempts:
    """Notes on disk which picture a process is at, so that the next one knows what it died of."""

    def __init__(self, path: Path) -> None:
        """Read what earlier processes left.

        Args:
            path: The notes of a shard.
        """
        self._path, self._process = path, process()
        last: dict[str, int] = {}
        for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else ():
            who, _, number = line.rpartition(" ")
            if number.isdecimal():  # the last line of a killed process may be half a one
                last[who] = int(number)
        last.pop(self._process, None)
        self._deaths = Counter(last.values())

    def begin(self, number: int) -> bool:
        """Note the next picture; return False where too many processes died of it."""
        if self._deaths[number] >= DEATHS:
            return False
        with self._path.open("a", encoding="utf-8") as notes:
            notes.write(f"{self._process} {number}\n")
        return True


@contextmanager
def stoppable(work: Path) -> Iterator[None]:
    """Forget all attempts below a folder on Ctrl-C, of which processes die through no picture."""
    try:
        yield
    except KeyboardInterrupt:
        for notes in work.rglob(f"*{TRIED}"):
            notes.unlink()
        raise


def guarded(key: str, work: Callable[[], None]) -> dict[str, str]:
    """Do some work; return its key and an error, empty where all is well.

    Whatever one shard leads to, the others are done; the job ends with this one's name.
    """
    try:
        work()
    except Exception as error:
        said = one_line(str(error)) or "no reason given"
        return {"key": key, "error": f"{type(error).__name__}: {said}"}
    return {"key": key, "error": ""}


def deadly(name: str) -> str:
    """Return what is said of a picture that `Attempts` leaves out."""
    return (
        f"{name}: must be read without an end of the process that reads it. Received: {DEATHS} "
        "processes that ended there. Convert it, or leave it out."
    )


def process() -> str:
    """Return host and number of this process."""
    return f"{socket.gethostname()}:{os.getpid()}"
