"""Arithmetic of training the paper's network, and the hours that follow from it on three GPUs.

    python -m benchmarks.training_cost [--quick] [--json FILE] [--write docs/guide/reproduce.md]

The operations of a forward and a backward pass are counted in TensorFlow's graph of one image, two
for each multiply-accumulate; nothing is timed, so the figures are the same on every machine. Hours
are derived: images x operations / (peak x assumed share of the peak). The share is an assumption.
"""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from benchmarks import training_parts
from fau_tf.models.presets import PRESETS
from fau_tf.training.config import load_config
from fau_tf.utils.files import replacing
from fau_tf.utils.markdown_tables import filled, table

CONFIGS: Final = Path(__file__).resolve().parents[1] / "configs"


@dataclass(frozen=True)
class Gpu:
    """A card.

    Attributes:
        name: Of the card.
        arithmetic: Of products that are stored in float32, as TensorFlow computes them on it.
        peak: Operations a second in that arithmetic by NVIDIA's data sheet, without sparsity.
        share: Of the peak that a training is assumed to reach. Higher on the slow card: on the
            others the batch of 16 and the passes over memory leave more of the peak unused.
    """

    name: str
    arithmetic: str
    peak: float
    share: float


GPUS: Final = (
    Gpu("T4", "float32", 8.1e12, 0.30),
    Gpu("A100", "TF32", 156e12, 0.15),
    Gpu("H200", "TF32", 494e12, 0.10),
)
FRAMES: Final = {"disfa_paper": 2 * 130_814, "bp4d_paper": 75_586}
"""Config -> training frames of all its folds: each DISFA frame trains in two of three folds; BP4D's
are those of the odd subjects."""


def main(argv: Sequence[str] | None = None) -> int:
    """Count, print the table, write; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.training_cost", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="preset tiny instead of paper")
    parser.add_argument("--json", type=Path, help="write the figures here")
    parser.add_argument("--write", type=Path, help="put the table into this document")
    options = parser.parse_args(argv)
    preset = "tiny" if options.quick else "paper"
    forward, step = (
        count(PRESETS[preset])
        for count in (training_parts.forward_flops, training_parts.training_flops)
    )
    rows = [cost(name, gpu, step) for name in FRAMES for gpu in GPUS]
    print(f"{preset}: {forward / 1e9:.2f} GFLOP forward, {step / 1e9:.2f} GFLOP an image trained")
    print(text := markdown(rows))
    if options.json:
        found = {"preset": preset, "forward_flops": forward, "training_flops": step, "rows": rows}
        options.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    if options.write:
        lines = f"An image of preset `{preset}` takes {forward / 1e9:.1f} GFLOP forward and "
        lines += f"{step / 1e9:.1f} GFLOP forward and backward.\n\n{text}"
        page = filled(options.write.read_text(encoding="utf-8"), "cost", lines)
        with replacing(options.write) as unfinished:
            unfinished.write_text(page, encoding="utf-8")
    return 0


def cost(name: str, gpu: Gpu, flops: int) -> dict[str, Any]:
    """Return the images, the rate and the hours of a config on a card.

    Args:
        name: Of a config, row of `FRAMES`.
        gpu: The card.
        flops: Of one image, forward and backward.
    """
    images = FRAMES[name] * load_config(CONFIGS / f"{name}.toml").training.epochs
    rate = gpu.peak * gpu.share / flops
    return {
        "config": name, "gpu": gpu.name, "arithmetic": gpu.arithmetic, "peak_tflops":
        gpu.peak / 1e12, "assumed_share": gpu.share, "images": images, "images_per_second": rate,
        "hours": images / rate / 3600,
    }  # fmt: skip


def markdown(rows: Sequence[dict[str, Any]]) -> str:
    """Return the table of the page."""
    heads = ["config", "GPU", "peak, TFLOP/s", "assumed share", "images, all epochs and folds",
             "images/s", "hours, derived"]  # fmt: skip
    return table(heads, [
        [
            f"`{row['config']}.toml`", row["gpu"], f"{row['peak_tflops']:g} ({row['arithmetic']})",
            f"{row['assumed_share']:.0%}", f"{row['images']:,}",
            f"{row['images_per_second']:.0f}", f"{row['hours']:.1f}",
        ]
        for row in rows
    ])  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
