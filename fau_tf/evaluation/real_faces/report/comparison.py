"""The comparison of two models, for the page."""

from collections.abc import Mapping
from typing import Any, Final

from fau_tf.evaluation.real_faces.report import formats
from fau_tf.utils.markdown_tables import table

_PARTS: Final = {
    "neutral_alarms": "neutral faces, 1 or more",
    "smile_auc": "smiles, AUC",
    "edited_rise": "edited, rises by 1",
}
_LOWER: Final = ("neutral_alarms", "gray_alarms", "shift_p95")
"""Figures of which less is better."""


def comparison_section(found: Mapping[str, Any], names: Mapping[str, str]) -> str:
    """Return the section; empty without a comparison.

    Args:
        found: The figures of `evaluate.evaluate_folder`.
        names: Figure of `evaluate.selection` -> how the page calls it.
    """
    if "compared" not in found:
        return ""
    compared = found["compared"]
    rows = [_row(text, compared["selection"][key], key) for key, text in names.items()]
    rows += [
        _row(f"{label}: {text}", figure, key)
        for key, text in _PARTS.items()
        for label, figure in compared[key].items()
    ]
    return (
        f"## Comparison\n\nModel A is `{compared['a']['name']}`, model B "
        f"`{compared['b']['name']}`, both on the same photos of {compared['subjects']} subjects. "
        f"{_aus(compared)} Difference: B - A, with the 95 % CI by a paired bootstrap: each draw "
        "takes the same subjects for both. Bold: the interval leaves out 0. Of 20 rows without a "
        "difference, one is bold by chance: judge by the first five.\n\n"
        + table(["figure", "better", "A", "B", "B - A"], rows)
    )


def _row(text: str, figure: Mapping[str, Any], key: str) -> list[str]:
    return [
        text,
        "lower" if key in _LOWER else "higher",
        formats.plain(figure["a"], key),
        formats.plain(figure["b"], key),
        formats.difference(figure, key),
    ]


def _aus(compared: Mapping[str, Any]) -> str:
    left = [
        f"only {model} has {', '.join(labels)}"
        for model, labels in (("A", compared["only_a"]), ("B", compared["only_b"]))
        if labels
    ]
    if not left:
        return "They have the same AUs."
    return (
        f"Left out: {'; '.join(left)}. So the figures here are means over {len(compared['aus'])} "
        "AUs, and may differ from those above."
    )
