"""Miniatures of the data sets in their exact formats, made of rendered faces.

Each function writes a tree below `root` and returns the true labels: (subject, clip, frame) ->
{AU: intensity}. Frames are numbered as the data set numbers them.
"""

import csv
import json

import numpy as np
import tensorflow as tf
from PIL import Image
from scipy.io import savemat

from fau_tf import facs
from fau_tf.data.adapters.prepare import prepare
from fau_tf.data.config import DataSettings
from fau_tf.data.tfrecord import parse
from tests.helpers import faces
from tests.helpers.face_videos import write_video

SIZE = 80  # of a record
INNER_MOUTH_CORNERS = (60, 64)
_CANVAS = (240, 320, 3)
_OFFSET = (80, 40)
_FERA2017_AUS = (1, 4, 6, 10, 12, 14, 17)


def settings(dataset, root, **more):
    return DataSettings(dataset=dataset, root=str(root), record_size=SIZE, processes=1, **more)


def prepared(dataset, root, folder, **more):
    """Return the prepared data set."""
    return prepare(settings(dataset, root, **more), folder, log=lambda _: None)


def records_of(done):
    """Return all records of a prepared data set as dicts of arrays."""
    files = sorted(str(file) for file in done.folder.glob("*.tfrecord"))
    return list(tf.data.TFRecordDataset(files).map(parse).as_numpy_iterator())


def image(person, frame=0):
    """Return a rendered face of 160 px on gray, (240, 320, 3); it gets darker frame by frame."""
    canvas = np.full(_CANVAS, 120, np.uint8)
    x, y = _OFFSET
    canvas[y : y + faces.PHOTO, x : x + faces.PHOTO] = faces.photo(person)
    return (canvas * 0.96 ** (frame % 12)).astype(np.uint8)


def true_landmarks(person):
    """Return the true 68 landmarks of `image`."""
    return faces.face(person).landmarks + np.array(_OFFSET)


def levels(person, frame, aus):
    """Return random labels, 0 to 5."""
    drawn = np.random.default_rng((person, frame)).integers(0, 6, len(facs.ALL)).tolist()
    return {au: drawn[facs.ALL.index(au)] for au in aus}


def disfa(root, subjects=("SN001", "SN002", "SN010"), frames=4, landmarks=False, spelling=0):
    """One video per subject; `frame,intensity` without a header, frames from 1, one file per AU.

    AU numbers are not padded (`SN001_au1.txt`). Spelling differs between copies. Landmarks
    (66 points, without the inner mouth corners) are numbered from 0 after the subject's name, but
    from 1 in the `l0001_lm.mat` of some subjects.
    """
    videos = root / ("Videos_LeftCamera", "Video_LeftCamera")[spelling]
    videos.mkdir(parents=True)
    truth = {}
    for person, subject in enumerate(subjects):
        name = f"LeftVideo{subject}_{('comp', 'Comp')[spelling]}.avi"
        write_video(videos / name, [image(person, n) for n in range(frames)])
        coded = {n: levels(person, n, facs.DISFA) for n in range(1, frames + 1)}
        truth |= {(subject, subject, n): row for n, row in coded.items()}
        folder = root / "ActionUnit_Labels" / subject
        folder.mkdir(parents=True)
        for au in facs.DISFA:
            lines = [f"{n},{row[au]}\n" for n, row in coded.items()]
            (folder / f"{subject}_au{au}.txt").write_text("".join(lines))
        if landmarks:
            place = root / "Landmark_Points" / subject / ("frame_lm", "tmp_frame_lm")[person % 2]
            place.mkdir(parents=True)
            points = np.delete(true_landmarks(person), INNER_MOUTH_CORNERS, axis=0)
            for n in coded:
                file = f"l{n:04d}_lm.mat" if person == 1 else f"{subject}_{n - 1:04d}_lm.mat"
                savemat(place / file, {"pts": points})
    return truth


def disfa_plus(root, subjects=("SN001", "SN003"), frames=3):
    """A folder of images per trial, from 000.jpg; `000.jpg     0` after two lines.

    The folder of a subject holds another one of the same name, as in some copies.
    """
    truth = {}
    for person, subject in enumerate(subjects):
        trial = "A3_AU1_2_TrailNo_2"
        images = root / "Images" / subject / subject / trial
        labels = root / "Labels" / subject / trial
        images.mkdir(parents=True)
        labels.mkdir(parents=True)
        coded = {n: levels(person, n, facs.DISFA) for n in range(frames)}
        truth |= {(subject, f"{subject}/{trial}", n): row for n, row in coded.items()}
        for n in coded:
            Image.fromarray(image(person, n)).save(images / f"{n:03d}.jpg", quality=95)
        for au in facs.DISFA:
            lines = [f"{n:03d}.jpg     {row[au]}\n" for n, row in coded.items()]
            head = f"AU{au} of {subject}\nframe     intensity\n"
            (labels / f"AU{au}.txt").write_text(head + "".join(lines))
    return truth


