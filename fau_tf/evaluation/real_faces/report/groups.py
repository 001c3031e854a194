"""Figures by groups of subjects, for the page and for a model card."""

from collections.abc import Mapping
from typing import Any, Final

from fau_tf.evaluation.real_faces.by_group import OTHER, SMALLEST
from fau_tf.evaluation.real_faces.report import formats
from fau_tf.utils.markdown_tables import table

HEADS: Final = (
    "grouping",
    "group",
    "subjects",
    "neutral faces: intensities of 1 or more",
    "smiles: mean AUC",
)
"""Of `group_rows`."""


def group_rows(found: Mapping[str, Any], reader: str = "model") -> list[list[str]]:
    """Return the cells of a table of figures by group, under `HEADS`.

    Args:
        found: The figures of `evaluate.evaluate_folder`, also from its JSON file.
        reader: One of `au_readers.READERS`.

    Returns:
        No rows if no table states groups.
    """
    return [
        [
            name,
            row["group"],
            str(row["subjects"]),
            formats.share(row["neutral_alarms"]),
            formats.number(row["smile_auc"]),
        ]
        for name, rows in found["readers"][reader].get("groups", {}).items()
        for row in rows
    ]


def groups_section(found: Mapping[str, Any], readers: Mapping[str, str]) -> str:
    """Return the section; empty without groups.

    Args:
        found: The figures of `evaluate.evaluate_folder`.
        readers: Reader -> how the page calls it.
    """
    rows = [[text, *row] for name, text in readers.items() for row in group_rows(found, name)]
    if not rows:
        return ""
    return (
        "## By group\n\nGroups as a table of the collection states them. Groups of fewer than "
        f"{SMALLEST} subjects are counted together as `{OTHER}`; fewer than {SMALLEST} subjects "
        "have no figures. Mean AUC of AU6, AU12 and AU25 within the group. With so few subjects "
        "the intervals are too narrow rather than too wide: a difference between groups whose "
        "intervals overlap says nothing.\n\n" + table(["model", *HEADS], rows)
    )
