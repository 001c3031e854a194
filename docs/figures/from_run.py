"""Puts a run's figures into README.md and its pictures into docs/images.

python docs/figures/from_run.py runs/synthetic
"""

import json
import sys
from pathlib import Path
from typing import Any

from PIL import Image

# `benchmarks` is a folder of the checkout, never installed.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from fau_tf.utils.files import replacing
from fau_tf.utils.markdown_tables import filled

ROOT = Path(__file__).resolve().parents[2]
WIDTH = 1400  # px
PICTURES = {
    "astronaut_au.png": "demo.jpg",
    "gallery.png": "gallery.png",
    "agreement.png": "agreement.png",
    "scatter.png": "scatter.png",
    "curves.png": "curves.png",
    "neighbors.png": "neighbors.png",
}


def main(run: Path) -> int:
    """Write both; return the exit code."""
    if not (run / "metrics.json").is_file():
        print(f"error: {run} must be a finished run. Run 'make train' first.", file=sys.stderr)
        return 2
    metrics = json.loads((run / "metrics.json").read_text(encoding="utf-8"))
    readme = ROOT / "README.md"
    text = filled(readme.read_text(encoding="utf-8"), "results", _results(run, metrics))
    with replacing(readme) as unfinished:
        unfinished.write_text(text, encoding="utf-8")
    for source, target in PICTURES.items():
        _reduce(run / source, ROOT / "docs" / "images" / target)
    return 0


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
    sys.exit(main(Path(sys.argv[1] if len(sys.argv) > 1 else "runs/synthetic")))
