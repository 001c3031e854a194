"""Folders of rendered people, each neutral and smiling, listed in photos.csv."""

from PIL import Image

from fau_tf.synthetic import sample
from tests.helpers.scenes import clean_scene

SMILE = {6: 3.0, 12: 4.5, 25: 3.0}


def write_photo_folder(folder, people, shown, size=256):
    """Write a neutral and a smiling photo of each person; return the folder.

    Args:
        folder: To make.
        people: How many are listed.
        shown: Those whose photos show a face; the files of the others are empty.
        size: Of a photo, px.
    """
    folder.mkdir(parents=True)
    rows = ["file,subject,expression"]
    for person in range(people):
        for expression, intensity in (("neutral", {}), ("smile", SMILE)):
            name = f"{person}_{expression}.png"
            (folder / name).touch()
            if person in shown:
                scene = clean_scene(sample.canonical_rig(), person, person, intensity)
                Image.fromarray(sample.render(scene, size=size)).save(folder / name)
            rows.append(f"{name},person {person},{expression}")
    (folder / "photos.csv").write_text("\n".join(rows) + "\n")
    return folder
