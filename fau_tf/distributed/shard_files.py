"""Files of a shard: result rows as CSV, JSON lines and Parquet, and estimates on the way there."""

import gzip
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

from fau_tf.distributed.job import Job, Shard
from fau_tf.inference.estimator import Estimate
from fau_tf.inference.model_info import ModelInfo
from fau_tf.io.images import Frame, UnreadFrame
from fau_tf.outputs.spool import from_line, to_line
from fau_tf.outputs.tables.row_writer import RowWriter
from fau_tf.outputs.tables.rows import FORMATS, column_type
from fau_tf.utils.files import replacing

_PARQUET: Final = "parquet"
AddRows = Callable[[Frame | UnreadFrame, Estimate], None]


def result_files(job: Job, shard: Shard) -> list[Path]:
    """Return the files of a shard's rows."""
    return [Path(job.folder) / f"{shard.label}.{ending}" for ending in job.outputs]


@contextmanager
def write_rows(job: Job, shard: Shard, info: ModelInfo) -> Iterator[AddRows]:
    """Yield a function that adds a frame's rows; the files appear after a block without error."""
    folder = Path(tempfile.mkdtemp(prefix=".partial-", dir=job.work))
    endings = set(job.outputs) & FORMATS.keys() | ({"csv"} if _PARQUET in job.outputs else set())
    try:
        with ExitStack() as files:
            writers = [
                files.enter_context(
                    RowWriter(
                        folder / f"rows.{ending}",
                        FORMATS[ending](info, job.processing, job.present_from),
                    )
                )
                for ending in sorted(endings)
            ]

            def write(frame: Frame | UnreadFrame, estimate: Estimate) -> None:
                for writer in writers:
                    writer.write(frame, estimate)

            yield write
        if _PARQUET in job.outputs:
            _csv_to_parquet(folder / "rows.csv", folder / f"rows.{_PARQUET}")
        for path in result_files(job, shard):
            (folder / f"rows{path.suffix}").replace(path)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def write_estimates(path: Path, *, landmarks: bool) -> Iterator[AddRows]:
    """Yield a function that adds a frame's estimate; the file appears when the block ends.

    Args:
        path: The file.
        landmarks: Whether to keep the landmarks; they are most of the data.
    """
    with replacing(path) as unfinished, gzip.open(unfinished, "wt", 1, encoding="utf-8") as file:

        def add(frame: Frame | UnreadFrame, estimate: Estimate) -> None:
            file.write(to_line(frame, estimate, landmarks=landmarks))

        yield add


def read_estimates(path: Path) -> Iterator[tuple[Frame | UnreadFrame, Estimate]]:
    """Yield each frame that `write_estimates` wrote, without its pixels, and its estimate."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        yield from map(from_line, file)


def _csv_to_parquet(table: Path, path: Path) -> None:
    """Convert a CSV file of `CsvRows`: figures become numbers, NaN becomes null."""
    from pyarrow import csv, parquet

    with table.open(encoding="utf-8") as file:
        names = file.readline().rstrip("\n").split(",")
    options = csv.ConvertOptions(
        column_types={name: column_type(name) for name in names}, null_values=["NaN"]
    )
    parsing = csv.ParseOptions(newlines_in_values=True)  # a reason may contain a line end
    content: Any = csv.read_csv(table, parse_options=parsing, convert_options=options)
    parquet.write_table(content, path)
