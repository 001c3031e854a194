"""Put a run's table of results into README.md and its pictures into docs/images.

python docs/figures/from_run.py runs/release
python docs/figures/from_run.py runs/synthetic --other-model    # a run that isn't the shipped model
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from fau_tf.inference.interpreter import AUInterpreter
from fau_tf.utils.files import file_sha256, replacing
from fau_tf.utils.markdown_tables import filled

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = ROOT / "android_demo_assets" / "fau_small_mesh_float16.tflite"
IMAGES = ROOT / "docs" / "images"
RECORD = IMAGES / "from_run.json"
"""The run that made the pictures, and the SHA-256 of its model."""
WIDTH = 1400  # px
PICTURES = ("gallery.png", "neighbors.png")


def main(arguments: Sequence[str] | None = None) -> int:
    """Write both, and `RECORD`; return the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("run", type=Path, help="a finished run, runs/NAME")
    parser.add_argument(
        "--other-model", action="store_true", help="also if the run isn't the shipped model"
    )
    options = parser.parse_args(arguments)
    model = next(iter(options.run.glob("fau_*_float16.tflite")), None)
    if model is None or not (options.run / "metrics.json").is_file():
        print(f"error: {options.run} is no finished run. Run 'make train' first.", file=sys.stderr)
        return 2
    if not (options.other_model or same_network(model, SHIPPED)):
        print(
            f"error: {model} is not the shipped model, {SHIPPED.name}, so README.md would show "
            "results of another one. Give the run that was shipped, or --other-model.",
            file=sys.stderr,
        )
        return 2
    metrics = json.loads((options.run / "metrics.json").read_text(encoding="utf-8"))
    readme = ROOT / "README.md"
    text = filled(readme.read_text(encoding="utf-8"), "results", _results(options.run, metrics))
    with replacing(readme) as unfinished:
        unfinished.write_text(text, encoding="utf-8")
    for name in PICTURES:
        _reduce(options.run / name, IMAGES / name)
    made_by = {"run": options.run.name, "model": model.name, "sha256": file_sha256(model)}
    RECORD.write_text(json.dumps(made_by, indent=1) + "\n", encoding="utf-8")
    return 0


def same_network(one: Path, other: Path) -> bool:
    """Return whether two models predict the same, whatever their names and metadata."""
    models = AUInterpreter(one), AUInterpreter(other)
    sizes = {model.info.image_size for model in models}
    if len(sizes) > 1 or models[0].info.aus != models[1].info.aus:
        return False
    side = sizes.pop()
    crop = np.random.default_rng(0).integers(0, 256, (side, side, 3), np.uint8)
    return np.array_equal(models[0](crop)[0], models[1](crop)[0])


def _reduce(source: Path, target: Path) -> None:
    with Image.open(source) as original:
        picture = original.convert("RGB")
    if picture.width > WIDTH:
        size = (WIDTH, round(picture.height * WIDTH / picture.width))
        picture = picture.resize(size, Image.Resampling.LANCZOS)
    if target.suffix == ".png":
        # A palette: a third of the bytes, and these are charts and small faces.
        picture = picture.quantize(256, dither=Image.Dither.FLOYDSTEINBERG)
    with replacing(target) as unfinished:
        picture.save(unfinished, optimize=True, quality=88)


def _results(run: Path, metrics: dict[str, Any]) -> str:
    test_metrics, seconds = metrics["test"], metrics["seconds"]
    versions = json.loads((run / "versions.json").read_text(encoding="utf-8"))
    frames = int(max(row["frames"] for row in test_metrics["per_au"].values()))
    labels = list(test_metrics["per_au"])
    sizes = ", ".join(
        f"`{name}.tflite` {size / 1e6:.2f} MB" for name, size in metrics["exported"].items()
    )
    lines = [
        f"`make train`, seed {versions['seed']}: {metrics['parameters'] / 1e6:.2f} M parameters; "
        f"{frames} synthetic faces of {metrics['data']['test_subjects']} test subjects "
        f"(`{metrics['data']['name']}`); {sizes}; "
        f"faces {seconds['faces']:.0f} s, training {seconds['training']:.0f} s; "
        f"CPU cores: {versions['cores']}.",
        "",
        "| | " + " | ".join(labels) + " | mean |",
        "|" + "---|" * (len(labels) + 2),
    ]
    for metric in ("icc", "mae", "pcc"):
        cells = [f"{test_metrics['per_au'][label][metric]:.2f}" for label in labels]
        cells.append(f"**{test_metrics['mean'][metric]:.2f}**")
        name = {"icc": "ICC(3,1)", "mae": "MAE", "pcc": "PCC"}[metric]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
