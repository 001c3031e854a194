"""Rows of a job and of a run on one machine, to compare; folders of photos."""

import io

import numpy as np
from PIL import Image

from fau_tf.cli import predict
from tests.helpers.face_videos import face


def photo_folder(folder, count, broken=None, wide=False):
    """Write photos of one face that moves, from photo000.png; one of them may be truncated.

    With `wide`, every second one is 1 MB decoded, quick to search, with a face too small to find.
    """
    folder.mkdir()
    around = np.pad(face(), ((20, 20), (20, 20), (0, 0)), "edge")
    for i in range(count):
        content = io.BytesIO()
        more = 920 if wide and i % 2 else 0
        picture = np.pad(np.roll(around, i % 17, axis=1), ((0, 0), (more, more), (0, 0)))
        Image.fromarray(picture).save(content, "PNG")
        whole = content.getvalue()
        kept = whole[: len(whole) // 3] if i == broken else whole
        (folder / f"photo{i:03d}.png").write_bytes(kept)
    return folder


def one_machine(model, out, sources, options=(), code=0):
    """Return {(name, ending): content} of the rows of a run without a cluster."""
    arguments = [*map(str, sources), *options, "--no-draw", "--no-plot"]
    assert predict.main([*arguments, "--model", str(model), "--out", str(out)]) == code
    files = sorted(path for path in out.iterdir() if path.is_file())
    assert all(path.stat().st_size for path in files)
    return {(path.stem, path.suffix[1:]): path.read_bytes() for path in files}


def joined(place):
    """Return the same of a job: its shards one after the other, with one header."""
    found = {}
    for path in sorted([*place.glob("*-of-*.csv"), *place.glob("*-of-*.jsonl")]):
        key = path.stem.rpartition("-of-")[0].rpartition("-")[0], path.suffix[1:]
        heading, _, rows = path.read_bytes().partition(b"\n")
        assert rows.count(b"\n") + (key[1] == "jsonl") > 0
        if key in found or key[1] == "jsonl":
            found[key] = found.get(key, b"") + (rows if key[1] == "csv" else path.read_bytes())
        else:
            found[key] = heading + b"\n" + rows
    return found
