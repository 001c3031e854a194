"""Results as a pandas data frame, with the columns of the CSV file."""

import io
import math
from collections.abc import Iterable, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, Final

import numpy as np

from fau_tf.inference.estimator import PRESENT_FROM, Estimate, FaceResult
from fau_tf.inference.model_info import ModelInfo
from fau_tf.inference.postprocessing import Postprocessing
from fau_tf.io.images import Frame
from fau_tf.outputs.tables.rows import CsvRows, column_type
from fau_tf.utils import optional_imports

_NO_PIXELS: Final = np.zeros((0, 0, 3), np.uint8)
# In pandas: integers that may be missing have an upper case letter.
_TYPES: Final = {"string": "str", "int64": "int64", "int8": "Int8", "float64": "float64"}
_NEEDED: Final = {"frame", "face_id", "success", "source"}


def to_dataframe(
    results: str
    | PathLike[str]
    | Estimate
    | Iterable[Estimate]
    | FaceResult
    | Iterable[FaceResult],
    info: ModelInfo | None = None,
    *,
    times: Sequence[float] | None = None,
    source: str = "",
    processing: Postprocessing | None = None,
    present_from: float = PRESENT_FROM,
) -> Any:
    """Return results as a `pandas.DataFrame`: a row for each face, in the columns of the CSV file.

    Figures have the three decimals of the file, and what was not read is missing, with its reason.

    Args:
        results: A CSV file of `fau-demo`; or an estimate, or those of successive frames, which are
            counted from 1; or a face, or those of one picture.
        info: The model's, `AUEstimator.info`; needed for all but files. The others, too, are for
            results that are no file.
        times: Seconds of each frame; missing by default.
        source: What the column `source` says.
        processing: What was done to the results, which decides on further columns.
        present_from: Intensity from which an AU counts as present.

    Raises:
        MissingLibraryError: If pandas is not installed.
        TypeError: If the results are anything else, or `info` is missing.
        ValueError: If a file is no table of `fau-demo`, or there are not as many times as frames.
        OSError: If a file can't be read.
    """
    pandas = optional_imports.pandas()
    if isinstance(results, (str, PathLike)):
        return _read(pandas, Path(results).read_text(encoding="utf-8"), str(results))
    if info is None:
        raise TypeError("to_dataframe needs `info` for results that are no file: AUEstimator.info.")
    estimates = _estimates(results)
    at = [math.nan] * len(estimates) if times is None else list(times)
    if len(at) != len(estimates):
        raise ValueError(
            f"`times` must have one entry for each frame: got {len(at)} for {len(estimates)}."
        )
    rows = CsvRows(info, processing, present_from)
    lines = [rows.head()]
    for number, (time, estimate) in enumerate(zip(at, estimates, strict=True), 1):
        frame = Frame(_NO_PIXELS, number, time, source, estimate.flags)
        lines += rows.lines(frame, estimate)
    return _read(pandas, "".join(lines), source)


def _estimates(results: object) -> list[Estimate]:
    """Return estimates as they are, and faces as one estimate."""
    found: list[Any] = list(results) if isinstance(results, Iterable) else [results]
    if all(isinstance(one, Estimate) for one in found):
        return found
    if all(isinstance(one, FaceResult) for one in found):
        return [Estimate(tuple(found))]
    kinds = sorted({type(one).__name__ for one in found})
    raise TypeError(
        f"to_dataframe takes a CSV file, Estimate, FaceResult or a list of either: got {kinds}."
    )


def _read(pandas: Any, text: str, name: str) -> Any:
    columns = list(pandas.read_csv(io.StringIO(text), nrows=0)) if text else []
    if not set(columns) >= _NEEDED:
        raise ValueError(
            f"{name}: no table of faces by fau-demo, which has the columns {sorted(_NEEDED)}: got "
            f"{columns[:8]}. Give its .csv file."
        )
    types = {column: _TYPES[column_type(column)] for column in columns}
    return pandas.read_csv(
        io.StringIO(text),
        dtype=types,
        keep_default_na=False,
        na_values={column: ["NaN"] for column, kind in types.items() if kind != "str"},
    )