def bp4d(root, subjects=("F001", "F002", "M001"), frames=3, fera=False, landmarks=False, first=336):
    """A folder of images per sequence, numbered from anywhere; `frame,intensity`, 9 = unknown.

    The numbers of the first subject are padded to four digits, those of others not. Each sequence
    has an occurrence table with a header; in FERA's copy it lies elsewhere and ends with an
    occlusion flag.
    """
    truth = {}
    numbers = range(first, first + frames)
    for person, subject in enumerate(subjects):
        coded = {n: levels(person, n, facs.BP4D) for n in numbers}
        truth |= {(subject, f"{subject}/T1", n): coded[n] for n in numbers}
        folder = root / "2D+3D" / subject / "T1"
        folder.mkdir(parents=True)
        for n in (*numbers, first + frames):  # one image more than is coded
            name = f"{n:04d}.jpg" if person == 0 else f"{n}.jpg"
            Image.fromarray(image(person, n)).save(folder / name, quality=95)
        _bp4d_labels(root, f"{subject}_T1", coded, fera)
        if landmarks:
            inner = [i for i in range(17, 68) if i not in INNER_MOUTH_CORNERS]
            points = np.repeat(true_landmarks(person)[None, inner], frames + 1, axis=0)
            (root / "2DFeatures").mkdir(exist_ok=True)
            savemat(root / "2DFeatures" / f"{subject}_T1.mat", {"points": points})
    return truth


def _bp4d_labels(root, sequence, coded, fera):
    for au in facs.BP4D:
        folder = root / ("AU Intensity Codes3.0" if fera else "AUCoding/AU_INT") / f"AU{au:02d}"
        folder.mkdir(parents=True, exist_ok=True)
        lines = [f"{n},{row[au]}\n" for n, row in coded.items()]
        (folder / f"{sequence}_AU{au:02d}.csv").write_text("".join(lines))
    folder = root / ("AUCoding" if fera else "AUCoding/AU_OCC")
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{sequence}.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow([0, *facs.BP4D, *([99] if fera else [])])
        for n, row in coded.items():
            table.writerow([n, *(int(row[au] > 0) for au in facs.BP4D), *([0] if fera else [])])


def fera2017(root, subjects=("F001", "F002"), frames=3, pose=6):
    """A video per pose; intensities as in BP4D, named `FERA17_TR_F001_T1_AU06_Int.csv`."""
    root.mkdir(parents=True)
    truth = {}
    for person, subject in enumerate(subjects):
        stem = f"FERA17_TR_{subject}_T1"
        write_video(root / f"{stem}_{pose}.mp4", [image(person, n) for n in range(frames)])
        coded = {n: levels(person, n, _FERA2017_AUS) for n in range(1, frames + 1)}
        truth |= {(subject, f"{subject}/T1/pose{pose}", n): row for n, row in coded.items()}
        for au in _FERA2017_AUS:
            lines = [f"{n - 1},{row[au]}\n" for n, row in coded.items()]
            (root / f"{stem}_AU{au:02d}_Int.csv").write_text("".join(lines))
    return truth


def json_list(root, subjects=("F001", "M017"), frames=2):
    """The reference code's list; x and y of AU centers stand before each intensity."""
    truth, items = {}, []
    for person, subject in enumerate(subjects):
        folder = root / subject / "T8"
        folder.mkdir(parents=True)
        for n in range(1, frames + 1):
            Image.fromarray(image(person, n)).save(folder / f"{n}.jpg", quality=95)
            coded = levels(person, n, facs.BP4D)
            values = [v for c in facs.centers(facs.BP4D) for v in (55.0, 105.5, coded[c.au])]
            items.append({"imgpath": f"{subject}/T8/{n}.jpg", "AUs": values})
            truth[subject, f"{subject}/{folder}", n] = coded
    (root / "list.json").write_text(json.dumps(items))
    return truth


def csv_list(root, subjects=("ann", "bob"), frames=2, video=False):
    """A table of `image`, or `video` and `frame`; the empty cells of AU25 are not coded."""
    root.mkdir(parents=True, exist_ok=True)
    truth = {}
    with (root / "faces.csv").open("w", newline="") as file:
        table = csv.writer(file)
        columns = ("video", "frame") if video else ("image",)
        table.writerow([*columns, "subject", "AU06", "AU12", "AU25"])
        for person, subject in enumerate(subjects):
            film = root / f"{subject}.avi"
            if video:
                write_video(film, [image(person, n) for n in range(frames)])
            for n in range(1, frames + 1):
                if not video:
                    Image.fromarray(image(person, n)).save(root / f"{subject}{n}.png")
                coded = levels(person, n, (6, 12))
                cells = [film.name, n] if video else [f"{subject}{n}.png"]
                table.writerow([*cells, subject, *coded.values(), ""])
                # Images of several subjects lie in one folder and are numbered by subject.
                truth[subject, f"{subject}/{film if video else root}", n] = coded
    return truth


def truncate_video(root):
    """Cut off half of the first subject's DISFA video."""
    path = root / "Videos_LeftCamera/LeftVideoSN001_comp.avi"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
