"""Images a second of the training's input pipeline, from records of 320 px.

    python -m benchmarks.input_pipeline [--quick] [--json FILE] [--write PAGE]

Each row reads the same records, decodes, crops, augments and encodes targets as a training does,
with nothing else running; PAGE is docs/experiments/performance.md. Rows take turns and medians are
taken. A turn ends when the buffers that it emptied are full again. Other work of the machine hardly
changes the processor time of an image: 1000 / ms is what one core delivers. The first row is the
second one computed by the general way, one affine resampling with light and noise of strength 0, as
all crops were before those that don't move were cut out.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any, Final

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from PIL import Image

from benchmarks.common import table, warn_of_load
from fau_tf import facs
from fau_tf.data import pipeline
from fau_tf.data.augment import NO_AUGMENT
from fau_tf.data.record import FaceRecord, as_features
from fau_tf.data.tfrecord import RecordWriter
from fau_tf.training import setup
from fau_tf.training.config import Config, load_config
from fau_tf.utils import markdown_tables
from fau_tf.utils.files import replacing

ROOT: Final = Path(__file__).resolve().parents[1]
PHOTO: Final = ROOT / "docs" / "sample" / "astronaut.png"
RECORDS: Final = 128
SIZE: Final = 320  # px of a record
BEFORE: Final = replace(NO_AUGMENT, scale=1e-12, noise=1e-12)
"""Rounds to no augmentation, and takes the general way."""
_WATCHED: Final = 0.1  # seconds
TITLES: Final = {
    "pipeline": "name", "crop px": "crop", "images/s": "images_per_second",
    "processor ms an image": "processor_ms", "x resampled": "ratio",
}  # fmt: skip


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print, write; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.input_pipeline", description=__doc__
    )
    parser.add_argument("--quick", action="store_true", help="1 batch and 1 round a row")
    parser.add_argument("--json", type=Path, help="write the figures here")
    parser.add_argument("--write", type=Path, help="put the table into this document")
    options = parser.parse_args(argv)
    load = warn_of_load()
    batches, rounds = (1, 1) if options.quick else (5, 3)
    configs = variants()
    setup.make_deterministic(next(iter(configs.values())))  # as in training
    with tempfile.TemporaryDirectory() as folder:
        file = write_records(Path(folder) / "faces-000-of-001.tfrecord")
        streams = {name: stream(file, config) for name, config in configs.items()}
        rows = measure(streams, configs, batches, rounds)
    print(table(rows, TITLES))
    result = {"benchmark": "input_pipeline", "quick": options.quick, "cores": os.cpu_count()}
    if options.json:
        text = json.dumps(result | {"load": load, "rows": rows}, indent=1) + "\n"
        options.json.write_text(text, encoding="utf-8")
    if options.write:
        page = options.write.read_text(encoding="utf-8")
        with replacing(options.write) as unfinished:
            content = markdown_tables.table(list(TITLES), [_cells(row) for row in rows])
            unfinished.write_text(markdown_tables.filled(page, "input", content), encoding="utf-8")
    return 0


def variants() -> dict[str, Config]:
    """Return name -> settings, the row that others are compared with first."""
    paper = load_config(ROOT / "configs" / "disfa_paper.toml")
    phone = load_config(ROOT / "configs" / "disfa.toml")
    return {
        "no augmentation, resampled": replace(paper, augment=BEFORE),
        "no augmentation, `disfa_paper.toml`": paper,
        "default augmentation": replace(paper, augment=load_config(None).augment),
        "with blur, JPEG and occlusion": replace(paper, augment=phone.augment),
        "`disfa.toml`": phone,
    }


def write_records(file: Path) -> Path:
    """Write records of the sample photo; return the file."""
    photo = Image.open(PHOTO).convert("RGB").resize((SIZE, SIZE))
    rng = np.random.default_rng(0)
    with RecordWriter(file) as writer:
        for number in range(RECORDS):
            record = FaceRecord(
                image=np.asarray(photo),
                landmarks=rng.uniform(100, 220, (68, 2)).astype(np.float32),
                intensity=dict(zip(facs.DISFA, rng.uniform(0, 5, len(facs.DISFA)), strict=True)),
                subject="one",
                source=str(number),
                dataset="benchmark",
            )
            writer.write(as_features(record))
    return file


def stream(file: Path, config: Config) -> Iterator[Any]:
    """Return endless training batches of a config."""
    return iter(
        pipeline.batches(
            pipeline.examples([file], ["one"]),
            setup.make_targets(config),
            record_size=SIZE,
            batch_size=config.training.batch_size,
            seed=1,
            augment=config.augment,
        )
    )


def measure(
    streams: dict[str, Iterator[Any]], configs: dict[str, Config], batches: int, rounds: int
) -> list[dict[str, Any]]:
    """Return a row for each stream; they take turns."""
    spent: dict[str, list[tuple[float, float]]] = {name: [] for name in streams}
    for turn in range(rounds + 1):  # the first fills caches and buffers
        for name, batch in streams.items():
            before = _once_idle()
            list(islice(batch, batches))
            after = _once_idle()
            if turn:
                spent[name].append((after[0] - before[0], after[1] - before[1]))
    rows = []
    for name, seconds in spent.items():
        images = batches * configs[name].training.batch_size
        wall, processor = (median(column) for column in zip(*seconds, strict=True))
        rows.append(
            {
                "name": name,
                "crop": configs[name].model.image_size,
                "images_per_second": images / wall,
                "processor_ms": 1e3 * processor / images,
            }
        )
    for row in rows:
        row["ratio"] = rows[0]["processor_ms"] / row["processor_ms"]
    return rows


def _once_idle() -> tuple[float, float]:
    """Return seconds and processor seconds when the threads of all pipelines came to rest."""
    now = time.perf_counter(), time.process_time()
    while True:
        time.sleep(_WATCHED)
        later = time.perf_counter(), time.process_time()
        if later[1] - now[1] < _WATCHED / 10:
            return now
        now = later


def _cells(row: dict[str, Any]) -> list[str]:
    return [
        row["name"], str(row["crop"]), f"{row['images_per_second']:.0f}",
        f"{row['processor_ms']:.2f}", f"{row['ratio']:.2f}",
    ]  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
