"""Draw docs/images/contact_sheet.png (AU x intensity) and people.png (40 synthetic subjects)."""

from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from fau_tf import facs
from fau_tf.face.align import crop_matrix
from fau_tf.synthetic import sample
from fau_tf.synthetic.rigs.rig import FaceRig
from fau_tf.synthetic.scene.occlusion import Occluders
from fau_tf.synthetic.scene.scene import Scene
from fau_tf.utils.files import replacing

IMAGES = Path(__file__).parents[1] / "images"
TILE, BORDER, CAPTION = 128, 2, 14
PERSON, FACE = 22, 2
FRONT = (9.0, 0.0, 0.0)


def main() -> None:
    """Write both pictures."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    rig = sample.canonical_rig()
    _save(contact_sheet(rig), "contact_sheet.png")
    _save(people(rig), "people.png")


def contact_sheet(rig: FaceRig) -> Image.Image:
    """Return one subject at intensity 0..5 of each AU: two blocks of seven rows."""
    levels, aus = range(6), list(facs.AUS)
    rows = (len(aus) + 1) // 2
    cell = TILE + BORDER
    width, height = 2 * len(levels) * cell + CAPTION, rows * (cell + CAPTION)
    sheet = Image.new("RGB", (width, height), "white")
    draw = ImageDraw.Draw(sheet)
    for number, au in enumerate(aus):
        left = (number // rows) * (len(levels) * cell + CAPTION)
        top = (number % rows) * (cell + CAPTION)
        title = f"{facs.AUS[au].label} {facs.AUS[au].name}, intensity 0 to 5"
        draw.text((left + 2, top + 1), title, fill="black")
        for level in levels:
            scene = sample.sample_scene(
                rig, person_seed=PERSON, face_seed=FACE, intensity={au: float(level)}, pose=FRONT
            )
            face = _face(_plain(scene), 1.0)
            sheet.paste(face, (left + level * cell, top + CAPTION))
    return sheet


def people(rig: FaceRig, columns: int = 8, rows: int = 5) -> Image.Image:
    """Return crops of subjects with random expressions, as training sees them."""
    cell = TILE + BORDER
    sheet = Image.new("RGB", (columns * cell, rows * cell), "white")
    for seed in range(columns * rows):
        scene = sample.sample_scene(rig, person_seed=seed, face_seed=seed)
        place = (seed % columns * cell, seed // columns * cell)
        sheet.paste(_face(scene, 1.25), place)
    return sheet


def _plain(scene: Scene) -> Scene:
    """Return the scene without camera noise and occluders, with eyes that look ahead."""
    camera = scene.camera.ideal(blur=0.4)
    return replace(scene, camera=camera, occluders=Occluders(), gaze=(0.0, 0.0), lid_droop=0.0)


def _face(scene: Scene, margin: float) -> Image.Image:
    view = crop_matrix(sample.landmarks(scene), TILE, margin=margin)
    return Image.fromarray(np.ascontiguousarray(sample.render(scene, size=TILE, view=view)))


def _save(picture: Image.Image, name: str) -> None:
    path = IMAGES / name
    with replacing(path) as unfinished:
        picture.quantize(192, dither=Image.Dither.NONE).save(unfinished, optimize=True)
    print(f"{path.name}: {picture.width} x {picture.height} px, {path.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
