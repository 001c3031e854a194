"""Folders of rendered people, each neutral and smiling, described in portraits.toml."""

from PIL import Image

from fau_tf.synthetic import sample
from tests.helpers.scenes import clean_scene

DESCRIPTION = """
license = "CC0"
attribution = "the tests"
[[rule]]
files = "neutral/*"
expression = "neutral"
subject = '(\\d+)_'
[[rule]]
files = "smiling/*"
expression = "smiling"
subject = '(\\d+)_'
[split]
test_every = 3
validation_every = 3
"""
SMILE = {6: 3.0, 12: 4.5, 25: 3.0}


def write_photo_folder(folder, people, shown, size=256):
    """Write a neutral and a smiling photo of each person; return the folder.

    Args:
        folder: To make.
        people: How many are listed.
        shown: Those whose photos show a face; the files of the others are empty.
        size: Of a photo, px.
    """
    for expression, intensity in (("neutral", {}), ("smiling", SMILE)):
        (folder / expression).mkdir(parents=True)
        for person in range(people):
            file = folder / expression / f"{person}_{expression}.png"
            file.touch()
            if person in shown:
                scene = clean_scene(sample.canonical_rig(), person, person, intensity)
                Image.fromarray(sample.render(scene, size=size)).save(file)
    (folder / "portraits.toml").write_text(DESCRIPTION)
    return folder
