"""Reports that workers leave on disk, and the loop that collects them."""

import json
import os
import resource
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from fau_tf.distributed.cluster import Cluster, OpenFolder, Row
from fau_tf.utils.files import replacing

TRIED: Final = ".tried"
"""Ending of the files of `Attempts`."""
MAX_CRASHES: Final = 3
"""Processes that an image may crash before it is left out."""
_PROGRESS_SECONDS: Final = 10.0


@dataclass
class ShardReport:
    """Result of a shard; its file marks the shard as complete.

    Attributes:
        images: Number of photos or frames that were read.
        with_face: Those with a face whose AUs were estimated.
        written: Whether the shard has rows.
        unread: Error messages of photos and frames that cannot be read.
        fault: Why a video ends in this range although it should go on.
        start: Face search state before the first frame, see `job.state_entries`.
        end: Face search state after the last frame.
        seconds: Time that the shard took.
        process: Host and id of the process.
        peak_mib: Peak memory of the process so far.
    """

    images: int = 0
    with_face: int = 0
    written: bool = False
    unread: list[str] = field(default_factory=list)
    fault: str = ""
    start: dict[str, Any] | None = None
    end: dict[str, Any] | None = None
    seconds: float = 0.0
    process: str = ""
    peak_mib: float = 0.0

    def save(self, path: Path) -> None:
        """Write the report whole, with the process that it comes from."""
        self.process = process_name()
        self.peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        with replacing(path) as unfinished:
            unfinished.write_text(json.dumps(asdict(self)), encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> "ShardReport":
        """Return the report that a worker wrote."""
        return cls(**json.loads(path.read_text(encoding="utf-8")))


@dataclass
class ProcessUsage:
    """Work of one process.

    Attributes:
        shards: Number of shards that it read.
        seconds: Time that they took.
        first_mib: Peak memory after the first shard.
        last_mib: Peak memory after the last shard.
    """

    shards: int = 0
    seconds: float = 0.0
    first_mib: float = 0.0
    last_mib: float = 0.0

    def add(self, report: ShardReport) -> None:
        """Count a shard."""
        self.first_mib = self.first_mib or report.peak_mib
        self.last_mib = report.peak_mib
        self.shards += 1
        self.seconds += report.seconds


class Attempts:
    """Notes on disk of the image that a process is reading, so the next one knows what crashed it.

    A context manager: a process that leaves it, also by an error, did not crash, and takes its
    notes back. One process at a time works on a shard.

    Args:
        path: Notes of a shard, left by earlier processes.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._process = path, process_name()
        last: dict[str, int] = {}
        for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else ():
            who, _, number = line.rpartition(" ")
            if number.isdecimal():  # the last line of a killed process may be incomplete
                last[who] = int(number)
        last.pop(self._process, None)
        self._crashes = Counter(last.values())
        self._size = path.stat().st_size if path.is_file() else 0

    def __enter__(self) -> "Attempts":
        return self

    def __exit__(self, *_: object) -> None:
        if self._path.is_file():
            os.truncate(self._path, self._size)  # on a full disk, too

    def begin(self, number: int) -> bool:
        """Note the next image; return False if it has crashed too many processes."""
        if self._crashes[number] >= MAX_CRASHES:
            return False
        with self._path.open("a", encoding="utf-8") as notes:
            notes.write(f"{self._process} {number}\n")
        return True


@contextmanager
def forget_attempts_on_interrupt(work: Path) -> Iterator[None]:
    """Delete the notes of `Attempts` on Ctrl-C, which ends processes that read a good image."""
    try:
        yield
    except KeyboardInterrupt:
        for notes in work.rglob(f"*{TRIED}"):
            notes.unlink()
        raise


def crash_message(name: str) -> str:
    """Return the error message for an image that `Attempts` leaves out."""
    return f"{name}: {MAX_CRASHES} processes crashed while reading it. Convert it or leave it out."


def process_name() -> str:
    """Return host and id of this process."""
    return f"{socket.gethostname()}:{os.getpid()}"


def run_rows(
    cluster: Cluster,
    open_folder: OpenFolder,
    rows: Sequence[Row],
    *,
    title: str,
    log: Callable[[str], None],
    log_error: Callable[[str], None],
    finished: Callable[[str], str] = lambda _: "",
) -> None:
    """Work on rows; log errors at once, and progress every 10 s.

    Args:
        cluster: Does the work.
        open_folder: As in `Cluster.run`.
        rows: The work.
        title: Begins each line of progress.
        log: Prints a line.
        log_error: Prints an error.
        finished: Called with the key of each row that succeeded; returns a status for the log.

    Raises:
        ValueError: If a row failed; the others are done.
    """
    failed: list[str] = []
    status = ""
    start = logged = time.monotonic()
    for count, row in enumerate(cluster.run(open_folder, rows), 1):
        if row["error"]:
            failed.append(row["error"])
            log_error(f"  {row['error']}")
        else:
            status = finished(row["key"])
        now = time.monotonic()
        if now - logged > _PROGRESS_SECONDS or count == len(rows):
            logged = now
            left = (len(rows) - count) * (now - start) / count
            log(f"  {title}: {count} of {len(rows)} done{status}, {left:.0f} s left")
    if failed:
        raise ValueError(
            f"{len(failed)} of {len(rows)} shards failed, first {failed[0]} The others are kept; "
            "the same command continues with the failed ones."
        )
