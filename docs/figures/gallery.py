"""Make the demo pictures of README.md and docs/guide/predict.md with the packaged model.

python docs/figures/gallery.py                   # pictures, docs/images/made_by.json, predict.md
python docs/figures/gallery.py --clip talk.mp4   # also keep the rendered video
"""

import argparse
import contextlib
import json
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageFilter

from fau_tf import AUEstimator, facs, read_image
from fau_tf.cli import predict
from fau_tf.face.align import crop_matrix
from fau_tf.face.mesh import NO_FACE
from fau_tf.inference.quality import BLURRED, SMALL_FACE, TURNED
from fau_tf.io.video_writer import VideoWriter
from fau_tf.outputs.annotate import annotate
from fau_tf.outputs.terminal_table import face_table
from fau_tf.synthetic import sample
from fau_tf.utils.files import replacing
from fau_tf.utils.markdown_tables import filled

DOCS = Path(__file__).resolve().parents[1]
SAMPLE = DOCS / "sample" / "astronaut.png"
GUIDE = DOCS / "guide" / "predict.md"
MADE_BY = DOCS / "images" / "made_by.json"
"""Picture -> SHA-256 of the model that made it."""

WIDTH = 1200  # px
SIDE, FPS, SECONDS = 256, 15, 8.0
FRONT = (6.0, 0.0, 0.0)
LIGHT, MIDDLE, DARK, FILMED = 10, 6, 4, 12  # persons of the generator, by their skin

# What the filmed person does: second -> AU -> intensity, linear between.
SCRIPT = (
    (0.0, {}),
    (1.0, {}),
    (2.0, {6: 3.0, 12: 4.0, 25: 2.0}),
    (3.0, {6: 3.0, 12: 4.0, 25: 2.0}),
    (4.0, {}),
    (4.6, {1: 3.0, 2: 3.5, 5: 3.0, 26: 3.5, 25: 2.0}),
    (5.6, {1: 3.0, 2: 3.5, 5: 3.0, 26: 3.5, 25: 2.0}),
    (6.6, {}),
    (7.4, {4: 3.5, 17: 2.0}),
    (SECONDS, {4: 3.5, 17: 2.0}),
)
AWAY = (3.4, 4.0)  # seconds without a face

# Picture -> reason of the frame, reasons and flags of its faces: what the captions say.
SHOWN = {
    "demo.jpg": ("", [("", ())]),
    "demo_skins.jpg": ("", [("", ())] * 3),
    "demo_unread.jpg": ("", [(BLURRED, ()), (TURNED, ())]),
    "demo_small.jpg": ("", [("", (SMALL_FACE,))]),
    "demo_no_face.jpg": (NO_FACE, []),
}


def main() -> int:
    """Make all pictures; return the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--clip", type=Path, help="keep the rendered video here, an .mp4")
    clip = parser.parse_args().clip
    with AUEstimator() as estimator:
        pictures = dict(still_pictures(estimator))
        guide = filled_guide(estimator)
        made_by = estimator.info.sha256
    with tempfile.TemporaryDirectory() as folder:
        pictures |= video_pictures(Path(folder), made_by)
        if clip:
            shutil.copy(Path(folder) / "talk.mp4", clip)
    for name, picture in pictures.items():
        _save(picture, DOCS / "images" / name)
    with replacing(MADE_BY) as unfinished:
        entries = dict.fromkeys(sorted(pictures), made_by)
        unfinished.write_text(json.dumps(entries, indent=1) + "\n", encoding="utf-8")
    GUIDE.write_text(guide, encoding="utf-8")
    return 0


def filled_guide(estimator: AUEstimator) -> str:
    """Return predict.md with the terminal table of the sample photo and the low-reliability AUs."""
    (face,) = estimator.estimate(SAMPLE).faces
    printed = f"```\nastronaut.png: 1 face\n{face_table(face, blocks=True)}\n```"
    text = filled(GUIDE.read_text(encoding="utf-8"), "printed table", printed)
    reasons = [
        f"- {label} {facs.AUS[int(label[2:])].name}: {'; '.join(map(str, failed))}"
        for label, failed in sorted(estimator.info.low_reliability.items())
    ]
    return filled(text, "low reliability", "\n".join(reasons))


def still_pictures(estimator: AUEstimator) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the name of each annotated photo, and the picture.

    Raises:
        ValueError: If one does not show what its caption says.
    """
    for name, photo in photos().items():
        estimate = estimator.estimate(photo)
        faces = [(face.reason, face.quality.flags) for face in estimate.faces]
        reasons = [(reason, () if reason else flags) for reason, flags in faces]
        if (estimate.reason, reasons) != SHOWN[name]:
            raise ValueError(f"{name} must show {SHOWN[name]}: got {estimate.reason, reasons}.")
        yield name, annotate(photo, estimate, estimator.info)


