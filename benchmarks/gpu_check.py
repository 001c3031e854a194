"""Whether a GPU learns what the CPU learns, and how fast it trains `paper` and `small`.

    make gpu-check
    python -m benchmarks.gpu_check [--preset NAME ...] [--json FILE] [--write PAGE]

Each preset is trained for two epochs on the GPU and on the CPU, from the same weights, on the same
faces in the same order, in float32. (Not deterministically: on a GPU TensorFlow has no
deterministic gradient of a depthwise convolution, which `small` needs.) The mean loss of each epoch
must agree within 5 %: products in TF32 round to 10 bits, which moves each step a little, and
neighbors flip; with 8 bits (bfloat16) on a CPU the losses of six epochs stay within that. Then a
step is timed in three settings, by the programs of benchmarks/training.py. PAGE is
docs/experiments/performance.md.

Exit codes: 0, also without a GPU, where one line says that nothing was checked; 1 where the losses
differ or a setting fails.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf

from benchmarks import training
from fau_tf.models.backbones.known_file import MissingWeightsError
from fau_tf.training import fit, setup
from fau_tf.training.config import Config, load_config
from fau_tf.training.run_dir import RunDir, versions
from fau_tf.utils import markdown_tables
from fau_tf.utils.files import replacing

ROOT: Final = Path(__file__).resolve().parents[1]
PRESETS: Final = ("paper", "small")
TOLERANCE: Final = 0.05
"""Largest difference of an epoch's mean loss, as a fraction of the CPU's."""
LEARNED: Final = 0.95
"""The last epoch's loss must be below this fraction of the first, else nothing is compared."""
SPEED: Final = {
    "float32": ("training.deterministic=false",),
    "bfloat16": ("training.deterministic=false", "training.precision=mixed_bfloat16"),
    "bfloat16, XLA": (
        "training.deterministic=false",
        "training.precision=mixed_bfloat16",
        "training.jit_compile=true",
    ),
}
"""Row of the table -> settings."""
_LEARN: Final = (
    "data.subjects=40", "data.faces_per_subject=5", "data.processes=0", "training.epochs=2",
    "training.batch_size=8", "training.warmup_steps=4", "training.learning_rate=1e-3",
    "training.deterministic=false",
)  # fmt: skip


def main(argv: Sequence[str] | None = None) -> int:
    """Check and measure; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu_check", description=__doc__)
    parser.add_argument("--preset", action="append", help=f"default: {', '.join(PRESETS)}")
    parser.add_argument("--json", type=Path, help="write the figures here")
    parser.add_argument("--write", type=Path, help="put the tables into this document")
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)  # what, preset, folder
    options = parser.parse_args(argv)
    if options.child:
        return _child(*options.child)
    if not tf.config.list_physical_devices("GPU"):
        print("not checked: TensorFlow finds no GPU. pip install tensorflow[and-cuda], or see its "
              "log for what is missing")  # fmt: skip
        return 0
    presets = options.preset or PRESETS
    with tempfile.TemporaryDirectory() as folder:
        found = [check(preset, Path(folder), _run_child) for preset in presets]
    result = {"device": training.device_name(), "versions": versions(), "presets": found}
    print(text := markdown(result))
    if options.json:
        options.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    if options.write:
        page = markdown_tables.filled(options.write.read_text(encoding="utf-8"), "gpu", text)
        with replacing(options.write) as unfinished:
            unfinished.write_text(page, encoding="utf-8")
    problems = [line for row in found for line in row["problems"]]
    print("\n".join(problems) or "the GPU learns what the CPU learns")
    return 1 if problems else 0


def check(
    preset: str, folder: Path, run: Callable[[str, str, Path, bool], dict[str, Any]]
) -> dict[str, Any]:
    """Return losses on both devices, the speed on the GPU, and what is wrong.

    Args:
        preset: Row of `presets.PRESETS`.
        folder: Of faces and results.
        run: Runs a part in a process of its own, on the GPU if its last argument is true.
    """
    learned = {name: run("learn", preset, folder, name == "gpu") for name in ("cpu", "gpu")}
    speed = {name: run(name, preset, folder, True) for name in SPEED}
    problems = differences(preset, learned["cpu"], learned["gpu"])
    problems += [
        f"{preset}, {name}: {row['failed']}" for name, row in speed.items() if "failed" in row
    ]
    return {"preset": preset, "learned": learned, "speed": speed, "problems": problems}


def differences(preset: str, cpu: dict[str, Any], gpu: dict[str, Any]) -> list[str]:
    """Return why the two do not learn equally, a line each; see `TOLERANCE` and `LEARNED`."""
    failed = [
        f"{preset} on the {name}: {found['failed']}"
        for name, found in (("CPU", cpu), ("GPU", gpu))
        if "failed" in found
    ]
    if failed:
        return failed
    one, other = np.array(cpu["loss"]), np.array(gpu["loss"])
    if not (np.isfinite(one).all() and np.isfinite(other).all() and one[-1] < LEARNED * one[0]):
        return [f"{preset}: the losses must be finite and fall: CPU {cpu['loss']}, GPU "
                f"{gpu['loss']}"]  # fmt: skip
    far = np.abs(other - one) / one
    if far.max() > TOLERANCE:
        return [f"{preset}: the losses must agree within {TOLERANCE:.0%}: CPU {cpu['loss']}, GPU "
                f"{gpu['loss']}"]  # fmt: skip
    return []


def learn(preset: str, folder: Path) -> dict[str, Any]:
    """Train two epochs on this process's device; return the mean loss of each epoch."""
    config = config_of(preset, _LEARN)
    setup.make_deterministic(config)
    faces = setup.prepare_faces(config, folder / "data", print)
    subsets = setup.make_subsets(config, faces, setup.make_folds(config, faces)[0])
    with tempfile.TemporaryDirectory(dir=folder) as place, RunDir(Path(place) / "run") as run:
        progress = fit.fit(setup.make_network(config), config, subsets, run)
    return {"loss": [row["loss"] for row in progress.rows], "imagenet": config.training.imagenet}


