"""Draw docs/images/portrait_edits.jpg: every AU edited into one portrait.

python docs/figures/portrait_edits.py                       # the sample photo of the repository
python docs/figures/portrait_edits.py PHOTO --out FILE      # your own, to look at
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image, ImageDraw

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from fau_tf import facs
from fau_tf.face.landmarker import FaceLandmarker
from fau_tf.io.images import read_image
from fau_tf.portraits.editing.edit import EditablePortrait, edit
from fau_tf.portraits.editing.movement import Edit, Manner
from fau_tf.portraits.fields import au_fields
from fau_tf.portraits.screening import screen
from fau_tf.utils.files import replacing

DOCS = Path(__file__).resolve().parents[1]
SIZE, MARGIN, CAPTION, COLUMNS = 192, 1.05, 14, 6
STRENGTH: Final = 4.0
START: Final = {12: STRENGTH}
"""The sample photo smiles, so its AU12 is taken back."""


def main(argv: Sequence[str] | None = None) -> int:
    """Write the picture; return the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    sample = DOCS / "sample" / "astronaut.png"
    parser.add_argument("photo", nargs="?", type=Path, default=sample)
    images = DOCS / "images"
    parser.add_argument("--out", type=Path, default=images / "portrait_edits.jpg")
    options = parser.parse_args(argv)
    with FaceLandmarker(num_faces=3) as landmarker:
        face = screen(read_image(options.photo), landmarker.find, SIZE, MARGIN)
    start = START if options.photo == sample else {}
    page = sheet(EditablePortrait(face.image, face.mesh, start))
    with replacing(options.out) as unfinished:
        page.save(unfinished, "JPEG", quality=80)
    print(f"{options.out}: {options.out.stat().st_size} bytes")
    return 0


def sheet(portrait: EditablePortrait) -> Image.Image:
    """Return the portrait and a tile per AU."""
    models = au_fields().models
    depths = dict.fromkeys(facs.AUS, 1.0)
    manner = Manner(dict.fromkeys(models, 1 / len(models)), depths=depths)
    tiles = [(portrait.image, "photo")]
    for au, unit in facs.AUS.items():
        change = -STRENGTH if portrait.start.get(au) else STRENGTH
        changes = {au: change, 25: 0.7 * change} if au == 26 else {au: change}
        picture, _ = edit(portrait, Edit(changes), manner)
        tiles.append((picture, f"{unit.label} {change:+.0f}"))
    rows = -(-len(tiles) // COLUMNS)
    page = Image.new("RGB", (COLUMNS * SIZE, rows * (SIZE + CAPTION)), "white")
    draw = ImageDraw.Draw(page)
    for i, (picture, caption) in enumerate(tiles):
        y, x = divmod(i, COLUMNS)
        draw.text((x * SIZE + 2, y * (SIZE + CAPTION) + 1), caption, fill="black")
        page.paste(Image.fromarray(np.asarray(picture)), (x * SIZE, y * (SIZE + CAPTION) + CAPTION))
    return page


if __name__ == "__main__":
    sys.exit(main())
