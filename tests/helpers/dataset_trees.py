"""Miniatures of the data sets in their exact formats, from rendered faces: what adapters read.

Each function writes a tree below `root` and returns the true labels: (subject, clip, frame) ->
{AU: intensity}. Frames are numbered as the data set numbers them.
"""

import csv
import json

import numpy as np
from PIL import Image
from scipy.io import savemat

from fau_tf import facs
from tests.helpers import faces
from tests.helpers.face_videos import write_video

WIDTH, HEIGHT = 320, 240
AT = (80, 40)
INNER_MOUTH_CORNERS = (60, 64)
FERA2017_AUS = (1, 4, 6, 10, 12, 14, 17)


def picture(person, frame=0):
    """Return a rendered face of 160 px on gray, (240, 320, 3); the light falls frame by frame."""
    sheet = np.full((HEIGHT, WIDTH, 3), 120, np.uint8)
    sheet[AT[1] : AT[1] + faces.PHOTO, AT[0] : AT[0] + faces.PHOTO] = faces.photo(person)
    return (sheet * 0.96 ** (frame % 12)).astype(np.uint8)


def landmarks(person):
    """Return where the 68 landmarks of `picture` truly are."""
    return faces._landmarks(person) + np.array(AT)


def levels(person, frame, aus):
    """Return made-up labels, 0 to 5."""
    made = np.random.default_rng((person, frame)).integers(0, 6, len(facs.ALL)).tolist()
    return {au: made[facs.ALL.index(au)] for au in aus}


def disfa(root, subjects=("SN001", "SN002", "SN010"), frames=4, own=False, spelling=0):
    """One video a subject; `frame,intensity` without a header, frames from 1, one file an AU.

    AU numbers are not padded (`SN001_au1.txt`). Spelling differs between copies, and landmarks
    (66 points, without the inner mouth corners) are numbered from 0 after the subject's name, but
    from 1 in some subjects' `l0001_lm.mat`.
    """
    videos = root / ("Videos_LeftCamera", "Video_LeftCamera")[spelling]
    videos.mkdir(parents=True)
    truth = {}
    for person, subject in enumerate(subjects):
        name = f"LeftVideo{subject}_{('comp', 'Comp')[spelling]}.avi"
        write_video(videos / name, [picture(person, n) for n in range(frames)])
        folder = root / "ActionUnit_Labels" / subject
        folder.mkdir(parents=True)
        for frame in range(1, frames + 1):
            truth[subject, subject, frame] = levels(person, frame, facs.DISFA)
        for au in facs.DISFA:
            lines = [f"{n},{truth[subject, subject, n][au]}\n" for n in range(1, frames + 1)]
            (folder / f"{subject}_au{au}.txt").write_text("".join(lines))
        if own:
            place = root / "Landmark_Points" / subject / ("frame_lm", "tmp_frame_lm")[person % 2]
            place.mkdir(parents=True)
            points = np.delete(landmarks(person), INNER_MOUTH_CORNERS, axis=0)
            for n in range(1, frames + 1):
                file = f"l{n:04d}_lm.mat" if person == 1 else f"{subject}_{n - 1:04d}_lm.mat"
                savemat(place / file, {"pts": points})
    return truth


def disfa_plus(root, subjects=("SN001", "SN003"), frames=3, doubled=True):
    """A folder of pictures a trial, from 000.jpg; `000.jpg     0` after two lines."""
    truth = {}
    for person, subject in enumerate(subjects):
        trial = "A3_AU1_2_TrailNo_2"
        images = root / "Images" / subject / (subject if doubled else "") / trial
        labels = root / "Labels" / subject / trial
        images.mkdir(parents=True)
        labels.mkdir(parents=True)
        for n in range(frames):
            Image.fromarray(picture(person, n)).save(images / f"{n:03d}.jpg", quality=95)
            truth[subject, f"{subject}/{trial}", n] = levels(person, n, facs.DISFA)
        for au in facs.DISFA:
            rows = [
                f"{n:03d}.jpg     {truth[subject, f'{subject}/{trial}', n][au]}\n"
                for n in range(frames)
            ]
            head = f"AU{au} of {subject}\nframe     intensity\n"
            (labels / f"AU{au}.txt").write_text(head + "".join(rows))
    return truth


