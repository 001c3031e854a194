"""Checkpoints: everything that a training needs to go on, in one file that is whole or absent."""

import errno
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final, Self
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from fau_tf.utils.files import replacing

_PROGRESS: Final = "progress"


class CheckpointError(ValueError):
    """A checkpoint that can't be read, or belongs to a training with other settings."""


@dataclass
class Progress:
    """How far a training is, apart from the values of its variables.

    Attributes:
        fingerprint: From `run_state.fingerprint`.
        settings: The resolved settings as TOML, to name the ones that differ.
        step: Optimizer steps done.
        rows: The history, a row an epoch.
        best_icc: Highest mean ICC on the validation subjects; None before the first epoch's end.
        seconds: Of training, in all sessions.
        resumed: Steps at which a later session resumed.
    """

    fingerprint: str
    settings: str
    step: int = 0
    rows: list[dict[str, float]] = field(default_factory=list)
    best_icc: float | None = None
    seconds: float = 0.0
    resumed: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class Checkpoint:
    """Progress, and the values of all variables in the order of `training_variables`."""

    progress: Progress
    values: tuple[npt.NDArray[Any], ...]

    @classmethod
    def load(cls, path: Path) -> Self:
        """Return what `save` wrote.

        Raises:
            CheckpointError: If the file is no checkpoint, or is damaged.
        """
        try:
            with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
                progress = Progress(**json.loads(file[_PROGRESS].tobytes()))
                names = sorted(name for name in file.files if name != _PROGRESS)
                return cls(progress, tuple(file[name] for name in names))
        except (OSError, ValueError, KeyError, TypeError, EOFError, BadZipFile) as error:
            raise CheckpointError(
                f"{path} is not a whole checkpoint: {error}. Give --fresh to train from the start."
            ) from error

    def restore(self, variables: Sequence[Any]) -> None:
        """Assign the saved values to the variables.

        Raises:
            CheckpointError: If their number or shapes differ from what was saved.
        """
        found = [tuple(variable.shape) for variable in variables]
        saved = [value.shape for value in self.values]
        if found != saved:
            raise CheckpointError(
                f"A checkpoint must have the {len(found)} variables of this network: "
                f"got {len(saved)}, or other shapes. Give --fresh to train from the start."
            )
        for variable, value in zip(variables, self.values, strict=True):
            variable.assign(value)


def save(path: Path | None, progress: Progress, variables: Sequence[Any]) -> bool:
    """Write a checkpoint; return False, and write nothing, where a value is not finite.

    Args:
        path: The file; None reads the variables only, which of many workers all must do at once.
        progress: How far the training is.
        variables: From `training_variables`.

    Raises:
        OSError: If it can't be written; an earlier checkpoint is kept.
    """
    values = [np.asarray(variable) for variable in variables]
    if not all(np.isfinite(value).all() for value in values):
        return False
    if path is None:
        return True
    arrays = {f"variable_{i:05d}": value for i, value in enumerate(values)}
    arrays[_PROGRESS] = np.frombuffer(json.dumps(asdict(progress)).encode(), np.uint8)
    with written(path) as unfinished, unfinished.open("wb") as file:
        np.savez(file, allow_pickle=False, **arrays)
    return True


def training_variables(model: Any) -> list[Any]:
    """Return all variables of a compiled Keras model that training changes."""
    return [*model.variables, *model.optimizer.variables, *model.metrics_variables]


@contextmanager
def written(path: Path) -> Iterator[Path]:
    """Yield a file to write in place of `path`, as `replacing` does, and sync it to the disk.

    Raises:
        OSError: If it can't be written; `path` is kept.
    """
    try:
        with replacing(path) as unfinished:
            yield unfinished
            with unfinished.open("rb") as file:
                os.fsync(file.fileno())  # else a rename can reach the disk before the bytes do
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        raise OSError(
            f"{path} can't be written: {error.strerror or error}. The file that was there is kept. "
            f"{'Make room' if full else 'Mend that'}, then give the same command: it goes on from "
            "the last checkpoint."
        ) from error
