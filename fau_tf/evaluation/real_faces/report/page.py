"""docs/experiments/real_faces.md, from the figures of `evaluate.evaluate_folder`."""

from collections.abc import Mapping
from typing import Any, Final

from fau_tf.evaluation.real_faces.au_readers import READERS
from fau_tf.evaluation.real_faces.report.comparison import comparison_section
from fau_tf.evaluation.real_faces.report.formats import (
    formatted,
    largest,
    number,
    plain,
    share,
)
from fau_tf.evaluation.real_faces.report.groups import HEADS, group_rows, groups_section
from fau_tf.evaluation.real_faces.stability import SHIFTED
from fau_tf.evaluation.real_faces.versions import COLOR
from fau_tf.utils.markdown_tables import table

PICTURE: Final = "images/real_faces.png"
"""Path of the page's picture in docs/."""
NAMES: Final = {"model": "model", "blendshapes": "blendshape baseline"}
_SELECTION: Final = {
    "neutral_alarms": "neutral faces: intensities of 1 or more",
    "gray_alarms": "the same in gray",
    "smile_auc": "smiles: mean AUC of AU6, AU12 and AU25",
    "edited_rise": "edited AUs that rise by 1 or more, mean over AUs",
    "shift_p95": f"{SHIFTED}: 95th percentile of the change",
}
_Figures = Mapping[str, Any]


def card_summary(found: _Figures) -> dict[str, Any]:
    """Return what a model card says of the figures.

    Returns:
        `part`, `subjects`, `credit` (of the photos); `heads` and `rows` of a table of the figures
        beside the baseline's; `group_heads` and `groups`, of a table by group, maybe without rows.
    """
    source = found["collection"]
    smiles = [found["readers"][name]["versions"][COLOR]["smile"]["auc"] for name in READERS]
    selected = [found["selection"][name] for name in READERS]
    rows = [[text, *(plain(one[key], key) for one in selected)] for key, text in _SELECTION.items()]
    rows += [
        [f"smiles: AUC of {label}", *(number(one[label]) for one in smiles)] for label in smiles[0]
    ]
    return {
        "part": found["part"],
        "subjects": found["subjects"],
        "credit": f"{source['attribution']}. {source['license']}. {source['source']}".strip(),
        "heads": ["figure", *NAMES.values()],
        "rows": rows,
        "group_heads": list(HEADS),
        "groups": group_rows(found),
    }


