"""Draw the demo's pictures of docs/guide/predict.md, from rendered faces and the sample photo.

python docs/figures/gallery.py runs/synthetic              # with the .tflite of a run
python docs/figures/gallery.py runs/synthetic --clip talk.mp4   # and keep the rendered video
"""

import argparse
import contextlib
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from fau_tf.inference.provenance import caption
from PIL import Image, ImageFilter

from fau_tf import AUEstimator
from fau_tf.cli import predict
from fau_tf.face.align import crop_matrix
from fau_tf.io.images import read_image
from fau_tf.io.video_writer import VideoWriter
from fau_tf.outputs import annotate
from fau_tf.synthetic import sample
from fau_tf.utils.files import replacing

DOCS = Path(__file__).resolve().parents[1]
SAMPLE = DOCS / "sample" / "astronaut.png"
WIDTH = 1100  # px
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


def main() -> int:
    """Write all pictures; return the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("run", type=Path, help="folder of a run, or a .tflite")
    parser.add_argument("--clip", type=Path, help="keep the rendered video here, an .mp4")
    options = parser.parse_args()
    model, clip = options.run.resolve(), options.clip and options.clip.resolve()
    if model.is_dir():
        model = next(iter(sorted(model.glob("fau_*_float16.tflite"))), model / "fau_*.tflite")
    if not model.is_file():
        print(f"error: {model} must be an exported model. Run 'make train' first.", file=sys.stderr)
        return 2
    with AUEstimator(model) as estimator:
        for name, photo in photos().items():
            read = estimator.estimate(photo)
            under = caption(estimator.interpreter.info)
            _save(
                annotate.overlay(photo, read.faces, read.reason, caption=under), f"demo_{name}.jpg"
            )
    # Inside the folder, so that the plot's title is the name alone.
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        with VideoWriter(Path("talk.mp4"), (SIDE, SIDE), FPS) as writer:
            for frame in film():
                writer.write(frame)
        code = predict.main(
            ["talk.mp4", "--draw", "--faces", "1", "--quiet", "--model", str(model)]
        )
        _save(read_image(Path("fau_out/talk_au_plot.png")), "demo_plot.png")
        _save(_frame(Path("fau_out/talk_au.mp4"), 2.5), "demo_video.jpg")
        if clip:
            shutil.copy("talk.mp4", clip)
    return code


def photos() -> dict[str, np.ndarray]:
    """Return the photos of the gallery."""
    people = [_face(person, {12: 3.0, 6: 2.0, 1: 2.0, 2: 2.0}) for person in (LIGHT, MIDDLE, DARK)]
    blurred = Image.fromarray(_face(MIDDLE, {12: 3.0})).filter(ImageFilter.GaussianBlur(7))
    turned = _face(LIGHT, {12: 3.0}, (52.0, 0.0, 0.0))
    astronaut = Image.fromarray(read_image(SAMPLE))
    rows, columns = np.indices((240, 360))
    wall = np.stack((rows // 3 + 60, columns // 4 + 70, (rows + columns) // 8 + 80), axis=-1)
    return {
        "skins": np.concatenate(people, axis=1),
        "unread": np.concatenate((np.array(blurred), turned), axis=1),
        "small": np.array(astronaut.resize((120, 120), Image.Resampling.LANCZOS)),
        "nobody": wall.astype(np.uint8),
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
    scene = sample.sample_scene(
        sample.canonical_rig(),
        person_seed=person,
        face_seed=person,
        intensity=intensity,
        pose=pose,
    )
    still = sample.sample_scene(
        sample.canonical_rig(), person_seed=person, face_seed=person, intensity={}, pose=FRONT
    )
    view = crop_matrix(sample.landmarks(still), SIDE, margin=1.5)
    return np.array(sample.render(scene, size=SIDE, view=view))


def _frame(video: Path, time: float) -> np.ndarray:
    import cv2

    capture = cv2.VideoCapture(str(video))
    capture.set(cv2.CAP_PROP_POS_FRAMES, round(time * FPS))
    read, frame = capture.read()
    if not read:
        raise ValueError(f"{video}: must have a frame at {time} s. Received: none.")
    return frame[..., ::-1]


def _save(picture: np.ndarray, name: str) -> None:
    shown = Image.fromarray(np.ascontiguousarray(picture))
    shown.thumbnail((WIDTH, 4 * WIDTH), Image.Resampling.LANCZOS)
    path = DOCS / "images" / name
    with replacing(path) as unfinished:
        if path.suffix == ".png":
            shown.quantize(256, dither=Image.Dither.NONE).save(unfinished, optimize=True)
        else:
            shown.save(unfinished, quality=82, optimize=True)
    print(f"{path.name}: {shown.width} x {shown.height} px, {path.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    sys.exit(main())