def video_pictures(folder: Path, made_by: str) -> dict[str, np.ndarray]:
    """Return the plot and a frame of the annotated video, as `fau-demo` makes them.

    Raises:
        ValueError: If another model made them, or the command fails.
    """
    # Inside the folder, so that the plot's title is the name alone.
    with contextlib.chdir(folder):
        with VideoWriter(Path("talk.mp4"), (SIDE, SIDE), FPS) as writer:
            for frame in film():
                writer.write(frame)
        code = predict.main(["talk.mp4", "--draw", "--faces", "1", "--quiet"])
        if code:
            raise ValueError(f"fau-demo ended with exit code {code}.")
        with Image.open("fau_out/talk_au_plot.png") as plot:
            found = json.loads(plot.getexif()[0x010E])["model_sha256"]
        if found != made_by:
            raise ValueError(f"The packaged model {made_by} must make the plot: got {found}.")
        return {
            "demo_plot.png": read_image("fau_out/talk_au_plot.png"),
            "demo_video.jpg": _frame(Path("fau_out/talk_au.mp4"), 2.5),
        }


def photos() -> dict[str, np.ndarray]:
    """Return the photos of the gallery."""
    people = [_face(person, {12: 3.0, 6: 2.0, 1: 2.0, 2: 2.0}) for person in (LIGHT, MIDDLE, DARK)]
    blurred = Image.fromarray(_face(LIGHT, {12: 3.0})).filter(ImageFilter.GaussianBlur(4))
    turned = _face(MIDDLE, {12: 3.0}, (52.0, 0.0, 0.0))
    astronaut = read_image(SAMPLE)
    small = Image.fromarray(astronaut).resize((120, 120), Image.Resampling.LANCZOS)
    rows, columns = np.indices((240, 360))
    wall = np.stack((rows // 3 + 60, columns // 4 + 70, (rows + columns) // 8 + 80), axis=-1)
    return {
        "demo.jpg": astronaut,
        "demo_skins.jpg": np.concatenate(people, axis=1),
        "demo_unread.jpg": np.concatenate((np.array(blurred), turned), axis=1),
        "demo_small.jpg": np.array(small),
        "demo_no_face.jpg": wall.astype(np.uint8),
    }


def film() -> Iterator[np.ndarray]:
    """Yield the frames of the video: `SCRIPT`, and an empty room in `AWAY`."""
    for number in range(int(SECONDS * FPS)):
        time = number / FPS
        pose = (8 * np.sin(1.3 * time), 3 * np.sin(time), 4 * np.sin(0.7 * time))
        if AWAY[0] <= time < AWAY[1]:
            yield np.full((SIDE, SIDE, 3), 96, np.uint8)
        else:
            yield _face(FILMED, _acted(time), pose)


def _acted(time: float) -> dict[int, float]:
    seconds = [second for second, _ in SCRIPT]
    aus = sorted({au for _, levels in SCRIPT for au in levels})
    levels = {au: [row.get(au, 0.0) for _, row in SCRIPT] for au in aus}
    return {au: float(np.interp(time, seconds, levels[au])) for au in aus}


def _face(
    person: int, intensity: dict[int, float], pose: tuple[float, float, float] = FRONT
) -> np.ndarray:
    rig, seeds = sample.canonical_rig(), {"person_seed": person, "face_seed": person}
    scene = sample.sample_scene(rig, **seeds, intensity=intensity, pose=pose)
    still = sample.sample_scene(rig, **seeds, intensity={}, pose=FRONT)
    view = crop_matrix(sample.landmarks(still), SIDE, margin=1.5)
    return np.array(sample.render(scene, size=SIDE, view=view))


def _frame(video: Path, time: float) -> np.ndarray:
    capture = cv2.VideoCapture(str(video))
    capture.set(cv2.CAP_PROP_POS_FRAMES, round(time * FPS))
    read, frame = capture.read()
    if not read:
        raise ValueError(f"{video} has no frame at {time} s.")
    return frame[..., ::-1]


def _save(picture: np.ndarray, path: Path) -> None:
    shown = Image.fromarray(np.ascontiguousarray(picture))
    shown.thumbnail((WIDTH, 4 * WIDTH), Image.Resampling.LANCZOS)
    with replacing(path) as unfinished:
        if path.suffix == ".png":
            shown.quantize(256, dither=Image.Dither.NONE).save(unfinished, optimize=True)
        else:
            shown.save(unfinished, quality=82, optimize=True)
    print(f"{path.name}: {shown.width} x {shown.height} px, {path.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    sys.exit(main())
