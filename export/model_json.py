"""The card of a model, which is also inside its file, and the JSON sidecar of one file."""

import hashlib
import shutil
import subprocess
from pathlib import Path
from typing import Any, Final

from export.checks.audit import audit
from export.graph.flatbuffer import TfliteFile
from export.specs import ExportSpec
from fau_tf import contract, facs
from fau_tf.face import align
from fau_tf.facs import MAX_INTENSITY
from fau_tf.models.presets import NetSpec
from fau_tf.training.run_dir import versions

UNKNOWN: Final = "unknown"
_ROOT: Final = Path(__file__).resolve().parent.parent


def card(
    spec: NetSpec, variant: ExportSpec, name: str, training_data: dict[str, Any]
) -> dict[str, Any]:
    """Return what a user of the model has to know.

    It goes into the .tflite file, so the same network gives the same card in every export.

    Args:
        spec: The network.
        variant: How the weights are stored.
        name: Of the model and its file.
        training_data: `name` and `kind` of the training faces, and anything else that describes
            them, e.g. the `generator`'s version.
    """
    return {
        "contract_version": contract.CONTRACT_VERSION,
        "name": name,
        "variant": variant.name,
        "weights": variant.weights,
        "accelerators": list(variant.accelerators),
        "preset": spec.preset,
        "image_size": spec.image_size,
        "heatmap_size": spec.heatmap_size,
        "color_order": "RGB",
        "value_range": [0, 255],
        "normalization": "inside the graph",
        "intensity_range": [0, MAX_INTENSITY],
        "aus": list(spec.au_numbers),
        "au_labels": spec.labels,
        "au_names": [facs.AUS[au].name for au in spec.au_numbers],
        "rule": spec.rule,
        "centers": [center.name for center in facs.centers(spec.au_numbers, spec.rule)],
        "crop": {"anchors_ibug68": list(align.ANCHORS), "template": align.TEMPLATE.tolist()},
        "training_data": training_data,
    }


def sidecar(
    file: TfliteFile, described: dict[str, Any], facts: dict[str, Any], *, root: Path = _ROOT
) -> dict[str, Any]:
    """Return the JSON beside a model: its card, its SHA-256, and the code that made it.

    Args:
        file: As written, metadata included.
        described: From `card`.
        facts: What was measured of this file, e.g. its parity; may not contradict the card.
        root: The checkout that made it.

    Raises:
        ValueError: If a fact has the name of another entry.
    """
    entries = described | {
        "sha256": hashlib.sha256(file.content).hexdigest(),
        "bytes": len(file),
        "operators": audit(file).operators,
        "versions": versions(),
        **checkout(root),
    }
    twice = sorted(set(entries) & set(facts))
    if twice:
        raise ValueError(
            f"Facts must not have the names of other entries: got {', '.join(twice)}. Rename them."
        )
    return entries | facts


def checkout(root: Path = _ROOT) -> dict[str, Any]:
    """Return `commit` and whether tracked files differ from it, `dirty`.

    They are "unknown" and None where `root` is not the top of a Git checkout.
    """
    top = _git(root, "rev-parse", "--show-toplevel")
    # A copy of the code inside another checkout has no commit of its own.
    if top is None or Path(top).resolve() != root.resolve():
        return {"commit": UNKNOWN, "dirty": None}
    changes = _git(root, "status", "--porcelain", "--untracked-files=no")
    return {
        "commit": _git(root, "rev-parse", "HEAD") or UNKNOWN,
        "dirty": None if changes is None else bool(changes),
    }


def _git(root: Path, *arguments: str) -> str | None:
    """Return Git's output without the last newline; None where it fails or isn't installed."""
    git = shutil.which("git")
    if git is None:
        return None
    # No locks: reading the status must not disturb a commit in progress.
    done = subprocess.run(
        [git, "--no-optional-locks", "-C", str(root), *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    return None if done.returncode else done.stdout.rstrip("\n")
