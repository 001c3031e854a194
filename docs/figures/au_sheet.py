"""Draw docs/images/au_sheet.jpg: one subject with each AU at 0, 1, 3 and 5, per rig and renderer.

python docs/figures/au_sheet.py                                    # the canonical rig, fast
python docs/figures/au_sheet.py --ict FILE --renderers fast path   # all four blocks of columns
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image, ImageDraw

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from fau_tf import facs
from fau_tf.face.align import crop_matrix
from fau_tf.synthetic import sample
from fau_tf.synthetic.registry import RENDERERS, RIGS
from fau_tf.synthetic.rigs.rig import FaceRig
from fau_tf.synthetic.scene.scene import Scene, Variety
from fau_tf.utils.files import replacing

IMAGES = Path(__file__).resolve().parents[1] / "images"
LEVELS: Final = (0, 1, 3, 5)
TILE, BORDER, GAP, CAPTION, HEAD = 112, 1, 8, 13, 16  # px
PERSON, FACE = 22, 2
FRONT = (9.0, 0.0, 0.0)  # yaw, pitch, roll: slightly from the side, where depth is visible
LIMIT = 700_000  # bytes


def main(argv: Sequence[str] | None = None) -> int:
    """Write the picture; return the exit code."""
    options = _options(argv)
    rigs = {"canonical": RIGS["canonical"](None)}
    if options.ict:
        rigs["ict"] = RIGS["ict"](options.ict)
    picture = sheet(list(product(rigs.values(), options.renderers)), options.person)
    _save(picture, options.file)
    return 0


def sheet(blocks: Sequence[tuple[FaceRig, str]], person: int) -> Image.Image:
    """Return a row per AU and, for each rig and renderer, a column per level."""
    block = len(LEVELS) * (TILE + BORDER) + GAP
    line = TILE + BORDER + CAPTION
    page = Image.new("RGB", (len(blocks) * block - GAP, HEAD + len(facs.AUS) * line), "white")
    draw = ImageDraw.Draw(page)
    for number, (rig, renderer) in enumerate(blocks):
        left = number * block
        draw.text((left + 2, 2), f"{rig.name} rig, {renderer}: {_levels()}", fill="black")
        neutral = _face(rig, renderer, person, {})
        for row, au in enumerate(facs.AUS.values()):
            top = HEAD + row * line
            draw.text((left + 2, top), f"{au.label} {au.name}", fill="black")
            for column, level in enumerate(LEVELS):
                acting = {au.number: float(level)}
                tile = _face(rig, renderer, person, acting) if level else neutral
                page.paste(tile, (left + column * (TILE + BORDER), top + CAPTION))
            print(f"{rig.name}, {renderer}: {au.label}", file=sys.stderr)
    return page


def _face(rig: FaceRig, renderer: str, person: int, intensity: dict[int, float]) -> Image.Image:
    scene = _plain(
        sample.sample_scene(
            rig,
            person_seed=person,
            face_seed=FACE,
            intensity=intensity,
            pose=FRONT,
            variety=Variety(occluders=False),
        )
    )
    view = crop_matrix(sample.landmarks(scene), TILE)
    picture = sample.render(scene, size=TILE, view=view, renderer=renderer)
    return Image.fromarray(np.ascontiguousarray(picture))


def _plain(scene: Scene) -> Scene:
    """Return the scene symmetric, with open eyes that look ahead, without camera noise."""
    camera = scene.camera.ideal(blur=0.4)
    return replace(scene, camera=camera, gaze=(0.0, 0.0), lid_droop=0.0,
                   asymmetry=dict.fromkeys(scene.asymmetry, 0.0))  # fmt: skip


def _levels() -> str:
    return ", ".join(map(str, LEVELS[:-1])) + f" and {LEVELS[-1]}"


def _save(picture: Image.Image, path: Path) -> None:
    """Write a JPEG in the best quality below LIMIT."""
    path.parent.mkdir(parents=True, exist_ok=True)
    for quality in (88, 84, 80, 75, 70, 65, 60):
        with replacing(path) as unfinished:
            picture.save(unfinished, "JPEG", quality=quality, optimize=True, progressive=True)
        if path.stat().st_size < LIMIT:
            break
    print(f"{path.name}: {picture.width} x {picture.height} px, {path.stat().st_size / 1e3:.0f} kB")


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--ict", type=Path, help="a converted ICT-FaceKit")
    parser.add_argument("--renderers", nargs="+", choices=RENDERERS, default=["fast"])
    parser.add_argument("--person", type=int, default=PERSON, help=f"seed ({PERSON})")
    parser.add_argument("--file", type=Path, default=IMAGES / "au_sheet.jpg", help="to write")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