def config_of(preset: str, changes: Sequence[str]) -> Config:
    """Return the settings of a check, with ImageNet weights where they are there."""
    size = load_config(None, [f"model.preset={preset}", "data.record_size=320"]).model.image_size
    settings = [
        f"model.preset={preset}", f"data.record_size={size * 5 // 4}", "training.batch_size=16",
        *changes,
    ]  # fmt: skip
    config = load_config(None, settings)
    try:
        setup.require_network(config)
    except MissingWeightsError as error:
        print(f"random first weights: {error}")
        config = load_config(None, [*settings, "training.imagenet=false"])
    return config


def markdown(result: dict[str, Any]) -> str:
    """Return the tables of the page."""
    heads = ["preset", "setting", "step ms", "images/s", "memory, MB", "of peak"]
    rows, losses = [], []
    for found in result["presets"]:
        for name, row in found["speed"].items():
            figures = [row.get(key) for key in ("step_ms", "images_per_second", "memory_mb")]
            cells = ["failed" if one is None else f"{one:.0f}" for one in figures]
            share = f"{row['peak_share']:.2f}" if "peak_share" in row else "failed"
            rows.append([found["preset"], name, *cells, share])
        for name, learned in found["learned"].items():
            epochs = [f"{one:.4f}" for one in learned.get("loss", [])] or ["failed"]
            losses.append([found["preset"], name.upper(), ", ".join(epochs)])
    equal = "do not agree" if any(row["problems"] for row in result["presets"]) else "agree"
    return (
        f"Measured on {result['device']}:\n\n{markdown_tables.table(heads, rows)}\n\n"
        f"Losses of two epochs {equal} within {TOLERANCE:.0%}:\n\n"
        f"{markdown_tables.table(['preset', 'device', 'loss of each epoch'], losses)}"
    )


def _child(what: str, preset: str, folder: str) -> int:
    place = Path(folder)
    if what == "learn":
        found = learn(preset, place)
    else:
        config = config_of(preset, SPEED[what])
        setup.make_deterministic(config)
        found = training.row(config, 9, 0.0)
    (place / "result.json").write_text(json.dumps(found), encoding="utf-8")
    return 0


def _run_child(what: str, preset: str, folder: Path, gpu: bool) -> dict[str, Any]:
    file = folder / "result.json"
    file.unlink(missing_ok=True)
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.gpu_check", "--child", what, preset, str(folder)],
        cwd=ROOT, env=os.environ | ({} if gpu else {"CUDA_VISIBLE_DEVICES": "-1"}),
        stderr=subprocess.PIPE, text=True, check=False,
    )  # fmt: skip
    if done.returncode or not file.is_file():
        why = done.stderr.strip().splitlines()[-1:] or ["no message"]
        return {"failed": f"exit code {done.returncode}, {why[0][:200]}"}
    return dict(json.loads(file.read_text(encoding="utf-8")))


if __name__ == "__main__":
    sys.exit(main())
