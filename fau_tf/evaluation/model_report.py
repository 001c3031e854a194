"""The figures of `accuracy.py` as docs/experiments/accuracy.md."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

Rows = Sequence[Sequence[str]]
PICTURE: Final = "images/accuracy.png"
BLOCK: Final = "accuracy"
"""Of README.md."""


def page(found: Mapping[str, Any]) -> str:
    """Return the page."""
    parts = [
        _head(found),
        _within(found),
        _aus(found),
        _crossed(found),
        _photos(found),
        _videos(found),
        _factors(found),
        _coverage(found),
        _low_reliability(found),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def short(found: Mapping[str, Any]) -> str:
    """Return the few figures that README.md shows, as a table."""
    baseline = found.get("baseline", {}).get("groups", {})
    rows = [
        [f"unseen people, {name}", _icc(group), _icc(baseline.get(name))]
        for name, group in found["groups"].items()
        if "," not in name
    ]
    for one in found.get("cross_rig", []):
        rows += [
            [f"learned from {', '.join(one['learned_from'])} alone, judged on {rig}", _icc(group),
             _icc(one.get("baseline", {}).get("groups", {}).get(rig))]
            for rig, group in one["groups"].items()
            if rig not in one["learned_from"]
        ]  # fmt: skip
    return _table(["made faces", "ICC(3,1), mean of 14 AUs", "baseline's"], rows)


def _head(found: Mapping[str, Any]) -> str:
    return (
        "# Accuracy\n\n"
        "Written by `python -m fau_tf.evaluation.accuracy --run RUN --cross-rig RUN RUN "
        f"--photos FOLDER --videos FILE --write`, run `{found['run']}`: "
        f"learned from {found['learned']} people, "
        f"judged on {found['faces']} faces of {found['people']} test people of `{found['set']}`, "
        "whom it has not seen.\n\n"
        "**Everything here with an ICC is on made faces. It is not accuracy on BP4D, DISFA or any "
        "real face**, which nobody has labeled for us. On real photos there is agreement with "
        "another program, and there are checks that need no labels.\n\n"
        f"![All of it per AU]({PICTURE})"
    )


def _within(found: Mapping[str, Any]) -> str:
    baseline = found.get("baseline", {}).get("groups", {})
    rows = [
        [name, str(group["faces"]), _icc(group), *_metrics(group), _icc(baseline.get(name))]
        for name, group in found["groups"].items()
    ]
    text = (
        "## People it has not seen\n\n"
        "Mean over 14 AUs; in brackets the 95 % interval of a bootstrap over people. The baseline: "
        "MediaPipe's 52 blendshapes of the same pictures, and a "
        "ridge regression fitted on the same training faces.\n\n"
        + _table(["rig, renderer", "faces", "ICC(3,1)", "MAE", "PCC", "baseline's ICC(3,1)"], rows)
    )
    missed = found.get("baseline", {}).get("missed")
    lost = (
        f"MediaPipe found no face in {missed} of them, which count for us and not for the baseline."
    )
    return text + (f"\n\n{lost}" if missed else "")


def _aus(found: Mapping[str, Any]) -> str:
    groups = found["groups"]
    labels = list(next(iter(groups.values()))["per_au"])
    rows = [
        [label, *(f"{group['per_au'][label]['icc']:.2f}" for group in groups.values())]
        for label in labels
    ]
    return "ICC(3,1) of each AU:\n\n" + _table(["AU", *groups], rows)


def _crossed(found: Mapping[str, Any]) -> str:
    if "cross_rig" not in found:
        return ""
    rows = []
    for one in found["cross_rig"]:
        for rig, group in one["groups"].items():
            own = "its own" if rig in one["learned_from"] else "the other"
            baseline = one.get("baseline", {}).get("groups", {}).get(rig)
            taught = f"{', '.join(one['learned_from'])}, {one['epochs']} passes"
            rows.append([taught, f"{rig}, {own}", _icc(group), *_metrics(group), _icc(baseline)])
    labels = list(next(iter(found["cross_rig"][0]["groups"].values()))["per_au"])
    others = [
        (f"{', '.join(one['learned_from'])} on {rig}", group["per_au"])
        for one in found["cross_rig"]
        for rig, group in one["groups"].items()
        if rig not in one["learned_from"]
    ]
    each = [[label, *(f"{aus[label]['icc']:.2f}" for _, aus in others)] for label in labels]
    return (
        "## Another face model\n\n"
        "The same recipe with the people of one rig alone, judged on test people of each: how far "
        "what was learned carries to faces that somebody else has modeled. The run above made "
        f"{found['epochs']} passes over all of them.\n\n"
        + _table(
            ["learned from", "judged on", "ICC(3,1)", "MAE", "PCC", "baseline's ICC(3,1)"], rows
        )
        + "\n\nICC(3,1) of each AU on the other rig:\n\n"
        + _table(["AU", *(name for name, _ in others)], each)
    )


def _photos(found: Mapping[str, Any]) -> str:
    if "photos" not in found:
        return ""
    photos = found["photos"]
    agree, moved = photos["agreement"], photos["perturbed"]
    names = list(agree["per_au"])
    text = (
        f"## Real photos\n\n{moved['faces']} faces of dlib's example photos (which stay outside "
        f"this repository) and the sample photo, read by `{photos['model']}`. Correlation over the "
        "photos of each AU with the blendshape that it should move; a dash where that blendshape "
        f"never moves. Mean {agree['mean']:.2f}. The photos also served to choose the recipe "
        "([training.md](training.md)).\n\n"
        + _table(names, [[_or_dash(agree["per_au"][name]) for name in names]])
        + "\n\nHow far an intensity moves when the same face is shown otherwise, in grades:\n\n"
        + _table(
            ["the face is", "mean", "95th percentile"],
            [
                [name, f"{row['mean']:.2f}", f"{row['p95']:.2f}"]
                for name, row in moved["rows"].items()
            ],
        )
        + "\n\nA mirrored face's heatmaps, mirrored back, differ at their maxima by "
        f"{moved['mirrored_maps']:.2f} on average.\n\n"
    )
    painted = [
        [
            row["paint"],
            str(row["faces"]),
            ", ".join(f"{label} {rise:+.2f}" for label, rise in row["aus"].items()),
            f"{row['risen']:.0%}",
            f"{row['largest_other'][0]} {row['largest_other'][1]:+.2f}",
            f"{row['ahead']:.0%}",
        ]
        for row in photos["painted"]
    ]
    return (
        text
        + "An AU is painted on: landmarks are moved as it would, and the picture with them, on the "
        "faces that have half of it or less. Median change, the faces on which it rises by 1 or "
        "more, the unrelated AU that rises most in the median, and the faces on which it rises "
        "more than every unrelated one:\n\n"
        + _table(
            ["painted", "faces", "its AUs", "rise by 1", "largest other", "ahead of all"], painted
        )
    )


def _videos(found: Mapping[str, Any]) -> str:
    videos = found.get("videos")
    if not videos:
        return ""
    names = list(videos[0]["per_au"])
    rows = [
        [one["video"], str(one["frames"]), f"{one['mean']:.2f}"]
        + [_or_dash(one["per_au"][name]) for name in names]
        for one in videos
    ]
    return (
        "## Real videos\n\nThe same correlation over the frames of a video, about three a second. "
        "They stay outside this repository: a user's own copy is read.\n\n"
        + _table(["video", "frames", "mean", *names], rows)
    )


def _factors(found: Mapping[str, Any]) -> str:
    rows = [
        [row["factor"], row["group"], str(row["faces"]), f"{row['mae']:.3f}", f"{row['icc']:.2f}"]
        for row in found["factors"]
    ]
    spread = found["persons"]
    return (
        "## By what is known of a made face\n\n"
        + _table(["", "group", "faces", "MAE", "ICC(3,1)"], rows)
        + f"\n\nA person's mean error: median {spread['0.5']:.2f}, for 5 % of the people below "
        f"{spread['0.05']:.2f}, for 5 % above {spread['0.95']:.2f}, at most {spread['1']:.2f}."
    )


def _coverage(found: Mapping[str, Any]) -> str:
    whole = found["coverage"]
    rows = [["all", f"{whole['mean']['covered']:.1%}", f"{whole['mean']['width']:.2f}"]]
    rows += [
        [name, f"{row['covered']:.1%}", f"{row['width']:.2f}"]
        for name, row in found["coverage_by"].items()
    ]
    rows += [
        [label, f"{row['covered']:.1%}", f"{row['width']:.2f}"]
        for label, row in whole["per_au"].items()
    ]
    return (
        f"## Intervals\n\nEach intensity comes with an interval for {whole['level']:.0%} of the "
        "truths, from the errors on validation people. On test people:\n\n"
        + _table(["", "truths inside", "mean width, grades"], rows)
        + "\n\nThey hold for faces like those of the validation people, that is for made ones. How "
        "far they hold on real faces is not known."
    )


def _low_reliability(found: Mapping[str, Any]) -> str:
    if "low_reliability" not in found:
        return ""
    rows = [f"- {label}: {why}" for label, why in found["low_reliability"].items()] or ["None is."]
    painted = {label for row in found.get("photos", {}).get("painted", []) for label in row["aus"]}
    never = [
        label for label in next(iter(found["groups"].values()))["per_au"] if label not in painted
    ]
    if painted and never:
        rows.append(f"\n{', '.join(never)} can't be painted on by moving landmarks.")
    return (
        "## AUs that are marked\n\nThe JSON beside a model, and the demo, mark an AU as read "
        "poorly where its mean ICC on the other rig is below .40, where it rises by less than half "
        "a grade (median) on real photos where it is painted on, or where its correlation with its "
        "blendshape is below .20 on the photos and on every video.\n\n" + "\n".join(rows)
    )


def _metrics(group: Mapping[str, Any]) -> list[str]:
    return [f"{group['mean']['mae']:.2f}", f"{group['mean']['pcc']:.2f}"]


def _icc(group: Mapping[str, Any] | None) -> str:
    if group is None:
        return ""
    low, high = group["icc_interval"]
    return f"{group['mean']['icc']:.3f} ({low:.2f} to {high:.2f})"


def _or_dash(value: float) -> str:
    return f"{value:.2f}" if value == value else "-"


def _table(heads: Sequence[str], rows: Rows) -> str:
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])
