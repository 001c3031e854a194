"""How far the aligned crop of detected landmarks misses the one of the true landmarks.

python -m fau_tf.evaluation.alignment_jitter [--quick] [--photos FOLDER] [--ict FILE] [--json FILE]

annotated: photos with 68 marked landmarks a face (--photos: a folder with dlib's example faces and
    their XML files), MediaPipe's crop against that of the marks.
rendered: made faces with each rig, MediaPipe's crop against that of the exact landmarks.
repeated: the same photo shifted by parts of a pixel, scaled by 0.9 to 1.1, with noise, as JPEG:
    MediaPipe's crops against their median.

Shifts are in per cent of the plain crop, right and down.
"""

import argparse
import json
import os
import sys
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any, Final

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from PIL import Image

from fau_tf.face import alignment_jitter
from fau_tf.face.align import crop_matrix
from fau_tf.face.mediapipe_landmarks import MediaPipeLandmarks, ibug68
from fau_tf.io.images import read_image
from fau_tf.synthetic import sample
from fau_tf.synthetic.registry import RIGS
from fau_tf.synthetic.rigs.rig import FaceRig

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = ROOT / "docs" / "sample" / "astronaut.png"
SEED: Final = 890_000  # of the first made person; no set begins there
SIZE: Final = 1000  # px of a crop: only its fractions matter
WIDE: Final = 288  # px: photos are cut out around the face and brought to this width
REACH: Final = 0.6  # of the marked face's width, kept on each side
COLUMNS: Final = (("x", "%", 100.0), ("y", "%", 100.0), ("rotation", "deg", 1.0),
                  ("scale", "%", 100.0))  # fmt: skip
TO_SIGMA: Final = 1.4826
"""Median absolute deviation -> standard deviation of a normal distribution."""


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print a table."""
    options = _options(argv)
    faces = 15 if options.quick else 150
    rows: list[dict[str, Any]] = []
    with MediaPipeLandmarks(num_faces=3, divisions=(1,)) as finder:
        marked = list(marked_faces(options.photos)) if options.photos else []
        marked = marked[:6] if options.quick else marked
        if marked:
            marked.sort(key=lambda face: face[2])
            apart = [against_marks(finder, *face) for face in marked]
            rows.append(row("annotated", apart))
            rows.append(row("annotated, larger half", apart[len(apart) // 2 :]))
        for name in ("canonical", "ict") if options.ict else ("canonical",):
            rig = RIGS[name](options.ict)
            rows.append(row(f"rendered, {name}", list(against_exact(finder, rig, faces))))
        photos = [read_image(SAMPLE), *(part for part, _, _ in marked)]
        spread = [repeated(finder, photo, 8 if options.quick else 24) for photo in photos]
        rows.append(row("repeated", [one for face in spread for one in face]))
    print(table(rows))
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    return 0


def marked_faces(folder: Path) -> Iterator[tuple[np.ndarray, np.ndarray, float]]:
    """Yield each marked face: its part of the photo, (68, 2) marks there, outer eye distance, px.

    The part is enlarged to WIDE px; the distance is in px of the photo.

    Raises:
        FileNotFoundError: If the folder has no *_with_face_landmarks.xml.
    """
    lists = sorted(folder.glob("*_with_face_landmarks.xml"))
    if not lists:
        raise FileNotFoundError(
            f"{folder}: must hold *_with_face_landmarks.xml. Received: none. "
            "Give the folder of dlib's example faces."
        )
    for entry in (entry for file in lists for entry in ET.parse(file).getroot().iter("image")):
        photo = read_image(folder / str(entry.get("file")))
        for box in entry.iter("box"):
            points = {int(p.get("name", -1)): (p.get("x"), p.get("y")) for p in box.iter("part")}
            if len(points) == 68:
                marks = np.array([points[i] for i in range(68)], np.float64)
                yield _part(photo, marks)


def _part(photo: np.ndarray, marks: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    reach = REACH * np.ptp(marks[:, 0])
    low = np.maximum(marks.min(axis=0) - reach, 0).astype(int)
    high = (marks.max(axis=0) + reach).astype(int)
    part = photo[low[1] : high[1], low[0] : high[0]]
    factor = WIDE / part.shape[1]
    enlarged = _resized(part, factor)
    inside = (marks - low + 0.5) * (enlarged.shape[1] / part.shape[1]) - 0.5
    return enlarged, inside, float(np.linalg.norm(marks[45] - marks[36]))


def against_marks(
    finder: MediaPipeLandmarks, photo: np.ndarray, marks: np.ndarray, _eyes: float
) -> np.ndarray:
    """Return (4,) how the crop of found landmarks differs from that of the marks; NaN: no face."""
    return compared(crop_matrix(marks, SIZE), found_crop(finder, photo))


def against_exact(finder: MediaPipeLandmarks, rig: FaceRig, faces: int) -> Iterator[np.ndarray]:
    """Yield (4,) for each made face: expression, pose, light and camera are drawn."""
    for seed in range(SEED, SEED + faces):
        scene = sample.sample_scene(rig, person_seed=seed, face_seed=seed)
        photo = sample.render(scene, size=sample.NOMINAL)
        yield compared(crop_matrix(sample.landmarks(scene), SIZE), found_crop(finder, photo))


def repeated(finder: MediaPipeLandmarks, photo: np.ndarray, times: int) -> list[np.ndarray]:
    """Return (4,) for each retake of a photo, against the median over the retakes."""
    rng = np.random.default_rng(0)
    crops = []
    for _ in range(times):
        taken, back = retake(photo, rng)
        found = found_crop(finder, taken)
        if found is not None:
            crops.append(found @ np.vstack([back, [0, 0, 1]]))
    if not crops:
        return [np.full(len(COLUMNS), np.nan)]
    middle = np.median(crops, axis=0)  # of similarities, a similarity
    return [compared(middle, crop) for crop in crops]


def retake(photo: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return the photo as another exposure has it, and (2, 3) px of the first -> px of this one."""
    factor, shift = rng.uniform(0.9, 1.1), rng.integers(0, 2, 2) / 2
    side = np.round(np.array(photo.shape[1::-1]) * factor).astype(int)
    grid = side / np.array(photo.shape[1::-1])
    low = shift / grid  # half a px of the new picture
    box = (*low.tolist(), *np.array(photo.shape[1::-1]).tolist())
    side = side - np.ceil(shift).astype(int)
    grid = side / (np.array(box[2:]) - low)
    taken = Image.fromarray(photo).resize(
        (int(side[0]), int(side[1])), Image.Resampling.BICUBIC, box=box
    )
    noisy = np.asarray(taken) + rng.normal(0, rng.uniform(1, 5), (side[1], side[0], 3))
    file = BytesIO()
    clipped = Image.fromarray(np.clip(noisy + 0.5, 0, 255).astype(np.uint8))
    clipped.save(file, "JPEG", quality=int(rng.integers(60, 96)))
    back = np.array([[grid[0], 0, (0.5 - low[0]) * grid[0] - 0.5],
                     [0, grid[1], (0.5 - low[1]) * grid[1] - 0.5]])  # fmt: skip
    return np.array(Image.open(file)), back