def report_page(found: _Figures, options: str) -> str:
    """Return the page.

    Args:
        found: What `evaluate.evaluate_folder` returns.
        options: Of the command, which the page names.
    """
    parts = [
        _head(found, options),
        _selection(found),
        comparison_section(found, _SELECTION),
        _neutral(found),
        _smiles(found),
        groups_section(found, NAMES),
        _versions(found),
        _edits(found),
        _stability(found),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _head(found: _Figures, options: str) -> str:
    source = found["collection"]
    lines = [
        "# Real faces",
        f"Written by `python -m fau_tf.cli.evaluate real-faces FOLDER {options}`: "
        f"`{found['model']}` on {found['photos']} photos of {found['subjects']} "
        f"subjects, the {found['part']} part of `{source['name']}`. Photos on which no face was "
        f"found: {found['not_found']}.",
        f"Photos: {source['attribution']}. {source['license']}. {source['source']} "
        f"{source['consent']}".strip(),
    ]
    lines.append(
        "The photos have no FACS codes, so nothing here is an ICC. The page reports properties "
        "that can be checked without codes: a neutral face is read near 0; a smile raises AU6, "
        "AU12 and AU25; an AU that is edited into a photo rises, and no other; a face that is "
        "presented differently keeps its intensities. In brackets the 95 % CI by a bootstrap over "
        "subjects; an interval of zero width means only that all these subjects gave the same "
        "result. The baseline is 5 times the sum of an AU's MediaPipe blendshapes, at most 5."
    )
    lines.append(f"![False alarms and edited AUs, per AU](../{PICTURE})")
    return "\n\n".join(lines)


def _selection(found: _Figures) -> str:
    rows = [
        [text, *(plain(found["selection"][name][key], key) for name in READERS)]
        for key, text in _SELECTION.items()
    ]
    return (
        "## Figures by which recipes are compared\n\nRecipes are compared on validation subjects; "
        "test subjects are read once for a release.\n\n" + table(["figure", *NAMES.values()], rows)
    )


def _neutral(found: _Figures) -> str:
    columns = [found["readers"][name]["versions"][COLOR]["neutral"] for name in READERS]
    rows = [["all", *(share(column["all"]) for column in columns)]]
    rows += [[label, *(share(column["per_au"][label]) for column in columns)]
             for label in found["aus"]]  # fmt: skip
    return (
        f"## Neutral faces\n\nShare of intensities of 1 or more on the neutral faces of "
        f"{columns[0]['subjects']} subjects. People at rest differ, and nobody coded these faces: "
        "a low brow or a drooping corner of the mouth may be read with reason.\n\n"
        + table(["AU", *NAMES.values()], rows)
    )


def _smiles(found: _Figures) -> str:
    columns = [found["readers"][name]["versions"][COLOR]["smile"] for name in READERS]
    if not columns[0]["subjects"]:
        return ""
    rows = []
    for label in columns[0]["auc"]:
        rows.append([f"{label}, AUC", *(number(column["auc"][label]) for column in columns)])
        rows.append([f"{label}, rises", *(share(column["rises"][label]) for column in columns)])
    rows.append(["mean AUC", *(number(column["mean_auc"]) for column in columns)])
    others = [
        [label, *(number(column["others"][label]) for column in columns)]
        for label in columns[0]["others"]
    ]
    others.append(["mean", *(number(column["mean_other"]) for column in columns)])
    return (
        f"## Smiles\n\nA smiling and a neutral photo of each of {columns[0]['subjects']} subjects. "
        "AUC over all faces: 0.5 is chance. Rises: share of subjects whose intensity is higher in "
        "the smile. Not every smile raises AU6 or parts the lips.\n\n"
        + table(["AU", *NAMES.values()], rows)
        + "\n\nMean absolute difference of the other AUs between a subject's two faces, in "
        "intensity units. A smile may move some of them, too.\n\n"
        + table(["AU", *NAMES.values()], others)
    )


def _versions(found: _Figures) -> str:
    smiles = found["readers"][READERS[0]]["versions"][COLOR]["smile"]
    labels = list(smiles["auc"]) if smiles["subjects"] else []
    rows = []
    for name in READERS:
        for version, figures in found["readers"][name]["versions"].items():
            rows.append(
                [
                    NAMES[name],
                    version,
                    str(figures["not_found"]),
                    share(figures["neutral"]["all"]),
                    *(number(figures["smile"]["auc"][label]) for label in labels),
                ]
            )
    heads = ["model", "photo", "faces not found", "false alarms on neutral faces"]
    return (
        "## Gray, small and compressed photos, and glasses\n\nThe same photos; landmarks are found "
        "anew. Painted glasses are frames with clear lenses, drawn over the photo.\n\n"
        + table([*heads, *(f"AUC of {label}" for label in labels)], rows)
    )


def _edits(found: _Figures) -> str:
    rows = [
        [
            NAMES[name],
            row["edit"],
            str(row["faces"]),
            ", ".join(f"{label} {rise:+.2f}" for label, rise in row["median_rise"].items()),
            share({"value": row["share_risen_by_1"], "interval": row["risen_interval"]}),
            largest(row["largest_other"]),
            formatted(row["largest_other_of_a_face"], "+.2f"),
            formatted(row["share_above_others"], ".0%"),
        ]
        for name in READERS
        for row in found["readers"][name]["edited"]
    ]
    heads = [
        "model", "edit", "faces", "its AUs", "rise by 1",
        "largest other", "largest other of a face", "above all others",
    ]  # fmt: skip
    return (
        "## Edited AUs\n\nAn AU of intensity 4 is edited into the neutral photos: points of the "
        "face are moved as the AU would move them, the picture with them, and some AUs fold the "
        "skin. The displacements are set by hand from the descriptions of FACS and used for this "
        "table only. Columns: median rise of the edit's AUs; share of faces on which they rise by "
        "1 or more; the unrelated AU with the largest median rise; the largest rise of an "
        "unrelated AU on a face, as a median over faces; share of faces on which the edit's AUs "
        "rise more than every unrelated AU.\n\n" + table(heads, rows)
    )


def _stability(found: _Figures) -> str:
    rows = [
        [
            name,
            f"{row['mean']:.2f}",
            number({"value": row["p95"], "interval": row["p95_interval"]}),
        ]
        for name, row in found["stability"]["rows"].items()
    ]
    return (
        "## Stability\n\nAbsolute change of an intensity of the model when the same face is "
        "presented differently, in intensity units.\n\n"
        + table(["change of the crop", "mean", "95th percentile"], rows)
    )