def bp4d(root, subjects=("F001", "F002", "M001"), frames=3, fera=False, own=False, first=336):
    """A folder of pictures a sequence, numbered from anywhere; `frame,intensity`, 9 = unknown.

    The first subject's numbers are padded to four digits, others' not. There is an occurrence table
    with a header a sequence; in FERA's copy it lies elsewhere and ends with an occlusion flag.
    """
    truth = {}
    numbers = range(first, first + frames)
    for person, subject in enumerate(subjects):
        coded = {n: levels(person, n, facs.BP4D) for n in numbers}
        truth |= {(subject, f"{subject}/T1", n): coded[n] for n in numbers}
        folder = root / "2D+3D" / subject / "T1"
        folder.mkdir(parents=True)
        for n in (*numbers, first + frames):  # a picture more than is coded
            name = f"{n:04d}.jpg" if person == 0 else f"{n}.jpg"
            Image.fromarray(picture(person, n)).save(folder / name, quality=95)
        _bp4d_labels(root, f"{subject}_T1", coded, fera)
        if own:
            inner = [i for i in range(17, 68) if i not in INNER_MOUTH_CORNERS]
            points = np.repeat(landmarks(person)[None, inner], frames + 1, axis=0)
            (root / "2DFeatures").mkdir(exist_ok=True)
            savemat(root / "2DFeatures" / f"{subject}_T1.mat", {"points": points})
    return truth


def _bp4d_labels(root, sequence, coded, fera):
    for au in facs.BP4D:
        folder = root / ("AU Intensity Codes3.0" if fera else "AUCoding/AU_INT") / f"AU{au:02d}"
        folder.mkdir(parents=True, exist_ok=True)
        rows = [f"{n},{row[au]}\n" for n, row in coded.items()]
        (folder / f"{sequence}_AU{au:02d}.csv").write_text("".join(rows))
    folder = root / ("AUCoding" if fera else "AUCoding/AU_OCC")
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{sequence}.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow([0, *facs.BP4D, *([99] if fera else [])])
        for n, row in coded.items():
            table.writerow([n, *(int(row[au] > 0) for au in facs.BP4D), *([0] if fera else [])])


def fera2017(root, subjects=("F001", "F002"), frames=3, poses=(6,)):
    """A video a pose; intensities as in BP4D, named `FERA17_TR_F001_T1_AU06_Int.csv`."""
    root.mkdir(parents=True)
    truth = {}
    for person, subject in enumerate(subjects):
        stem = f"FERA17_TR_{subject}_T1"
        for pose in poses:
            write_video(root / f"{stem}_{pose}.mp4", [picture(person, n) for n in range(frames)])
            for n in range(1, frames + 1):
                name = f"{subject}/T1/pose{pose}"
                truth[subject, name, n] = levels(person, n, FERA2017_AUS)
        for au in FERA2017_AUS:
            rows = [
                f"{n - 1},{levels(person, n, FERA2017_AUS)[au]}\n" for n in range(1, frames + 1)
            ]
            (root / f"{stem}_AU{au:02d}_Int.csv").write_text("".join(rows))
    return truth


def json_list(root, subjects=("F001", "M017"), frames=2):
    """The reference code's list; x and y of AU centers stand before each intensity."""
    truth, items = {}, []
    for person, subject in enumerate(subjects):
        folder = root / subject / "T8"
        folder.mkdir(parents=True)
        for n in range(1, frames + 1):
            Image.fromarray(picture(person, n)).save(folder / f"{n}.jpg", quality=95)
            coded = levels(person, n, facs.BP4D)
            values = [v for c in facs.centers(facs.BP4D) for v in (55.0, 105.5, coded[c.au])]
            items.append({"imgpath": f"{subject}/T8/{n}.jpg", "AUs": values})
            truth[subject, f"{subject}/{folder}", n] = coded
    (root / "list.json").write_text(json.dumps(items))
    return truth


def csv_list(root, subjects=("ann", "bob"), frames=2, film=False):
    """A table of our own: `image`, or `video` and `frame`; an empty cell is not coded."""
    root.mkdir(parents=True, exist_ok=True)
    truth = {}
    aus = (6, 12, 25)
    with (root / "faces.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(
            [*(("video", "frame") if film else ("image",)), "subject", "AU06", "AU12", "AU25"]
        )
        for person, subject in enumerate(subjects):
            if film:
                write_video(root / f"{subject}.avi", [picture(person, n) for n in range(frames)])
            for n in range(1, frames + 1):
                if not film:
                    Image.fromarray(picture(person, n)).save(root / f"{subject}{n}.png")
                coded = levels(person, n, aus) | {25: ""}
                name = [f"{subject}.avi", n] if film else [f"{subject}{n}.png"]
                table.writerow(
                    [*name, subject, *(("" if v is None else v) for v in coded.values())]
                )
                truth[subject, n] = {au: coded[au] for au in (6, 12)}
    return truth
