"""Speed of training on this machine's device: the step and its parts, its growth, the pipeline.

    python -m benchmarks.training [--quick] [--json FILE] [--write docs/experiments/performance.md]
    python -m benchmarks.training --preset paper --set training.precision=mixed_bfloat16

All programs of a preset run in turn, forwards and backwards, and medians are taken. Parts are
differences of nested programs: the gradient of the backbone alone; of the network without SCC; of
the network; the whole step. So "decoder" has the loss in it, "update" clipping, Adam and metrics,
and what overlaps or is cached between parts counts where it comes up first.

Beside it: a plain Keras heatmap network without SCC, widened to equal parameters, with MSE and
Adam. The share of the peak is the arithmetic of the step (three times the forward pass) at the
rate that a large matrix product reached in the same run and precision.
"""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import tensorflow as tf

from benchmarks import training_parts as parts
from benchmarks.common import in_turn, table, warn_of_load
from fau_tf.data import pipeline
from fau_tf.data.datasets import FaceDataset
from fau_tf.training import setup
from fau_tf.training.config import Config, load_config
from fau_tf.training.run_dir import versions
from fau_tf.utils.files import replacing
from fau_tf.utils.markdown_tables import filled

PARTS = ("backbone", "decoder", "scc", "update")
GROWTH = (
    *(("batch", f"training.batch_size={n}") for n in (8, 16, 32, 64)),
    *(("image", f"model.image_size={s}|model.heatmap_size={s // 4}") for s in (96, 128, 160)),
    *(("k", f"model.k={k}") for k in (1, 5, 11)),
)
TITLES = {
    "steps": {
        "preset": "preset", "batch": "batch", "ms": "step_ms", "images/s": "images_per_second",
        "backbone ms": "backbone_ms", "decoder ms": "decoder_ms", "SCC ms": "scc_ms",
        "update ms": "update_ms", "input ms": "input_ms", "x plain Keras": "rate_over_plain",
        "of peak": "peak_share", "MB": "memory_mb",
    },
    "growth": {"varied": "varied", "settings": "settings", "step ms": "step_ms",
               "images/s": "images_per_second"},
    "pipeline": {"records": "records", "images/s": "images_per_second",
                 "x step of the first preset": "rate_over_step"},
}  # fmt: skip


def main(arguments: list[str] | None = None) -> int:
    """Measure, print the tables, write; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.training", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="under a minute: `small`, 2 rounds")
    parser.add_argument("--preset", action="append", help="may be given again")
    parser.add_argument("--set", action="append", default=[], metavar="SECTION.KEY=VALUE")
    parser.add_argument("--json", type=Path, help="write the figures here")
    parser.add_argument("--write", type=Path, help="put the tables into this document")
    options = parser.parse_args(arguments)
    load = warn_of_load()
    presets = options.preset or (["small"] if options.quick else ["mobile", "small"])
    rounds = 2 if options.quick else 9
    configs = [_config(preset, options.set) for preset in presets]
    setup.make_deterministic(configs[0])  # costs time, and training has it
    tables: dict[str, list[dict[str, Any]]] = {"pipeline": feed(configs[0], options.quick)}
    waits = 1e3 / tables["pipeline"][0]["images_per_second"]
    tables["steps"] = [row(config, rounds, waits) for config in configs]
    for entry in tables["pipeline"]:
        entry["rate_over_step"] = (
            entry["images_per_second"] / tables["steps"][0]["images_per_second"]
        )
    tables["growth"] = [] if options.quick else grow(presets[0], options.set)
    for name, rows in tables.items():
        print(f"\n{name}\n{table(rows, TITLES[name])}" if rows else "")
    result = {
        "benchmark": "training",
        "quick": options.quick,
        "device": device_name(),
        "load": load,
    }
    result |= {"set": options.set, "versions": versions(), **tables}
    if options.json:
        options.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    if options.write:
        write(options.write, tables)
    return 0


def row(config: Config, rounds: int, input_ms_per_image: float) -> dict[str, Any]:
    """Return the figures of one preset."""
    bare = replace(config, model=parts.without_scc(config.model))
    product, operations = parts.product(config)
    ms = timed(
        {
            "backbone": parts.backbone_gradient(bare),
            "no_scc": parts.gradient(bare),
            "network": parts.gradient(config),
            "step": parts.step(config),
            "plain": parts.plain_step(config),
            "product": product,
        },
        rounds,
    )
    batch = config.training.batch_size
    flops = 3 * batch * parts.forward_flops(config.model)
    return {
        "preset": config.model.preset,
        "batch": batch,
        "step_ms": ms["step"],
        "images_per_second": 1e3 * batch / ms["step"],
        "backbone_ms": ms["backbone"],
        "decoder_ms": ms["no_scc"] - ms["backbone"],
        "scc_ms": ms["network"] - ms["no_scc"],
        "update_ms": ms["step"] - ms["network"],
        "input_ms": batch * input_ms_per_image,
        "rate_over_plain": ms["plain"] / ms["step"],
        "step_gflop": flops / 1e9,
        "peak_share": (flops / ms["step"]) / (operations / ms["product"]),
        "memory_mb": _memory_mb(),
    }


def timed(programs: dict[str, Callable[[], Any]], rounds: int) -> dict[str, float]:
    """Return name -> median milliseconds; the programs run in turn."""
    return {name: 1e3 * median(seconds) for name, seconds in in_turn(programs, rounds).items()}


def grow(preset: str, changes: list[str]) -> list[dict[str, Any]]:
    """Return how a step's time grows with batch, image size and k."""
    rows = []
    for varied, settings in GROWTH:
        keras.backend.clear_session()
        config = _config(preset, [*changes, *settings.split("|")])
        ms = timed({"step": parts.step(config)}, 5)["step"]
        rate = 1e3 * config.training.batch_size / ms
        rows.append({"varied": varied, "settings": settings.replace("|", ", "), "step_ms": ms,
                     "images_per_second": rate})  # fmt: skip
    return rows


