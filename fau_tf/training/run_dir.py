"""The folder `runs/<name>/` of a run: its lock, its stages' times, and the versions in use."""

import importlib.metadata
import json
import os
import platform
import re
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Final

from fau_tf.contract import CONTRACT_VERSION
from fau_tf.utils.files import lock_folder, replacing
from fau_tf.utils.json_safe import plain

METRICS: Final = ("metrics.json", "metrics.csv", "metrics.tex")
"""Figures on the test subjects, and their table."""
PREDICTIONS: Final = "predictions.npz"
AGREEMENT: Final = "agreement.png"
SCATTER: Final = "scatter.png"
"""Predictions for the test subjects, and pictures of them."""
CURVES: Final = "curves.png"
GALLERY: Final = "gallery.png"
NEIGHBORS: Final = "neighbors.png"
"""Pictures of the training, of faces with their heatmaps, and of SCC's neighbors."""
PHOTO: Final = "astronaut"
"""Name of the sample photo; what `fau-demo` makes of it is `astronaut_au.*`."""
EVALUATION: Final = (*METRICS, PREDICTIONS, AGREEMENT, SCATTER)
"""What an evaluation on the test subjects leaves."""
_PACKAGES: Final = (
    "fau_tf",
    "tensorflow",
    "keras",
    "numpy",
    "ai-edge-litert",
    "ai-edge-quantizer",
)
_PART: Final = re.compile(r"(?:fold|seed)(\d+)")  # folder of a fold or a seed


class RunDir(AbstractContextManager["RunDir"]):
    """The folder of one run, which no other process writes into, and a clock for its stages.

    Args:
        path: `runs/<name>`; made if it isn't there.
        alone: Whether this process writes there; a worker that only takes part doesn't.

    Raises:
        OSError: If it can't be made, or another process holds it.
    """

    def __init__(self, path: Path, *, alone: bool = True) -> None:
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OSError(
                f"The run's folder {path} can't be made: {error.strerror}. Give another --runs."
            ) from error
        self.path, self._alone = path, alone
        self._lock = (
            lock_folder(path, "one process at a time writes a run's folder") if alone else None
        )
        self.seconds: dict[str, float] = {}
        self.reused_seconds: dict[str, float] = {}  # of stages whose results were reused

    def __exit__(self, *_: object) -> None:
        if self._lock:
            self._lock.close()

    def __truediv__(self, name: str) -> Path:
        """Return the path of a file in the folder."""
        return self.path / name

    @contextmanager
    def part(self, name: str) -> Iterator["RunDir"]:
        """Yield the folder of a seed or a fold; this one where the only one has no name."""
        if not name:
            yield self
            return
        self.log(f"== {name}")
        with RunDir(self / name, alone=self._alone) as folder:
            yield folder

    @contextmanager
    def stage(self, title: str) -> Iterator[None]:
        """Print a stage's title, and at its end how long it took."""
        self.log(f"== {title}")
        start = time.monotonic()
        yield
        self.seconds.setdefault(title, round(time.monotonic() - start, 1))
        self.log(f"   {title}: {self.seconds[title]:.1f} s")

    def log(self, line: str) -> None:
        """Print a line at once, so that a log file shows where a run is."""
        print(line, flush=True)  # noqa: T201 - commands print through this

    def write_json(self, name: str, content: Any) -> None:
        """Write a JSON file, whole or not at all; NaN becomes null."""
        write_text(self / name, json.dumps(plain(content), indent=1) + "\n")


def model_name(run: str, folder: Path) -> str:
    """Return what the models in a folder are named after: the run, and its seed and fold.

    Args:
        run: `run.name`.
        folder: `runs/<name>`, or a folder such as `seed2`, `fold1` or `seed2/fold1` in it.
    """
    parts: list[str] = []
    place = folder.resolve()
    while place.name != run and _PART.fullmatch(place.name):
        parts, place = [place.name, *parts], place.parent
    return "_".join([run, *parts])


def folder_name(folder: Path) -> str:
    """Return what tells a run's folder from others: its name, of a seed or fold after its run's."""
    place = folder.resolve()
    own = (one.name for one in (place, *place.parents) if not _PART.fullmatch(one.name))
    return model_name(next(own, ""), folder)


def parts_holding(run: Path, name: str) -> list[Path]:
    """Return the folders of a run's seeds and folds that hold a file, in order of their numbers.

    Args:
        run: `runs/<name>`, whose own file does not count.
        name: Of the file.
    """
    places = {}
    for folder in (path.parent for path in run.rglob(name) if path.parent != run):
        found = [_PART.fullmatch(part) for part in folder.relative_to(run).parts]
        if all(found):
            places[folder] = [int(match[1]) for match in found if match]
    return sorted(places, key=lambda folder: places[folder])


def folds_holding(run: Path, name: str) -> list[Path]:
    """Return `parts_holding` of the folds that lie in the run's folder itself."""
    found = parts_holding(run, name)
    return [path for path in found if path.parent == run and path.name.startswith("fold")]


def write_text(path: Path, text: str) -> None:
    """Write beside the place, then rename: a reader never sees half a file."""
    with replacing(path) as unfinished:
        unfinished.write_text(text, encoding="utf-8")


def cores() -> int:
    """Return how many CPU cores this process may use, which its times depend on."""
    allowed = getattr(os, "sched_getaffinity", None)  # not on macOS
    return len(allowed(0)) if allowed else os.cpu_count() or 1


def versions() -> dict[str, Any]:
    """Return the versions of the contract, of Python and of the packages that results depend on."""
    found: dict[str, Any] = {"contract_version": CONTRACT_VERSION}
    found |= {"python": platform.python_version(), "machine": platform.machine()}
    for name in _PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found
