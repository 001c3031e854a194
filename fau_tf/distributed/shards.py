"""Rows of a shard -> CSV, JSON lines and Parquet, each file whole or not there."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

from fau_tf.distributed.parts import Job, Part
from fau_tf.inference.model_info import ModelInfo
from fau_tf.outputs.csv_jsonl import Reading
from fau_tf.outputs.writers import WRITERS

PARQUET: Final = "parquet"
_TEXT: Final = (
    "reason", "flags", "source", "processing", "model", "model_sha256", "weak_aus",
)  # fmt: skip


def outputs_of(job: Job, part: Part) -> list[Path]:
    """Return the files of a shard's rows."""
    return [Path(job.place) / f"{part.shard}.{ending}" for ending in job.outputs]


@contextmanager
def rows(job: Job, part: Part, info: ModelInfo) -> Iterator[Callable[[Reading], None]]:
    """Give a function that adds a row; the files are there when the block ends without an error."""
    folder = Path(tempfile.mkdtemp(prefix=".partial-", dir=job.work))
    wanted = set(job.outputs) & WRITERS.keys() | ({"csv"} if PARQUET in job.outputs else set())
    try:
        with ExitStack() as files:
            writers = [
                files.enter_context(
                    WRITERS[ending](
                        folder / f"rows.{ending}",
                        info,
                        smoothed=bool(job.smooth),
                        calibrated=bool(job.neutral),
                        present_from=job.present_from,
                        processing=job.processing.name,
                    )
                )
                for ending in sorted(wanted)
            ]

            def write(reading: Reading) -> None:
                for writer in writers:
                    writer.write(reading)

            yield write
        if PARQUET in job.outputs:
            _to_parquet(folder / "rows.csv", folder / f"rows.{PARQUET}")
        for path in outputs_of(job, part):
            (folder / f"rows{path.suffix}").replace(path)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _to_parquet(table: Path, path: Path) -> None:
    """Write a CSV file of ours as Parquet: figures are numbers, what was not read is null."""
    from pyarrow import csv, parquet

    with table.open(encoding="utf-8") as file:
        names = file.readline().rstrip("\n").split(",")
    options = csv.ConvertOptions(
        column_types={name: _kind(name) for name in names}, null_values=["NaN"]
    )
    # A reason may hold a line end.
    parsing = csv.ParseOptions(newlines_in_values=True)
    content: Any = csv.read_csv(table, parse_options=parsing, convert_options=options)
    parquet.write_table(content, path)


def _kind(column: str) -> str:
    if column in _TEXT:
        return "string"
    if column in ("frame", "face_id", "contract_version"):
        return "int64"
    return "int8" if column == "success" or column.endswith("_c") else "float64"