def feed(config: Config, quick: bool) -> list[dict[str, Any]]:
    """Return images a second of the input pipeline alone, records in memory and from disk."""
    few = ["data.subjects=10" if quick else "data.subjects=60", "data.seed=99"]
    config = _config(config.model.preset, [*few, f"data.record_size={config.data.record_size}"])
    with tempfile.TemporaryDirectory() as folder:
        faces = setup.prepare_faces(config, Path(folder), print)
        streams = {
            "in memory": _stream(faces, config, cache=True),
            "from disk": _stream(faces, config, cache=False),
        }
        batches = 6 if quick else 40
        reads: dict[str, Callable[[], Any]] = {
            name: partial(_read, stream, batches) for name, stream in streams.items()
        }
        ms = timed(reads, 3)
    images = batches * config.training.batch_size
    return [{"records": name, "images_per_second": 1e3 * images / t} for name, t in ms.items()]


def _read(stream: Any, batches: int) -> None:
    for _ in islice(stream, batches):
        pass


def _stream(faces: FaceDataset, config: Config, *, cache: bool) -> Any:
    rows = pipeline.examples(faces.files, faces.subjects, cache=cache)
    return iter(
        pipeline.batches(
            rows,
            setup.make_targets(config),
            record_size=faces.record_size,
            batch_size=config.training.batch_size,
            seed=1,
            augment=config.augment,
        )
    )


def write(document: Path, tables: dict[str, list[dict[str, Any]]]) -> None:
    """Put each table between its `<!-- name -->` and `<!-- end of name -->`."""
    text = document.read_text(encoding="utf-8")
    for name, rows in tables.items():
        if rows:
            text = filled(text, name, _markdown(rows, TITLES[name]))
    with replacing(document) as unfinished:
        unfinished.write_text(text, encoding="utf-8")


def _markdown(rows: list[dict[str, Any]], titles: dict[str, str]) -> str:
    titles = {title: key for title, key in titles.items() if any(r[key] != 0 for r in rows)}
    lines = [list(titles), ["---"] * len(titles)]
    lines += [[_cell(entry[key]) for key in titles.values()] for entry in rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def _cell(value: Any) -> str:
    if isinstance(value, str | int):
        return str(value)
    return f"{value:.2f}" if abs(value) < 10 else f"{value:.0f}"


def _config(preset: str, changes: list[str]) -> Config:
    size = 320 if preset == "paper" else 200  # enough for the largest image of `GROWTH`
    return load_config(
        None,
        [f"model.preset={preset}", "model.aus=disfa_bp4d", f"data.record_size={size}", *changes],
    )


def device_name() -> str:
    """Return the name of the device that TensorFlow trains on."""
    gpus = tf.config.list_physical_devices("GPU")
    if not gpus:
        return f"CPU, {os.cpu_count()} cores"
    return str(tf.config.experimental.get_device_details(gpus[0]).get("device_name", "GPU"))


def _memory_mb() -> float:
    """Return the peak of the GPU's memory, 0 without one: TensorFlow doesn't count on a CPU."""
    if not tf.config.list_physical_devices("GPU"):
        return 0.0
    return float(tf.config.experimental.get_memory_info("GPU:0")["peak"] / 1e6)


if __name__ == "__main__":
    sys.exit(main())