def found_crop(finder: MediaPipeLandmarks, photo: np.ndarray) -> np.ndarray | None:
    """Return the (2, 3) crop of the face in the middle of a photo, None without a face."""
    middle = np.array(photo.shape[1::-1]) / 2
    meshes = sorted(
        finder.find(photo), key=lambda mesh: float(np.linalg.norm(mesh.mean(axis=0) - middle))
    )
    return crop_matrix(ibug68(meshes[0]), SIZE) if meshes else None


def compared(exact: np.ndarray, found: np.ndarray | None) -> np.ndarray:
    """Return (4,) x, y in parts of the crop, degrees, log scale; NaN if nothing was found."""
    if found is None:
        return np.full(len(COLUMNS), np.nan)
    return np.array(alignment_jitter.view_difference(exact, found, SIZE))


def row(name: str, differences: Sequence[np.ndarray]) -> dict[str, Any]:
    """Return the figures of one set: plain and robust mean and standard deviation."""
    every = np.array(differences)
    seen = every[np.isfinite(every).all(axis=1)]
    middle = np.median(seen, axis=0)
    figures = {
        "mean": seen.mean(axis=0),
        "sd": seen.std(axis=0, ddof=1),
        "median": middle,
        "robust_sd": TO_SIGMA * np.median(np.abs(seen - middle), axis=0),
        "largest": np.abs(seen - middle).max(axis=0),
    }
    values = {key: dict(zip((c[0] for c in COLUMNS), value.tolist(), strict=True))
              for key, value in figures.items()}  # fmt: skip
    return {"set": name, "crops": len(seen), "missed": len(every) - len(seen), **values}


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Return a Markdown table: median, robust (plain) standard deviation, furthest from it."""
    heads = " | ".join(f"{name}, {unit}" for name, unit, _ in COLUMNS)
    lines = [f"| set | crops | missed | {heads} |", "|---" * (3 + len(COLUMNS)) + "|"]
    for one in rows:
        cells = [
            f"{factor * one['median'][name]:+.2f} ± {factor * one['robust_sd'][name]:.2f} "
            f"({factor * one['sd'][name]:.2f}, {factor * one['largest'][name]:.1f})"
            for name, _, factor in COLUMNS
        ]
        lines.append(f"| {one['set']} | {one['crops']} | {one['missed']} | {' | '.join(cells)} |")
    note = "Median ± robust standard deviation (plain one, furthest from the median)."
    return "\n".join([*lines, "", note])


def _resized(photo: np.ndarray, factor: float) -> np.ndarray:
    side = [round(length * factor) for length in photo.shape[1::-1]]
    return np.array(Image.fromarray(photo).resize((side[0], side[1]), Image.Resampling.BICUBIC))


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="a tenth of the faces")
    parser.add_argument("--photos", type=Path, help="folder of dlib's annotated example faces")
    parser.add_argument("--ict", type=Path, help="a converted ICT-FaceKit")
    parser.add_argument("--json", type=Path, help="write the figures here")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
